#!/bin/bash
# The filters of hitlist export, compact and diff.  $1 = sextant.
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

for i in $(seq 1 4000); do printf '2a00:%x:%x::%x\n' $((i % 97 + 1)) $((i % 11 + 1)) "$i"; done >all
head -3000 all >a
tail -1500 all >b
hl import hl a
cp -r hl before
hl import hl b --source dns
hl export hl --source dns
[ "$(wc -l <out)" = 1500 ] || fail "--source dns: $(wc -l <out)"
hl export hl --source bgp
[ ! -s out ] || fail "--source bgp: $(wc -l <out)"
hl export hl
cp out everything

# --- samples: of that size, the same again, part of a larger one, spread ---

hl export hl --sample 500
cp out s500
[ "$(wc -l <s500)" = 500 ] || fail "--sample 500: $(wc -l <s500)"
hl export hl --sample 500
cmp -s out s500 || fail "--sample is not repeatable"
hl export hl --sample 1000
[ "$(sort s500 - <out | uniq -d | wc -l)" = 500 ] || fail "a sample is no part of a larger one"
grep -Fxf out everything | cmp -s - out || fail "--sample is not in numeric order"
[ "$(cut -d: -f2 s500 | sort -u | wc -l)" -gt 90 ] || fail "--sample is not spread"
hl export hl --sample 500 --seed 2
[ "$(sort s500 - <out | uniq -d | wc -l)" -lt 120 ] || fail "--seed: nearly the same sample"
hl export hl --sample 1M
cmp -s out everything || fail "--sample of more than there are"
hl export hl --sample 10 --prefix 2a00:1::/32
[ "$(grep -c '^2a00:1:' out)" = 10 ] || fail "--sample with --prefix"
hl export hl --protocol any
cmp -s out everything || fail "--protocol any"

"$sextant" hitlist export hl --sample 0 >out 2>err
[ $? = 2 ] && [ ! -s out ] || fail "--sample 0: $(wc -l <out) hosts"

# --- not-aliased: only what was tested ---

hl export hl --not-aliased
[ ! -s out ] || fail "--not-aliased, and nothing was tested"
hl alias plan hl --targets -o plan
: >none
for i in 1 2 3; do hl alias judge hl --plan plan --icmp none; done
hl export hl --not-aliased
cmp -s out everything || fail "--not-aliased: $(wc -l <out)"

# --- no target inside an opt-out: what is half opted out is not tested at all ---
printf '2a00:77::8000:0:0:1\n2a00:88::1\n' >two
hl import optout two
hl block-add optout 2a00:77::/65
hl alias plan optout --targets
[ "$(cut -d, -f2 out | sort -u)" = 2a00:88::/64 ] || fail "targets: $(cut -d, -f2 out | sort | uniq -c)"
[ "$(wc -l <out)" = 16 ] || fail "targets: $(wc -l <out)"

# --- days that there are not ---
"$sextant" hitlist export optout --since 2026-02-30 >out 2>err
[ $? = 2 ] || fail "30 February: $(cat err)"
"$sextant" hitlist export optout --since 2024-02-29 >out 2>err || fail "29 February: $(cat err)"

# --- diff ---

hl diff before hl
[ "$(grep -c ',new$' out)" = 1000 ] || fail "diff: $(cut -d, -f2 out | sort | uniq -c)"
[ "$(wc -l <out)" = 1000 ] || fail "diff: $(cut -d, -f2 out | sort | uniq -c)"
grep -q "1000 new, 0 gone, 0 up, 0 down, 3000 as they were" err || fail "diff: $(cat err)"
hl diff hl before
[ "$(grep -c ',gone$' out)" = 1000 ] || fail "diff: $(cut -d, -f2 out | sort | uniq -c)"
hl diff hl hl
[ ! -s out ] || fail "diff with itself"
"$sextant" hitlist diff hl 2>err && fail "diff of one"
"$sextant" hitlist diff hl nowhere 2>err && fail "diff with nothing"
grep -q "nowhere: " err || fail "diff with nothing: $(cat err)"

# --- the seen tier: from where, and about when, of each address once ---

for i in 1 2 3; do echo "2a0e::$i"; done >tried
hl import tiers tried --tried --source dns
head -2 tried >fewer
hl import tiers fewer --tried --source bgp
grep -q " 0 more known as tried" err || fail "tried again: $(cat err)"
hl export tiers
[ ! -s out ] || fail "tried addresses are hosts: $(cat out)"
hl export tiers --seen
cmp -s out tried || fail "export --seen: $(cat out)"
hl export tiers --seen --source bgp
cmp -s out fewer || fail "export --seen --source: $(cat out)"
hl export tiers --seen --since 57d
cmp -s out tried || fail "export --seen --since: $(cat out)"
hl export tiers --seen --since "$(date -u -d '+40 days' +%F)"
[ ! -s out ] || fail "export --seen --since a day to come: $(cat out)"
hl export tiers --seen --prefix 2a0e::3/128
[ "$(cat out)" = 2a0e::3 ] || fail "export --seen --prefix: $(cat out)"
hl lookup tiers 2a0e::1 2a0e::3 2a0e::4
grep -q "^2a0e::1: seen, tried in the four weeks from 20[0-9-]* or later.*sources dns+bgp" out &&
	grep -q "^2a0e::3: seen, .*sources dns[,]*" out && grep -qx "2a0e::4: unknown" out ||
	fail "lookup of the seen tier: $(cat out)"
"$sextant" hitlist export tiers --seen --responsive >out 2>err
[ $? = 2 ] || fail "export --seen --responsive"
hl compact tiers
hl check tiers
hl export tiers --seen --source bgp
cmp -s out fewer || fail "export --seen after compact: $(cat out)"
hl alias-add tiers 2a0e::/64 # and what becomes aliased keeps its source
hl import tiers <(echo 2a0e::9) --source discover
hl lookup tiers 2a0e::9 -O csv
grep -q '^2a0e::9,aliased,0,0,[1-9][0-9]*,0,,discover,' out || fail "lookup of an aliased one: $(cat out)"

# --- what was imported: with its digest, in the order it came, also from a pipe ---

printf '2a0d::1\n10.0.0.1\nfe80::1\n2a0d::2\n' >mixed
bzip2 -k mixed
hl import inputs mixed.bz2 all --skip-bad --source dns
"$sextant" hitlist import inputs - --tried -q <all || fail "import -"
hl info inputs --inputs
sed 1d out | cut -f 2- | cmp -s - <(
	printf 'dns\thosts\tmixed.bz2\t%s\t3\t1\t1\n' "$(sha256sum <mixed.bz2 | cut -d' ' -f1)"
	printf 'dns\thosts\tall\t%s\t4000\t0\t0\n' "$(sha256sum <all | cut -d' ' -f1)"
	printf 'import\ttried\t<stdin>\t%s\t4000\t0\t0\n' "$(sha256sum <all | cut -d' ' -f1)"
) || fail "info --inputs: $(cat out)"
hl info inputs --inputs --json
python3 -c 'import json, sys; assert [json.loads(x)["read"] for x in sys.stdin] == [3, 4000, 4000]' <out ||
	fail "info --inputs --json: $(cat out)"
cp inputs/inputs-2 whole
printf X | dd of=inputs/inputs-2 bs=1 seek=40 conv=notrunc 2>/dev/null
"$sextant" hitlist check inputs 2>err && fail "damage to the inputs is not seen"
grep -q "inputs/inputs-2: offset" err || fail "damage to the inputs: $(cat err)"
cp whole inputs/inputs-2
hl check inputs
printf '%s\n' 2a0c::1 2a0b::1 2a0a::1 >three # in the order of the questions: routed, then listed
echo 2a0c::/16 >routes
printf '2a0b::/16\n2a0c::/16\n' >listed
hl import inputs three -b listed --routed-file routes
grep -q "^1 left out: on a blocklist" err && grep -q "^2 left out: not routed" err ||
	fail "order of the questions: $(cat err)"

# --- a routing table as a dump: what two peers tell; not when it is cut short ---

python3 - <<'EOF'
import ipaddress
from struct import pack

def record(sub, body):
    return pack(">IHHI", 1700000000, 13, sub, len(body)) + body

def route(seq, prefix, peers):
    net = ipaddress.ip_network(prefix)
    path = b"\x40\x02\x06\x02\x01" + pack(">I", 3000)
    return record(4 if net.version == 6 else 2,
                  pack(">IB", seq, net.prefixlen)
                  + net.network_address.packed[:(net.prefixlen + 7) // 8]
                  + pack(">H", len(peers))
                  + b"".join(pack(">HIH", p, 0, len(path)) + path for p in peers))

peer = b"".join(pack(">BI", 2, i) + bytes([192, 0, 2, i]) + pack(">I", 65000 + i)
                for i in (1, 2))
dump = record(1, b"\0\0\0\1" + pack(">HH", 0, 2) + peer)
for i, (p, peers) in enumerate([("::/0", [0, 1]), ("2a0a::/32", [0, 1]),
                                ("2a0b::/32", [1]), ("10.0.0.0/8", [0, 1])]):
    dump += route(i, p, peers)
open("dump", "wb").write(dump)
open("cut", "wb").write(dump[:-3])
EOF
bzip2 -k dump
for f in dump dump.bz2; do
	hl import "from-$f" three --routed-file $f
	grep -q "^2 left out: not routed" err || fail "--routed-file $f: $(cat err)"
	hl export "from-$f"
	[ "$(cat out)" = 2a0a::1 ] || fail "--routed-file $f: $(cat out)"
	hl alias-plan "from-$f" --announced-file $f
	[ "$(sort out)" = "$(printf '2a0a::/32\n2a0a::/64')" ] || fail "--announced-file $f: $(cat out)"
done
"$sextant" hitlist import cut-hl three --routed-file cut 2>err && fail "half a dump is taken"
grep -q "cut: not whole" err && [ ! -e cut-hl ] || fail "half a dump: $(cat err)"

# --- compact: one run a tier, the same content ---

for i in 1 2 3; do
	echo "2a0f::$i" >one
	hl import hl one
done
hl export hl
cp out everything
hl export hl -O csv
cp out csv
[ "$("$sextant" hitlist info hl | awk '$1 == "runs" { print $2 }')" -ge 1 ] || fail info
hl compact hl
[ "$("$sextant" hitlist info hl | awk '$1 == "runs" { print $2 }')" = 1 ] || fail "compact: runs"
hl check hl
hl export hl -O csv
cmp -s out csv || fail "compact has changed the content"
hl compact hl
"$sextant" hitlist compact 2>err
[ $? = 2 ] || fail "compact of nothing"

exit $bad
