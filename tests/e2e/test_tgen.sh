#!/bin/bash
# tgen as a user calls it: eval, and the bounds of emit.  $1 = sextant.
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

# Whole networks held out: only announced prefixes lead there.
"$sextant" tgen eval -s all --fold-by 32 -k 3 -n 2000 -r 20 --bgp bgp --csv -t curve \
	>without 2>err || fail "eval --fold-by: $(cat err)"
"$sextant" tgen eval -s all --fold-by 32 -k 3 -n 2000 -r 20 --bgp bgp --seedless --csv -t curve \
	>with 2>err || fail "eval --seedless: $(cat err)"
n=$(tail -1 without | cut -d, -f3)
m=$(tail -1 with | cut -d, -f3)
[ "$n" = 0 ] || fail "eval --fold-by 32: $n hits without --bgp"
[ "$m" -gt 700 ] || fail "eval --fold-by 32 --seedless: $m of 1440 hits"
"$sextant" tgen eval -s all --fold-by as -k 3 -n 500 --bgp bgp --csv -t curve >out 2>err ||
	fail "eval --fold-by as: $(cat err)"
refuse 2 'need --bgp' eval -s all --seedless
refuse 2 'need --bgp' eval -s all --fold-by as
refuse 1 'fold-by: .129' eval -s all --fold-by 129
grep -v '2a00:[1-5]:' seeds >some
"$sextant" tgen emit -s some -n 3000 --bgp bgp 2>err >c || fail "emit --bgp: $(cat err)"
for n in 1 2 3 4 5; do
	grep -qx "2a00:$n::1" c || fail "emit --bgp: 2a00:$n::1 is not among the candidates"
done
[ "$(sort -u c | wc -l)" = 3000 ] || fail "emit --bgp: duplicates"
"$sextant" tgen emit -s some -n 3000 2>/dev/null | grep -q '^2a00:[1-5]:' &&
	fail "emit without --bgp goes where nothing is known"

# --- show ---

"$sextant" tgen show -s seeds -n 2000 --json --svg s.svg >json 2>err || fail "show: $(cat err)"
"$sextant" tgen show -s seeds -n 2000 --csv -t networks --top 500 2>err >networks ||
	fail "show -t networks: $(cat err)"
"$sextant" tgen emit -p -s seeds -n 2000 2>/dev/null |
	awk -F'[:\t]' '{ n[$2]++ } END { for (k in n) print "2a00:" k "::/32," n[k] }' | sort >want
tail -n +2 networks | cut -d, -f1,2 | sort | cmp -s - want || fail "show: not what emit emits"
"$sextant" tgen train -s seeds -o model 2>err || fail "train: $(cat err)"
"$sextant" tgen show -m model -n 2000 --csv -t networks --top 500 2>err | cmp -s - networks ||
	fail "show -m differs from show -s"
"$sextant" tgen show -s seeds -l 64 -t networks --csv 2>err | grep -q '^2a00:[0-9a-f]*::/64,' ||
	fail "show -l 64"
if command -v python3 >/dev/null; then
	python3 -c 'import json,xml.dom.minidom as x
d = json.load(open("json")); x.parse("s.svg")
n = sum(r["candidates"] for r in d["shapes"])
assert n == d["candidates"] == 2000, n' || fail "show: bad JSON or SVG"
fi
refuse 2 'either --seeds' show
refuse 2 'length' show -s seeds -l 129
refuse 1 'absent' show -m absent

# --- emit: --prefix, --max-per-prefix, --exclude-seen ---

emit()
{
	"$sextant" tgen emit -s seeds -n 3000 "$@" 2>err || fail "emit $*: $(cat err)"
}

emit >all3000
# Inside a prefix: the same candidates in the same order, and no others.
emit --prefix 2a00:7::/32 --prefix 2a00:11:0:0::/64 >inside
grep -vE '^2a00:(7|11):' inside && fail "--prefix: outside"
[ "$(wc -l <inside)" = 3000 ] || fail "--prefix: $(wc -l <inside) lines"
for h in $(seq 2 2 24); do printf '2a00:7::%x\n' "$h"; done >there
[ "$(grep -cxFf there inside)" = 12 ] || fail "--prefix: hosts there are missing"
refuse 1 'not an IPv6 prefix: .10.0.0.0/8' emit -s seeds --prefix 10.0.0.0/8
refuse 1 'not an IPv6 prefix: .nonsense' emit -s seeds --prefix nonsense
refuse 2 'save does not go' emit -s seeds --prefix 2a00::/16 --save m

emit --max-per-prefix 32:7 >few
most=$(cut -d: -f2 few | sort | uniq -c | sort -rn | awk 'NR == 1 { print $1 }')
[ "$most" = 7 ] || fail "--max-per-prefix 32:7: $most in one /32"
[ "$(cut -d: -f2 few | sort | uniq -c | awk '$1 == 7' | wc -l)" -ge 60 ] ||
	fail "--max-per-prefix: not every /32 has its 7"
# The first 7 of each are those that come first without the limit.
awk -F: 'n[$2]++ < 7' all3000 | head -300 >expected
head -300 few | cmp -s - expected || fail "--max-per-prefix changes the order"
refuse 1 'not LENGTH:COUNT' emit -s seeds --max-per-prefix 48
refuse 1 'not LENGTH:COUNT' emit -s seeds --max-per-prefix 129:1
refuse 1 'not LENGTH:COUNT' emit -s seeds --max-per-prefix 48:0
refuse 1 'more than 8' emit -s seeds $(for i in 1 2 3 4 5 6 7 8 9; do echo --max-per-prefix $i:9; done)

head -500 all3000 >seen
emit --exclude-seen seen >rest
grep -qxFf seen rest && fail "--exclude-seen FILE: seen again"
sed -n 501,2500p all3000 | cmp -s - <(head -2000 rest) || fail "--exclude-seen changes the order"
head -250 seen >half
"$sextant" hitlist import hl half 2>err || fail "import: $(cat err)"
emit --exclude-seen hl --exclude-seen <(tail -250 seen) >rest2
cmp -s rest rest2 || fail "--exclude-seen: a hitlist and a list do not add up"
grep -q '500 seen' err || fail "--exclude-seen is not counted: $(cat err)"
"$sextant" hitlist block-add hl "$(head -1 all3000)/64" 2>err || fail "block-add: $(cat err)"
emit --exclude-seen hl --exclude-seen <(tail -250 seen) >rest3
"$sextant" hitlist block-check hl - <rest2 | awk '$2 == "free" { print $1 }' >free
[ "$(wc -l <free)" -lt "$(wc -l <rest2)" ] || fail "--exclude-seen: nobody there to opt out"
"$sextant" hitlist block-check hl - <rest3 | grep -w blocked && fail "--exclude-seen: an opt-out comes"
head -"$(wc -l <free)" rest3 | cmp -s - free || fail "--exclude-seen: opt-outs change the rest"
refuse 1 'absent' emit -s seeds --exclude-seen absent
mkdir empty
refuse 1 'empty' emit -s seeds --exclude-seen empty

# --- diversity ---

# Three large networks and 40 with three hosts; half of them seeds.
for n in 1 2 3; do for h in $(seq 1 400); do printf '2a01:%x::%x\n' "$n" "$h"; done; done >mixed
for n in $(seq 16 56); do for h in 1 2 3; do printf '2a01:%x:0:%x::1\n' "$n" "$h"; done; done >>mixed
"$sextant" tgen eval -s mixed -n 400 -a det --bgp bgp --trade-off --csv -t trade_off >trade 2>err ||
	fail "eval --trade-off: $(cat err)"
[ "$(wc -l <trade)" = 7 ] || fail "eval --trade-off: $(cat trade)"
awk -F, 'NR == 2 { ok = $5 == 1 && $2 == 0; n = $7 } NR == 7 { ok = ok && $7 > n } END { exit !ok }' trade ||
	fail "eval --trade-off: no more networks: $(cat trade)"
"$sextant" tgen emit -s mixed -n 500 --diversity >c 2>err || fail "emit --diversity: $(cat err)"
[ "$(sort -u c | wc -l)" = 500 ] || fail "emit --diversity: duplicates"
grep -qxFf mixed c && fail "emit --diversity: seeds"
"$sextant" tgen emit -s mixed -n 500 --diversity-share 0.04 2>err | cmp -s - c ||
	fail "--diversity is not --diversity-share 0.04"
"$sextant" tgen train -s mixed --diversity -o dm 2>err || fail "train --diversity: $(cat err)"
"$sextant" tgen emit -m dm -n 500 2>err | cmp -s - c || fail "emit -m forgets the diversity"
refuse 1 'diversity-share: 2 is not' emit -s mixed --diversity-share 2

# Shards of a limited emission are together what one generator emits.
for i in 0 1 2; do emit --max-per-prefix 32:7 --shards 3 --shard $i; done | sort >shards
sort few | cmp -s - shards || fail "--max-per-prefix: the shards do not add up"
for t in 1 2 4; do emit -p --threads $t >by.$t; done
cmp -s by.1 by.2 && cmp -s by.1 by.4 || fail "--threads: the output depends on it"
exit $bad
