#!/bin/bash
# Packets per second and CPU time per packet of one sender on one core, against zmap
# and masscan where they are installed, and against loops that only send.  Everything
# runs pinned to one core, in turn, five times; the figures are medians.  Packets end
# in a namespace that drops them on arrival: by a filter at its door, then, for XDP live
# frames, by an XDP program, for all of them that are compared ("xdp:").  Ours have pacing, scope, permutation,
# cookies and the reply tap on.  CPU time is that of the process and, since the other
# end of a veth pair runs there too, of the core's softirqs.
# $1 = sextant.  BENCH_SECONDS, BENCH_ROUNDS: for quicker runs; BENCH_SINKS: only what is
# compared before one of the two, "filter" or "xdp".
. "$(dirname "$0")/../net/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
seconds=${BENCH_SECONDS:-3}
rounds=${BENCH_ROUNDS:-5}
sinks=${BENCH_SINKS:-filter xdp}
core=$(($(nproc) - 1))
loop=${SEXTANT_TEST_BIN:-}/bench_sendloop

simnet_up
# What drops the packets: filter or xdp.
sink()
{
	simnet_internet nft delete table netdev sink 2>/dev/null
	[ -z "${sink_pid:-}" ] || kill "$sink_pid"
	sink_pid=
	if [ "$1" = filter ]; then
		simnet_internet nft -f - <<-END
			add table netdev sink
			add chain netdev sink hole { type filter hook ingress device $SIMNET_PEER priority 0; policy drop; }
		END
	else
		ip netns exec internet "$SEXTANT_TEST_BIN/xdp_peer" drop $SIMNET_PEER \
			>/run/simnet/xdp_peer &
		sink_pid=$!
		for _ in $(seq 50); do
			grep -q attached /run/simnet/xdp_peer && return
			sleep 0.05
		done
		return 1
	fi
}
sink filter || simnet_skip "no netdev ingress hook"
gw=$(ip -n internet -o link show $SIMNET_PEER | sed -E 's/.*link\/ether ([^ ]+).*/\1/')
us=$(ip -o link show $SIMNET_IF | sed -E 's/.*link\/ether ([^ ]+).*/\1/')
ticks=$(getconf CLK_TCK)
long=$((${seconds%.*} + 3))

# The command that a contender is.
command_of()
{
	set -- "$1" "${1#xdp:}"
	set -- "$1" "${2%-*}"
	case ${1#xdp:} in
	zmap-v4) echo "zmap -p 80 -i $SIMNET_IF -G $gw -S $SIMNET_SRC4 -r 0 -T 1 -b /dev/null
		-o /dev/null -c 0 -q --disable-syslog -t $long 10.0.0.0/8" ;;
	masscan-v4) echo "masscan 10.0.0.0/8 -p80 --source-ip $SIMNET_SRC4 --rate 100000000
		-e $SIMNET_IF --source-mac $us --router-mac $gw --wait 0 -oL /dev/null" ;;
	masscan-v6) echo "masscan 2001:db8::/100 -p80 --source-ip $SIMNET_SRC6 --rate 100000000
		-e $SIMNET_IF --source-mac $us --router-mac $gw --wait 0 -oL /dev/null" ;;
	*-loop) echo "$loop $2 $SIMNET_IF $gw $long" ;;
	*-v4) echo "$sextant probe scan -M tcp-syn -p 80 -i $SIMNET_IF -G $gw -r 100M -q -c 0
		-t $long --allow-special -o /dev/null --send-path $2 10.0.0.0/8" ;;
	*-v6) echo "$sextant probe scan -M tcp-syn -p 80 -i $SIMNET_IF -G $gw -r 100M -q -c 0
		-t $long -o /dev/null --send-path $2 2000::/3" ;;
	esac
}

# "NANOSECONDS PACKETS TICKS": ticks of the core that were not idle.
sample()
{
	echo "$(date +%s%N)" \
		"$(awk -F'[: ]+' -v i=$SIMNET_IF '{ sub(/^ +/, "") } $1 == i { print $11 }' /proc/net/dev)" \
		"$(awk -v c=cpu$core '$1 == c { print $2 + $3 + $4 + $7 + $8 }' /proc/stat)"
}

# measure CONTENDER: "PPS CPU-SECONDS-PER-MILLION"
measure()
{
	local a b pid

	# shellcheck disable=SC2046 # words of a command
	taskset -c $core $(command_of "$1") </dev/null >/dev/null 2>&1 &
	pid=$!
	sleep 1
	a=$(sample)
	sleep "$seconds"
	b=$(sample)
	kill $pid 2>/dev/null
	sleep 0.2
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	echo "$a $b" | awk -v hz="$ticks" '{
		n = $5 - $2
		if (n > 0) printf "%.0f %.4f\n", n / (($4 - $1) / 1e9), ($6 - $3) / hz / n * 1e6 }'
}

contenders="sendmmsg-v6 sendmmsg-v4 txring-v6 afxdp-v6 afxdp-v4"
[ -x "$loop" ] && contenders="$contenders sendmmsg-loop txring-loop afxdp-loop"
turbo="xdp:sendmmsg-v6 xdp:xdp-live-v6 xdp:xdp-live-v4"
[ -x "$loop" ] && turbo="$turbo xdp:xdp-live-loop"
for peer in masscan-v4 masscan-v6 zmap-v4; do
	command -v "${peer%-*}" >/dev/null || continue
	contenders="$peer $contenders"
	turbo="xdp:$peer $turbo"
done
r=/run/simnet/results
# run CONTENDER...: all of them in turn
run()
{
	local i c

	for i in $(seq "$rounds"); do
		for c in "$@"; do
			echo "$c $(measure "$c") $i" >>$r
		done
	done
}
[[ $sinks = *filter* ]] || contenders=
: >$r
# shellcheck disable=SC2086 # lists of words
run $contenders
if [[ $sinks != *xdp* ]]; then
	echo "live frames are not measured"
elif [ -x "${SEXTANT_TEST_BIN:-}/xdp_peer" ] && sink xdp; then
	# shellcheck disable=SC2086
	run $turbo
	contenders="$contenders $turbo"
else
	echo "no XDP here: live frames are not measured"
fi
sink filter

# median CONTENDER COLUMN
median()
{
	awk -v c="$1" -v k="$2" '$1 == c && NF == 4 { print $k }' $r | sort -n |
		awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)]; else print 0 }'
}

printf '%-18s %10s %14s\n' contender pps "CPU s/M"
for c in $contenders; do
	printf '%-18s %10.0f %14.3f\n' "$c" "$(median "$c" 2)" "$(median "$c" 3)"
done

# Quotients within each round: a machine that changes its speed changes both.
# ratio CONTENDER PATTERN: the median of its rate by the best of those, of all rounds
ratio()
{
	awk -v c="$1" -v p="$2" 'NF == 4 {
		if ($1 == c) own[$4] = $2
		if ($1 ~ p && $2 > best[$4]) best[$4] = $2 }
		END { for (i in own) if (best[i]) print own[i] / best[i] }' $r | sort -n |
		awk '{ v[NR] = $1 } END { if (NR) printf "%.2f", v[int((NR + 1) / 2)]; else printf "-" }'
}
for c in sendmmsg txring afxdp; do
	[[ $sinks != *filter* ]] || echo "$c: $(ratio $c-v6 '^(zmap|masscan)') times the best peer," \
		"$(ratio $c-v6 "^$c-loop") of the bare loop"
done
[[ $sinks != *xdp* ]] || echo "xdp-live: $(ratio xdp:xdp-live-v6 '^xdp:(zmap|masscan)') times the best peer," \
	"$(ratio xdp:xdp-live-v6 '^xdp:xdp-live-loop') of the bare loop"
