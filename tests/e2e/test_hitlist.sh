#!/bin/bash
# sextant hitlist, as a user runs it.  $1 = sextant.
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

hl()
{
	"$sextant" hitlist "$@" >out 2>err || fail "hitlist $*: $? $(cat err)"
}

# The whole of a hitlist as one line.
sum_of()
{
	(cd "$1" && find . -type f ! -name lock | sort | xargs sha256sum | sha256sum)
}

# fails STATUS PATTERN ARG...: one error that matches, that status, nothing on
# standard output, and the hitlist hl as it was.
fails()
{
	local want=$1 pattern=$2 before after got

	shift 2
	before=$(sum_of hl)
	timeout 60 "$sextant" hitlist "$@" >out 2>err </dev/null
	got=$?
	after=$(sum_of hl)
	[ $got = "$want" ] || fail "hitlist $*: exit status $got, expected $want"
	[ "$(grep -c '^error: ' err)" = 1 ] || fail "hitlist $*: errors: $(cat err)"
	grep -qE "^error: .*$pattern" err || fail "hitlist $*: no '$pattern': $(cat err)"
	[ ! -s out ] || fail "hitlist $*: wrote to standard output"
	[ "$before" = "$after" ] || fail "hitlist $*: the hitlist has changed"
}

# number NAME: from hitlist info
number()
{
	"$sextant" hitlist info hl | awk -v n="$1" '$1 == n { print $2 }'
}

# --- what goes in comes out, whatever the compression ---

# 1000 addresses in no order; the numeric order differs from that of the text.
python3 - <<'PY' || exit 1
import ipaddress, random
random.seed(1)
nets = [0x2a00 << 112, 0x2001067c << 96, 0x2400cb00 << 96, 0x2001067c0010 << 80]
a = {random.choice(nets) | random.choice([random.getrandbits(64), random.getrandbits(9)])
     for _ in range(1000)}
text = [str(ipaddress.IPv6Address(x)) for x in a]
random.shuffle(text)
open("list", "w").write("".join(t + "\n" for t in text))
open("sorted", "w").write("".join(str(ipaddress.IPv6Address(x)) + "\n" for x in sorted(a)))
PY
n=$(wc -l <list)
bzip2 -k list && gzip -k list && xz -k list && zstd -q list || exit 1
for form in list list.bz2 list.gz list.xz list.zst; do
	rm -rf hl
	hl import hl $form
	grep -q "$n added" err || fail "import $form: $(cat err)"
	hl export hl
	cmp -s out sorted || fail "import $form: the export differs"
done
rm -rf hl
"$sextant" hitlist import hl - <list 2>err || fail "import from stdin: $(cat err)"
hl export hl
cmp -s out sorted || fail "import from stdin: the export differs"
[ "$(number hosts)" = "$n" ] || fail "info: $(number hosts) hosts"
hl check hl
hl info hl --json
python3 -c "import json; assert json.load(open('out'))['hosts'] == $n" ||
	fail "info --json: $(cat out)"

# The same again, from two lists: nothing new.
hl import hl list list.xz
grep -q " 0 added, $n updated" err || fail "second import: $(cat err)"
hl export hl
cmp -s out sorted || fail "the second import has changed the export"

# --- the forms of the export ---

for form in bz2:bzcat gz:zcat xz:xzcat zst:zstdcat; do
	hl export hl -o "out.${form%:*}"
	${form#*:} "out.${form%:*}" | cmp -s - sorted || fail "export to .${form%:*}"
done
hl export hl -O csv
[ "$(wc -l <out)" = $((n + 1)) ] || fail "csv: $(wc -l <out) lines"
tail -n +2 out | cut -d, -f1 | cmp -s - sorted || fail "csv: other addresses"
hl export hl -O jsonl
python3 - <<'PY' || fail "jsonl"
import json
rows = [json.loads(line) for line in open("out")]
assert [r["addr"] for r in rows] == open("sorted").read().split()
assert all(r["sources"] == ["import"] and r["last_seen"] == 0 for r in rows)
PY
hl export hl --responsive
[ ! -s out ] || fail "--responsive: imported addresses have never answered"
hl export hl --service icmp
[ ! -s out ] || fail "--service: imported addresses have never answered"
hl export hl --since 30d
[ ! -s out ] || fail "--since: imported addresses have never answered"
hl export hl --prefix 2001:67c::/32
grep ^2001:67c: sorted | cmp -s - out || fail "--prefix"
fails 2 "neither a time" export hl --since yesterday
fails 2 "not a prefix" export hl --prefix 2001::/129

# --- lookup ---

first=$(head -1 sorted)
hl lookup hl "$first" 2a00:dead::1
grep -q "^$first: host, first seen 20" out || fail "lookup: $(cat out)"
grep -q "^2a00:dead::1: unknown" out || fail "lookup: $(cat out)"
"$sextant" hitlist lookup -O csv hl - <list >out 2>err || fail "lookup -: $(cat err)"
[ "$(grep -c ',host,' out)" = "$n" ] || fail "lookup -: not all are hosts"
fails 1 "'2a00::g' is not an address" lookup hl 2a00::g
fails 2 "needs a hitlist and addresses" lookup hl

# --- aliased prefixes ---

inside=$(grep -c ^2400:cb00: sorted)
[ "$inside" -gt 50 ] || fail "the list has too few addresses to be aliased"
hl alias-add hl 2400:cb00::/32
grep -q " $inside left out or removed as aliased" err || fail "alias-add: $(cat err)"
hl aliased hl
[ "$(cat out)" = 2400:cb00::/32 ] || fail "aliased: $(cat out)"
hl export hl
grep -v ^2400:cb00: sorted | cmp -s - out || fail "export after alias-add"
hl lookup hl 2400:cb00::1
grep -q "aliased" out || fail "lookup in an aliased prefix: $(cat out)"
hl import hl list
grep -q " 0 added" err || fail "aliased addresses have come back: $(cat err)"
hl check hl
printf '%s\n' 2a10::/32 2a20::/64 >prefixes
hl alias-add hl -I prefixes
hl aliased hl
[ "$(wc -l <out)" = 3 ] || fail "aliased: $(cat out)"
hl merge hl

# --- scope: counted, and no error ---

printf '%s\n' 2a00:5::1 fe80::1 2001:db8::1 ::1 >scope
hl import hl scope
grep -q "4 addresses read" err && grep -q " 1 added" err || fail "scope: $(cat err)"
hl import hl scope --allow-special
grep -q " 3 added, 1 updated" err || fail "--allow-special: $(cat err)"
echo 2a00:6::/32 >block
echo 2a00:6::1 >blocked
hl import hl blocked -b block
grep -q " 0 added" err || fail "blocklist: $(cat err)"

# --- bad input: one clear error, and the hitlist is as it was ---

printf '2a00:7::1\n192.0.2.1\n' >v4
fails 1 "v4:2: '192.0.2.1'" import hl v4
printf '2a00:7::1\n2a00:7::2\n\n2a00:7::xyz,1\n' >broken
fails 1 "broken:4: '2a00:7::xyz" import hl broken
fails 1 "broken:4" import hl list broken
fails 1 "broken:4" import hl broken list
printf '2a00:7::/64\n' >prefix
fails 1 "prefix:1" import hl prefix
head -c 100000 /dev/urandom >junk
fails 1 "junk:" import hl junk
head -c 10000000 /dev/zero | tr '\0' a >long
fails 1 "long:1: line longer" import hl long
head -c $(($(stat -c %s list.bz2) / 2)) list.bz2 >cut.bz2
fails 1 "cut.bz2" import hl cut.bz2
fails 1 "no-such-file: No such file" import hl no-such-file
fails 1 "$tmp: .*irectory" import hl "$tmp"
fails 1 "no-such-list: No such file" import hl list -b no-such-list
fails 2 "needs a hitlist" import hl
fails 2 "sources|source" import hl list --source nowhere
fails 2 "no such option" import hl list --no-such-option
fails 1 "junk:" alias-add hl -I junk
fails 1 "'192.0.2.300/24' is not a prefix" alias-add hl 192.0.2.300/24
fails 1 "No space left" export hl -o /dev/full
"$sextant" hitlist export hl >/dev/full 2>err && fail "export to a full disk: status 0"
[ "$(grep -c '^error: .*No space left' err)" = 1 ] || fail "export >/dev/full: $(cat err)"
fails 1 "nowhere" export hl -o nowhere/out
for verb in export info check merge aliased; do
	fails 1 "no-such-dir: No such file" $verb no-such-dir
	mkdir -p empty
	fails 1 "empty: not a hitlist" $verb empty
	fails 1 "list: " $verb list
	fails 2 "needs one hitlist" $verb
done
mkdir -p other && touch other/precious
fails 1 "other: neither a hitlist" import other list
[ "$(ls other)" = precious ] || fail "import has touched a folder that is no hitlist"
fails 1 "list: Not a directory" import list list

# A failed import leaves no empty hitlist either.
"$sextant" hitlist import new broken 2>/dev/null && fail "import broken: status 0"
[ ! -e new ] || fail "a failed import has made a hitlist"

# A hitlist inside a hitlist: neither directly nor deeper, and whatever the way there.
mkdir -p hl/sub
for dir in hl/x hl/sub/x hl/runs/ ./hl/../hl/x "$PWD/hl/journal/x/"; do
	fails 1 "inside the hitlist" import "$dir" list
done
"$sextant" hitlist block add hl/x 2a00::/32 2>err && fail "block add makes a hitlist in a hitlist"
[ ! -e hl/x ] || fail "hl/x is there"
rmdir hl/sub
echo other >MANIFEST # of something else
hl import unrelated list
rm -r MANIFEST unrelated

# --skip-bad: counted and left out, even what is no text.
hl import hl broken v4 --skip-bad
grep -q "2 bad lines skipped" err && grep -q " 2 added" err || fail "--skip-bad: $(cat err)"
{
	echo 2a00:f::1
	head -c 200000 /dev/zero | tr '\0' x
	printf '\n\001\002\n2a00:f::2\n'
} >odd
cp -r hl copy
hl import copy odd --skip-bad
grep -q "2 bad lines skipped" err && grep -q " 2 added" err || fail "--skip-bad: $(cat err)"
rm -r copy
fails 1 "odd:2: " import hl odd
echo deadbeef >word
echo 2a00:f::1 >>word
fails 1 "word:1: 'deadbeef'" import hl word
"$sextant" hitlist lookup hl - <word >out 2>err && fail "lookup -: a word"
grep -q "<stdin>:1: 'deadbeef'" err || fail "lookup -: $(cat err)"

# --- damage is named ---

victims=$(cd hl && find . -name '*.run' -o -name 'aliased-*' -o -name MANIFEST)
for f in $victims; do
	cp -a hl damaged
	size=$(stat -c %s "damaged/$f")
	for at in 0 $((size / 3)) $((size / 2)) $((size - 1)); do
		python3 - "damaged/$f" $at <<'PY'
import sys
f = open(sys.argv[1], "r+b")
f.seek(int(sys.argv[2]))
b = f.read(1)[0]
f.seek(int(sys.argv[2]))
f.write(bytes([b ^ 0x10]))
PY
		fails 1 "damaged/${f#./}: offset " check damaged
		cp "hl/$f" "damaged/$f"
	done
	truncate -s -1 "damaged/$f"
	fails 1 "damaged/${f#./}: offset " check damaged
	rm "damaged/$f"
	fails 1 "damaged" check damaged
	rm -rf damaged
done

# --- history, and what is only remembered as tried ---
rm -rf ht
printf '2a00:1::1\n2a00:1::2\n2a00:2::1\n' >three
"$sextant" hitlist import -q ht three || fail "import"
"$sextant" hitlist history ht 2a00:1::/32 >out 2>err || fail "history: $(cat err)"
[ "$(sed 's/,20[0-9T:.Z-]*,/,TIME,/' out | tr '\n' ' ')" = \
	"addr,when,event 2a00:1::1,TIME,new 2a00:1::2,TIME,new " ] || fail "history: $(cat out)"
"$sextant" hitlist history ht 2a00:2::1 >out 2>err
[ "$(grep -c '^2a00:2::1,.*,new$' out)" = 1 ] || fail "history of an address: $(cat out)"
"$sextant" hitlist history --since 2099-01-01 ht ::/0 >out 2>err
[ "$(wc -l <out)" = 1 ] || fail "history --since: $(cat out)"
grep -q "nothing is known" err || fail "history of nothing: $(cat err)"
"$sextant" hitlist history ht 2a00::/x >out 2>err
[ $? = 1 ] && grep -q "'2a00::/x' is neither an address nor a prefix" err || fail "history: $(cat err)"
for args in "ht" "--since x ht ::/0"; do
	# shellcheck disable=SC2086 # words
	"$sextant" hitlist history $args >out 2>err
	[ $? = 2 ] || fail "history $args: status"
done
printf '2a00:3::1\n2a00:3::2\n2a00:3::1\n' | "$sextant" hitlist import --tried ht - 2>err ||
	fail "import --tried: $(cat err)"
grep -q "2 more known as tried" err || fail "import --tried: $(cat err)"
"$sextant" hitlist lookup ht 2a00:3::2 2a00:1::1 >out
[ "$(sed 's/,.*//' out | tr '\n' ' ')" = "2a00:3::2: seen 2a00:1::1: host " ] ||
	fail "lookup of tried: $(cat out)"
[ "$("$sextant" hitlist export ht | wc -l)" = 3 ] || fail "tried ones are exported"
"$sextant" hitlist block add ht 2a00:1::/32 2>/dev/null
"$sextant" hitlist history ht 2a00:1::/32 >out 2>err
[ "$(wc -l <out)" = 1 ] || fail "history of what has opted out: $(cat out)"
"$sextant" hitlist check ht || fail "check"

exit $bad
