#!/bin/bash
# sextant analysis summary, as a user runs it.  $1 = sextant.
sextant=$1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
bad=0

fail()
{
	echo "$*"
	bad=1
}

summary()
{
	"$sextant" analysis summary "$@" >out 2>err || fail "summary $*: $? $(cat err)"
}

# row PATTERN NUMBER: the table has a line with both.
row()
{
	grep -qE "^ *$1 +$2( |$)" out || fail "no '$1 $2' in: $(cat out)"
}

# fails STATUS PATTERN ARG...: one error that matches, status, nothing on stdout,
# and an existing output as it was.
fails()
{
	local want=$1 pattern=$2 got

	shift 2
	echo before >put
	timeout 60 "$sextant" analysis summary -o put "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] || fail "summary $*: exit status $got, expected $want"
	[ "$(grep -c '^error: ' err)" = 1 ] || fail "summary $*: errors: $(cat err)"
	grep -q "^error: .*$pattern" err || fail "summary $*: no '$pattern': $(cat err)"
	[ ! -s out ] || fail "summary $*: wrote to stdout"
	[ "$(cat put)" = before ] || fail "summary $*: the output has changed"
}

# --- four addresses, by hand ---

printf '%s\n' 2001:db8::1 2001:db8::2 2001:db8::3 2001:db8:0:1::1 >four
summary four
row addresses 4
row 'duplicates left out' 0
row '/32' 1
row '/64' 2
row '/120' 2
row 'most addresses in one /64' 3
row 'interface identifiers' 4
row low-byte 4
grep -q 'low-byte *4 *100.00 %' out || fail "no percentage: $(cat out)"
cp out want
summary - <four
cmp -s out want || fail "- is not standard input"
summary <four
cmp -s out want || fail "standard input is not the default"
summary four -o file
cmp -s file want || fail "-o writes something else"
[ ! -s out ] || fail "-o writes to stdout too"

# Several lists are one set.
summary four four - <<-END
	2001:db8::1
	192.0.2.1
	2400:1::211:22ff:fe33:4455
END
row addresses 6
row 'duplicates left out' 5
row 'IPv4, not counted below' 1
row '/16' 2
row ieee-derived 1
row low-byte 4

summary -M 1 four four - <<-END
	2001:db8::1
	192.0.2.1
	2400:1::211:22ff:fe33:4455
END
row addresses 6
row 'duplicates left out' 5
row 'IPv4, not counted below' 1

for tool in gzip bzip2 xz zstd; do
	command -v $tool >/dev/null || continue
	$tool -c <four >packed
	summary packed
	cmp -s out want || fail "$tool: $(diff out want)"
done

# --- JSON ---

summary --json four
grep -q '"addresses": 4' out || fail "JSON: $(cat out)"
grep -q '"63": 1, "64": 2,' out || fail "JSON: $(cat out)"
grep -q '"126": 2, "127": 3, "128": 4 }' out || fail "JSON: $(cat out)"
if command -v python3 >/dev/null; then
	python3 -c 'import json; d = json.load(open("out"))
assert len(d["prefixes"]) == 129 and sum(d["iid"].values()) == 4' || fail "not JSON"
fi

# --- a hitlist ---

if ! "$sextant" hitlist import --allow-special hl four >/dev/null 2>err; then
	fail "hitlist import: $(cat err)"
fi
summary hl
cmp -s out want || fail "hitlist: $(diff out want)"
summary hl four
row addresses 4
row 'duplicates left out' 4

# --- bad input ---

run=$(find hl -name '*.run' -size +0 | head -n 1)
printf '\377' | dd of="$run" bs=1 seek=30 conv=notrunc 2>/dev/null
fails 1 "${run##*/}" hl
printf '2001:db8::1\n\n2001:db8::x\n' >typo
summary typo
row addresses 1
grep -q "typo:3: '2001:db8::x'" err || fail "the bad line is not named: $(cat err)"
fails 1 'typo:3: ' --strict typo
mkdir empty
fails 1 empty empty
fails 1 empty four empty
fails 1 absent four absent
head -c 100000 "$sextant" >junk
fails 1 'junk:' four junk
head -c 10000000 /dev/zero | tr '\0' a >long
fails 1 'long:1: ' long
if command -v bzip2 >/dev/null; then
	for i in $(seq 20000); do echo "2400:1::$i"; done | bzip2 -c | head -c 20000 >cut.bz2
	fails 1 'cut.bz2' cut.bz2
fi
fails 2 no-such-option --no-such-option four
"$sextant" analysis summary four -o absent/put 2>err && fail "absent/put succeeds"
grep -q '^error: .*absent/put' err || fail "absent/put: $(cat err)"
if [ -c /dev/full ]; then
	"$sextant" analysis summary four >/dev/full 2>err && fail ">/dev/full succeeds"
	[ "$(grep -c '^error: ' err)" = 1 ] || fail ">/dev/full: $(cat err)"
fi

# --- an empty list is a set too ---

summary /dev/null
row addresses 0
row 'interface identifiers' 0
exit $bad
