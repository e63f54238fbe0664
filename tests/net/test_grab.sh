#!/bin/bash
# sextant probe grab against servers of our own: 100 TLS servers of twenty kinds, whose
# certificates are compared field by field with what openssl x509 prints of them, and
# plain ones that speak first, last, slowly or not at all.  $1 = sextant; GRAB_SERVERS:
# another number of servers.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
n=${GRAB_SERVERS:-100}
bin=${SEXTANT_TEST_BIN:-}
here=$(dirname "$0")
bad=0

for tool in openssl python3; do
	command -v $tool >/dev/null || simnet_skip "no $tool"
done
[ -x "$bin/tlsworld" ] || simnet_skip "no tlsworld program"

fail()
{
	echo "FAILED: $*"
	bad=1
}

# equal WHAT GOT EXPECTED
equal()
{
	[ "$2" = "$3" ] || fail "$1: $2, expected $3"
}

field()
{
	sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" "$d/meta"
}

# grab OPTION...: results in $d/out, summary in $d/meta
grab()
{
	"$sextant" probe grab -q --allow-special --read-timeout ${patience:-4s} -r 0 -o "$d/out" \
		-m "$d/meta" "$@" 2>"$d/err" || {
		cat "$d/err"
		fail "grab $*: status $?"
	}
}

d=$(mktemp -d) || exit 1
trap 'kill $pids 2>/dev/null; rm -rf "$d"' EXIT
pids=
ip link set lo up
ip -6 route replace local 2001:db8:99::/48 dev lo
ip route replace local 10.99.0.0/16 dev lo
mkdir "$d/world" "$d/certs"
"$bin/tlsworld" "$d/world" "$n" mixed >"$d/log" &
pids=$!
for _ in $(seq 300); do
	grep -q listening "$d/log" && break
	sleep 0.1
done
grep -q listening "$d/log" || { echo "tlsworld does not listen"; exit 1; }
awk '{ print ($2 ~ /:/ ? "[" $2 "]" : $2) ":" $3 }' "$d/world/truth" >"$d/targets"

# ---- every certificate, as openssl reads it; and the same after an early abort ------
awk '$4 != "silent" { print ($2 ~ /:/ ? "[" $2 "]" : $2) ":" $3 }' "$d/world/truth" >"$d/loud"
good=$(grep -c ' ok$' "$d/world/truth")
grab --tls --ca-file "$d/world/root.pem" -f '*' --cert-dir "$d/certs" -I "$d/loud"
equal "handshakes" "$(field handshakes)" "$good"
equal "connections" "$(field connections)" "$(wc -l <"$d/loud")"
mv "$d/out" "$d/full"
grep -vxFf "$d/loud" "$d/targets" >"$d/dumb"
grab --tls --read-timeout 300ms -I "$d/dumb"
cat "$d/out" >>"$d/full"
equal "lines" "$(wc -l <"$d/full")" "$n"
grab --tls --tls-early-abort --ca-file "$d/world/root.pem" -I - <"$d/loud"
equal "early abort: handshakes" "$(field handshakes)" 0
python3 "$here/grab_check.py" "$d/world" "$d/certs" "$d/full" "$d/out" || fail "certificates"
grab --tls -O csv -f target,port,cert_sha256,status -I "$d/loud"
equal "csv: columns" "$(awk -F, '{ print NF }' "$d/out" | sort -u)" 4
equal "csv: fingerprints" "$(cut -d, -f3 "$d/out" | grep -cE '^[0-9a-f]{64}$')" \
	"$good"

# ---- versions, and what is inside ---------------------------------------------------
head -n 12 "$d/targets" >"$d/few"
grab --tls --tls-max 1.2 -I "$d/few"
equal "at most TLS 1.2" "$(grep -c '"tls_version":"TLSv1.2"' "$d/out")" 12
grab --banner --sni www.example.org -I "$d/few"
equal "https: answers" "$(grep -c '"service":"https","service_by":"answer","product":"tlsworld".*"http_status":200,"http_title":"Server"' "$d/out")" 12

# ---- whom not to talk to ---------------------------------------------------------------
printf '2001:db8:99:1::/64\n10.99.0.3\n' >"$d/block"
grab --tls -b "$d/block" -I "$d/few"
equal "blocked" "$(field refused_scope) $(field connections)" "2 10"
grep -qE '99:1::1|10\.99\.0\.3' "$d/out" && fail "a blocked address in the results"
"$sextant" probe grab -q --tls -I "$d/few" -o "$d/out" -m "$d/meta" 2>"$d/err"
equal "special-purpose addresses" "$(field refused_scope) $(field connections)" "12 0"

# ---- plain servers ------------------------------------------------------------------------
python3 "$here/grab_servers.py" >"$d/plainlog" &
pids="$pids $!"
for _ in $(seq 100); do
	grep -q listening "$d/plainlog" && break
	sleep 0.1
done
patience=1s
grab --per-host 20 --contact mailto:noc@example.org --banner-wait 300ms 127.0.0.1 \
	-p 21,22,25,80,110,1234,1235,1236,1237,1238,3306,5432,6379,9100,4444
python3 - "$d/out" "$d/plainlog" <<-'END' || fail "plain servers"
	import json, sys
	rows = {r["port"]: r for r in map(json.loads, open(sys.argv[1]))}
	log = open(sys.argv[2]).read()
	bad = 0
	def want(port, **fields):
	    global bad
	    for k, v in fields.items():
	        got = rows[port].get(k)
	        if got != v:
	            print("port", port, k, repr(got), "expected", repr(v))
	            bad = 1
	want(21, service="ftp", banner="220 ProFTPD ready\r\n", product="ProFTPD ready", status="ok")
	want(22, service="ssh", product="OpenSSH_9.2p1 Debian-2", service_by="answer")
	want(25, service="smtp", product="mail.example.org ESMTP Postfix")
	want(80, service="http", http_status=301, http_title="Moved \u00e9 \"here\"", product="nginx/1.2", http_location="https://example.org/")
	want(110, service="pop3")
	want(1234, service="http", http_status=200)
	want(1235, status="silent")
	want(1236, status="ok", truncated=True)
	want(1237, status="ok", banner="\ufffd\ufffd\u0000\u001b[31m\"\\\ud7ff", banner_base64="gP8AG1szMW0iXO2fvw==")
	want(1238, status="closed")
	want(3306, service="mysql", product="8.0.30")
	want(5432, service="postgresql", banner="S")
	want(6379, service="redis", banner="+PONG\r\n")
	want(9100, status="silent", service="pdl-datastream")
	want(4444, status="refused")
	if len(rows[1236]["banner"]) != 8192:
	    print("a flood of", len(rows[1236]["banner"])); bad = 1
	if "9100: b''" not in log:
	    print("the printer was sent something:", log); bad = 1
	if "sextant (+mailto:noc@example.org)" not in log:
	    print("nobody said who asks:", log); bad = 1
	if "EHLO example.org" not in log:
	    print("no EHLO:", log); bad = 1
	sys.exit(bad)
END

# ---- STARTTLS, and a port that turns out to speak TLS ------------------------------------
patience=4s
grab --tls --per-host 20 127.0.0.1 -p 25,5432 --ca-file "$d/world/root.pem"
equal "starttls" "$(grep -c '"tls_version":"TLSv1.3".*"cert_subject":"CN=plain"' "$d/out")" 2
grep -q '"port":25,.*"service":"smtp".*"banner":"220 mail' "$d/out" || fail "starttls: $(cat "$d/out")"
for port in 1239 1240; do
	grab --per-host 20 --banner-wait 200ms 127.0.0.1:$port
	equal "a second connection" "$(field connections)" 2
	grep -q '"status":"ok".*"tls_version":"TLSv1.3".*CN=plain' "$d/out" || fail "TLS found: $(cat "$d/out")"
done

# ---- never more than so many at once -------------------------------------------------------
for _ in $(seq 12); do echo 127.0.0.1:1235; done >"$d/same"
"$sextant" probe grab -q --allow-special --per-host 4 --read-timeout 300ms --banner-wait 300ms \
	-r 0 -I "$d/same" -o "$d/out" 2>"$d/err"
equal "per host: results" "$(wc -l <"$d/out")" 12
equal "per host: at once" "$(sed -n 's/^most //p' "$d/plainlog" | sort -n | tail -n 1)" 4

# ---- a scan that grabs what it finds open ---------------------------------------------------
cut -d' ' -f2 "$d/world/truth" | head -n 12 >"$d/hosts"
# shellcheck disable=SC2046 # a list of words
"$sextant" probe scan -q --allow-special -p 443,444 -r 1000 -c 0.3 $(cat "$d/hosts") \
	-o "$d/scan" -m "$d/meta" --tls --grab-file "$d/grabbed" 2>"$d/err" || cat "$d/err"
equal "scan: open" "$(field open)" 12
equal "scan: grabbed" "$(field grab_certificates) $(field grab_dropped)" "12 0"
equal "scan: hosts grabbed" "$(sed 's/.*"target":"\([^"]*\)".*/\1/' "$d/grabbed" | sort)" "$(sort "$d/hosts")"
# shellcheck disable=SC2046 # a list of words
"$sextant" probe scan -q --allow-special -p 443,444 -r 1000 -c 0.3 $(cat "$d/hosts") \
	-O jsonl -o - 2>/dev/null |
	"$sextant" probe grab -q --allow-special --tls - -o "$d/out" 2>"$d/err"
equal "scan to grab" "$(grep -c '"cert_sha256"' "$d/out")" 12
"$sextant" probe scan -q --allow-special -i lo --tls -p 443 ::1 >"$d/out" 2>"$d/err"
equal "scan: two kinds of results for one output" $? 2

# ---- lines at once, a signal, wrong usage --------------------------------------------------
mkfifo "$d/in"
"$sextant" probe grab -q --allow-special --tls --per-host 0 - <"$d/in" 2>"$d/err" >"$d/pipe" &
pid=$!
exec 7>"$d/in"
printf 'target,saddr,proto,port,outcome\n2001:db8:99::1,2001:db8:99::1,tcp,443,open\n2001:db8:99:1::1,x,tcp,443,closed\n' >&7
printf '{"target":"2001:db8:99:2::1","port":443,"outcome":"open"}\n' >&7
for _ in $(seq 50); do
	[ "$(wc -l <"$d/pipe")" = 2 ] && break
	sleep 0.1
done
kill -INT $pid
wait $pid
equal "stream: status" $? 0
exec 7>&-
cat "$d/pipe" | grep -c '"status":"ok"' >"$d/count"
equal "stream: results" "$(cat "$d/count")" 2

refuse()
{
	local want=$1 status

	shift
	timeout 20 "$sextant" probe grab -q "$@" >"$d/out" 2>"$d/err" </dev/null
	status=$?
	equal "status of: $*" $status "$want"
	[ "$(grep -c '^error: ' "$d/err")" = 1 ] || fail "$*: $(cat "$d/err")"
}
refuse 2
refuse 2 127.0.0.1
refuse 2 127.0.0.1:0
refuse 2 example.org:80
refuse 2 -p udp/53 127.0.0.1
refuse 2 --sni 127.0.0.1 127.0.0.1:1
refuse 2 --tls-min 1.4 127.0.0.1:1
refuse 2 --tls-min 1.3 --tls-max 1.2 127.0.0.1:1
refuse 2 --concurrency 0 127.0.0.1:1
refuse 2 -f nothing 127.0.0.1:1
refuse 2 -I x 127.0.0.1:1
refuse 1 -I /no/such/file
refuse 1 --ca-file /etc/hostname 127.0.0.1:1
refuse 1 --alpn , 127.0.0.1:1
refuse 1 --contact "a b" 127.0.0.1:1
refuse 1 -o /no/such/folder/x 127.0.0.1:1
refuse 1 -b /no/such/file 127.0.0.1:1
refuse 1 --allow-special -o /dev/full 127.0.0.1:1
refuse 1 --strict -I "$0"

exit $bad
