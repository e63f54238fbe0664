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

# ---- a /32 where everything answers: all replies, once -----------------------
echo 2a00:1::/32 >"$d/aliased"
echo 10.64.0.0/16 >>"$d/aliased"
simnet_load_aliased "$d/aliased"
scan -M icmp6-echo -n 300k -r 150k 2a00:1::/32
equal "echo: sent" "$(field packets_sent)" 300000
equal "echo: valid" "$(field validation_passed)" 300000
equal "echo: invalid" "$(field validation_failed)" 0
equal "echo: repeats" "$(field repeats)" 0
equal "echo: lost in the kernel" "$(field pcap_drop)" 0
equal "echo: results" "$(tail -n +2 "$d/out" | sort -u | wc -l)" 300000
equal "echo: on the wire" "$(simnet_counter total)" 300000

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
scan -M icmp6-echo -n 20k -r 60k --retries 3 --probe-interval 200ms 2a00:1::/32
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

exit $bad
