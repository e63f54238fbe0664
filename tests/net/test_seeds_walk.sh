#!/bin/bash
# sextant seeds walk against NSD on loopback.
# $1 = sextant.
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

# walk STATUS ARG...
walk()
{
	local want=$1 got

	shift
	timeout 100 "$sextant" seeds walk --allow-special --server-rate 0 "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] || fail "walk $*: exit status $got, expected $want: $(cat err)"
}

head_of()
{
	printf '$ORIGIN %s\n$TTL 300\n@ SOA ns1 h 1 3600 600 86400 300\n@ NS ns1\n' "$1"
	printf 'ns1 AAAA 2001:db8::53\n'
}

{
	head_of big.
	seq 2000 | sed 's/.*/h& AAAA 2001:db8:1::&/'
} >big
{
	head_of small.
	cat <<-'END'
		@ MX 10 mail
		mail AAAA 2001:db8::25
		mail A 192.0.2.25
		txt TXT "no address"
		a.b.c.ent AAAA 2001:db8::e
		* AAAA 2001:db8::aaaa
		sub NS ns.sub
		ns.sub AAAA 2001:db8::5b
		secure NS ns.secure
		secure DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000
		ns.secure AAAA 2001:db8::5c
		Upper AAAA 2001:db8::7
		we\.ird AAAA 2001:db8::8
		zz AAAA 2001:db8::26
	END
} >small
{
	head_of three.
	seq 50 | sed 's/.*/h& AAAA 2001:db8:3::&/'
} >three
head_of plain. >plain
seeds_dns_sign big. big
seeds_dns_sign small. small
seeds_dns_sign three. three nsec3
seeds_dns_nsd 5300 127.0.0.1 big. big.signed small. small.signed three. three.signed \
	plain. plain

seeds_dns_capture cap
walk 0 big -O names @127.0.0.1:5300
seeds_dns_capture_end
[ "$(wc -l <out)" = 2002 ] || fail "big: $(wc -l <out) names"
queries=$(seeds_dns_asked cap '#5300 query' | wc -l)
[ "$queries" -gt 2000 ] && [ "$queries" -le 2200 ] ||
	fail "big: $queries queries for 2002 names, allowed are 1.1 for each"
echo "walk: $queries queries for 2002 names"
walk 0 big @127.0.0.1:5300
[ "$(sort -u out | wc -l)" = 2001 ] || fail "big: $(wc -l <out) addresses"

walk 0 small -O names @127.0.0.1:5300
for n in small mail.small txt.small a.b.c.ent.small sub.small secure.small upper.small \
	'we\046ird.small' zz.small '*.small' ns1.small; do
	grep -qxF "$n" out || fail "small: no $n in $(cat out)"
done
[ "$(wc -l <out)" = 11 ] || fail "small: $(cat out)"
walk 0 small -4 @127.0.0.1:5300
sort out | tr '\n' ' ' | grep -qx '192.0.2.25 2001:db8::25 2001:db8::26 2001:db8::53 2001:db8::7 2001:db8::8 2001:db8::aaaa 2001:db8::e ' ||
	fail "small -4: $(sort out)"
walk 1 small -O names --max-names 3 @127.0.0.1:5300
[ "$(wc -l <out)" = 3 ] || fail "--max-names 3: $(cat out)"

# What is not to be walked ends soon, and says why.
for z in 'three NSEC3' 'plain not signed' 'elsewhere not authoritative'; do
	seeds_dns_capture cap
	walk 1 "${z%% *}" @127.0.0.1:5300
	seeds_dns_capture_end
	grep -q "^error: .*${z#* }" err || fail "$z: $(cat err)"
	[ "$(seeds_dns_asked cap '#5300 query' | wc -l)" -le 5 ] ||
		fail "$z: too many queries"
done
walk 1 big --timeout 50ms --tries 2 @127.0.0.1:5999
grep -q '^error: .*no usable answer' err || fail "silence: $(cat err)"

# --- opt-out and pace ---

printf 'big\n2001:db8::/32\n' >optout
seeds_dns_capture cap
walk 1 big small -x optout @127.0.0.1:5300 -O names
seeds_dns_capture_end
grep -q '^error: big: .*opt-out' err || fail "opt-out: $(cat err)"
[ "$(wc -l <out)" = 11 ] || fail "opt-out: small is not walked: $(cat err)"
seeds_dns_asked cap 'query .*small\. ' | grep -q . || fail "the capture is empty"
seeds_dns_asked cap 'query .*big\. ' | grep . && fail "opted out, but asked"
echo 127.0.0.1 >optout
walk 1 small -x optout @127.0.0.1:5300
grep -q '^error: .*127.0.0.1.*opt-out' err || fail "opt-out server: $(cat err)"
start=$(date +%s%N)
timeout 60 "$sextant" seeds walk small -O names --allow-special @127.0.0.1:5300 >out 2>err
took=$((($(date +%s%N) - start) / 1000000))
[ "$took" -ge 1300 ] && [ "$(wc -l <out)" = 11 ] ||
	fail "15 queries or more at 10 a second took $took ms"
walk 2
walk 2 @127.0.0.1
walk 1 bad..name @127.0.0.1:5300
walk 1 small @nonsense
seeds_dns_inside || fail "a query has left"
[ $bad = 0 ] && echo "walk: ok"
exit $bad
