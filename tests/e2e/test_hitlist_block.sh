#!/bin/bash
# Opt-outs, as a user handles them: effective at once, forgotten data, a log.
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

hl()
{
	"$sextant" hitlist "$@" >out 2>err || fail "hitlist $*: $? $(cat err)"
}

# fails STATUS PATTERN ARG...
fails()
{
	local want=$1 pattern=$2 got before after

	shift 2
	before=$(cat hl/MANIFEST)
	"$sextant" hitlist "$@" >out 2>err </dev/null
	got=$?
	after=$(cat hl/MANIFEST)
	[ $got = "$want" ] || fail "hitlist $*: exit status $got, expected $want"
	[ "$(grep -c '^error: ' err)" = 1 ] || fail "hitlist $*: errors: $(cat err)"
	grep -qE "^error: .*$pattern" err || fail "hitlist $*: no '$pattern': $(cat err)"
	[ "$before" = "$after" ] || fail "hitlist $*: the hitlist has changed"
}

for i in 1 2 3 4 5 6 7 8 9; do
	echo "2a00:1::$i"
	echo "2a00:2::$i"
	echo "2a00:3::$i"
done >list
hl import hl list
hl alias-add hl 2a00:3::/64 # so that the seen tier holds something

# --- add: purged at once, in both tiers, and nothing comes back ---

hl block add hl 2a00:2::/32 --requester noc@example.net --reason 'asked by mail' \
	--evidence ticket-17 --date 2026-01-02
grep -q "1 prefixes blocked, 9 hosts removed" err || fail "block add: $(cat err)"
hl check hl
hl export hl
[ "$(grep -c ^2a00:2: out)" = 0 ] || fail "export: blocked hosts are left"
[ "$(wc -l <out)" = 9 ] || fail "export: $(wc -l <out) hosts"
grep -l 2a00:2::1 -r hl && fail "an address of the blocked prefix is still on disk"
hl import hl list
grep -q "9 left out or removed as opted out" err || fail "import: $(cat err)"
hl lookup hl 2a00:2::1
grep -q "^2a00:2::1: unknown" out || fail "lookup: $(cat out)"
hl block-add hl 2a00:3::5 # one address of an aliased prefix: goes from the seen tier
hl lookup hl 2a00:3::4 2a00:3::5
hl check hl

# --- list, check, log ---

hl block list hl
printf '%s\n' 2a00:2::/32 2a00:3::5/128 | cmp -s - out || fail "block list: $(cat out)"
hl block list hl --log
grep -qP '^2a00:2::/32\tin-force\t2026-01-02T00:00:00Z\t-\t-\tnoc@example.net\tasked by mail\tticket-17$' out ||
	fail "block list --log: $(cat out)"
hl block check hl 2a00:2::1 2a00:1::1 2a00:3::5
printf '2a00:2::1\tblocked\t2a00:2::/32\n2a00:1::1\tfree\t-\n2a00:3::5\tblocked\t2a00:3::5/128\n' |
	cmp -s - out || fail "block check: $(cat out)"
echo 2a00:2::77 | "$sextant" hitlist block check hl - | grep -q blocked || fail "block check -"
hl info hl
grep -qE '^optouts +2$' out || fail "info: $(cat out)"

# --- remove: the log keeps it; the data do not come back by themselves ---

hl block remove hl 2a00:2::/32
hl block list hl
[ "$(cat out)" = 2a00:3::5/128 ] || fail "block list after remove: $(cat out)"
hl block list hl --log
grep -qP '^2a00:2::/32\tremoved\t' out || fail "the log has forgotten: $(cat out)"
hl export hl
[ "$(wc -l <out)" = 9 ] || fail "removed hosts have come back"
hl import hl list
hl export hl
[ "$(wc -l <out)" = 18 ] || fail "import after remove: $(wc -l <out)"
fails 1 "no such prefix is blocked" block remove hl 2a00:2::/32
fails 1 "no such prefix is blocked" block remove hl 2a00:3::/64

# --- exclude files as they are in the wild ---

printf '\xef\xbb\xbf# a comment\r\n10.0.0.0/8 # RFC 1918\r\n\r\n 2a00:5::/48\t; note\n192.0.2.1-192.0.2.6\n2a00:6::1 - 2a00:6::4\n2a00:7::1\n' >exclude
hl block add hl -I exclude
hl block list hl
printf '%s\n' 2a00:3::5/128 10.0.0.0/8 2a00:5::/48 192.0.2.1/32 192.0.2.2/31 192.0.2.4/31 \
	192.0.2.6/32 2a00:6::1/128 2a00:6::2/127 2a00:6::4/128 2a00:7::1/128 |
	cmp -s - out || fail "exclude file: $(cat out)"
printf '// masscan\n10.0.0.0/8,192.0.2.1 - 192.0.2.2 , 2a00:5::/48,, # and more\n,\n' >exclude
hl block add commas -I exclude
hl block list commas
printf '%s\n' 10.0.0.0/8 192.0.2.1/32 192.0.2.2/32 2a00:5::/48 | cmp -s - out ||
	fail "commas: $(cat out)"
seq -f '2a00:%g::/48' -s , 1 300 >exclude # long, and 2a00:5:: again
hl block add commas -I exclude
hl block list commas
[ "$(wc -l <out)" = 303 ] || fail "a long line: $(wc -l <out)"
for line in www.example.com localhost 2a00:9::/129 2a00::2-2a00::1 2a00::1-10.0.0.1 \
	10.0.0.0/33 2a00::g 1-2 '-' '2a00::1 2a00::2' '2a00:9::1,64496'; do
	printf '2a00:8::/32\n%s\n' "$line" >broken
	fails 1 "broken:2: '" block add hl -I broken
	printf '%s\n' "$line" >broken
	fails 1 "broken:1: '" block add hl -I broken
done
echo www.example.com >broken
fails 1 "'www.example.com': a host name" block add hl -I broken
fails 1 "'www.example.com': a host name" block add hl www.example.com
: >empty
fails 1 "no prefix" block add hl -I empty
fails 1 "no-such-file" block add hl -I no-such-file
fails 2 "needs a hitlist and prefixes" block add hl
fails 2 "neither a time ahead" block add hl 2a00:8::/32 --expires 2020-01-01
fails 2 "not a date" block add hl 2a00:8::/32 --date yesterday
fails 2 "control character" block add hl 2a00:8::/32 --reason $'a\tb'

# --- not without being asked twice; no day to come; each prefix once ---

for p in ::/0 2000::/3 2a00::/15 2000::/4 0.0.0.0/0 64.0.0.0/2 2000::-3fff::; do
	fails 1 "--force" block add hl "$p"
done
for p in ::/0 2000::/3 2a00::/15; do
	fails 1 "$p.*--force" alias add hl "$p"
	printf '%s\n' 2a00:9::/64 "$p" >broken
	fails 1 "broken:2: .*$p.*--force" alias add hl -I broken
done
echo deadbeef >broken
fails 1 "broken:1: 'deadbeef'" alias add hl -I broken
fails 2 "still to come" block add hl 2a00:9::/32 --date "$(date -u -d '+2 days' +%F)"
cp -r hl wide
"$sextant" hitlist block add wide ::/8 fc00::/7 224.0.0.0/3 10.0.0.0/8 2>err || fail "as they are in the wild: $(cat err)"
"$sextant" hitlist block add wide --force 2000::/3 2>err || fail "--force: $(cat err)"
"$sextant" hitlist export wide >out && [ ! -s out ] || fail "block add --force 2000::/3: hosts are left"
"$sextant" hitlist alias add wide --force ::/0 2>err || fail "alias add --force: $(cat err)"
hl block list hl
cp out once
hl block add hl 2a00:7::1 --requester again
hl block list hl
cmp -s out once || fail "a prefix blocked twice is listed twice: $(cat out)"
hl block list hl --log
[ "$(grep -c ^2a00:7::1/128 out)" = 2 ] || fail "the log of a prefix blocked twice: $(cat out)"

# --- the questions in their order, each with its count ---

printf '2a00:1::/32\n2a00:2::/32\n2a00:c::/32\n' >routed
printf '%s\n' 4000::1 2001:db8::1 2a00:b::1 2a00:1::77 2a00:c::1 2a00:c:1::1 xyz >mixed
hl block add hl 2a00:c:1::/48
hl alias-add hl 2a00:c::/64
hl import hl mixed --skip-bad --routed-file routed
for line in "6 addresses read, 1 bad lines skipped" "1 left out: not global unicast" \
	"1 left out: special-purpose" "1 left out: not routed" " 1 added" \
	" 1 left out or removed as aliased" " 1 left out or removed as opted out"; do
	grep -q "$line" err || fail "import counts: no '$line' in $(cat err)"
done
fails 1 "no-such-table" import hl list --routed-file no-such-table

# --- expiry ---

hl block add hl 2a00:1::/32 --expires 2s
hl export hl
grep -q ^2a00:1: out && fail "an opt-out that expires is not in force"
sleep 2.1
hl block list hl
grep -q 2a00:1::/32 out && fail "an expired opt-out is in force"
hl block list hl --log
grep -qP '^2a00:1::/32\texpired\t' out || fail "expired: $(cat out)"
hl import hl list
hl export hl --prefix 2a00:1::/32
[ "$(wc -l <out)" = 9 ] || fail "import after expiry: $(wc -l <out)"

# --- a hitlist that is not there yet; damage ---

hl block add new 2a00:2::/32
hl import new list
[ "$("$sextant" hitlist export new | grep -c ^2a00:2:)" = 0 ] || fail "new hitlist: not blocked"
f=$(ls hl/blocked-*)
cp "$f" whole
for at in 0 30 $(($(stat -c %s "$f") - 1)); do
	python3 - "$f" "$at" <<'PY'
import sys
f = open(sys.argv[1], "r+b")
f.seek(int(sys.argv[2]))
b = f.read(1)[0]
f.seek(int(sys.argv[2]))
f.write(bytes([b ^ 0x10]))
PY
	fails 1 "$f: offset " check hl
	cp whole "$f"
done
truncate -s -5 "$f"
fails 1 "$f: offset " export hl
cp whole "$f"
hl check hl

exit $bad
