#!/bin/bash
# sextant seeds arpa against NSD (and Knot, where it is there) on loopback; against
# dnsrevenum6 where that is there.  $1 = sextant.
. "$(dirname "$0")/seeds_dns.sh"
seeds_dns_enter "$@"
sextant=$1
export LC_ALL=C
bad=0

fail()
{
	echo "$*"
	bad=1
}

# arpa STATUS ARG...
arpa()
{
	local want=$1 got

	shift
	timeout 100 "$sextant" seeds arpa --allow-special --server-rate 0 "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] || fail "arpa $*: exit status $got, expected $want: $(cat err)"
}

found()
{
	sort -u out | cmp -s - want || fail "$1: $(sort -u out | diff - want | head -n 5); $(cat err)"
}

# queries of the last run
queries()
{
	sed -n 's/.* \([0-9]*\) queries.*/\1/p' err | head -n 1
}

head_of()
{
	printf '$ORIGIN %s\n$TTL 300\n@ SOA ns1.test. h.test. 1 3600 600 86400 300\n@ NS ns1.test.\n' "$1"
}

# ptrs NIBBLES: PTR records of the addresses on stdin (eight full groups), below
# the last NIBBLES nibbles
ptrs()
{
	awk -v n="$1" -F: '{
		a = ""
		for (i = 1; i <= 8; i++) a = a sprintf("%4s", $i)
		gsub(/ /, "0", a)
		s = ""
		for (i = 32; i > 32 - n; i--) s = s (s == "" ? "" : ".") substr(a, i, 1)
		print s " PTR host" NR ".test."
	}'
}

# 500 hosts of a /48: subnets with low addresses, some with EUI-64, some at random.
awk 'BEGIN {
	srand(7)
	for (i = 0; i < 500; i++) {
		net = sprintf("%x", int(rand() * 12) * 16)
		if (i % 10 == 0)
			printf "2001:db8:77:%s:21a:%x:fe%x:%x\n", net, 65280 + i % 90,
				16 + rand() * 200, rand() * 65535
		else if (i % 10 == 1)
			printf "2001:db8:77:%s:%x:%x:%x:%x\n", net, rand() * 65535,
				rand() * 65535, rand() * 65535, rand() * 65535
		else
			printf "2001:db8:77:%s:0:0:0:%x\n", net, 1 + i
	}
}' | sort -u >hosts
zone=7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa
{
	head_of $zone.
	ptrs 20 <hosts
} >z48
"$sextant" seeds collect --allow-special -q hosts | sort -u >want
[ "$(wc -l <want)" = 500 ] || fail "the test has $(wc -l <want) hosts"

# A /32 that delegates one /48 to another server, and a lame one.
{
	head_of 8.b.d.0.1.0.0.2.ip6.arpa.
	cat <<-END
		1.1.1.1 NS ns.1.1.1.1
		ns.1.1.1.1 A 127.0.0.2
		2.2.2.2 NS ns.nowhere.
	END
	echo 2001:db8:3333:0:0:0:0:7 | ptrs 24
	# A wildcard subtree, beside a host.
	echo '*.4.4.4.4 PTR any.test.'
	echo 2001:db8:5555:0:0:0:0:8 | ptrs 24
} >z32
{
	head_of 1.1.1.1.8.b.d.0.1.0.0.2.ip6.arpa.
	printf '%s\n' 2001:db8:1111:0:0:0:0:1 2001:db8:1111:a:0:0:0:2 | ptrs 20
} >zchild
# A /64 with more names than anybody wants.
{
	head_of 0.0.0.0.6.6.6.6.8.b.d.0.1.0.0.2.ip6.arpa.
	for i in $(seq 300); do printf '2001:db8:6666:0:0:0:0:%x\n' "$i"; done | ptrs 16
} >zfull
seeds_dns_nsd 53 127.0.0.1 $zone. z48 8.b.d.0.1.0.0.2.ip6.arpa. z32 \
	0.0.0.0.6.6.6.6.8.b.d.0.1.0.0.2.ip6.arpa. zfull
seeds_dns_nsd 5302 127.0.0.2 1.1.1.1.8.b.d.0.1.0.0.2.ip6.arpa. zchild

seeds_dns_capture cap
arpa 0 2001:db8:77::/48 @127.0.0.1
seeds_dns_capture_end
found "a /48 with 500 hosts"
ours=$(queries)
wire=$(tcpdump -n -r cap 'udp dst port 53' 2>/dev/null | wc -l)
dropped=$(sed -n 's/^\([0-9]*\) packets dropped by kernel/\1/p' cap.err)
if [ "$dropped" = 0 ]; then
	[ "$ours" = "$wire" ] || fail "$wire queries on the wire, $ours told"
else
	[ "$wire" -le "$ours" ] || fail "$wire queries on the wire, $ours told"
fi
echo "arpa: 500 of 500 found with $ours queries"
# Sixteen for each of the 1,668 inner nodes of this tree, and five, is what
# dnsrevenum6 asks when nothing is lost.
[ "$ours" -lt $((16 * 1668 + 5)) ] || fail "$ours queries for 1668 inner nodes"
if command -v atk6-dnsrevenum6 >/dev/null; then
	seeds_dns_capture cap
	timeout 60 atk6-dnsrevenum6 127.0.0.1 2001:db8:77::/48 >theirs.out 2>&1
	seeds_dns_capture_end
	theirs=$(tcpdump -n -r cap 'udp dst port 53' 2>/dev/null | wc -l)
	echo "dnsrevenum6: $(grep -c 'Found:' theirs.out) found with $theirs queries"
	dropped=$(sed -n 's/^\([0-9]*\) packets dropped by kernel/\1/p' cap.err)
	if [ "${dropped:-1}" = 0 ] && [ "$theirs" -gt 26600 ]; then
		[ "$ours" -lt "$theirs" ] || fail "dnsrevenum6 needs fewer: $theirs, we $ours"
	else
		echo "not compared: the capture lost $dropped packets, or it gave up early"
	fi
fi

# Ended early, and gone on with: the parts make the whole.
for part in 1 2 3 4 5 6 7 8 9; do
	timeout 60 "$sextant" seeds arpa --allow-special --server-rate 0 2001:db8:77::/48 \
		@127.0.0.1 --max-queries 4000 --resume-file rest >part.$part 2>err
	[ -e rest ] || break
done
[ -e rest ] && fail "after $part parts there is a rest: $(head -n 3 rest)"
[ $part -gt 1 ] || fail "--max-queries did not end it"
cat part.* >out
found "in $part parts"

# Referrals, wildcards, lame delegations.
"$sextant" seeds collect --allow-special -q - <<-END | sort -u >want
	2001:db8:1111::1
	2001:db8:1111:a::2
	2001:db8:3333::7
	2001:db8:5555::8
END
arpa 0 2001:db8::/32 @127.0.0.1 --port 5302
grep -v '^2001:db8:77:\|^2001:db8:6666:' out >out2
mv out2 out
found "a /32 with delegations"
grep -q '1  delegations without a server' err || fail "lame: $(cat err)"
grep -q '1  subtrees with a name for everything' err || fail "wildcard: $(cat err)"
arpa 0 2001:db8:4444::/48 @127.0.0.1 -O csv
[ "$(queries)" -le 10 ] || fail "a wildcard zone takes $(queries) queries"
[ "$(wc -l <out)" = 1 ] || fail "a wildcard zone has addresses: $(head -n 3 out)"

arpa 0 2001:db8:6666::/64 @127.0.0.1 --max-per-64 100
[ "$(wc -l <out)" = 100 ] || fail "--max-per-64 100: $(wc -l <out)"
grep -q '1  networks with more than' err || fail "--max-per-64: $(cat err)"

arpa 0 2001:db8:3333::/48 @127.0.0.1 -O csv
printf 'address,name\n2001:db8:3333::7,host1.test\n' | cmp -s - out || fail "csv: $(cat out)"

# Names made up on request (mod-synthrecord), and a signed zone.
if command -v knotd >/dev/null; then
	mkdir knot
	head_of 0.0.0.0.9.9.9.9.8.b.d.0.1.0.0.2.ip6.arpa. >zsynth
	cat >knot/conf <<-END
		server:
		    listen: 127.0.0.1@5303
		    rundir: "$tmp/knot"
		database:
		    storage: "$tmp/knot"
		mod-synthrecord:
		  - id: r
		    type: reverse
		    prefix: dyn-
		    origin: test.
		    ttl: 60
		    network: 2001:db8:9999::/64
		zone:
		  - domain: 0.0.0.0.9.9.9.9.8.b.d.0.1.0.0.2.ip6.arpa.
		    file: "$tmp/zsynth"
		    module: mod-synthrecord/r
	END
	knotd -c knot/conf >knot/out 2>&1 &
	seeds_pids+=($!)
	if seeds_dns_wait 5303; then
		sleep 1
		arpa 0 2001:db8:9999::/64 @127.0.0.1:5303
		grep -q '1  subtrees with a name for everything' err ||
			fail "synthesised: $(cat err) $(cat knot/out)"
		[ "$(queries)" -le 30 ] || fail "synthesised: $(queries) queries"
		[ ! -s out ] || fail "synthesised: $(head -n 3 out)"
	fi
fi
if command -v ldns-signzone >/dev/null && command -v ldns-keygen >/dev/null; then
	key=$(ldns-keygen -a ECDSAP256SHA256 -k $zone 2>/dev/null)
	ldns-signzone -f z48.signed z48 "$key" || fail "ldns-signzone"
	seeds_dns_nsd 5304 127.0.0.1 $zone. z48.signed
	"$sextant" seeds collect --allow-special -q hosts | sort -u >want
	arpa 0 2001:db8:77::/48 @127.0.0.1:5304
	found "a signed /48"
	[ "$(queries)" -le 520 ] || fail "signed: $(queries) queries for 500 hosts"
	grep -q '1  zones walked along NSEC' err || fail "signed: $(cat err)"
fi

# --- nobody, and opt-out ---

arpa 1 2001:db8:77::/48 @127.0.0.1:5999 --timeout 20ms --tries 2
grep -q '^error: 2001:db8:77::/48: no server' err || fail "silence: $(cat err)"
arpa 1 2a00::/32 @127.0.0.1
grep -q '^error: 2a00::/32: no server' err || fail "not theirs: $(cat err)"
printf '2001:db8:77:10::/60\n' >optout
seeds_dns_capture cap
arpa 0 2001:db8:77::/48 @127.0.0.1 -x optout
seeds_dns_capture_end
grep -q '^2001:db8:77:10:' out && fail "opted out, but found"
grep -q '^2001:db8:77:20:' out || fail "nothing else found: $(cat err)"
tcpdump -n -r cap 2>/dev/null | grep -q '0\.2\.0\.0\.7\.7\.0\.0\.8\.b' ||
	fail "the capture has no names"
tcpdump -n -r cap 2>/dev/null | grep -qi '\(PTR\|SOA\)? .*[ .]1\.0\.0\.7\.7\.0\.0\.8\.b' &&
	fail "opted out, but asked: $(tcpdump -n -r cap 2>/dev/null | grep -i '1\.0\.0\.7\.7\.0\.0\.8\.b' | head -n 2)"
printf '2001:db8::/32\n' >optout
arpa 1 2001:db8:77::/48 @127.0.0.1 -x optout
grep -q '^error: .*opt-out' err || fail "opt-out: $(cat err)"
arpa 2 @127.0.0.1
arpa 1 192.0.2.0/24 @127.0.0.1
arpa 2 2001:db8::/32 --known x
[ $bad = 0 ] && echo "arpa: ok"
exit $bad
