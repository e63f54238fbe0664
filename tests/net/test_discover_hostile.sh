#!/bin/bash
# sextant discover in a hostile Internet - one packet in twenty is lost, whole
# /64s answer at every address, some sites answer so many packets a second only -
# against the same run in one where nothing of the kind is.  It has to find 95 % of
# what that finds, send less than a hundredth of its packets into aliased prefixes,
# and leave none of these in the hitlist.  $1 = sextant, SEXTANT_TEST_BIN =
# folder of mkworld; with real lists in SEXTANT_SHARED the ground truth is made of
# those.  For the full size (see tests/bench/bench_discover.sh):
#
#   HOSTILE_SPLIT   a split of SEXTANT_SHARED (dense2019.10)
#   HOSTILE_BUDGET  candidates (15000)
#   HOSTILE_ALIASED aliased /64s (40)
#   HOSTILE_RATE    packets per second (20000)
#   HOSTILE_LIMIT   packets per second and site (/48) in each fifth network (50)
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
split=${SEXTANT_SHARED:-}/data/splits/${HOSTILE_SPLIT:-dense2019.10}
budget=${HOSTILE_BUDGET:-15000}
n_aliased=${HOSTILE_ALIASED:-40}
rate=${HOSTILE_RATE:-20000}
limit=${HOSTILE_LIMIT:-50}
bad=0

fail()
{
	echo "FAILED: $*"
	bad=1
}

# "HEX ADDRESS" for every line: 32 digits.
expand()
{
	awk '{
		split($1, half, "::")
		l = split(half[1], left, ":")
		r = split(half[2], right, ":")
		hex = ""
		for (i = 1; i <= l; i++)
			hex = hex substr("0000" left[i], length(left[i]) + 1)
		for (i = l + r; i < 8; i++)
			hex = hex "0000"
		for (i = 1; i <= r; i++)
			hex = hex substr("0000" right[i], length(right[i]) + 1)
		print hex, $1
	}' "$@"
}

# Hex digits on stdin to prefixes.
prefixes()
{
	sed -E 's/(....)/\1:/g; s|:?$|::/'"$1"'|'
}

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT

if [ -f "$split.seeds.bz2" ] && [ -f "$split.holdout.bz2" ]; then
	bzcat "$split.seeds.bz2" | sort -u >"$d/seeds"
	bzcat "$split.holdout.bz2" | sort -u - "$d/seeds" >"$d/all"
else
	"$SEXTANT_TEST_BIN/mkworld" "$d" 7 100 || exit 1
	sort -u "$d/truth" "$d/seeds" >"$d/all"
	sort -u -o "$d/seeds" "$d/seeds"
fi

# Aliased: /64s of the sites that seeds are in, of each tenth one the /64 of the
# seed itself.
expand "$d/seeds" | sort | awk -v want="$n_aliased" '
	{ head[++n] = substr($1, 1, 16) }
	END {
		srand(4)
		while (made < want) {
			h = head[int(rand() * n) + 1]
			if (++i % 10)
				h = substr(h, 1, 12) sprintf("%04x", int(rand() * 65536))
			if (!(h in seen)) {
				print h
				made++
			}
			seen[h] = 1
		}
	}' | sort -u >"$d/heads"
prefixes 64 <"$d/heads" >"$d/aliased"
expand "$d/all" | awk -v heads="$d/heads" '
	BEGIN { while ((getline line <heads) > 0) aliased[line] = 1 }
	!(substr($1, 1, 16) in aliased) { print $2 }' | sort >"$d/truth"
expand "$d/seeds" | cut -c 1-8 | sort -u | awk 'NR % 5 == 0' |
	prefixes 32 >"$d/limited"

# run NAME OPTION...: hosts of the ground truth that are no seeds in $d/NAME.found
run()
{
	local name=$1

	shift
	simnet_reset
	"$sextant" discover --seeds "$d/seeds" --hitlist "$d/$name" -i "$SIMNET_IF" \
		-r "$rate" --budget "$budget" -c 1s -q --metadata-file "$d/json" "$@" \
		>"$d/summary" 2>"$d/log" || {
		cat "$d/summary" "$d/log"
		simnet_die "discover failed"
	}
	"$sextant" hitlist export "$d/$name" 2>/dev/null | sort >"$d/$name.all"
	comm -12 "$d/$name.all" "$d/truth" | comm -23 - "$d/seeds" >"$d/$name.found"
	[ -z "${HOSTILE_SHOW:-}" ] || cat "$d/summary"
	echo "$name: $(wc -l <"$d/$name.found") found, packets" \
		"$(simnet_counter total), lost $(simnet_counter lost), over a limit" \
		"$(simnet_counter limited), into aliased prefixes $(simnet_counter aliased)"
}

simnet_load_truth "$d/truth"
# Nothing but hosts: what there is to find.
echo "world: $(wc -l <"$d/truth") hosts, $(wc -l <"$d/seeds") seeds," \
	"$(wc -l <"$d/aliased") aliased /64, $(wc -l <"$d/limited") limited /32"
run calm --no-alias-guard
simnet_load_aliased "$d/aliased"
simnet_load_limited "$d/limited" "$limit"
simnet_loss 5
run hostile -P 2

calm=$(wc -l <"$d/calm.found")
hostile=$(wc -l <"$d/hostile.found")
[ "$calm" -gt 100 ] || fail "only $calm found where nothing is in the way"
[ $((100 * hostile)) -ge $((95 * calm)) ] || fail "$hostile found, of $calm"
[ $((100 * $(simnet_counter aliased))) -lt "$(simnet_counter total)" ] ||
	fail "one packet in a hundred, or more, into aliased prefixes"
expand "$d/hostile.all" | awk -v heads="$d/heads" '
	BEGIN { while ((getline line <heads) > 0) aliased[line] = 1 }
	substr($1, 1, 16) in aliased { print $2 }' >"$d/wrong"
[ ! -s "$d/wrong" ] || fail "in the hitlist, though aliased: $(wc -l <"$d/wrong"), such as $(head -3 "$d/wrong" | paste -sd ' ')"
[ "$(simnet_counter limited)" -gt 0 ] || fail "no limit was ever met"
[ $bad = 0 ] && echo "discover: $hostile of $calm found"
exit $bad
