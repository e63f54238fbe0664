#!/bin/bash
# tgen as a user calls it: eval.  $1 = sextant.
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

# refuse STATUS PATTERN ARG...: exit status, one error line, nothing on stdout.
refuse()
{
	local want=$1 pattern=$2 rc

	shift 2
	"$sextant" tgen "$@" >out 2>err
	rc=$?
	[ $rc = "$want" ] || fail "tgen $*: status $rc, not $want"
	grep -qE "$pattern" err || fail "tgen $*: $(cat err)"
	[ ! -s out ] || fail "tgen $*: output in spite of the error"
}

# Networks with hosts 1..24 each: half of them seeds.
for n in $(seq 1 60); do
	for h in $(seq 1 24); do printf '2a00:%x::%x\n' "$n" "$h"; done
done >all
awk 'NR % 2' all >seeds
awk 'NR % 2 == 0' all >holdout
for n in $(seq 1 60); do printf '2a00:%x::/32\t%d\n' "$n" $((64500 + n % 7)); done >bgp

# --- eval ---

"$sextant" tgen eval -s seeds -H holdout -n 3000 -a all --bgp bgp --csv -t curve \
	>curve 2>err || fail "eval: $(cat err)"
for a in $("$sextant" tgen algorithms | cut -f1); do
	grep -q "^$a,3000," curve || fail "eval -a all: no row of $a at 3000: $(cat curve)"
done
# What eval counts is what emit emits.
"$sextant" tgen emit -s seeds -n 1000 2>/dev/null >candidates
hits=$(grep -cFxf holdout candidates)
first=$("$sextant" tgen algorithms | head -1 | cut -f1)
grep -q "^$first,1000,$hits," curve || fail "emit has $hits hits, eval: $(head -2 curve)"
awk -F, -v a="$first" '$1 == a && $2 == 3000 && $3 == 720 && $8 == 60 && $9 == 7 { ok = 1 }
	END { exit !ok }' curve || fail "eval does not find all 720 in 60 /32 of 7 ASes: $(cat curve)"
"$sextant" tgen eval -s seeds -H holdout -n 3000 --csv -t curve -r 3 >online 2>err ||
	fail "eval -r 3: $(cat err)"
"$sextant" tgen eval -s all -k 3 -n 2000 --json --svg e.svg >json 2>err || fail "eval -k 3: $(cat err)"
grep -q '"trials": 3' json || fail "eval -k 3: $(head -20 json)"
grep -q '"calibration"' json || fail "eval --json: no calibration"
grep -q '</svg>' e.svg || fail "eval --svg: $(tail -2 e.svg)"
if command -v python3 >/dev/null; then
	python3 -c 'import json,sys,xml.dom.minidom as x
json.load(open("json")); x.parse("e.svg")' || fail "eval: bad JSON or SVG"
fi
refuse 2 'needed' eval
refuse 2 'folds' eval -s all -k 1
refuse 1 'no algorithm called .nonsense' eval -s all -a nonsense
refuse 1 'absent' eval -s absent
refuse 1 'absent' eval -s all -H absent
refuse 1 'two seeds' eval -s <(echo 2a00::1)
refuse 1 'exclude each other' eval -s all -n 100 --json --csv
refuse 1 'no table' eval -s all -n 100 -t nonsense
echo 2a00::zz1 >garbage
refuse 1 'garbage:1' eval --strict -s garbage
exit $bad
