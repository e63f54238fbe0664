#!/bin/bash
# sextant probe scan keeps to what others ask of it, counted at the wire: caps per
# /48, /64 and /24, blocklists on every path, bandwidth, signals that change the rate,
# --check.
# $1 = sextant.
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

# between WHAT GOT LOW HIGH
between()
{
	[ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || fail "$1: $2, expected $3 to $4"
}

# field NAME: a number of the summary
field()
{
	sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" "$d/meta"
}

scan()
{
	"$sextant" probe scan -q -c 0.1 -o "$d/out" -m "$d/meta" -f saddr "$@" 2>"$d/err" || {
		cat "$d/err"
		fail "scan $*: status $?"
	}
}

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT

# ---- caps: what arrived, by its time -------------------------------------------
simnet_capture()
{
	command -v tcpdump >/dev/null || return
	# Not through a function: $! is to be the program itself.
	nsenter --net=/run/netns/internet tcpdump -Z root --immediate-mode -i $SIMNET_PEER -w "$d/pcap" \
		-s 96 -B 8192 -Q in 'icmp6[0] = 128 or icmp[0] = 8' 2>"$d/tcpdump" &
	capture=$!
	simnet_pids="$simnet_pids $capture"
	for _ in $(seq 100); do
		grep -q listening "$d/tcpdump" && return
		kill -0 $capture 2>/dev/null || return
		sleep 0.05
	done
	return 1
}

# most BITS WINDOW: the most packets to one prefix within so many seconds, from
# "time address" lines on stdin; of IPv6, in groups of 16 bits, of IPv4, of 8.
most()
{
	awk -v groups="$1" -v window="$2" '
		{
			n = split($2, part, /[:.]/)
			key = part[1]
			for (i = 2; i <= groups; i++)
				key = key ":" part[i]
			at[key, ++seen[key]] = $1
			if (!(key in low))
				low[key] = 1
			while (at[key, low[key]] <= $1 - window)
				low[key]++
			if (seen[key] - low[key] + 1 > best)
				best = seen[key] - low[key] + 1
		}
		END { print best + 0 }'
}

if simnet_capture; then
	# Four /48s with two /64s each, 300 addresses each, in their worst order.
	for s in 1 2 3 4; do
		for h in $(seq 300); do printf '2a00:1:%x:%x:1:1:1:%x\n' $s $((h % 2)) "$h"; done
	done >"$d/list"
	start=$(date +%s%N)
	scan -M icmp6-echo -r 20k --cap-48 200 -I "$d/list"
	took=$((($(date +%s%N) - start) / 1000000))
	equal "cap-48: sent" "$(field packets_sent)" 1200
	between "cap-48: milliseconds" $took 1700 4000
	for h in $(seq 400); do printf '2a00:2:0:%x:1:1:1:%x\n' $((h % 4)) "$h"; done >"$d/list"
	scan -M icmp6-echo -r 20k --cap-64 100 -I "$d/list"
	equal "cap-64: sent" "$(field packets_sent)" 400
	# Retries are packets, too.
	scan --allow-special -M icmp-echo -r 20k -P 2 --probe-interval 100ms --cap-24 200 \
		10.64.7.0/25
	equal "cap-24: sent" "$(field packets_sent)" 256
	sleep 0.2
	kill -TERM $capture
	wait $capture
	tcpdump -r "$d/pcap" -n -tt 2>/dev/null | awk '
		{ a = $5; sub(/:$/, "", a); print $1, a }' >"$d/times"
	equal "captured" "$(wc -l <"$d/times")" 1856
	between "cap-48: most in a second" "$(grep ' 2a00:1:' "$d/times" | most 3 1)" 180 200
	between "cap-48: most in 100 ms" "$(grep ' 2a00:1:' "$d/times" | most 3 0.1)" 15 24
	between "cap-64: most in a second" "$(grep ' 2a00:2:' "$d/times" | most 4 1)" 90 100
	between "cap-24: most in a second" "$(grep ' 10\.64\.7\.' "$d/times" | most 3 1)" 120 200
else
	echo "no tcpdump: caps not tested at the wire"
fi

# ---- blocked is blocked, whichever way a target comes ------------------------------
# Of eight addresses four are blocked: by a file of ZMap's and masscan's syntax, and by
# --exclude.
cat >"$d/block" <<-END
	2a00:7::2       # opted out
	2a00:7::4-2a00:7::5
END
printf '2a00:7::2\n2a00:7::4-2a00:7::5\n2a00:7::7\n' >"$d/set"
simnet_load_block "$d/set"
for i in 0 1 2 3 4 5 6 7; do echo "2a00:7::$i"; done >"$d/all"
awk '{ print "[" $1 "]:7" }' "$d/all" >"$d/pairs"
awk '{ print $1 ",7" }' "$d/all" >"$d/commas"
awk '{ print "{\"ip\": \"" $1 "\", \"port\": 7}" }' "$d/all" >"$d/jsonl"
echo 2a00:7::/125 >"$d/prefix"
printf 'range = 2a00:7::/125\nexcludefile = %s\nexclude = 2a00:7::7\n' "$d/block" >"$d/conf"
printf 'blacklist-file "%s"\n' "$d/block" >"$d/zmap.conf"
simnet_reset

# half OPTION...: of eight packets four are sent, the right ones
half()
{
	local before

	before=$(simnet_counter total)
	scan -r 1k "$@"
	equal "$*: blocked" "$(simnet_counter blocked)" 0
	equal "$*: on the wire" $(($(simnet_counter total) - before)) $((4 * ${probes:-1}))
	equal "$*: refused" "$(field refused_scope)" 4
}
echo=(-M icmp6-echo -b "$d/block" --exclude 2a00:7::7)
half "${echo[@]}" 2a00:7::/125
half "${echo[@]}" 2a00:7::-2a00:7::7
half "${echo[@]}" --range 2a00:7::/126,2a00:7::4/126
half "${echo[@]}" -w "$d/prefix"
half "${echo[@]}" -I "$d/all"
half "${echo[@]}" -I - <"$d/all"
half "${echo[@]}" -iL "$d/prefix"
half "${echo[@]}" -x 128 --iid zero 2a00:7::/125
half "${echo[@]}" --cap-48 1000 --cap-64 500 2a00:7::/125
half "${echo[@]}" -T 2 2a00:7::/125
half "${echo[@]}" --resume "$d/state" 2a00:7::/125
half "${echo[@]}" --send-path afxdp 2a00:7::/125
probes=3
half "${echo[@]}" -P 3 --probe-interval 20ms 2a00:7::/125
probes=1
half -M tcp-syn -b "$d/block" --exclude 2a00:7::7 -I "$d/pairs"
half -M udp -b "$d/block" --exclude 2a00:7::7 -I "$d/commas"
half -p udp/7 -b "$d/block" --exclude 2a00:7::7 -I "$d/jsonl"
half -M icmp6-echo -C "$d/conf"
half -M icmp6-echo -C "$d/zmap.conf" --exclude 2a00:7::7 2a00:7::/125

# Half bad, or not to be read: nothing is sent.
printf '2a00:7::/126\n2a00:7::/129\n' >"$d/half"
before=$(simnet_counter total)
for file in "$d/half" /no/such/file "$d"; do
	"$sextant" probe scan -q -c 0 -M icmp6-echo -b "$file" 2a00:7::/125 >"$d/out" 2>"$d/err" &&
		fail "$file was taken for a blocklist"
done
equal "sent with bad blocklists" "$(simnet_counter total)" "$before"
: >"$d/block"

# ---- signals change the rate: 5 % up and down, and the pace follows -------------
"$sextant" probe scan -q -c 0.2 -M icmp6-echo -r 1000 -n 1M -o /dev/null -m "$d/meta" \
	2a00:5::/48 2>"$d/err" &
pid=$!
sleep 0.3
told=0

# signal NAME TIMES: each one is told before the next
signal()
{
	for _ in $(seq "$2"); do
		kill -"$1" $pid
		told=$((told + 1))
		for _ in $(seq 100); do
			[ "$(grep -c '^the rate is' "$d/err")" -lt $told ] || break
			sleep 0.03
		done
	done
}

# packets: how many arrive within half a second
packets()
{
	local before

	before=$(simnet_counter total)
	sleep 0.5
	echo $(($(simnet_counter total) - before))
}
signal USR1 8
grep -q "the rate is 1477.46 " "$d/err" || fail "SIGUSR1: $(tail -n 1 "$d/err")"
fast=$(packets)
signal USR2 16
slow=$(packets)
kill -INT $pid
wait $pid
between "SIGUSR1: packets" "$fast" 600 950
between "SIGUSR2: packets" "$slow" 230 480

# ---- bandwidth: 1 Mbit/s of 86 bytes (14 + 40 + 8 + 24 or more) ------------------
"$sextant" probe scan --check -B 1M 2a00:5::1 >"$d/check" || fail "--check: $?"
bytes=$(sed -n 's/^largest frame: \([0-9]*\) bytes/\1/p' "$d/check")
rate=$(sed -n 's/^rate: \([0-9]*\).*/\1/p' "$d/check")
equal "bandwidth: rate" "$rate" $((1000000 / 8 / (bytes + 24)))
equal "check: interface" "$(sed -n 's/^interface: //p' "$d/check")" $SIMNET_IF
grep -q "^IPv6: back-end [a-z]*, source $SIMNET_SRC6, from .* to gateway " "$d/check" ||
	fail "check: $(cat "$d/check")"
grep -q "^IPv4: not probed" "$d/check" || fail "check: $(cat "$d/check")"

exit $bad
