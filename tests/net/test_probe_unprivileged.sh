#!/bin/bash
# sextant probe scan --unprivileged: through the kernel's own sockets it reports what
# the raw scan reports, over both families, echo, TCP and UDP, open, closed and
# unreachable; the same scope, retries, shards and resume; and clear words where the
# kernel does not let it.  As uid 65534 in a user namespace, also when started by root.
# $1 = sextant.
if [ "$(id -u)" = 0 ] && [ -z "${SIMNET_INSIDE:-}" ] &&
	setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$1" 2>/dev/null; then
	exec setpriv --reuid=65534 --regid=65534 --clear-groups "$BASH" "$0" "$@"
fi
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
	"$sextant" probe scan -q -c 0.25 -o "$d/out" -m "$d/meta" --allow-special \
		-f target,saddr,proto,port,outcome,icmp_type,icmp_code --no-header-row \
		"$@" 2>"$d/err" || fail "scan $*: status $?: $(cat "$d/err")"
}

# field NAME: a number of the summary
field()
{
	sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" "$d/meta"
}

# as_ordinary COMMAND...: with no capability, as for a user with no privileges
as_ordinary()
{
	setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
}

# same WHAT OPTION...: the raw scan and the unprivileged one report the same
same()
{
	local what=$1

	shift
	scan "$@"
	sort "$d/out" >"$d/raw"
	scan --unprivileged "$@"
	sort "$d/out" | diff "$d/raw" - >"$d/diff" ||
		fail "$what: raw and unprivileged: $(grep -c '^[<>]' "$d/diff") lines: $(head -3 "$d/diff")"
	[ -s "$d/raw" ] || fail "$what: nothing was found"
	equal "$what: send errors" "$(field send_errors)" 0
	equal "$what: invalid" "$(field validation_failed)" 0
	equal "$what: lost in the kernel" "$(field pcap_drop)" 0
}

[ -x "${SEXTANT_TEST_BIN:-}/udpecho" ] || simnet_skip "no udpecho program"
command -v setpriv >/dev/null || simnet_skip "no setpriv"
simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT

# 300 hosts of each family among 4096 and 1024 dark addresses; a third has port 80
# open and a UDP echo on 7; one network is unreachable.
for i in $(seq 3 13 4095); do printf '2a00:1::%x\n' "$i"; done >"$d/truth"
for i in $(seq 3 3 1023); do echo "10.64.$((i / 256)).$((i % 256))"; done >>"$d/truth"
simnet_load_truth "$d/truth"
awk 'NR % 3 == 0 { print $1, 80 }' "$d/truth" >"$d/services"
simnet_load_services "$d/services"
printf '2a00:3::/120\n10.66.0.0/24\n' >"$d/unreach"
simnet_load_unreach "$d/unreach"
printf '2a00:1::/32\n2a00:3::/32\n10.64.0.0/14\n' >"$d/allow"
simnet_load_allow "$d/allow"
simnet_listen "$SEXTANT_TEST_BIN/listen" 80
simnet_udpecho 7 53
# RSTs have to arrive: a connection that the far side believes in would answer the next
# SYN from the same port with anything but a SYN-ACK.
simnet_internet nft insert rule inet simnet arrive tcp flags \& rst == rst accept

# ---- not allowed: the reason, and nothing is sent --------------------------------
# That is how a new namespace begins: nobody may.
before=$(simnet_counter total)
as_ordinary "$sextant" probe scan -q 2a00:1::1 2>"$d/err"
equal "no group: status" $? 1
grep -q "^error: .*net.ipv4.ping_group_range" "$d/err" || fail "no group: $(cat "$d/err")"
scan --unprivileged -M tcp-syn -p 80 10.64.0.0/30
equal "TCP without the group: closed" "$(field closed)" 1
refuse()
{
	"$sextant" probe scan -q -c 0 "$@" >"$d/out" 2>"$d/err"
	equal "status of: $*" $? 1
	[ "$(grep -c '^error: ' "$d/err")" = 1 ] || fail "$*: $(cat "$d/err")"
}
refuse --unprivileged -M tcp-ack -p 80 10.64.0.1
refuse --unprivileged --link packet -M tcp-syn -p 80 10.64.0.1
refuse --unprivileged -M tcp-syn -p 80 --probe-args timeout=1ns 10.64.0.1
refuse -M tcp-connect -p 80 10.64.0.1
equal "refused: sent" "$(simnet_counter total)" $((before + 4))
echo "0 0" >/proc/sys/net/ipv4/ping_group_range

# ---- the same answers as the raw scan ---------------------------------------------
networks="2a00:1::/116 10.64.0.0/22 2a00:3::/120 10.66.0.0/24"
same "echo" -r 40k -P 2 --probe-interval 50ms $networks
same "echo, contact" -r 20k --contact mailto:noc@example.org 10.64.0.0/22
same "tcp" -M tcp-syn -p 80 -r 20k $networks
same "udp" -p udp/53,udp/7,udp/443 -r 20k $networks
same "all at once" -p 80,icmp,udp/53 -r 20k -I "$d/truth"

# ---- the fields that only an answer can tell --------------------------------------
scan --unprivileged -p 80,icmp,udp/7 -r 5k -f proto,outcome,ttl,rtt_us,sport,dport,tcp_flags \
	-I "$d/truth"
awk -F, '$2 == "open" && $1 ~ /icmp/ && ($3 != 64 || $4 < 1) ||
	$1 == "tcp" && ($4 < 1 || $6 < 1024 || $5 != 80 || $7 != ($2 == "open" ? 18 : 20)) ||
	$1 == "udp" && ($3 != 64 || $5 != 7 || $6 < 1024)' "$d/out" >"$d/diff"
equal "fields" "$(head -3 "$d/diff")" ""

# ---- with no capability: by itself, with one warning ------------------------------
as_ordinary "$sextant" probe scan -q -c 0.3 -r 20k --allow-special -f target --no-header-row \
	10.64.0.0/22 >"$d/out" 2>"$d/err"
equal "ordinary: status" $? 0
equal "ordinary: warnings" "$(grep -c '^warning: .*CAP_NET_RAW' "$d/err")" 1
grep '^10\.64' "$d/truth" | sort >"$d/want"
sort "$d/out" | diff "$d/want" - >"$d/diff" || fail "ordinary: $(head -3 "$d/diff")"

# ---- scope, and a shard --------------------------------------------------------------
simnet_reset
echo 10.64.1.0/24 >"$d/block"
simnet_load_block "$d/block"
scan --unprivileged -p 80,icmp,udp/7 -b "$d/block" -r 20k --shard 1/2 -e 5 10.64.0.0/22
a=$(field packets_sent)
scan --unprivileged -p 80,icmp,udp/7 -b "$d/block" -r 20k --shard 2/2 -e 5 10.64.0.0/22
equal "shards: sent" $((a + $(field packets_sent))) $((3 * 768))
equal "blocked" "$(simnet_counter blocked)" 0
: >"$d/block"

# ---- many silent targets and few descriptors: connections time out, none is lost ----
simnet_reset
(
	ulimit -n 400
	scan --unprivileged -M tcp-syn -p 81 -r 20k --probe-args timeout=100ms 10.64.0.0/21
)
equal "few files: sent" "$(field packets_sent)" 2048
equal "few files: closed" "$(field closed)" 341
[ "$(simnet_counter dark)" = 1707 ] || fail "few files: $(simnet_counter dark) at dark addresses"

# ---- resume: stopped by signals, each target once; killed, none is lost ---------------
simnet_reset
for i in $(seq 0 4 3999); do echo "2a00:1::$(printf %x "$i")"; done >"$d/hosts"
grep '^2a' "$d/truth" | sort >"$d/six"
sort "$d/hosts" | join - "$d/six" | awk '{ print $1 ",icmp6"; print $1 ",tcp" }' | sort >"$d/want"
part="$sextant probe scan -q -c 0.2 --unprivileged -r 6k -e 7 -p 80,icmp -f target,proto,outcome
	--no-header-row --resume $d/state --checkpoint-interval 50ms -o $d/parts -I $d/hosts
	--allow-special"
for i in 1 2 3; do
	$part -m "$d/meta$i" 2>"$d/err" &
	pid=$!
	sleep 0.1
	kill -INT $pid
	wait $pid
	equal "stopped: status" $? 0
done
grep -q stopped "$d/meta1" || fail "stopped: the first part was not"
$part -m "$d/meta4" 2>"$d/err"
sent=$(cat "$d"/meta? | awk -F'[:,]' '/packets_sent/ { n += $2 } END { print n }')
equal "stopped, then complete: sent" "$sent" 2000
# An open port also sees the end of the handshake.
equal "stopped: on the wire" "$(simnet_counter total)" $((2000 + $(grep -c tcp,open "$d/parts")))
cut -d, -f1,2 "$d/parts" | sort | diff "$d/want" - >"$d/diff" || fail "stopped: $(head -3 "$d/diff")"
rm -f "$d/state" "$d/parts"
for i in $(seq 8); do
	$part 2>"$d/err" &
	pid=$!
	sleep 0.1$((RANDOM % 10))
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
done
$part 2>"$d/err"
equal "killed: status" $? 0
cut -d, -f1,2 "$d/parts" | sort -u | diff "$d/want" - >"$d/diff" || fail "killed: $(head -3 "$d/diff")"
exit $bad
