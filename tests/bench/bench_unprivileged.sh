#!/bin/bash
# How fast sextant probe scan --unprivileged is on one core: echo requests of both
# families and TCP connections, open and closed, against a kernel that answers for
# every address.  Program and answering kernel share the core; as uid 65534 in a user
# namespace.  Every figure is of a run that found every target.
# $1 = sextant.  BENCH_ROUNDS: how many runs, the median counts.
if [ "$(id -u)" = 0 ] && [ -z "${SIMNET_INSIDE:-}" ] &&
	setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$1" 2>/dev/null; then
	exec setpriv --reuid=65534 --regid=65534 --clear-groups "$BASH" "$0" "$@"
fi
. "$(dirname "$0")/../net/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
rounds=${BENCH_ROUNDS:-5}
core=$(($(nproc) - 1))

[ -x "${SEXTANT_TEST_BIN:-}/listen" ] || simnet_skip "no listen program"
simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT
# A far side without counters: what is measured is the program and the two kernels.
simnet_internet nft flush ruleset
# The one before, if any, dies a moment after the shell that started it.
start_listener()
{
	: >"$d/listening"
	until [ -s "$d/listening" ]; do
		simnet_internet "$SEXTANT_TEST_BIN/listen" 80 </dev/null >"$d/listening" 2>/dev/null &
		listener=$!
		sleep 0.3
	done
	simnet_pids="$simnet_pids $listener"
}
start_listener
echo "0 0" >/proc/sys/net/ipv4/ping_group_range
ulimit -n "$(ulimit -Hn)"

# field NAME: a number of the summary
field()
{
	sed -n "s/^  \"$1\": \([0-9.]*\),*$/\1/p" "$d/meta"
}

# The process's own time: what the answering kernel does on its account is in it.
# one WHAT ANSWERS OPTION...: a line "WHAT PER-SECOND CPU-SECONDS-PER-MILLION"
one()
{
	local what=$1 answers=$2 t

	shift 2
	t=$( { TIMEFORMAT='%U %S'; time taskset -c $core "$sextant" probe scan -q -c 0.2 \
		--unprivileged --allow-special -r 10M -o /dev/null -m "$d/meta" "$@" \
		2>"$d/err"; } 2>&1)
	[ "$(field "$answers")" = "$(field packets_sent)" ] && [ "$(field repeats)" = 0 ] || {
		echo "$what: $(field "$answers") $answers of $(field packets_sent)," \
			"$(field pcap_drop) lost, $(field send_errors) refused: $(cat "$d/err")" >&2
		return 1
	}
	echo "$what $(field packets_sent) $(field duration_s) $t" |
		awk '{ printf "%s %.0f %.2f\n", $1, $2 / ($3 - 0.2), ($4 + $5) / $2 * 1e6 }'
}

all()
{
	one echo-v6 open -M icmp6-echo -n 300k 2a00:1::/32
	one echo-v4 open -M icmp-echo -n 300k 10.64.0.0/12
	one tcp-closed-v6 closed -M tcp-syn -p 81 -n 100k 2a00:1::/32
	one tcp-closed-v4 closed -M tcp-syn -p 81 -n 100k 10.64.0.0/12
	# Nobody accepts them, so no more than the queue of the listener has room for.
	one tcp-open-v4 open -M tcp-syn -p 80 -n 50k 10.64.0.0/12
	kill $listener
	wait $listener 2>/dev/null
	start_listener
}

bad=0
for i in $(seq "$rounds"); do
	all || bad=1
done >"$d/results"
printf '%-14s %10s %14s\n' what per-second "CPU s/M"
for what in echo-v6 echo-v4 tcp-closed-v6 tcp-closed-v4 tcp-open-v4; do
	for column in 2 3; do
		awk -v w=$what -v c=$column '$1 == w { print $c }' "$d/results" | sort -n |
			awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : "-" }'
	done | xargs printf '%-14s %10s %14s\n' $what
done
exit $bad
