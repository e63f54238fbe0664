#!/bin/bash
# sextant seeds bgp, as a user runs it; against bgpdump on real tables where both
# are there.  $1 = sextant.
sextant=$1
data=${SEXTANT_SHARED:-}/data/mrt
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
export LC_ALL=C
bad=0

fail()
{
	echo "$*"
	bad=1
}

# bgp STATUS ARG...: stdout in out, stderr in err.
bgp()
{
	local want=$1 got

	shift
	timeout 100 "$sextant" seeds bgp "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] || fail "bgp $*: exit status $got, expected $want: $(cat err)"
}

expect()
{
	printf '%s\n' "$@" | cmp -s - out || fail "expected $*: got $(cat out)"
}

count()
{
	sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" meta
}

expect_count()
{
	[ "$(count "$1")" = "$2" ] || fail "$1 is '$(count "$1")', expected $2"
}

# --- lists of prefixes ---

printf '2400:1::\t32\t100\n2400:2::\t48\t200_100\n2400:3::\t48\t300,200\n' >list
printf '# more\n2400:3::/48 {200,300}_7\n2400:1::\t32\t100\n198.51.0.0\t16\t5\n' >>list
printf '2400:4::1\t48\t9\n2001:db8::\t32\t1\n::\t0\t1\n\nnonsense here\n' >>list
bgp 0 list -m meta
expect $'2400:1::\t32\t100' $'2400:2::\t48\t200_100' $'2400:3::\t48\t200,300_7' \
	$'2400:4::\t48\t9'
expect_count bad_lines 1
expect_count ipv4 1
expect_count default_routes 1
expect_count special_purpose 1
expect_count written 4
grep -q "list:12: 'nonsense here'" err || fail "the bad line is not named: $(cat err)"
bgp 1 --strict list
grep -q "^error: list:12: 'nonsense" err || fail "--strict: $(cat err)"
bgp 0 list -4 -O prefixes
expect 198.51.0.0/16 2400:1::/32 2400:2::/48 2400:3::/48 2400:4::/48
bgp 0 list -O csv
expect prefix,origins,peers,origin_peers '2400:1::/32,"100",0,0' \
	'2400:2::/48,"200_100",0,0_0' '2400:3::/48,"200,300_7",0,0_0' '2400:4::/48,"9",0,0'
bgp 0 list
cp out pfx2as
bgp 0 pfx2as
cmp -s out pfx2as || fail "the output read again gives another output"
gzip -c list >list.gz
bgp 0 list.gz
cmp -s out pfx2as || fail "gzip: $(cat out)"
echo 2400:2::/31 >block
bgp 0 list -b block
expect $'2400:1::\t32\t100' $'2400:4::\t48\t9'

# --- addresses ---

echo '2400:1::/46 1' >one
bgp 0 one -O addresses
expect 2400:1::1
bgp 0 one -O addresses --interface-id 83 --per 48
expect 2400:1::53 2400:1:1::53 2400:1:2::53 2400:1:3::53
bgp 0 one -O addresses --per 64 --max-per-prefix 4
expect 2400:1::1 2400:1:1::1 2400:1:2::1 2400:1:3::1
echo 2400:1:1::/48 >block
bgp 0 one -O addresses --per 48 -b block
expect 2400:1::1 2400:1:2::1 2400:1:3::1

# --- registries ---

cat >delegated <<-END
	2|ripencc|1700000000|5|19830705|20231114|+0100
	ripencc|*|ipv4|*|2|summary
	ripencc|*|asn|*|1|summary
	ripencc|NL|asn|1101|1|19930101|allocated|x
	ripencc|NL|ipv4|193.0.0.0|768|19930901|allocated|x
	ripencc|NL|ipv6|2a00:1::|32|20000101|allocated|x
	ripencc||ipv6|2a00:2::|32||available|
	ripencc|DE|ipv6|2a00:3::|29|20000101|assigned|x|extra
	ripencc|DE|ipv6|2a00:4::|129|20000101|assigned|x
END
bgp 0 delegated -4 -O prefixes -m meta
expect 193.0.0.0/23 193.0.2.0/24 2a00::/29 2a00:1::/32
expect_count bad_lines 1
bgp 1 delegated
grep -q 'no prefix is left' err || fail "prefixes without origin: $(cat err)"
grep -q 'want of an origin' err || fail "the reason is not told: $(cat err)"

# --- address ranges ---

printf '%s\n' 2a00:5::,2a00:6:ffff:ffff:ffff:ffff:ffff:ffff,NL \
	'"2a00:8::","2a00:8::ffff:ffff:ffff:ffff","DE"' 192.0.4.0,192.0.4.2,XX \
	2a00:9::,2a00:9::1,ZZ 2a00:b::,2a00:a::,NL >ranges
bgp 0 ranges -4 -O prefixes -m meta
expect 192.0.4.0/31 192.0.4.2/32 2a00:5::/32 2a00:6::/32 2a00:8::/64
expect_count bad_lines 1
printf '"%s","%s","NL","Netherlands"\n' 3221226496 3221226751 \
	55827575902194629176224234125318422528 \
	55827575981422791690488571718862372863 >numbers
bgp 0 numbers -4 -O prefixes
expect 192.0.4.0/24 2a00:1::/32

# --- what is no such file ---

bgp 2
bgp 2 list -O xml
bgp 2 list --max-per-prefix 0
bgp 1 absent
bgp 1 /dev/null
bgp 1 "$tmp"
head -c 100000 "$sextant" >junk
bgp 1 junk
bgp 1 list junk
printf 'what\nis\nthis\n' >words
bgp 1 words
head -c 100000 /dev/zero >zeros
bgp 1 zeros -o put
[ ! -e put ] || fail "a failed run leaves an output"

# --- real tables, against bgpdump ---

if [ ! -d "$data" ] || ! command -v bgpdump >/dev/null; then
	echo "skipped: the comparison needs bgpdump and SEXTANT_SHARED/data/mrt"
	[ $bad = 0 ] || exit 1
	exit 77
fi

# prefix origins peers origin_peers, made of bgpdump -m; written against the
# description of CAIDA's pfx2as and not against our code.
reference()
{
	awk -F'|' '
	function reserved(as) {
		return as == 0 || as == 23456 || (as >= 64496 && as <= 65551) ||
			as >= 4200000000
	}
	function origin(path,   t, n, i, m, set, k, s, as) {
		gsub(/\([^)]*\)|\[[^]]*\]/, "", path)
		n = split(path, t, " ")
		if (!n) return ""
		if (t[n] ~ /^\{/) {
			gsub(/[{}]/, "", t[n])
			m = split(t[n], set, ",")
			# numeric order, without doubles
			for (i = 2; i <= m; i++) {
				as = set[i] + 0
				for (k = i - 1; k && set[k] + 0 > as; k--) set[k + 1] = set[k]
				set[k + 1] = as
			}
			for (i = 1; i <= m; i++)
				if (!reserved(set[i] + 0) && (i == 1 || set[i] + 0 != set[i - 1] + 0))
					s = s (s == "" ? "" : ",") set[i]
			return s
		}
		for (i = n; i && t[i] !~ /^\{/; i--)
			if (!reserved(t[i] + 0)) return t[i]
		return ""
	}
	/^TABLE_DUMP/ {
		# RFC 5952 does not write :: for one group; bgpdump does.
		if ($6 ~ /::[0-9a-f]/ && gsub(/:/, ":", $6) == 7) sub(/::/, ":0:", $6)
		path = $1 ~ /_AP$/ ? $8 : $7
		o = origin(path)
		if (!($6 in all)) all[$6] = 0
		if (!(($6, $4, $5) in seen)) { seen[$6, $4, $5]; all[$6]++ }
		if (o == "" || ($6, o, $4, $5) in had) next
		had[$6, o, $4, $5]
		if (!n[$6, o]++) list[$6] = list[$6] " " o
	}
	END {
		for (p in all) {
			if (p ~ /\/0$/) continue
			m = split(list[p], q, " ")
			for (i = 2; i <= m; i++) {
				x = q[i]
				for (k = i - 1; k && (n[p, x] > n[p, q[k]] ||
					(n[p, x] == n[p, q[k]] && x "" < q[k] "")); k--)
					q[k + 1] = q[k]
				q[k + 1] = x
			}
			a = b = ""
			for (i = 1; i <= m; i++) {
				a = a (i > 1 ? "_" : "") q[i]
				b = b (i > 1 ? "_" : "") n[p, q[i]]
			}
			print p ",\"" a "\"," all[p] "," b
		}
	}' | sort
}

compared=0
for f in "$data"/*.gz "$data"/*.bz2 "$data"/mrtparse-*; do
	case $(basename "$f") in
	expect.*) continue ;;
	bview.20140112.1600_3samples.bz2)
		# No PEER_INDEX_TABLE: bgpdump prints nothing at all.
		bgp 0 -4 --allow-special --min-peers 1 -O csv "$f"
		expect prefix,origins,peers,origin_peers '1.0.0.0/24,"15169",1,1' \
			'1.0.20.0/23,"2519",1,1' '84.205.86.0/24,"",1,'
		continue
		;;
	esac
	bgpdump -m "$f" 2>/dev/null | reference >want
	"$sextant" seeds bgp -q -4 --allow-special --min-peers 1 -O csv "$f" 2>err |
		tail -n +2 | sort >got
	cmp -s want got || fail "$(basename "$f"): $(diff want got | head -n 5)"
	[ ! -s want ] || compared=$((compared + 1))
done
[ $compared -ge 12 ] || fail "only $compared tables compared"

# bgpdump's own idea of what it should print.
for f in 64k_stream_overflow ipv4_unicast_add_path ipv6_unicast_add_path; do
	gzip -dc "$data/expect.bview.$f.gz.bgp.gz" | reference >want
	"$sextant" seeds bgp -q -4 --allow-special --min-peers 1 -O csv "$data/bview.$f.gz" |
		tail -n +2 | sort >got
	[ -s want ] && cmp -s want got || fail "expect.$f: $(diff want got | head -n 5)"
done

# Where bgpdump is wrong.  First: it stops at the end of the first of several
# streams in a file, without a message.
bzip2 -c "$data/mrtparse-openbgpd_rib_table-v2" >a.bz2
bzip2 -c "$data/mrtparse-quagga_rib" >b.bz2
cat a.bz2 b.bz2 >ab.bz2
cat "$data/mrtparse-openbgpd_rib_table-v2" "$data/mrtparse-quagga_rib" >ab
bgp 0 -4 --allow-special -O csv ab
cp out want
[ "$(bgpdump -m ab.bz2 2>/dev/null | wc -l)" -lt "$(bgpdump -m ab 2>/dev/null | wc -l)" ] ||
	echo "note: this bgpdump reads all streams of a bzip2 file"
for t in 1 2 4; do
	bgp 0 -4 --allow-special -O csv ab.bz2 -t $t
	cmp -s out want || fail "two streams, $t threads: $(diff out want | head -n 3)"
done
# Second: it loses the last records of a file that is cut short, or all of them
# from the first malformed record on, and says nothing; exit status 0.
for f in rib6.20151101.0600 rib.20140523.0600 rib.20080501.0644; do
	bzip2 -dc "$data/${f}_firstMB.bz2" >whole 2>/dev/null
	bgpdump -m "$data/${f}_firstMB.bz2" >/dev/null 2>&1 ||
		echo "note: this bgpdump fails on a file that is cut short"
	for t in 1 3; do
		bgp 1 "$data/${f}_firstMB.bz2" -4 -o cut.txt -m meta -t $t
		grep -q "^error: .*$f.*cut short" err || fail "$f: not said: $(cat err)"
		[ -s cut.txt ] || fail "$f: nothing saved"
		expect_count damaged_files 1
	done
done

# A table torn in the middle: one record or two are lost, no more.
bzip2 -dc "$data/rib6.20151101.0600_firstMB.bz2" 2>/dev/null | head -c 3000000 >good
bgp 1 good --min-peers 1 -O prefixes
sort out >want
{ head -c 1000000 good; tail -c +1000400 good; } >torn
bgp 1 torn --min-peers 1 -O prefixes -m meta
sort out >got
[ "$(comm -23 want got | wc -l)" -le 2 ] || fail "torn: $(comm -23 want got | wc -l) lost"
[ -z "$(comm -13 want got)" ] || fail "torn: invents $(comm -13 want got | head -n 3)"
expect_count resyncs 1

bgp 1 "$data/bgpkit-torn-updates.20000325.0345.gz" -m meta
grep -q 'places where no MRT record began' err || fail "torn updates: $(cat err)"

# Peers: of two, one is a leak's worth.
bgp 1 "$data/rib6.20151101.0600_firstMB.bz2" --min-peers 20 -O csv
awk -F, 'NR > 1 && $(NF - 1) < 20' out | grep -q . && fail "--min-peers 20: $(head -n 3 out)"
[ "$(wc -l <out)" -gt 1000 ] || fail "--min-peers 20 leaves $(wc -l <out) lines"
[ $bad = 0 ] && echo "$compared tables agree with bgpdump"
exit $bad
