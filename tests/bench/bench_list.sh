#!/bin/bash
# A list of 8 million IPv6 addresses in random order: when the first packet leaves, how
# fast the rest follows, and how much memory it takes; beside masscan, where there is
# one.  Packets end in a namespace that drops them on arrival.  $1 = sextant.
# Fails above 40 MB, or when the first packet takes a second.  BENCH_ADDRESSES: how many.
. "$(dirname "$0")/../net/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$(realpath "$1")
n=${BENCH_ADDRESSES:-8000000}
bad=0
command -v python3 >/dev/null || simnet_skip "no python3"

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT
simnet_internet nft -f - <<-END || simnet_skip "no netdev ingress hook"
	add table netdev sink
	add chain netdev sink hole { type filter hook ingress device $SIMNET_PEER priority 0; policy drop; }
END
mac=$(ip -n internet -o link show $SIMNET_PEER | sed -E 's/.*link\/ether ([^ ]+).*/\1/')
python3 -c '
import random, sys
r = random.Random(1)
for _ in range(int(sys.argv[1])):
    x = r.getrandbits(96)
    print("2a00:db8:%x:%x:%x:%x:%x:%x" % tuple(x >> s & 0xffff for s in (80, 64, 48, 32, 16, 0)))' "$n" >"$d/list"
cat "$d/list" >/dev/null # from memory, as the second time

# packets: sent so far
packets()
{
	awk -F'[: ]+' -v i=$SIMNET_IF '{ sub(/^ +/, "") } $1 == i { print $11 }' /proc/net/dev
}

# measure NAME COMMAND...: sets first_ms, rss_mb
measure()
{
	local name=$1 pid before start at=0 rss=0 now sent end

	shift
	before=$(packets)
	start=$(date +%s%N)
	(cd "$d" && exec "$@") >/dev/null 2>"$d/err" &
	pid=$!
	end=
	# A process that has ended has no memory, but is still there.
	while now=$(awk '/^VmHWM/ { print $2 }' /proc/$pid/status) && [ -n "$now" ]; do
		rss=$now
		sent=$(($(packets) - before))
		[ $at != 0 ] || [ $sent -lt 64 ] || at=$(($(date +%s%N) - start))
		[ $sent -lt "$n" ] || { end=$(date +%s%N); break; }
		[ $(($(date +%s%N) - start)) -lt 60000000000 ] || break
		sleep 0.01
	done
	end=${end:-$(date +%s%N)}
	sent=$(($(packets) - before))
	kill -INT $pid 2>/dev/null
	wait $pid 2>/dev/null
	first_ms=$((at / 1000000))
	rss_mb=$((rss / 1024))
	printf '%-22s %6d ms to the first packets %10.0f a second from then on %5d MB\n' "$name" $first_ms \
		"$(awk -v n=$sent -v t=$((end - start - at)) 'BEGIN { print (t > 0 ? n / t * 1e9 : 0) }')" $rss_mb
}

for link in packet afxdp; do
	measure "sextant, $link" "$sextant" probe scan -q -M tcp-syn -p 80 -i $SIMNET_IF -G "$mac" -r 100M \
		--link $link -c 0 -o /dev/null -I "$d/list"
	[ $first_ms -lt 1000 ] && [ $rss_mb -le 40 ] || bad=1
done
if command -v masscan >/dev/null; then
	measure masscan masscan -iL "$d/list" -p80 --source-ip $SIMNET_SRC6 --rate 100000000 -e $SIMNET_IF \
		--source-mac 02:00:00:00:00:01 --router-mac "$mac" --wait 0
fi
exit $bad
