#!/bin/bash
# sextant probe scan: several modules of one protocol in one scan, listening without
# sending, when to give up, packets in words, MAC addresses, other tools' names.
# $1 = sextant.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
bin=${SEXTANT_TEST_BIN:?}
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

# field NAME: a number of the summary
field()
{
	sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" "$d/meta"
}

# scan OPTION...: its status is in $status
scan()
{
	"$sextant" probe scan -q -c 0.3 -o "$d/out" -m "$d/meta" "$@" 2>"$d/err"
	status=$?
}

# refuse TEXT OPTION...: wrong usage
refuse()
{
	local text=$1

	shift
	"$sextant" probe scan -q --allow-special "$@" >"$d/out" 2>"$d/err"
	equal "status of $*" $? 2
	grep -qF -- "$text" "$d/err" || fail "$*: $(head -n 2 "$d/err")"
}

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT

# serve KIND ADDR: answer.c, until the end
serve()
{
	nsenter --net=/run/netns/internet "$bin/answer" "$@" </dev/null >"$d/ready" &
	simnet_pids="$simnet_pids $!"
	for _ in $(seq 100); do
		grep -q ready "$d/ready" 2>/dev/null && return
		sleep 0.05
	done
	fail "answer $*"
}

# ---- dns and quic in one scan, and plain UDP beside them --------------------------
printf '2a00:1::53\n10.64.0.53\n2a00:1::44\n10.64.0.44\n' >"$d/truth"
simnet_load_truth "$d/truth"
for a in 2a00:1::53 2a00:1::44; do ip -n internet -6 addr add $a/128 dev lo nodad; done
for a in 2a00:1::53 10.64.0.53; do serve dns $a; done
for a in 2a00:1::44 10.64.0.44; do serve quic $a; done
simnet_udpecho 7

# both OPTION...: who answered at which port with what; DNS sends errors elsewhere
both()
{
	scan --allow-special -r 1k -I "$d/truth" -f saddr,sport,dns_rcode,quic_versions "$@"
	equal "status of $*" $status 0
	grep -E ',53,[^,]+,|,443,,.' "$d/out" | cut -d, -f1,2 | sort | xargs
}
want="10.64.0.44,443 10.64.0.53,53 2a00:1::44,443 2a00:1::53,53"
equal "ports choose" "$(both -M dns -M quic -p udp/53,udp/443)" "$want"
equal "ports choose: sent" "$(field packets_sent)" 8
equal "ports choose: invalid" "$(field validation_failed)" 0
equal "bare ports" "$(both -M quic -M dns -p 53,443)" "$want"
equal "ports by name" "$(both --module dns=53 --module quic=443)" "$want"
equal "without privileges" "$(both -M dns -M quic -p 53,443 --unprivileged)" "$want"
equal "plain UDP, too" "$(both -M udp -M dns -M quic -p 7,53,443)" "$want"
equal "plain UDP: sent" "$(field packets_sent)" 12
# The echo of a DNS question to port 7 is none of an answer.
equal "plain UDP: invalid" "$(field validation_failed)" 0
scan --allow-special -M dns -M quic -p 53,80 10.64.0.53
equal "a port for nobody" "$status $(grep -c 'udp/80: no module' "$d/err")" "1 1"
scan --allow-special -M dns=53,443 -M quic=443 10.64.0.53
equal "a port for two" "$status $(grep -c 'cannot share a scan' "$d/err")" "1 1"
scan --allow-special -M icmp6-echo=7 2a00:1::53
equal "a port for echo requests" $status 1

# ---- to listen, without a packet ---------------------------------------------------
printf '2a00:2::%x\n' $(seq 200) >"$d/truth"
simnet_load_truth "$d/truth"
# listen KEY NAME: in the background, until it is told to end
listen()
{
	"$sextant" probe scan -q -c 0.1 -M icmp6-echo --listen-only --key-file "$1" -i $SIMNET_IF \
		-f saddr -o "$d/$2" 2>"$d/$2.err" &
	listeners="$listeners $!"
}
listeners=
scan -M icmp6-echo --key-file "$d/key" -r 5k 2a00:2::1
equal "key: mode" "$(stat -c %a "$d/key")" 600
scan -M icmp6-echo --key-file "$d/key2" -r 5k 2a00:2::1
listen "$d/key" heard
listen "$d/key2" foreign
sleep 0.5
simnet_reset
scan -M icmp6-echo --key-file "$d/key" -r 5k -c 0 -o /dev/null 2a00:2::/120
sleep 0.5
for p in $listeners; do
	kill -INT "$p"
	wait "$p" || fail "listener: status $?"
done
equal "listener: packets of all" "$(simnet_counter total)" 256
tail -n +2 "$d/heard" | sort | diff - <(sort "$d/truth") >"$d/diff" || fail "listener: $(head -3 "$d/diff")"
equal "listener with another key" "$(tail -n +2 "$d/foreign" | wc -l)" 0
grep -q " 200 invalid" "$d/foreign.err" || fail "listener with another key: $(cat "$d/foreign.err")"
chmod 640 "$d/key2"
scan --listen-only --key-file "$d/key2"
equal "a key that others can read" "$status $(grep -c 'others may read' "$d/err")" "1 1"
scan --listen-only --key-file /no/such/key
equal "no key" $status 1
echo "sextant-key 1 00" >"$d/key3"
chmod 600 "$d/key3"
scan --listen-only --key-file "$d/key3"
equal "half a key" "$status $(grep -c 'no key of a scan' "$d/err")" "1 1"
refuse "--key-file" --listen-only
refuse "--listen-only and targets" --listen-only --key-file "$d/key" 2a00:2::1
refuse "--listen-only sends none" -r 0 2a00:2::1

# ---- when to give up -------------------------------------------------------------
simnet_reset
scan -M icmp6-echo -r 20k --max-packets 1001 2a00:3::/64
equal "max-packets" "$status $(simnet_counter total)" "0 1001"
simnet_reset
scan -M icmp6-echo -r 20k -k 1001 -P 3 --probe-interval 10ms -T 2 2a00:3::/64
equal "max-packets, retries" "$status $(simnet_counter total) $(field packets_sent)" "0 1001 1001"
scan -M icmp6-echo -r 2k -n 20k --min-hitrate 1 2a00:3::/64
equal "min-hitrate: status" $status 1
grep -q "fewer than 1 % of the packets" "$d/err" || fail "min-hitrate: $(cat "$d/err")"
grep -q '"outcome": "fewer than 1 %' "$d/meta" || fail "min-hitrate: $(grep outcome "$d/meta")"
[ "$(field packets_sent)" -lt 15000 ] || fail "min-hitrate: $(field packets_sent) packets"
nft -f - <<-END
	table inet stop {
		chain out {
			type filter hook output priority 0
			ip6 daddr 2a00:3::/64 drop
		}
	}
END
scan -M icmp6-echo -X -r 2k -n 10k --max-sendto-failures 100 2a00:3::/64
equal "max-sendto-failures: status" $status 1
grep -q "packets could not be sent, more than 100" "$d/err" || fail "max-sendto-failures: $(cat "$d/err")"
[ "$(field send_errors)" -lt 2000 ] || fail "max-sendto-failures: $(field send_errors)"
nft delete table inet stop

# ---- the seed is not the key: with the same one, same targets, other cookies --------------
words()
{
	"$sextant" probe scan -q -d -e 5 -M icmp6-echo -M tcp-syn -p 80,icmp 2a00:2::/126 2>/dev/null |
		grep -oE "$1" | "${@:2}" | cksum
}
equal "seed: order of targets" "$(words 'daddr: [^ ]*' cat)" "$(words 'daddr: [^ ]*' cat)"
for what in 'seq: [0-9]* \| ack' 'data:.*' 'source: [0-9]*'; do
	[ "$(words "$what" sort)" != "$(words "$what" sort)" ] || fail "seed: the same cookies in $what"
done

# ---- ZMap's nameless --probe-args ------------------------------------------------------
dry()
{
	"$sextant" probe scan -q -d -S 192.0.2.2 --allow-special "$@" 2>"$d/err"
}
dry -M udp -p 99 --probe-args=text:hello 10.0.0.1 | grep -q "data: 68 65 6c 6c 6f" || fail "ZMap's text: $(cat "$d/err")"
dry -M dns -p 53 --probe-args "A,ab.example" --probe-args no-case 10.0.0.1 | grep -q "02 61 62 07 65 78 61 6d 70 6c 65 00 00 01 00 01" ||
	fail "ZMap's question: $(cat "$d/err")"
refuse "one question" -M dns -p 53 --probe-args "A,a.example;A,b.example" 10.0.0.1
refuse "two payloads" -M udp -p 53 --payload text:a --probe-args text:b 10.0.0.1

# ---- packets in words, and MAC addresses ---------------------------------------------
scan -M icmp6-echo --packet-trace -i $SIMNET_IF -S $SIMNET_SRC6 2a00:2::7
grep -q "SENT icmp6 type 128 code 0 $SIMNET_SRC6 > 2a00:2::7, [0-9]* bytes, hop limit 64" "$d/err" ||
	fail "packet-trace: $(cat "$d/err")"
grep -q "RCVD icmp6 type 129 code 0 2a00:2::7 > $SIMNET_SRC6" "$d/err" || fail "packet-trace: $(cat "$d/err")"
scan -M tcp-syn -p 80 --packet-trace --link memory -S 192.0.2.2 --allow-special 10.64.0.1
grep -qE 'SENT tcp S 192.0.2.2:[0-9]+ > 10.64.0.1:80, ' "$d/err" || fail "packet-trace, dry: $(cat "$d/err")"
"$sextant" probe scan --check --source-mac 02:00:00:00:00:09 --router-mac-ipv6 02:00:00:00:00:06 \
	--router-mac-ipv4 02:00:00:00:00:04 --allow-special 2a00:2::7 10.64.0.1 >"$d/check" 2>"$d/err"
grep -q "^IPv6: .* from 02:00:00:00:00:09 to gateway 02:00:00:00:00:06" "$d/check" || fail "MAC: $(cat "$d/check" "$d/err")"
grep -q "^IPv4: .* from 02:00:00:00:00:09 to gateway 02:00:00:00:00:04" "$d/check" || fail "MAC: $(cat "$d/check")"
mkdir "$d/logs"
scan -L "$d/logs" -M icmp6-echo 2a00:2::7
grep -q "sent 1 packets" "$d"/logs/probe-*.log || fail "log-directory: $(ls "$d/logs")"

# ---- names that are not offered ----------------------------------------------------
refuse "--link ip" --arpscan 10.0.0.0/24
refuse "--resume" --resume-index 5 10.0.0.0/24
refuse "--list-targets" --fast-dryrun 10.0.0.0/24
refuse "-M udp -p 123" -M ntp 10.0.0.1
refuse "--link packet: give one" -X --link packet 10.0.0.1

exit $bad
