#!/bin/bash
# sextant discover at the edges: alias tests at a low rate, and of what a killed
# run had hit; SIGINT stops sending at any rate; messages with nowhere to go do
# not go on the wire.  $1 = sextant.
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

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT

# 60 aliased /64 and 60 with hosts, a dozen seeds in each.
awk -v d="$d" 'BEGIN {
	for (net = 0; net < 60; net++) {
		printf "2a00:1:%x::/64\n", net >(d "/aliased")
		for (host = 1; host <= 12; host++) {
			printf "2a00:1:%x::%x\n", net, host >(d "/seeds")
			printf "2a00:2:%x::%x\n", net, host >(d "/seeds")
		}
		for (host = 1; host < 40; host++)
			printf "2a00:2:%x::%x\n", net, host >(d "/truth")
	}
}'
simnet_load_truth "$d/truth"
simnet_load_aliased "$d/aliased"

# discover HITLIST OPTION...: takes the place of the shell.
discover()
{
	local hitlist=$d/$1

	shift
	exec "$sextant" discover --seeds "$d/${seeds:-seeds}" --hitlist "$hitlist" \
		-i "$SIMNET_IF" -c 300ms "$@"
}

# Hosts of aliased prefixes in the export.
aliased_in()
{
	"$sextant" hitlist export "$d/$1" >"$d/export" || fail "export of $1"
	grep -c '^2a00:1:' "$d/export"
}

# ---- a rate at which a queue takes longer than an answer ----------------------

grep '^2a00:1:[0-2]:' "$d/seeds" >"$d/few"
(seeds=few discover slow -q -r 50 --budget 100 >"$d/out" 2>"$d/log") ||
	fail "slow: $(cat "$d/log")"
equal "aliased hosts after a slow run" "$(aliased_in slow)" 0
grep -q '^aliased prefixes  *[1-9]' "$d/out" || fail "a slow run found no aliased prefix"

# ---- killed while alias tests are due -----------------------------------------

# At so many packets: in the middle of it, and with tests alone left to do.
for moment in 300 550 650; do
	rm -rf "$d/killed"
	simnet_reset
	discover killed -q -r 5k --budget 600 >"$d/out" 2>&1 &
	until [ "$(simnet_counter total)" -ge $moment ]; do
		kill -0 $! 2>/dev/null || simnet_die "ended too soon: $(cat "$d/out")"
	done
	kill -9 $!
	wait $! 2>/dev/null
	(discover killed -q -r 5k --budget 600 --resume >"$d/out" 2>"$d/log") ||
		fail "resume: $(cat "$d/log")"
	grep -q 'by the run before  *[1-9]' "$d/out" || fail "nothing was resumed"
	equal "aliased hosts, killed after $moment packets and resumed" \
		"$(aliased_in killed)" 0
done

# ---- cut short, and not resumed: hosts wait until they have been tested ----------

for signal in INT KILL; do
	rm -rf "$d/cut"
	simnet_reset
	# Slow enough for few answers to be on their way at the signal.
	discover cut -q -r 3k --budget 600 >"$d/out" 2>&1 &
	until [ "$(simnet_counter total)" -ge 550 ]; do
		kill -0 $! 2>/dev/null || simnet_die "ended too soon: $(cat "$d/out")"
	done
	kill -$signal $!
	wait $! 2>/dev/null
	hits=$(simnet_counter truth)
	"$sextant" hitlist merge "$d/cut" >/dev/null 2>&1 || fail "merge after $signal"
	equal "aliased hosts right after SIG$signal" "$(aliased_in cut)" 0
	"$sextant" hitlist check "$d/cut" >/dev/null 2>&1 || fail "check after SIG$signal"
	[ -s "$d/cut/untested" ] || fail "nothing waits after SIG$signal: tests nothing"
	cp "$d/cut/untested" "$d/damaged"
	printf X | dd of="$d/cut/untested" bs=1 seek=100 conv=notrunc 2>/dev/null
	"$sextant" hitlist check "$d/cut" >/dev/null 2>"$d/log" && fail "damage not seen"
	grep -q 'untested: offset 72' "$d/log" || fail "damage not named: $(cat "$d/log")"
	cp "$d/damaged" "$d/cut/untested"
	(discover cut -q -r 5k --budget 1 >"$d/out" 2>"$d/log") || fail "next: $(cat "$d/log")"
	equal "aliased hosts after the run after SIG$signal" "$(aliased_in cut)" 0
	[ ! -e "$d/cut/untested" ] || fail "hosts still wait after the next run"
	# What answered before the signal, but for what was on its way.
	[ "$(wc -l <"$d/export")" -ge $((hits * 9 / 10)) ] ||
		fail "$(wc -l <"$d/export") of $hits hosts are left after SIG$signal"
done

# ---- SIGINT at a low rate ------------------------------------------------------

discover stopped -q -r 4 --budget 1k >"$d/out" 2>"$d/log" &
sleep 2
before=$(simnet_counter total)
kill -INT $!
wait $! || fail "stopped: $(cat "$d/log")"
after=$(simnet_counter total)
[ $((after - before)) -le 1 ] || fail "$((after - before)) packets after SIGINT"
grep -q 'stopped early' "$d/out" || fail "the summary hides the stop"
tried=$(awk '/^candidates tried/ { print $3 }' "$d/out")
# Taken, and marked as tried, but not sent: no more than the one in hand.
[ "$tried" -le $((after + 1)) ] || fail "$tried tried, but $after packets arrived"

# ---- closed standard files -----------------------------------------------------

simnet_internet nft -f - <<-END || simnet_die "nft refused the rule"
	table netdev strange {
		counter frames {
		}
		chain arrive {
			type filter hook ingress device $SIMNET_PEER priority 0
			meta protocol != { ip, ip6, arp } counter name frames
		}
	}
END
(discover mute -r 1k --budget 2k >"$d/out" 2>&-) || fail "without stderr"
(discover mute -q -r 1k --budget 1k >&- 2>"$d/log") && fail "no summary, and no failure"
grep -q 'Bad file descriptor' "$d/log" || fail "without stdout: $(cat "$d/log")"
(discover mute -r 1k --budget 1k <&- >&- 2>&-) && fail "no summary, and no failure"
equal "frames that are no packets" \
	"$(simnet_internet nft list counter netdev strange frames |
		awk '$1 == "packets" { print $2 }')" 0

[ $bad = 0 ] && echo "discover at the edges: all as expected"
exit $bad
