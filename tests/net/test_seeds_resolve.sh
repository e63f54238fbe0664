#!/bin/bash
# sextant seeds resolve against NSD on loopback.  $1 = sextant.
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

# resolve STATUS ARG...: names on stdin.
resolve()
{
	local want=$1 got

	shift
	timeout 100 "$sextant" seeds resolve --resolver 127.0.0.1:5300 --allow-special "$@" \
		>out 2>err
	got=$?
	[ $got = "$want" ] || fail "resolve $*: exit status $got, expected $want: $(cat err)"
}

count()
{
	sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" meta
}

expect_count()
{
	[ "$(count "$1")" = "$2" ] || fail "$1 is '$(count "$1")', expected $2"
}

{
	cat <<-'END'
		$ORIGIN example.
		$TTL 300
		@ SOA ns1 hostmaster 1 3600 600 86400 300
		@ NS ns1
		@ MX 10 mx
		@ HTTPS 1 . ipv6hint=2001:db8::443
		ns1 AAAA 2001:db8::53
		mx AAAA 2001:db8::25
		mx A 192.0.2.25
		www AAAA 2001:db8::80
		www AAAA 2001:db8::81
		alias CNAME alias2
		alias2 CNAME www
		out CNAME www.other.
		loop1 CNAME loop2
		loop2 CNAME loop1
		v4only A 192.0.2.4
		_sip._tcp SRV 0 0 5060 sip
		sip AAAA 2001:db8::5060
		refused NS ns.elsewhere.
		no.in.zone TXT "x"
	END
	# More than 1232 bytes: it takes TCP.
	for i in $(seq 80); do echo "big AAAA 2001:db8:b::$i"; done
	for i in $(seq 3000); do printf 'h%d AAAA 2001:db8:1::%x\n' "$i" "$i"; done
} >zone
printf '$ORIGIN other.\n@ 60 SOA ns.other. h 1 1 1 1 1\n@ 60 NS ns.other.\nwww 60 AAAA 2001:db8:2::1\n' >other
seeds_dns_nsd 5300 127.0.0.1 example. zone other. other

# --- one of each ---

resolve 0 -O csv -m meta <<-'END'
	www.example
	WWW.Example.	# again
	alias.example
	v4only.example
	nothere.example
	not.mine

	bad..name
END
head -n 1 out | grep -qx 'name,type,address,ttl,rcode,server,time,cname' || fail "heading: $(cat out)"
for line in www.example,AAAA,2001:db8::80,300,NOERROR,127.0.0.1:5300 \
	www.example,AAAA,2001:db8::81,300,NOERROR,127.0.0.1:5300 \
	alias.example,AAAA,2001:db8::80,300,NOERROR,127.0.0.1:5300 \
	v4only.example,AAAA,,,NODATA,127.0.0.1:5300 \
	nothere.example,AAAA,,,NXDOMAIN,127.0.0.1:5300 \
	not.mine,AAAA,,,REFUSED,127.0.0.1:5300; do
	grep -q "^$line," out || fail "no $line in $(cat out)"
done
grep -q '^alias.example,.*,www.example$' out || fail "the end of the aliases: $(cat out)"
[ "$(wc -l <out)" = 10 ] || fail "csv: $(cat out)"
expect_count names 6
expect_count bad_names 1
expect_count refused 1
expect_count addresses 6

echo www.example | resolve 0
grep -qE '^\{"name":"www.example","type":"AAAA","address":"2001:db8::80","ttl":300,"rcode":"NOERROR","server":"127.0.0.1:5300","time":"20..-..-..T..:..:..Z"\}$' out ||
	fail "jsonl: $(cat out)"
if command -v python3 >/dev/null; then
	printf 'a\\"b\\000.example\nwww.example\n' | resolve 0
	python3 -c 'import json, sys; [json.loads(l) for l in open("out")]' ||
		fail "no JSON: $(cat out)"
fi
printf '%s\n' www.example mx.example | resolve 0 -4 -O addresses
sort out | tr '\n' ' ' | grep -qx '192.0.2.25 2001:db8::25 2001:db8::80 2001:db8::81 ' ||
	fail "-4: $(cat out)"

# Lists with a rank before the name.
printf '%s\n' 1,www.example 2,mx.example '3, # none' 4 | resolve 0 -O csv
[ "$(grep -c ',2001:db8::\(80\|81\|25\),' out)" = 3 ] || fail "with ranks: $(cat out)"

# CNAMEs that loop, or that lead out of what the server sends along.
printf '%s\n' loop1.example out.example | resolve 0 -O csv
grep -q '^www.other,AAAA,2001:db8:2::1,' out || grep -q '^out.example,AAAA,2001:db8:2::1,' out ||
	fail "CNAME out: $(cat out)"
# Every name has a line, whatever becomes of it.
for n in loop1 out; do grep -q "^$n.example,AAAA," out || fail "no line for $n: $(cat out)"; done

# What other types lead to, each host once.
printf '%s\n' example _sip._tcp.example example | resolve 0 -O addresses \
	--follow ns,mx,srv,https -m meta
sort -u out | tr '\n' ' ' |
	grep -qx '2001:db8::25 2001:db8::443 2001:db8::5060 2001:db8::53 ' ||
	fail "--follow: $(cat out)"
expect_count targets 4 # ns1, mx, sip, and the apex that HTTPS names

echo big.example | resolve 0 -O addresses -m meta
[ "$(wc -l <out)" = 80 ] || fail "TCP: $(wc -l <out) addresses"
[ "$(count tcp)" -ge 1 ] || fail "TCP was not used"

# --- opt-out: never on the wire ---

printf 'h7.example\n2001:db8:53::/48 # a server\n' >optout
seeds_dns_capture cap
for i in $(seq 50); do echo "h$i.example"; echo "x.h$i.example"; done |
	resolve 0 -x optout -O addresses -m meta
seeds_dns_capture_end
expect_count opted_out 2
[ "$(wc -l <out)" = 49 ] || fail "opt-out: $(wc -l <out) addresses"
seeds_dns_asked cap 'query .*h8\.example' | grep -q . || fail "the capture is empty"
seeds_dns_asked cap 'query .*h7\.example' | grep . && fail "opted out, but asked"
echo www.example | timeout 20 "$sextant" seeds resolve -s '[2001:db8:53::1]' -x optout 2>err >out &&
	fail "an opted-out server is used"
grep -q '^error: .*2001:db8:53::1.*opt-out' err || fail "opt-out server: $(cat err)"
echo nonsense/x >optout
echo www.example | resolve 1 -x optout
grep -q '^error: .*optout:1' err || fail "bad opt-out list: $(cat err)"

# --- many, and with loss ---

seq 3000 | sed 's/.*/h&.example/' >names
seq 3000 | awk '{ printf "2001:db8:1::%x\n", $1 }' | sort >want
resolve 0 names -O addresses --server-rate 0
sort out | cmp -s - want || fail "3000 names: $(wc -l <out) addresses"
resolve 0 names -O addresses --server-rate 2000 -m meta
sort out | cmp -s - want || fail "3000 names, paced: $(wc -l <out) addresses"
if command -v nft >/dev/null && nft add table inet loss &&
	nft 'add chain inet loss in { type filter hook input priority 0; }' &&
	nft 'add rule inet loss in meta l4proto udp numgen random mod 100 < 5 drop'; then
	resolve 0 names -O addresses --server-rate 0 --timeout 200ms --tries 10 -m meta
	sort out | cmp -s - want || fail "5 % loss: $(wc -l <out) addresses"
	[ "$(count retries)" -ge 50 ] || fail "5 % loss: only $(count retries) retries"
	nft delete table inet loss
else
	echo "no nft: not tested with loss"
fi

# --- nobody there ---

SECONDS=0
printf 'a.example\nb.example\n' | timeout 60 "$sextant" seeds resolve -s 127.0.0.1:5999 \
	--timeout 50ms --tries 2 >out 2>err && fail "no resolver, but status 0"
grep -q '^error: no resolver has answered' err || fail "no resolver: $(cat err)"
[ "$(grep -c '"rcode":"TIMEOUT"' out)" = 2 ] || fail "time-outs are not written: $(cat out)"
[ $SECONDS -lt 5 ] || fail "no resolver: took $SECONDS s"
echo a | resolve 2 --window 0
echo a | resolve 2 --follow ptr
echo a | resolve 1 --resolver nonsense
seeds_dns_inside || fail "a query has left"
[ $bad = 0 ] && echo "resolve: ok"
exit $bad
