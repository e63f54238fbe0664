#!/bin/bash
# ./dev demo: the main job against an Internet made up for the purpose.
# $1 = build folder, $2 = folder for what comes out.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
build=$1
out=$2
sextant=$build/sextant

say()
{
	printf '\n== %s\n' "$*"
}

# Show a command the way one would type it, then run it.
run()
{
	printf '$ %s\n' "$*"
	"$@"
}

rm -rf "$out/hitlist"
mkdir -p "$out" || exit 1

say "A simulated IPv6 Internet (in $out; nothing leaves this machine)"
"$build/tests/mkworld" "$out" || exit 1
simnet_up
simnet_load_truth "$out/truth"
simnet_load_aliased "$out/aliased"

say "Discover: learn from the seeds, probe, keep what answers"
run "$sextant" discover --seeds "$out/seeds" --hitlist "$out/hitlist" \
	-i $SIMNET_IF -r 10k --budget 200k || exit 1

say "What the far side saw (nftables counters)"
printf '%s packets arrived: %s at hosts, %s in aliased prefixes, %s at dark addresses\n' \
	"$(simnet_counter total)" "$(simnet_counter truth)" \
	"$(simnet_counter aliased)" "$(simnet_counter dark)"
printf '%s outside global unicast space\n' "$(simnet_counter outside)"

say "The hitlist, in $out/hitlist"
printf '$ %s\n' "$sextant hitlist export $out/hitlist | head"
"$sextant" hitlist export "$out/hitlist" >"$out/export" || exit 1
head "$out/export"
run "$sextant" analysis summary "$out/hitlist" || exit 1

say "Check against the ground truth"
LC_ALL=C sort "$out/export" >"$out/export.sorted"
LC_ALL=C sort "$out/truth" >"$out/truth.sorted"
LC_ALL=C sort "$out/seeds" >"$out/seeds.sorted"
right=$(LC_ALL=C comm -12 "$out/export.sorted" "$out/truth.sorted" | wc -l)
fresh=$(LC_ALL=C comm -23 "$out/export.sorted" "$out/seeds.sorted" | wc -l)
all=$(wc -l <"$out/export")
rm -f "$out"/*.sorted
echo "$all hosts in the hitlist, $right of them real, $fresh not among the seeds"
[ "$all" = "$right" ] && [ "$fresh" -gt 0 ] || simnet_die "the hitlist is wrong"
