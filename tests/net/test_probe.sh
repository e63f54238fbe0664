#!/bin/bash
# sextant probe scan over the wire, against kernels that answer: every reply
# counted once, nothing sent that may not be, IPv4 and IPv6 mixed, TCP, errors,
# loss and retries, targets on the link itself.  $1 = sextant.
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

# scan OPTION...: results in $d/out, summary in $d/meta
scan()
{
	"$sextant" probe scan -q -c 1 -o "$d/out" -m "$d/meta" -f saddr,dport,classification \
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

# ---- a /32 where everything answers: all replies, once -----------------------
echo 2a00:1::/32 >"$d/aliased"
echo 10.64.0.0/16 >>"$d/aliased"
simnet_load_aliased "$d/aliased"
scan -M icmp6-echo -n 1M -r 150k 2a00:1::/32
equal "echo: sent" "$(field packets_sent)" 1000000
equal "echo: valid" "$(field validation_passed)" 1000000
equal "echo: invalid" "$(field validation_failed)" 0
equal "echo: repeats" "$(field repeats)" 0
equal "echo: lost in the kernel" "$(field pcap_drop)" 0
equal "echo: results" "$(tail -n +2 "$d/out" | sort -u | wc -l)" 1000000
equal "echo: on the wire" "$(simnet_counter total)" 1000000

scan -M icmp6-echo -n 100k -r 100k --send-path afxdp 2a00:1::/32
equal "afxdp: sent" "$(field packets_sent)" 100000
equal "afxdp: valid" "$(field validation_passed)" 100000

# ---- hosts among dark addresses, both families, with a blocklist --------------
simnet_reset
for i in $(seq 7 7 2047); do
	printf '2a00:2::%x\n198.18.%d.%d\n' "$i" $((i / 256)) $((i % 256))
done >"$d/truth"
echo 2a00:2::400/118 >"$d/block"
echo 198.18.1.0/24 >>"$d/block"
printf '2a00:2::/116\n198.18.0.0/21\n' >"$d/allow"
simnet_load_truth "$d/truth"
simnet_load_block "$d/block"
simnet_load_allow "$d/allow"
# 198.18.0.0/15 is special-purpose: benchmarks.
scan --allow-special -b "$d/block" -w "$d/allow" -r 20k
grep -vE '^198\.18\.1\.' "$d/truth" | awk -F: '
	/::[4-7]..$/ { next }
	{ print }' | sort >"$d/want"
tail -n +2 "$d/out" | cut -d, -f1 | sort | diff - "$d/want" >"$d/diff" ||
	fail "found set: $(head -5 "$d/diff" | tr '\n' ' ')"
equal "mixed: outside the allowlist" "$(simnet_counter outside)" 0
equal "mixed: blocklisted" "$(simnet_counter blocked)" 0
equal "mixed: refused" "$(field refused_scope)" $((1024 + 256))
equal "mixed: on the wire" "$(simnet_counter total)" $((4096 - 1024 + 2048 - 256))
cut -d, -f1 "$d/want" >"$d/list"
scan --allow-special -I - -r 20k <"$d/list"
equal "a list: found" "$(field open)" "$(wc -l <"$d/list")"

# ---- TCP: open, closed, and what the network says ------------------------------
if [ -x "${SEXTANT_TEST_BIN:-}/listen" ]; then
	printf '2a00:1::%x 80\n' $(seq 1 50) >"$d/services"
	printf '10.64.0.%d 80\n' $(seq 1 50) >>"$d/services"
	grep -v / "$d/services" | cut -d' ' -f1 >"$d/hosts"
	simnet_load_services "$d/services"
	echo 2a00:1::/32 >"$d/allow"
	echo 10.64.0.0/16 >>"$d/allow"
	simnet_load_allow "$d/allow"
	simnet_load_truth "$d/hosts"
	simnet_listen "$SEXTANT_TEST_BIN/listen" 80
	scan --allow-special -M tcp-syn -p 80,81 -I "$d/hosts" -r 5k
	equal "tcp: sent" "$(field packets_sent)" 200
	equal "tcp: open" "$(field open)" 100
	equal "tcp: closed" "$(field closed)" 100
	equal "tcp: invalid" "$(field validation_failed)" 0
	# Times and liveness: 50 hosts a family; RSTs bring no timestamp back.
	scan --allow-special -M tcp-syn -p 80 -I "$d/hosts" -r 5k -f rtt_us
	equal "tcp: times" "$(grep -cE '^[0-9]+$' "$d/out")" 100
	awk '/^[0-9]+$/ && $1 > 2000000 { print }' "$d/out" | grep . && fail "tcp: long times"
	for m in tcp-ack tcp-synack; do
		scan --allow-special -M $m -p 81 -I "$d/hosts" -r 5k
		equal "$m: closed" "$(field closed)" 100
		equal "$m: invalid" "$(field validation_failed)" 0
	done
	scan --allow-special -M icmp-time -r 5k 10.64.0.1-10.64.0.50
	equal "icmp-time" "$(field open)" 50
else
	echo "no listen program: TCP services not tested"
fi

# ---- UDP: the hosts have no such services, and say so; mixed with ICMP ----------
# (For IPv6 AnyIP addresses the kernel sends its errors from its own address.)
printf '2a00:1::%x\n' $(seq 1 50) >"$d/hosts"
printf '10.64.0.%d\n' $(seq 1 50) >>"$d/hosts"
echo 2a00:1::/32 >"$d/allow"
echo 10.64.0.0/16 >>"$d/allow"
simnet_load_allow "$d/allow"
simnet_load_truth "$d/hosts"
scan --allow-special -p udp/53,udp/443,udp/7,icmp -I "$d/hosts" -r 5k
equal "udp: sent" "$(field packets_sent)" 400
equal "udp: closed" "$(field closed)" 150
equal "udp: errors" "$(field errors)" 150
equal "udp: echo replies" "$(field open)" 100
equal "udp: invalid" "$(field validation_failed)" 0
sed 's/^2.*/[&]:161/; s/^1.*/&:161/' "$d/hosts" >"$d/pairs"
scan --allow-special -M udp -I "$d/pairs" -r 5k
equal "pairs: closed and errors" "$(field closed) $(field errors)" "50 50"

# ---- one address in each /64 -----------------------------------------------------
scan -M icmp6-echo -x 64 2a00:1::/50 -r 50k
equal "sub-prefixes: open" "$(field open)" 16384
equal "sub-prefixes: found" "$(tail -n +2 "$d/out" | grep -c '^2a00:1:.*:1,')" 16384

# ---- a filter, and the status file -------------------------------------------------
scan --allow-special -p udp/53,icmp -I "$d/hosts" -r 100 --output-filter \
	'success = 1 && classification = "echoreply"' -u "$d/status"
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
	wait = 1
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

# ---- errors from the network, through the quote ---------------------------------
printf '2a00:3::/48\n10.66.0.0/24\n' >"$d/unreach"
simnet_load_unreach "$d/unreach"
simnet_load_allow "$d/unreach"
scan --allow-special -r 5k 2a00:3::/120 10.66.0.0/24
equal "errors" "$(field errors)" 512
equal "errors: invalid" "$(field validation_failed)" 0

# ---- loss, made up for by retries ------------------------------------------------
echo 2a00:1::/32 >"$d/allow"
simnet_load_allow "$d/allow"
simnet_loss 5
scan -M icmp6-echo -n 20k -r 40k --retries 3 --probe-interval 200ms 2a00:1::/32
equal "loss: sent" "$(field packets_sent)" 80000
[ "$(field open)" -ge 19990 ] || fail "loss: $(field open) of 20000 found"
equal "loss: results" "$(field results)" "$(field open)"

# ---- targets on the link itself, and on lo ----------------------------------------
simnet_loss 0
printf "%s\n%s\n" "$SIMNET_GW6" "$SIMNET_GW4" >"$d/truth"
simnet_load_truth "$d/truth"
scan --allow-special -r 100 "$SIMNET_GW6" "$SIMNET_GW4"
equal "on link" "$(field open)" 2
scan --allow-special -r 100 ::1 127.0.0.1
equal "lo" "$(field open)" 2

# ---- a signal ends the sending, and what was found is there -----------------------
"$sextant" probe scan -q -c 1 -M icmp6-echo -n 1G -r 1k -o "$d/out" -m "$d/meta" \
	2a00:1::/32 2>"$d/err" &
pid=$!
sleep 1.5
kill -INT $pid
wait $pid
equal "signal: status" $? 0
grep -q '"outcome": "stopped"' "$d/meta" || fail "signal: $(grep outcome "$d/meta")"
equal "signal: results" "$(($(wc -l <"$d/out") - 1))" "$(field open)"

# ---- a blocklist that grows while the scan runs --------------------------------------
simnet_reset
echo 2a00:9::/32 >"$d/block"
"$sextant" probe scan -q -c 1 -M icmp6-echo -n 20k -r 5k -e 1 -b "$d/block" -o "$d/out" \
	-m "$d/meta" --contact mailto:noc@example.org 2a00:1::/34 2a00:1:8000::/34 2>"$d/err" &
pid=$!
sleep 1
echo 2a00:1:8000::/33 >>"$d/block"
kill -HUP $pid
sleep 0.5
simnet_load_block "$d/block"
sleep 0.2
blocked=$(simnet_counter blocked)
wait $pid
equal "reload: status" $? 0
equal "reload: blocked ones probed afterwards" $(($(simnet_counter blocked) - blocked)) 0
[ "$(field refused_scope)" -gt 3000 ] || fail "reload: $(field refused_scope) refused"
equal "contact: valid" "$(field validation_passed)" "$(field packets_sent)"
grep -q "read again" "$d/err" || fail "reload: $(cat "$d/err")"
: >"$d/block"
simnet_load_block "$d/block"

seq -f '2a00:1::%.0f' 1 4000 >"$d/list"
"$sextant" probe scan -q -c 1 -M icmp6-echo -r 4k -b "$d/block" -o "$d/out" -m "$d/meta" \
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
refuse 2 -O xml --resume "$d/state" 2a00:1::1
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
