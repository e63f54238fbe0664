#!/bin/bash
# sextant probe scan over the wire, and who runs it: filters and the status, masscan's
# configuration and formats, signals that end a scan or change its blocklist, command
# lines that are refused before the first packet.  $1 = sextant.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
bad=0

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

# scan OPTION...: results in $d/out, summary in $d/meta.  The far kernel answers before
# it has done with a probe, so that a long wait afterwards would be for nothing.
scan()
{
	"$sextant" probe scan -q -c 0.3 -o "$d/out" -m "$d/meta" -f saddr,dport,classification \
		"$@" 2>"$d/err" || {
		cat "$d/err"
		fail "scan $*: status $?"
	}
}

# field NAME: a number of the summary
field()
{
	sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" "$d/meta"
}

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT

printf '2a00:1::%x\n' $(seq 1 50) >"$d/hosts"
printf '10.64.0.%d\n' $(seq 1 50) >>"$d/hosts"
printf '2a00:1::/32\n10.64.0.0/16\n' >"$d/allow"
simnet_load_allow "$d/allow"
simnet_load_truth "$d/hosts"

# ---- a filter, and the status file -------------------------------------------------
scan --allow-special -p udp/53,icmp -I "$d/hosts" -r 200 --output-filter \
	'success = 1 && classification = "echoreply"' -c 1.2 -u "$d/status"
equal "filter: results" "$(field results)" 100
equal "filter: lines" "$(tail -n +2 "$d/out" | grep -c echoreply)" 100
equal "status: columns" "$(awk -F, '{ print NF }' "$d/status" | sort -u)" 21
[ "$(wc -l <"$d/status")" -ge 3 ] || fail "status: $(wc -l <"$d/status") lines"
rm "$d/status"

# ---- a masscan configuration, and its formats --------------------------------------
cat >"$d/masscan.conf" <<-END
	# as masscan --echo prints it
	rate = 1000.00
	randomize-hosts = true
	seed = 5
	shard = 1/1
	adapter =
	output-format = json
	show = open,,
	output-filename = $d/out
	ping = true
	range = 10.64.0.1-10.64.0.8,2a00:1::1-2a00:1::7
	exclude = 10.64.0.3
	retries = 0
	wait = 0.3
END
for format in json list xml grepable; do
	sed -i "s/^output-format.*/output-format = $format/" "$d/masscan.conf"
	"$sextant" probe scan -q --allow-special -c "$d/masscan.conf" 2>"$d/err" ||
		fail "masscan.conf: $(cat "$d/err")"
	equal "masscan $format: hosts" "$(grep -oE '(10\.64\.0\.|2a00:1::)[0-9]+' "$d/out" | sort -u | wc -l)" 14
	grep -q '10\.64\.0\.3' "$d/out" && fail "masscan.conf: the excluded one answered"
	case $format in
	json) [ "$(head -c 1 "$d/out")$(tail -n 1 "$d/out")" = "[]" ] || fail "no JSON array" ;;
	list) equal "list: last line" "$(tail -n 1 "$d/out")" "# end" ;;
	xml) equal "xml: last line" "$(tail -n 1 "$d/out")" "</nmaprun>" ;;
	grepable) equal "grepable: lines" "$(grep -c '	Host: .* ()	Ports: 0/open/icmp' "$d/out")" 14 ;;
	esac
done
"$sextant" probe scan -c "$d/masscan.conf" --echo >"$d/echo" || fail "--echo"
"$sextant" probe scan -C "$d/echo" --echo | diff "$d/echo" - >"$d/diff" ||
	fail "--echo of --echo: $(head -3 "$d/diff")"

# ---- a signal ends the sending, and what was found is there -----------------------
"$sextant" probe scan -q -c 0.3 -M icmp6-echo -n 1G -r 1k -o "$d/out" -m "$d/meta" \
	2a00:1::/32 2>"$d/err" &
pid=$!
sleep 0.7
kill -INT $pid
wait $pid
equal "signal: status" $? 0
grep -q '"outcome": "stopped"' "$d/meta" || fail "signal: $(grep outcome "$d/meta")"
equal "signal: results" "$(($(wc -l <"$d/out") - 1))" "$(field open)"

# ---- a blocklist that grows while the scan runs --------------------------------------
simnet_reset
echo 2a00:1::/32 >"$d/aliased"
simnet_load_aliased "$d/aliased"
echo 2a00:9::/32 >"$d/block"
"$sextant" probe scan -q -c 0.3 -M icmp6-echo -n 14k -r 5k -e 1 -b "$d/block" -o "$d/out" \
	-m "$d/meta" --contact mailto:noc@example.org 2a00:1::/34 2a00:1:8000::/34 2>"$d/err" &
pid=$!
sleep 0.7
echo 2a00:1:8000::/33 >>"$d/block"
kill -HUP $pid
sleep 0.5
simnet_load_block "$d/block"
sleep 0.2
blocked=$(simnet_counter blocked)
wait $pid
equal "reload: status" $? 0
equal "reload: blocked ones probed afterwards" $(($(simnet_counter blocked) - blocked)) 0
[ "$(field refused_scope)" -gt 2000 ] || fail "reload: $(field refused_scope) refused"
equal "contact: valid" "$(field validation_passed)" "$(field packets_sent)"
grep -q "read again" "$d/err" || fail "reload: $(cat "$d/err")"
: >"$d/block"
simnet_load_block "$d/block"

seq -f '2a00:1::%.0f' 1 4000 >"$d/list"
"$sextant" probe scan -q -c 0.3 -M icmp6-echo -r 4k -b "$d/block" -o "$d/out" -m "$d/meta" \
	-I "$d/list" 2>"$d/err" &
pid=$!
sleep 0.5
kill -HUP $pid
wait $pid
equal "reload with a list: status" $? 0
equal "reload with a list: sent" "$(field packets_sent)" 4000

# ---- refused before the first packet ----------------------------------------------
before=$(simnet_counter total)
refuse()
{
	local want=$1 status

	shift
	timeout 20 "$sextant" probe scan -q -c 0 "$@" >"$d/out" 2>"$d/err"
	status=$?
	equal "status of: $*" $status "$want"
	[ "$(grep -c '^error: ' "$d/err")" = 1 ] || fail "$*: $(cat "$d/err")"
}
head -c 4096 /dev/urandom >"$d/junk"
refuse 2 -r 0 2a00:1::1
refuse 2 -M tcp-syn -p 0 2a00:1::1
refuse 2 -M tcp-syn -p 65536 2a00:1::1
refuse 2 -M tcp-syn -p 80- 2a00:1::1
refuse 2 -M tcp-syn 2a00:1::1
refuse 2 -M no-such 2a00:1::1
refuse 2 -f no-such 2a00:1::1
refuse 2 --output-filter "success" 2a00:1::1
refuse 2 -p sctp/5 2a00:1::1
refuse 2 --shard 3/2 -e 1 2a00:1::1
refuse 2 --iid high -x 64 2a00:1::1
refuse 1 -x 48 2a00:1::/64
refuse 1 --contact nobody 2a00:1::1
refuse 1 --payload hex:0 -M udp -p 5 2a00:1::1
refuse 1 -u /no/such/file 2a00:1::1
refuse 1 --resume "$d/junk" 2a00:1::1
printf "rate = 5\nnonsense = 1\n" >"$d/bad.conf"
refuse 2 -C "$d/bad.conf" 2a00:1::1
refuse 2 -C /no/such/file 2a00:1::1
refuse 2 --exclude x 2a00:1::1
refuse 2 2a00::g
refuse 1 -i no-such0 2a00:1::1
refuse 1 -o /dev/full 2a00:1::1
refuse 1 -o /no/such/folder/file 2a00:1::1
refuse 1 -m /no/such/folder/file 2a00:1::1
refuse 1 -b /no/such/file 2a00:1::1
refuse 1 -b "$d" 2a00:1::1
refuse 1 -I "$d/junk"
refuse 1 2000::/3
equal "packets sent by bad command lines" "$(simnet_counter total)" "$before"

exit $bad
