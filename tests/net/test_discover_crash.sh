#!/bin/bash
# kill -9 of sextant discover at random moments, then --resume, until the budget
# is spent: nothing acknowledged is lost, no address is probed twice, the store
# is never damaged, and the whole run finds what an undisturbed one does.
# $1 = sextant, SEXTANT_TEST_BIN = folder of mkworld.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
budget=100000
kills=15
bad=0
RANDOM=7 # the same moments on every run, as far as a scheduler allows

fail()
{
	echo "FAILED: $*"
	bad=1
}

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT
"$SEXTANT_TEST_BIN/mkworld" "$d" 3 || exit 1
simnet_load_truth "$d/truth"
simnet_load_aliased "$d/aliased"
simnet_track

# No alias tests: their random addresses are probed again on purpose.
discover()
{
	exec "$sextant" discover --seeds "$d/seeds" --hitlist "$d/hl" -i "$SIMNET_IF" \
		-r 20k --budget $budget -c 500ms --no-alias-guard -q \
		--metadata-file "$d/json" "$@"
}

value()
{
	sed -n "s/^ *\"$1\": \([0-9]*\),*$/\1/p" "$d/json"
}

# What the journals of a killed run acknowledged: merge a copy of the hitlist.
acknowledged()
{
	rm -rf "$d/copy"
	[ -d "$d/hl" ] || return 0
	cp -r "$d/hl" "$d/copy"
	"$sextant" hitlist merge "$d/copy" >/dev/null 2>"$d/log" ||
		fail "merge after kill $1: $(cat "$d/log")"
	"$sextant" hitlist check "$d/copy" >/dev/null 2>"$d/log" ||
		fail "check after kill $1: $(cat "$d/log")"
	"$sextant" hitlist export "$d/copy" >"$d/acked.$1" || fail "export after kill $1"
}

killed=0
for i in $(seq $kills); do
	(discover --resume) >/dev/null 2>"$d/log" &
	pid=$!
	sleep "0.$((RANDOM % 35 + 5))"
	kill -9 $pid 2>/dev/null || simnet_die "the run ended by itself: $(cat "$d/log")"
	killed=$((killed + 1))
	wait $pid 2>/dev/null
	acknowledged "$i"
done
(discover --resume) >"$d/summary" 2>"$d/log" || {
	cat "$d/log"
	simnet_die "discover failed after the kills"
}
"$sextant" hitlist export "$d/hl" | sort >"$d/final"
"$sextant" hitlist check "$d/hl" || fail "the hitlist is damaged at the end"

[ $killed -ge 5 ] || fail "only $killed runs could be killed: the test tests nothing"
sort -u "$d"/acked.* >"$d/acked"
lost=$(comm -23 "$d/acked" "$d/final" | wc -l)
[ "$lost" = 0 ] || fail "$lost acknowledged hosts were lost"
[ "$(value candidates)" = $budget ] || fail "$(value candidates) candidates, not $budget"
[ "$(simnet_counter repeat)" = 0 ] || fail "$(simnet_counter repeat) addresses probed twice"
sent=$(simnet_counter total)
# Journalled as tried, but killed before they left: at most a queue per kill.
[ "$sent" -le $budget ] && [ "$sent" -ge $((budget - killed * 1100)) ] ||
	fail "$sent packets on the wire for $budget candidates and $killed kills"
[ "$(comm -13 <(sort "$d/truth") "$d/final" | grep -vcf <(sed 's|::/64|:|' "$d/aliased"))" = 0 ] ||
	fail "hosts that do not exist"
[ $bad = 0 ] && echo "discover: $killed kills, $(wc -l <"$d/acked") acknowledged," \
	"$(wc -l <"$d/final") in the hitlist, $sent packets"
exit $bad
