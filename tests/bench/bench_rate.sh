#!/bin/bash
# Rate of `sextant probe scan`, by the interface's own counter: how well a rate
# that is asked for is kept over ten seconds, at what CPU time, and what the
# program can do at most.  Packets end in a namespace that drops them on arrival.
# $1 = sextant.  Fails when a rate is missed by more than 2 %.
. "$(dirname "$0")/../net/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
seconds=${BENCH_SECONDS:-10}
bad=0

simnet_up
simnet_internet nft -f - <<-END || simnet_skip "no netdev ingress hook"
	add table netdev sink
	add chain netdev sink hole { type filter hook ingress device $SIMNET_PEER priority 0; policy drop; }
END
mac=$(ip -n internet -o link show $SIMNET_PEER | sed -E 's/.*link\/ether ([^ ]+).*/\1/')
ticks=$(getconf CLK_TCK)

# "NANOSECONDS PACKETS CPU-TICKS" now, of the interface and of process $1.
sample()
{
	echo "$(date +%s%N)" \
		"$(awk -F'[: ]+' -v i=$SIMNET_IF '{ sub(/^ +/, "") } $1 == i { print $11 }' /proc/net/dev)" \
		"$(sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }')"
}

# measure RATE MODULE [OPTION...]: "PPS CPU-SECONDS WALL-SECONDS"
measure()
{
	local rate=$1 module=$2 pid a b

	shift 2
	"$sextant" probe scan -i $SIMNET_IF -G "$mac" -M "$module" -r "$rate" -q -c 0 \
		-t $((seconds + 3)) -o /dev/null "$@" 2000::/3 2>/dev/null &
	pid=$!
	sleep 1
	a=$(sample $pid)
	sleep "$seconds"
	b=$(sample $pid)
	wait $pid
	echo "$a $b" | awk -v hz="$ticks" '{
		s = ($4 - $1) / 1e9
		printf "%.6f %.4f %.6f\n", ($5 - $2) / s, ($6 - $3) / hz, s }'
}

echo "requested   measured pps   error %   CPU %"
for rate in 100 1000 10000 100000; do
	measure $rate icmp6-echo >/run/simnet/measured
	awk -v r=$rate '{
		e = ($1 / r - 1) * 100
		printf "%9d %14.1f %+9.2f %7.2f\n", r, $1, e, $2 / $3 * 100
		exit (e > 2 || e < -2) }' /run/simnet/measured || bad=1
done
seconds=5
echo "at most       pps   CPU s per million packets"
for module in icmp6-echo tcp-syn; do
	ports=
	[ $module = icmp6-echo ] || ports="-p 80,443"
	# shellcheck disable=SC2086 # options
	measure 100M $module $ports |
		awk -v m=$module '{ printf "%-10s %8.0f   %.3f\n", m, $1, $2 / $3 / $1 * 1e6 }'
done
[ $bad = 0 ] || echo "a rate was missed by more than 2 %"
exit $bad
