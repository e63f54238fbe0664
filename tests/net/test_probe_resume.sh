#!/bin/bash
# sextant probe scan --resume: killed again and again, it probes every target, none
# twice but those of the last checkpoints, and reports what a run that nobody
# disturbs reports.  $1 = sextant.
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

# found FILE: the set of addresses in it
found()
{
	grep -v target "$1" | sort -u
}

# ---- killed twenty times --------------------------------------------------------
rate=40000
simnet_track
for i in $(seq 20); do
	"$sextant" "${common[@]}" -r $rate -c 0.3 --resume "$d/state" --checkpoint-interval 50ms \
		-o "$d/out" 2a00:1::/111 2>"$d/err" &
	pid=$!
	sleep 0.$((15 + RANDOM % 20))
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
done
grep -q running "$d/state" || echo "note: complete before the last kill"
scan -r $rate -c 0.3 --resume "$d/state" --checkpoint-interval 50ms -o "$d/out" 2a00:1::/111 2>"$d/err"
equal "killed: status" $? 0
grep -q complete "$d/state" || equal "killed: state" "$(cat "$d/state")" complete
found "$d/out" | diff - "$d/want" >"$d/diff" || equal "killed: found" "$(head -3 "$d/diff")" ""
repeat=$(simnet_counter repeat)
# Two intervals of 50 ms, and the watcher's tick of 100 ms.
[ "$repeat" -le $((20 * rate * 3 / 10)) ] || equal "killed: repeated" "$repeat" "few"
equal "killed: targets" $(($(simnet_counter total) - repeat)) 131072
scan --resume "$d/state" -o "$d/out" 2a00:1::/111 2>"$d/err"
equal "complete: status" $? 0
scan --resume "$d/state" -o "$d/out" 2a00:1::/110 2>"$d/err"
equal "another scan: status" $? 1
grep -q "of another scan" "$d/err" || equal "another scan" "$(cat "$d/err")" "a refusal"
echo x >>"$d/state"
scan --resume "$d/state" -o "$d/out" 2a00:1::/111 2>"$d/err"
equal "damaged: status" $? 1
exit $bad
