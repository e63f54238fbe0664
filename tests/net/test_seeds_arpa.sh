#!/bin/bash
# sextant seeds arpa against NSD on loopback; against dnsrevenum6 where that
# is there.  $1 = sextant.
. "$(dirname "$0")/seeds_dns.sh"
. "$(dirname "$0")/seeds_walkers.sh"
seeds_dns_enter "$@"
sextant=$1
export LC_ALL=C
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

walkers_zones
# A /32 that delegates one /48 to another server, and a lame one.
{
	zone_head 8.b.d.0.1.0.0.2.ip6.arpa.
	cat <<-END
		1.1.1.1 NS ns.1.1.1.1
		ns.1.1.1.1 A 127.0.0.2
		2.2.2.2 NS ns.nowhere.
		c.c.c.c NS ns.provider.
	END
	echo 2001:db8:3333:0:0:0:0:7 | ptrs 24
	# A wildcard subtree, beside a host.
	echo '*.4.4.4.4 PTR any.test.'
	echo 2001:db8:5555:0:0:0:0:8 | ptrs 24
} >z32
{
	zone_head 1.1.1.1.8.b.d.0.1.0.0.2.ip6.arpa.
	printf '%s\n' 2001:db8:1111:0:0:0:0:1 2001:db8:1111:a:0:0:0:2 | ptrs 20
} >zchild
# The provider's server has no address in the referral: the resolver has it.
{
	zone_head c.c.c.c.8.b.d.0.1.0.0.2.ip6.arpa.
	echo 2001:db8:cccc:0:0:0:0:c | ptrs 20
} >zprovided
{
	zone_head provider.
	echo 'ns A 127.0.0.3'
} >zprovider
# A /64 with more names than anybody wants.
{
	zone_head 0.0.0.0.6.6.6.6.8.b.d.0.1.0.0.2.ip6.arpa.
	for i in $(seq 300); do printf '2001:db8:6666:0:0:0:0:%x\n' "$i"; done | ptrs 16
} >zfull
seeds_dns_nsd 53 127.0.0.1 $tree. z48 8.b.d.0.1.0.0.2.ip6.arpa. z32 \
	0.0.0.0.6.6.6.6.8.b.d.0.1.0.0.2.ip6.arpa. zfull provider. zprovider
seeds_dns_nsd 5302 127.0.0.3 c.c.c.c.8.b.d.0.1.0.0.2.ip6.arpa. zprovided
seeds_dns_nsd 5302 127.0.0.2 1.1.1.1.8.b.d.0.1.0.0.2.ip6.arpa. zchild

walkers_tree 127.0.0.1
# Ended early, and gone on with: the parts make the whole.
for part in 1 2 3 4 5 6 7 8 9; do
	timeout 60 "$sextant" seeds arpa --allow-special --server-rate 0 2001:db8:77::/48 \
		@127.0.0.1 --max-queries 4000 --resume-file rest >part.$part 2>err
	[ -e rest ] || break
done
[ -e rest ] && fail "after $part parts there is a rest: $(head -n 3 rest)"
[ $part -gt 1 ] || fail "--max-queries did not end it"
cp want48 want
cat part.* >out
found "in $part parts"

# The same by signals; prefixes that were not begun are left, too.
rm -f part.*
for part in 1 2 3 4; do
	[ $part = 1 ] || [ -e rest ] || break
	limit=0.3
	[ $part != 4 ] || limit=60
	timeout -s INT $limit "$sextant" seeds arpa --allow-special --server-rate 0 -q \
		2001:db8:77::/49 2001:db8:77:8000::/49 @127.0.0.1 --resume-file rest \
		>part.$part 2>err
done
[ -e rest ] && fail "after signals there is a rest: $(cat rest err)"
cat part.* >out
found "ended by signals, in $(ls part.* | wc -l) parts"

# Referrals, wildcards, lame delegations.
"$sextant" seeds collect --allow-special -q - <<-END | sort -u >want
	2001:db8:1111::1
	2001:db8:1111:a::2
	2001:db8:3333::7
	2001:db8:5555::8
	2001:db8:cccc::c
END
arpa 0 2001:db8::/32 @127.0.0.1 --port 5302
grep -v '^2001:db8:77:\|^2001:db8:6666:' out >out2
mv out2 out
found "a /32 with delegations"
grep -q '1  delegations without a server' err || fail "lame: $(cat err)"
grep -q '1  subtrees with a name for everything' err || fail "wildcard: $(cat err)"
# A prefix inside a delegation.
arpa 0 2001:db8:1111:8::/61 @127.0.0.1 --port 5302
[ "$(cat out)" = 2001:db8:1111:a::2 ] || fail "inside a delegation: $(cat out err)"
# Servers that only referrals name must be in scope, even where users may point to them.
seeds_dns_capture cap
timeout 60 "$sextant" seeds arpa --server-rate 0 2001:db8:1111::/48 2001:db8:cccc::/48 \
	@127.0.0.1 --port 5302 >out 2>err
seeds_dns_capture_end
grep -q '#5302 ' cap && fail "a special-purpose server of a referral was asked: $(cat cap)"
[ "$(grep -c '1  delegations without a server' err)" = 2 ] || fail "out of scope: $(cat err)"
arpa 0 2001:db8:4444::/48 @127.0.0.1 -O csv
[ "$(queries)" -le 10 ] || fail "a wildcard zone takes $(queries) queries"
[ "$(wc -l <out)" = 1 ] || fail "a wildcard zone has addresses: $(head -n 3 out)"

arpa 0 2001:db8:6666::/64 @127.0.0.1 --max-per-64 100
[ "$(wc -l <out)" = 100 ] || fail "--max-per-64 100: $(wc -l <out)"
grep -q '1  networks with more than' err || fail "--max-per-64: $(cat err)"

arpa 0 2001:db8:3333::/48 @127.0.0.1 -O csv
printf 'address,name\n2001:db8:3333::7,host1.test\n' | cmp -s - out || fail "csv: $(cat out)"

# A signed zone.
if command -v dnssec-signzone >/dev/null || command -v ldns-signzone >/dev/null; then
	seeds_dns_sign $tree. z48
	seeds_dns_nsd 5304 127.0.0.1 $tree. z48.signed
	walkers_signed_tree 127.0.0.1:5304
	# Of a signed zone only the part that is asked for is walked.
	grep '^2001:db8:77:20:' want48 >want
	arpa 0 2001:db8:77:20::/64 @127.0.0.1:5304
	found "a part of a signed /48"
	[ "$(queries)" -le $(($(wc -l <want) + 10)) ] ||
		fail "$(queries) queries for $(wc -l <want) hosts of a signed part"
	# Ended early, and gone on with, and a cap for each /64.
	for part in 1 2 3 4; do
		timeout 60 "$sextant" seeds arpa --allow-special --server-rate 0 -q \
			2001:db8:77::/48 @127.0.0.1:5304 --max-queries 300 \
			--resume-file rest >part.$part 2>err
		[ -e rest ] || break
	done
	[ -e rest ] || [ $part = 1 ] && fail "signed, part $part: $(cat rest err)"
	cp want48 want
	cat part.* >out
	found "signed, in $part parts"
	arpa 0 2001:db8:77::/48 @127.0.0.1:5304 --max-per-64 10
	[ "$(cut -d: -f4 out | sort | uniq -c | sort -n | awk 'END { print $1 }')" = 10 ] ||
		fail "signed, --max-per-64: $(wc -l <out)"
	[ "$(queries)" -le 160 ] || fail "signed, --max-per-64: $(queries) queries"
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
seeds_dns_asked cap '0\.2\.0\.0\.7\.7\.0\.0\.8\.b' | grep -q . || fail "the capture has no names"
seeds_dns_asked cap '[ .]1\.0\.0\.7\.7\.0\.0\.8\.b' | grep . && fail "opted out, but asked"
printf '2001:db8::/32\n' >optout
arpa 1 2001:db8:77::/48 @127.0.0.1 -x optout
grep -q '^error: .*opt-out' err || fail "opt-out: $(cat err)"
arpa 2 @127.0.0.1
arpa 1 192.0.2.0/24 @127.0.0.1
arpa 2 2001:db8::/32 --known x
seeds_dns_inside || fail "a query has left"
[ $bad = 0 ] && echo "arpa: ok"
exit $bad
