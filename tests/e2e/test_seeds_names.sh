#!/bin/bash
# sextant seeds zonefile and ct, as a user runs them.  $1 = sextant.
sextant=$1
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

# seeds STATUS VERB ARG...
seeds()
{
	local want=$1 got

	shift
	timeout 60 "$sextant" seeds "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] || fail "$*: exit status $got, expected $want: $(cat err)"
}

expect()
{
	printf '%s\n' "$@" | cmp -s - out || fail "expected $*: got $(cat out)"
}

# --- master files ---

cat >zone <<'END'
$ORIGIN example.org.
$TTL 1h
@	IN SOA ns1 host\.master.example.org. (
		1	; serial
		3600 600 (86400) 300 )
	NS ns1
	3600 IN NS ns2.Elsewhere.NET.
ns1	300 AAAA 2a00:1::53
	A 198.41.0.4
www IN 60 CNAME web	; comment with ( and "
web 1d IN AAAA 2a00:1::80
*.wild AAAA 2a00:1::81
mail MX 10 mx.example.org.
_sip._tcp SRV 0 0 5060 sip
text TXT "a ; b ( c" "d\"e" more
$ORIGIN sub
deep AAAA 2001:db8::1
END
seeds 0 zonefile zone
expect example.org ns1.example.org ns2.elsewhere.net www.example.org web.example.org \
	'*.wild.example.org' mail.example.org mx.example.org _sip._tcp.example.org \
	sip.example.org text.example.org deep.sub.example.org
[ ! -s err ] || grep -q 'bad lines' err && fail "zone: $(cat err)"
seeds 0 zonefile zone -O addresses
expect 2a00:1::53 2a00:1::80 2a00:1::81
grep -q '1  addresses out of scope' err || fail "scope: $(cat err)"
seeds 0 zonefile zone -O addresses -4 --allow-special
expect 2a00:1::53 198.41.0.4 2a00:1::80 2a00:1::81 2001:db8::1

# CZDS: one record a line, tabs, absolute names.
printf 'a.org.\t3600\tin\tns\tns1.b.org.\na.org.\t3600\tin\tns\tns2.b.org.\n' >czds
printf 'ns1.b.org.\t3600\tin\taaaa\t2a00:2::1\n' >>czds
gzip -c czds >czds.gz
seeds 0 zonefile czds.gz
expect a.org ns1.b.org ns2.b.org
seeds 0 zonefile czds.gz -O addresses
expect 2a00:2::1

echo 'www AAAA 2a00:1::1' >relative
seeds 1 zonefile relative
seeds 0 zonefile relative --origin example.org
expect www.example.org

printf 'a. AAAA 2a00:::1\nb. AAAA\n..\nc. )\n$INCLUDE /etc/passwd\nd. AAAA 2a00:1::d\n' >poor
seeds 0 zonefile poor -O addresses
expect 2a00:1::d
grep -q '5  bad lines skipped' err || fail "bad lines: $(cat err)"
grep -q "poor:1: 'a. AAAA 2a00:::1'" err || fail "bad line not named: $(cat err)"
head -c 50000 "$sextant" >junk
seeds 1 zonefile junk
seeds 1 zonefile absent
seeds 1 zonefile /dev/null
seeds 2 zonefile
seeds 2 zonefile zone --origin a..b
head -c 60 czds.gz >cut.gz
seeds 1 zonefile zone cut.gz
grep -q '^error: .*cut.gz' err || fail "cut: $(cat err)"
[ "$(wc -l <out)" -ge 12 ] || fail "cut: what decodes is lost: $(cat out)"

# --- certificate logs ---

cat >log <<'END'
{"id":1,"name_value":"www.example.org\n*.example.org\nwww.example.org","issuer_name":"C=US, O=example.com"}
{"data":{"leaf_cert":{"all_domains":["a.example.net","*.b.example.net"],"subject":{"CN":"a.example.net","O":"x.y"}}}}
{"dns_names":["\u0041.org","esc\/aped.org","Upper.Example.Com"],"serial":"11.22"}
{"names":["192.0.2.1","who@example.org","localhost","DNS:dns.example.org"],"other":["no.example.org"]}

{"common_name":"last.example.org
not json
END
seeds 0 ct log
expect www.example.org example.org a.example.net b.example.net upper.example.com \
	dns.example.org
grep -q '2  bad lines skipped' err || fail "ct bad lines: $(cat err)"
command -v zstd >/dev/null && {
	zstd -qc log >log.zst
	cp out want
	seeds 0 ct log.zst
	cmp -s out want || fail "zstd: $(cat out)"
}
seeds 1 ct czds
seeds 1 ct absent
seeds 2 ct
[ $bad = 0 ] && echo "zonefile, ct: ok"
exit $bad
