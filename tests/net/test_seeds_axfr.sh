#!/bin/bash
# sextant seeds axfr against NSD on loopback.  $1 = sextant.
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

# axfr STATUS ARG...
axfr()
{
	local want=$1 got

	shift
	timeout 60 "$sextant" seeds axfr --allow-special "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] || fail "axfr $*: exit status $got, expected $want: $(cat err)"
}

# Enough for many messages.
{
	printf '$ORIGIN big.\n$TTL 300\n@ SOA ns1 h 1 3600 600 86400 300\n@ NS ns1\n'
	printf 'ns1 AAAA 2001:db8::53\n@ MX 10 mx.other.\nv4 A 192.0.2.4\n'
	for i in $(seq 5000); do printf 'h%d AAAA 2001:db8:1::%x\n' "$i" "$i"; done
} >zone
"$sextant" seeds zonefile zone | sort >names
"$sextant" seeds zonefile zone -4 -O addresses --allow-special | sort >addresses
[ "$(wc -l <addresses)" = 5002 ] || fail "the test has $(wc -l <addresses) addresses"
seeds_dns_nsd 5300 127.0.0.1 big. zone

axfr 0 big @127.0.0.1:5300
sort out | cmp -s - names || fail "names: $(sort out | diff - names | head -n 5)"
axfr 0 big @127.0.0.1:5300 -4 -O addresses
sort out | cmp -s - addresses || fail "addresses: $(sort out | diff - addresses | head -n 5)"
grep -q '5006 records from 127.0.0.1:5300\|500[0-9] records' err || fail "not told: $(cat err)"

# The first server that gives it ends the search; one that does not is asked once.
seeds_dns_capture cap
axfr 0 big @127.0.0.1:5399 @127.0.0.1:5300
seeds_dns_capture_end
sort out | cmp -s - names || fail "two servers: $(cat err)"
[ "$(grep -c '#5399 open' cap)" = 1 ] ||
	fail "a server that is not there was asked more than once"
axfr 1 elsewhere @127.0.0.1:5300
grep -q '^error: elsewhere: no server gives it' err || fail "refused: $(cat err)"
axfr 1 big @127.0.0.1:5300 --max-records 100
grep -q 'more records than the limit' err || fail "--max-records: $(cat err)"

# Nothing for who opted out.
echo big >optout
seeds_dns_capture cap
axfr 1 big -x optout @127.0.0.1:5300
seeds_dns_capture_end
grep -q '^error: big: .*opt-out' err || fail "opt-out: $(cat err)"
[ "$(cat cap)" = "dropped 0" ] || fail "opted out, but asked: $(cat cap)"
echo 127.0.0.0/8 >optout
axfr 1 big -x optout @127.0.0.1:5300
grep -q '^error: .*127.0.0.1:5300.*opt-out' err || fail "opt-out server: $(cat err)"
axfr 2
axfr 1 a..b @127.0.0.1
seeds_dns_inside || fail "a query has left"
[ $bad = 0 ] && echo "axfr: ok"
exit $bad
