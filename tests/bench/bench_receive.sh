#!/bin/bash
# How fast answers are received without losing one, and what the receiving thread's
# share of each is.  Two ways: the kernel of the far side answers a scan at full speed;
# and a program keeps a million probes and then answers all at once, at a rate of its
# own (tests/net/replies.c).  Validation, deduplication and the output are on; the
# sending thread has a processor of its own, and the receiving one another.
# $1 = sextant.  BENCH_ROUNDS: how many runs, medians count.
. "$(dirname "$0")/../net/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
rounds=${BENCH_ROUNDS:-3}

[ -x "${SEXTANT_TEST_BIN:-}/replies" ] || simnet_skip "no replies program"
simnet_up
d=$(mktemp -d /dev/shm/sextant-bench-XXXXXX) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT
simnet_internet nft flush ruleset

# field NAME: a number of the summary
field()
{
	sed -n "s/^  \"$1\": \([0-9.]*\),*$/\1/p" "$d/meta"
}

# Nanoseconds on a processor of the thread called "receive" of process $1.
receiver_ns()
{
	local t

	for t in /proc/"$1"/task/*; do
		[ "$(cat "$t/comm" 2>/dev/null)" = receive ] && awk '{ print $1 }' "$t/schedstat"
	done
}

# scan OPTION...: in the background, as $scan; watched until it ends: $receiver is what
# its receiving thread took
scan()
{
	"$sextant" probe scan -q --cores 0 -o "$d/out" -m "$d/meta" "$@" 2>"$d/err" &
	scan=$!
}

watch()
{
	local now t

	receiver=0
	for t in /proc/$scan/task/*; do
		[ "$(cat "$t/comm" 2>/dev/null)" = receive ] && taskset -pc $(($(nproc) - 1)) "${t##*/}" >/dev/null
	done
	while kill -0 $scan 2>/dev/null; do
		now=$(receiver_ns $scan)
		receiver=${now:-$receiver}
		sleep 0.1
	done
	wait $scan || echo "status $?: $(cat "$d/err")" >&2
}

# tell WHAT RATE: one line of results
tell()
{
	echo "$1 $2 $(field open) $(field packets_sent) $(field pcap_drop) $receiver" |
		awk '{ printf "%s %.0f %d %.3f\n", $1, $2, $4 - $3, $6 / $3 / 1e3 }' >>"$d/results"
}

for i in $(seq "$rounds"); do
	for output in csv jsonl; do
		scan -M icmp6-echo -n 2M -r 10M -c 1 -O $output 2a00:1::/32
		sleep 0.3
		watch
		tell "kernel-$output" "$(awk -v n="$(field packets_sent)" -v s="$(field duration_s)" 'BEGIN { print n / (s - 1) }')"

		ip -n internet -6 route del local ::/0 dev lo table main
		simnet_internet "$SEXTANT_TEST_BIN/replies" hold $SIMNET_PEER 1000000 0 >"$d/held" &
		holder=$!
		until grep -q listening "$d/held"; do sleep 0.05; done
		scan -M icmp6-echo -n 1M -r 150k -c 5 -O $output 2a00:1::/32
		sleep 0.3
		watch
		wait $holder
		tell "burst-$output" "$(awk '/answers/ { print $3 }' "$d/held")"
		ip -n internet -6 route add local ::/0 dev lo table main
	done
done
printf '%-14s %10s %6s %14s\n' what "answers/s" lost "receiver us"
for what in kernel-csv kernel-jsonl burst-csv burst-jsonl; do
	for column in 2 3 4; do
		awk -v w=$what -v c=$column '$1 == w { print $c }' "$d/results" | sort -n |
			awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : "-" }'
	done | xargs printf '%-14s %10s %6s %14s\n' $what
done
