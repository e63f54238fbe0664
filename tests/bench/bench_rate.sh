#!/bin/bash
# Rate of `sextant probe scan`, by the times at which packets arrive at the other
# end: how well a rate is kept, at what CPU time; and what the program can do at
# most.  Packets end in a namespace that drops them on arrival.  $1 = sextant.
# Fails when a second holds more packets than asked for, or fewer than 99 % of
# them arrive.  "Crowded" are packets from which on a millisecond holds more of them than
# the rate says: what the machine delayed, and what caught up with that.  First the least
# that such sending costs here: a loop that sleeps a millisecond and sends ten packets.
# BENCH_SECONDS: how long each rate is measured.  BENCH_LINKS: by which ways packets leave.
. "$(dirname "$0")/../net/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
seconds=${BENCH_SECONDS:-5}
links=${BENCH_LINKS-packet txring afxdp xdp-live}
rates=${BENCH_RATES:-100 1000 10000 200000}
bad=0

simnet_up
simnet_internet nft -f - <<-END || simnet_skip "no netdev ingress hook"
	add table netdev sink
	add chain netdev sink hole { type filter hook ingress device $SIMNET_PEER priority 0; policy drop; }
END
mac=$(ip -n internet -o link show $SIMNET_PEER | sed -E 's/.*link\/ether ([^ ]+).*/\1/')

# "NANOSECONDS PACKETS CPU-NANOSECONDS" now, of the interface and of process $1.
sample()
{
	echo "$(date +%s%N)" \
		"$(awk -F'[: ]+' -v i=$SIMNET_IF '{ sub(/^ +/, "") } $1 == i { print $11 }' /proc/net/dev)" \
		"$(awk '{ n += $1 } END { printf "%.0f", n }' /proc/"$1"/task/*/schedstat)"
}

# measure RATE MODULE [OPTION...]: "PPS CPU-SECONDS WALL-SECONDS"
measure()
{
	local rate=$1 module=$2 pid a b

	shift 2
	"$sextant" probe scan -i $SIMNET_IF -G "$mac" -M "$module" -r "$rate" -q -c 0 --link "$link" \
		-t $((seconds + 2)) -o /dev/null "$@" 2000::/3 2>/dev/null &
	pid=$!
	sleep 1
	a=$(sample $pid)
	sleep "$seconds"
	b=$(sample $pid)
	wait $pid
	echo "$a $b" | awk '{
		s = ($4 - $1) / 1e9
		printf "%.6f %.4f %.6f\n", ($5 - $2) / s, ($6 - $3) / 1e9, s }'
}

# arrivals RATE: "MEAN MOST-IN-1S MOST-IN-1MS CROWDED LOST CPU%".  What watches packets
# arrive costs their sender time, since that is when the kernel copies them: so the CPU
# time is taken first.
arrivals()
{
	local rate=$1 pid a b

	"$sextant" probe scan -i $SIMNET_IF -G "$mac" -M icmp6-echo -r "$rate" -q -c 0 --link "$link" \
		-t $((2 * seconds + 2)) -o /dev/null 2000::/3 2>/dev/null &
	pid=$!
	sleep 1
	a=$(sample $pid)
	sleep "$seconds"
	b=$(sample $pid)
	set -- $(simnet_internet "$SEXTANT_TEST_BIN/bench_arrivals" $SIMNET_PEER "$seconds" "$rate")
	kill $pid
	wait $pid
	echo "$* $(echo "$a $b" | awk '{ printf "%.2f", ($6 - $3) / ($4 - $1) * 100 }')"
}

[ -x "${SEXTANT_TEST_BIN:-}/bench_arrivals" ] || simnet_skip "SEXTANT_TEST_BIN is not set"
"$SEXTANT_TEST_BIN/bench_sendloop" ticks $SIMNET_IF "$mac" "$seconds"
echo "link       requested   mean pps     error %   most in 1 s   most in 1 ms   crowded %   CPU %"
for link in $links; do
	if [ "$link" = xdp-live ]; then # which a veth interface takes where a program is
		ip netns exec internet "$SEXTANT_TEST_BIN/xdp_peer" pass $SIMNET_PEER >/dev/null &
		sleep 0.5
	fi
	for rate in $rates; do
		arrivals "$rate" | awk -v r="$rate" -v l="$link" -v s="$seconds" '{
			e = ($1 / r - 1) * 100
			printf "%-9s %10d %10.2f %+11.2f %13d %14d %11.3f %7.2f%s\n", l, r, $1, e,
				$2, $3, $4 / $1 / s * 100, $6, $5 ? "  (tap lost " $5 ")" : ""
			exit (e < -1 || $2 > r) }' || bad=1
	done
done
# Over veth the far end's work is done in the sender's time.  An ifb interface frees what it is given.
link=packet
if ip link add sxd0 type ifb && ip link set sxd0 up &&
	ip -6 addr add 2001:db8:54::2/64 dev sxd0 nodad &&
	ip -6 route add default via 2001:db8:54::1 dev sxd0 metric 5; then
	echo "10,000 packets per second, no far end:"
	"$SEXTANT_TEST_BIN/bench_sendloop" ticks sxd0 "$mac" "$seconds"
	"$sextant" probe scan -i sxd0 -G "$mac" -M icmp6-echo -r 10k -q -c 0 --link packet \
		-t $((seconds + 3)) -o /dev/null 2000::/3 2>/dev/null &
	pid=$!
	sleep 1
	a=$(sample $pid)
	sleep "$seconds"
	b=$(sample $pid)
	kill $pid
	wait $pid
	echo "$a $b" | awk '{ printf "sextant: %.2f %% of a core\n", ($6 - $3) / ($4 - $1) * 100 }'
fi
seconds=${BENCH_SECONDS:-5}
echo "at most       pps   CPU s per million packets"
for module in icmp6-echo tcp-syn; do
	ports=
	[ $module = icmp6-echo ] || ports="-p 80,443"
	# shellcheck disable=SC2086 # options
	measure 100M $module $ports |
		awk -v m=$module '{ printf "%-10s %8.0f   %.3f\n", m, $1, $2 / $3 / $1 * 1e6 }'
done
[ $bad = 0 ] || echo "a rate was exceeded, or missed by more than 1 %"
exit $bad
