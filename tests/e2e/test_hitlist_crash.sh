#!/bin/bash
# kill -9 of the real program at random moments of import and merge: what was
# acknowledged (exit status 0) stays, the rest is there wholly or not at all.
# $1 = sextant.
sextant=$(realpath "$1") || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
bad=0

fail()
{
	echo "$*"
	bad=1
}

# Lists 0..19 of 3000 addresses each; list k holds 2a00:k::/32.
python3 - <<'PY' || exit 1
import random
random.seed(4)
for k in range(20):
    with open(f"list{k}", "w") as f:
        for a in random.sample(range(1 << 24), 3000):
            f.write(f"2a00:{k:x}::{a >> 12:x}:{a & 4095:x}\n")
PY

RANDOM=7
: >acknowledged
end=$((SECONDS + 12))
killed=0
for ((round = 0; SECONDS < end && round < 200; round++)); do
	k=$((RANDOM % 20))
	verb=import
	[ $((RANDOM % 4)) = 0 ] && [ -e hl/MANIFEST ] && verb=merge
	case $verb in
	merge) "$sextant" hitlist merge hl 2>err & ;;
	import) "$sextant" hitlist import hl list$k 2>err & ;;
	esac
	pid=$!
	sleep 0.$(printf %03d $((RANDOM % 40)))
	kill -9 $pid 2>/dev/null && killed=$((killed + 1))
	wait $pid 2>/dev/null
	status=$?
	case $status in
	0) [ $verb = import ] && echo $k >>acknowledged ;;
	137) ;;
	*) fail "round $round: $verb: exit status $status: $(cat err)" ;;
	esac
	[ -e hl/MANIFEST ] || continue
	"$sextant" hitlist check hl 2>err || fail "round $round: $(cat err)"
done
[ -e hl/MANIFEST ] || { echo "no import has ever succeeded"; exit 1; }

# Each list is in whole or not at all, and every acknowledged one is in.
"$sextant" hitlist export hl >out || fail "export"
for ((k = 0; k < 20; k++)); do
	got=$(grep -cE "^2a00:$(printf '%x' $k):" out)
	[ $k = 0 ] && got=$(grep -cE '^2a00::' out)
	[ "$got" = 0 ] || [ "$got" = 3000 ] || fail "list $k: $got addresses of 3000"
	grep -qx $k acknowledged && [ "$got" != 3000 ] &&
		fail "list $k was acknowledged, and $got addresses are there"
done
"$sextant" hitlist import hl list* 2>err || fail "final import: $(cat err)"
"$sextant" hitlist check hl 2>err || fail "final check: $(cat err)"
[ "$("$sextant" hitlist export hl | wc -l)" = 60000 ] || fail "final export"
left=$(find hl -name '*.tmp' | wc -l)
[ "$left" = 0 ] || fail "$left temporary files are left"
echo "$round rounds, $killed killed, $(sort -u acknowledged | wc -l) lists acknowledged"
[ $killed -gt 3 ] || fail "the program was never killed: the test tests nothing"
exit $bad
