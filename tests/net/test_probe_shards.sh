#!/bin/bash
# sextant probe scan in parts: stopped by signals and resumed, it probes each target
# exactly once; shards 1/7 to 7/7 are the whole.  $1 = sextant.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
bad=0

# equal WHAT GOT EXPECTED
equal()
{
	[ "$2" = "$3" ] && return
	echo "FAILED: $1: $2, expected $3"
	bad=1
}

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT
echo 2a00:1::/32 >"$d/allow"
simnet_load_allow "$d/allow"
for i in $(seq 1 3276); do printf '2a00:1::%x\n2a00:1::1:%x\n' $((i * 20)) $((i * 20)); done >"$d/truth"
simnet_load_truth "$d/truth"
sort "$d/truth" >"$d/want"

common=(probe scan -q -M icmp6-echo -e 7 -f target --no-header-row)
scan()
{
	"$sextant" "${common[@]}" "$@"
}

# ---- stopped by signals: exact -----------------------------------------------------
simnet_reset
simnet_track
rm -f "$d/state" "$d/out"
for i in $(seq 1 20); do printf '2a00:1::%x:%x\n' $((i % 4)) $((i * 50)); done >"$d/list"
for i in $(seq 21 40000); do printf '2a00:1::5:%x\n' "$i"; done >>"$d/list"
for i in 1 2 3; do
	"$sextant" "${common[@]}" -r 20k -c 0.2 --resume "$d/state" -o "$d/out" -I "$d/list" \
		2>"$d/err" &
	pid=$!
	sleep 0.5
	kill -INT $pid
	wait $pid
	equal "stopped: status" $? 0
done
scan -r 20k -c 0.2 --resume "$d/state" -o "$d/out" -I "$d/list" 2>"$d/err"
equal "stopped: sent" "$(simnet_counter total)" 40000
equal "stopped: repeated" "$(simnet_counter repeat)" 0

# ---- shards ------------------------------------------------------------------------
simnet_reset
simnet_track
for i in 1 2 3 4 5 6 7; do
	scan -c 0.3 --shard $i/7 -r 120k -o "$d/shard$i" 2a00:1::/111 2>"$d/err"
done
equal "shards: sent" "$(simnet_counter total)" 131072
equal "shards: repeated" "$(simnet_counter repeat)" 0
sort "$d"/shard? | diff - "$d/want" >"$d/diff" || equal "shards: found" "$(head -3 "$d/diff")" ""
exit $bad
