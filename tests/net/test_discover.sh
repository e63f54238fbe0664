#!/bin/bash
# sextant discover over the wire: a ground truth of seeds and hosts to be found,
# aliased prefixes, an allowlist and a blocklist; the far side counts every
# packet.  $1 = sextant, SEXTANT_TEST_BIN = folder of mkworld; with real lists in
# SEXTANT_SHARED the ground truth is made of those.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
split=${SEXTANT_SHARED:-}/data/splits/dense2019.10
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

# positive WHAT NUMBER
positive()
{
	[ "$2" -gt 0 ] || fail "$1: $2"
}

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT

# ---- the world: seeds, hosts (seeds included) and aliased /64s ---------------

# "HEX ADDRESS" for every line: 32 digits, so that prefixes are substrings.
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

if [ -f "$split.seeds.bz2" ] && [ -f "$split.holdout.bz2" ]; then
	bzcat "$split.seeds.bz2" | sort -u >"$d/seeds"
	bzcat "$split.holdout.bz2" | sort -u - "$d/seeds" >"$d/all"
	# The /64 of every 40th seed becomes aliased: the generator will go there.
	expand "$d/seeds" | awk 'NR % 40 == 0 { print substr($1, 1, 16) }' |
		sort -u >"$d/heads"
	prefixes 64 <"$d/heads" >"$d/aliased"
else
	"$SEXTANT_TEST_BIN/mkworld" "$d" 7 100 || exit 1
	sort -u "$d/truth" "$d/seeds" >"$d/all"
	sort -u -o "$d/seeds" "$d/seeds"
	sed 's|/64||' "$d/aliased" | expand | cut -c 1-16 >"$d/heads"
fi
expand "$d/all" | awk -v heads="$d/heads" '
	BEGIN { while ((getline line <heads) > 0) aliased[line] = 1 }
	!(substr($1, 1, 16) in aliased) { print $2 }' >"$d/truth"

# Every fifth network is off limits by the allowlist; of the others, the site
# with most seeds by the blocklist.
expand "$d/seeds" | cut -c 1-8 | sort -u | awk 'NR % 5' >"$d/networks"
prefixes 32 <"$d/networks" >"$d/allow"
expand "$d/seeds" | grep "^$(paste -sd '|' "$d/networks" | sed 's/|/\\|^/g')" |
	cut -c 1-12 | uniq -c | sort -k1,1nr -k2 |
	awk 'NR == 1 { print $2 }' | prefixes 48 >"$d/block"

simnet_load_truth "$d/truth"
simnet_load_aliased "$d/aliased"
simnet_load_allow "$d/allow"
simnet_load_block "$d/block"
echo "world: $(wc -l <"$d/truth") hosts, $(wc -l <"$d/seeds") seeds," \
	"$(wc -l <"$d/aliased") aliased /64, $(wc -l <"$d/allow") allowed /32," \
	"blocked $(cat "$d/block")"

# ---- runs --------------------------------------------------------------------

# discover HITLIST BUDGET OPTION...: a run whose summary is in $d/json.
discover()
{
	local hitlist=$d/$1 budget=$2

	shift 2
	"$sextant" discover --seeds "$d/seeds" --hitlist "$hitlist" -i "$SIMNET_IF" \
		-r 20k --budget "$budget" -w "$d/allow" -b "$d/block" -c 1s -q \
		--metadata-file "$d/json" "$@" >"$d/summary" 2>"$d/log" && return
	cat "$d/summary" "$d/log"
	simnet_die "discover failed"
}

value()
{
	sed -n "s/^ *\"$1\": \([0-9]*\),*$/\1/p" "$d/json"
}

# export_hosts HITLIST: sorted, in $d/export.
export_hosts()
{
	"$sextant" hitlist export "$d/$1" >"$d/unsorted" || fail "export"
	sort "$d/unsorted" >"$d/export"
	equal "lines twice in the export" "$(uniq -d "$d/export" | wc -l)" 0
}

# What must hold after every run: the wire's word against the program's.
check_wire()
{
	equal "packets outside the allowlist" "$(simnet_counter outside)" 0
	equal "packets into the blocklist" "$(simnet_counter blocked)" 0
	equal "packets sent, and arrived" "$(value packets_sent)" "$(simnet_counter total)"
	equal "invalid replies" "$(value invalid_replies)" 0
}

discover main 100k
cat "$d/summary"
check_wire
export_hosts main
new=$(value new_hosts)
equal "candidates" "$(value candidates)" 100000
equal "new hosts, and hosts of the ground truth in the export" "$new" \
	"$(comm -12 "$d/export" "$d/truth" | wc -l)"
equal "exported, but not in the ground truth" "$(comm -23 "$d/export" "$d/truth" | wc -l)" 0
positive "hosts found that are no seeds" "$(comm -23 "$d/export" "$d/seeds" | wc -l)"
# Else nothing was tested:
positive "packets into aliased prefixes" "$(simnet_counter aliased)"
positive "aliased prefixes found" "$(value aliased_prefixes)"

# Two runs with one hitlist never try an address twice (without alias tests,
# which may repeat their random addresses), and the second loses nothing.
simnet_reset
simnet_track
discover twice 20k --no-alias-guard
check_wire
export_hosts twice
mv "$d/export" "$d/before"
first=$(simnet_counter total)
discover twice 20k --no-alias-guard
equal "packets of the second run" "$(value packets_sent)" \
	"$(($(simnet_counter total) - first))"
equal "addresses tried twice" "$(simnet_counter repeat)" 0
export_hosts twice
equal "hosts lost by the second run" "$(comm -13 "$d/export" "$d/before" | wc -l)" 0
equal "new hosts of the second run" "$(value new_hosts)" \
	"$(comm -23 "$d/export" "$d/before" | wc -l)"

[ $bad = 0 ] && echo "discover: $new hosts found, all as expected"
exit $bad
