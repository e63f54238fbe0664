#!/bin/bash
# sextant seeds collect, as a user runs it.  $1 = sextant.
sextant=$1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
bad=0

fail()
{
	echo "$*"
	bad=1
}

# collect ARG...: must succeed; stdout in out, stderr in err.
collect()
{
	"$sextant" seeds collect "$@" >out 2>err || fail "collect $*: $? $(cat err)"
}

# fails STATUS PATTERN ARG...: one error that matches, status, and an existing
# output (and nothing beside it) as it was.
fails()
{
	local want=$1 pattern=$2 got

	shift 2
	rm -rf o && mkdir o && echo before >o/put
	timeout 60 "$sextant" seeds collect -o o/put "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] || fail "collect $*: exit status $got, expected $want"
	[ "$(grep -c '^error: ' err)" = 1 ] || fail "collect $*: errors: $(cat err)"
	grep -q "^error: .*$pattern" err || fail "collect $*: no '$pattern': $(cat err)"
	[ ! -s out ] || fail "collect $*: wrote to stdout"
	[ "$(cat o/put)" = before ] || fail "collect $*: the output has changed"
	[ "$(ls -A o)" = put ] || fail "collect $*: left $(ls -A o)"
}

# A count in the metadata file.
count()
{
	sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" meta
}

expect_count()
{
	[ "$(count "$1")" = "$2" ] || fail "$1 is '$(count "$1")', expected $2"
}

# --- what a list may hold ---

printf '%s\n' 'address,hits' '# comment' '' '2400:1::b' '2400:0001:0:0:0:0:0:000B' \
	'24000001000000000000000000000002' '2400:1::3,17' ' 2400:1::4 # four' \
	'2400:1:2::/48' '2400:1::20-2400:1::22' '198.41.0.4' '2001:db8::1' 'fe80::1' \
	'1234::1' '2400:::1' '2a00::1' >list
sed 's/$/\r/' list >crlf
printf '%s\n' 2400:1::2 2400:1::3 2400:1::4 2400:1::b 2a00::1 >want

collect list -m meta
cmp -s out want || fail "list: $(diff out want)"
expect_count items 12
expect_count bad_lines 1
expect_count prefixes 2
expect_count ipv4 1
expect_count not_global 1
expect_count special_purpose 2
expect_count duplicates 1
expect_count unique 5
grep -q "list:15: '2400:::1'" err || fail "the bad line is not named: $(cat err)"

collect crlf
cmp -s out want || fail "carriage returns: $(diff out want)"
collect - <list
cmp -s out want || fail "standard input: $(diff out want)"
collect list crlf want -m meta
cmp -s out want || fail "three lists: $(diff out want)"
expect_count duplicates 12
collect want
cmp -s out want || fail "the output read again gives another output"
collect list -q
[ ! -s err ] || fail "--quiet says: $(cat err)"
collect list --prefixes first
grep -qx 2400:1:2:: out || fail "--prefixes first does not give 2400:1:2::"
collect list -4
grep -qx 198.41.0.4 out || fail "-4 does not give IPv4"
collect list --allow-special
[ "$(wc -l <out)" = 8 ] || fail "--allow-special: $(cat out)"

# --- compression, in and out ---

for tool in gzip bzip2 xz zstd; do
	command -v $tool >/dev/null || continue
	case $tool in
	gzip) end=gz ;;
	bzip2) end=bz2 ;;
	xz) end=xz ;;
	zstd) end=zst ;;
	esac
	$tool -c <list >packed
	collect packed
	cmp -s out want || fail "$tool: $(diff out want)"
	collect list -o "put.$end"
	[ ! -s out ] || fail "-o writes to stdout too"
	$tool -dc <"put.$end" | cmp -s - want || fail "-o put.$end is not what was asked"
done

# --- scope ---

printf '2400:1::2/127 # two\n2a00::/16\n' >block
collect list -b block -m meta
printf '%s\n' 2400:1::4 2400:1::b | cmp -s - out || fail "-b: $(cat out)"
expect_count blocklisted 3
echo 2400:1::/64 >allow
collect list -w allow -b block -m meta
printf '%s\n' 2400:1::4 2400:1::b | cmp -s - out || fail "-w -b: $(cat out)"
expect_count blocklisted 3
collect list -w allow -m meta
expect_count not_allowlisted 1
expect_count unique 4

# --- bad input ---

fails 1 'list:15: .*2400:::1' --strict list
fails 1 absent list absent
fails 1 "$tmp" list "$tmp"
head -c 100000 "$sextant" >junk
fails 1 'junk:' list junk
head -c 10000000 /dev/zero | tr '\0' a >long
fails 1 'long:1: ' list long
printf 'one\ntwo 2\nthree 3\n' >words
fails 1 'words: ' list words
fails 1 'no address' /dev/null
fails 1 'no address' <(echo 2001:db8::1)
fails 1 'junk:' list -b junk
fails 1 'words' list -b words
fails 1 absent list -w absent
fails 2 'FILE'
fails 2 "'third'" list --prefixes third
fails 1 'absent' list -m absent/meta
if command -v bzip2 >/dev/null; then
	for i in $(seq 20000); do echo "2400:1::$i"; done | bzip2 -c | head -c 20000 >cut.bz2
	fails 1 'cut.bz2' list cut.bz2
	{ printf 'BZh9'; head -c 3000 junk; } >damaged.bz2
	fails 1 'damaged.bz2' list damaged.bz2
fi
if [ -c /dev/full ]; then
	"$sextant" seeds collect list -o /dev/full 2>err && fail "/dev/full succeeds"
	[ "$(grep -c '^error: ' err)" = 1 ] || fail "/dev/full: $(cat err)"
	"$sextant" seeds collect list 2>err >/dev/full && fail ">/dev/full succeeds"
	[ "$(grep -c '^error: ' err)" = 1 ] || fail ">/dev/full: $(cat err)"
fi
"$sextant" seeds collect list -o absent/put 2>err && fail "absent/put succeeds"
grep -q '^error: .*absent/put' err || fail "absent/put: $(cat err)"

# --- an independent implementation ---

if command -v python3 >/dev/null; then
	python3 - >random <<-'END'
		import ipaddress, random
		random.seed(1)
		for i in range(20000):
		    a = random.getrandbits(random.choice((128, 127, 126)))
		    if i % 2:
		        a = 0x2a00 << 112 | random.getrandbits(5) << 64 | random.getrandbits(6)
		    a = ipaddress.IPv6Address(a)
		    print(random.choice((a.exploded, str(a), str(a).upper())))
	END
	python3 - >want <<-'END'
		import ipaddress
		special = [ipaddress.ip_network(p) for p in (
		    '2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20')]
		keep = set()
		for line in open('random'):
		    a = ipaddress.IPv6Address(line.strip())
		    if a in ipaddress.ip_network('2000::/3') and not any(a in p for p in special):
		        keep.add(a)
		for a in sorted(keep):
		    print(a)
	END
	collect random
	cmp -s out want || fail "python3 finds other addresses: $(diff out want | head -n 5)"
	[ "$(wc -l <want)" -gt 5000 ] || fail "the comparison is not worth much"
fi
exit $bad
