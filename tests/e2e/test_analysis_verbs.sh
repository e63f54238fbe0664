#!/bin/bash
# Every verb of sextant analysis as a user runs it: forms of output, pictures,
# empty sets, hitlists, and what is wrong said clearly.  $1 = sextant.
sextant=$1
mmdb=$(cd "$(dirname "$0")/../fuzz/corpus/mmdb" && pwd)/28
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
bad=0

fail()
{
	echo "$*"
	bad=1
}

analysis()
{
	timeout 60 "$sextant" analysis "$@" >out 2>err || fail "analysis $*: $? $(cat err)"
	[ ! -s err ] || fail "analysis $*: says $(cat err)"
}

has()
{
	grep -qE -- "$1" out || fail "no '$1' in: $(head -n 40 out)"
}

# refuses STATUS PATTERN ARG...: one error that matches, nothing on stdout.
refuses()
{
	local want=$1 pattern=$2 got

	shift 2
	timeout 60 "$sextant" analysis "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] || fail "analysis $*: exit status $got, expected $want"
	[ "$(grep -c '^error: ' err)" = 1 ] || fail "analysis $*: errors: $(cat err)"
	grep -qE "^error: .*$pattern" err || fail "analysis $*: no '$pattern': $(cat err)"
	[ ! -s out ] || fail "analysis $*: wrote to stdout"
}

# well_formed FILE...: as XML, where python3 can tell.
well_formed()
{
	command -v python3 >/dev/null || return
	python3 - "$@" <<-'END' || fail "not well-formed: $*"
		import sys, xml.etree.ElementTree as tree
		for path in sys.argv[1:]:
		    text = open(path).read().replace("<!DOCTYPE html>", "")
		    tree.fromstring(text)
	END
}

json()
{
	command -v python3 >/dev/null || return
	python3 -c 'import json; json.load(open("out"))' || fail "not JSON: $(head out)"
}

for i in $(seq 40); do
	printf '2001:db8:%x::%x\n' $((i % 3)) "$i"
	printf '2001:db8:1:%x:211:22ff:fe%02x:4455\n' "$i" "$i"
	printf '2400:cb00:%x::dead:beef\n' "$i"
done >list
printf '2001:db8::/32 64496\n2001:db8:1::\t48\t64497\n2400:cb00::/32 AS64498\n' >bgp
printf 'MA-L,001122,"Example, Inc.",Street\n' >oui
head -n 60 list >half

one_list='density entropy iid runs treemap'

# --- text, JSON, CSV, one table, a file ---

for verb in $one_list; do
	analysis $verb list
	cp out want
	analysis $verb - <list
	cmp -s out want || fail "$verb: - is not standard input"
	analysis $verb -M 1 list
	cmp -s out want || fail "$verb: --memory changes the result"
	analysis $verb half list -o file
	[ ! -s out ] || fail "$verb: -o writes to stdout too"
	[ -s file ] || fail "$verb: -o wrote nothing"
	analysis $verb --json list
	json
	analysis $verb --csv list
	has '^# '
	analysis $verb --csv -t facts list
	[ "$(head -n 1 out)" = name,value ] || fail "$verb: CSV begins $(head -n 1 out)"
	refuses 2 "no table 'ghost'; there are: facts" $verb -t ghost list
	refuses 2 'exclude each other' $verb --json --csv list
	refuses 1 'absent' $verb absent
done
bad_before=$bad

# --- what the numbers are ---

analysis density list --bgp bgp -t facts
has '^addresses +120$'
has '^announced prefixes +3$'
has '^as +3$'
analysis density list --bgp bgp --csv -t top_as
has '^64497,5[0-9],'
analysis density list -l 20 --csv -t top_prefixes
has '^20,2400:c000::/20,40,'
analysis iid list --oui oui --csv -t vendors
has '^00-11-22,"Example, Inc.",40$'
analysis iid list --csv -t kinds
has '^eui64,40,'
has '^wordy,40,'
analysis iid --addr6-compat list list
has '^Total IPv6 addresses: 240$'
analysis decode list
[ "$(wc -l <out)" = 120 ] || fail "decode: $(wc -l <out) lines"
has '^unicast=global=global=ieee-derived=00-11-22$'
analysis decode --csv --oui oui list
has '^2001:db8:1:1:211:22ff:fe01:4455,unicast,global,global,eui64,ieee-derived,,,00-11-22,"Example, Inc."$'
analysis decode --json list
has '"addr6_class": "embedded-ipv4", "ipv4": |"kind": "wordy"'
analysis runs list --csv -t lengths
has '^1,1,[0-9]+,[0-9]+$'
analysis summary list --csv
has '^addresses,120$'
has '^/32,2$'
has '^ieee-derived,40$'
refuses 2 'exclude each other' summary --json --csv list
analysis runs list -d 30@/48 --csv -t dense
has '^30,2001:db8:1::/48,5[0-9]$'
analysis runs list -k 30 -t kip_lengths
analysis entropy list --profiles --min 10 -k 2 --csv -t clusters
[ "$(wc -l <out)" = 3 ] || fail "entropy: $(cat out)"
analysis entropy list --profiles --by as --bgp bgp --min 10 --csv -t profiles
has '^AS64498,[0-9],40,'
analysis entropy list --by as --bgp bgp --min 10 --csv -t profiles
has '^AS64498,[0-9],40,'
analysis entropy list -k 2 --min 10 --csv -t clusters
[ "$(wc -l <out)" = 3 ] || fail "entropy -k: $(cat out)"
refuses 2 'needs --bgp' entropy list --by as
analysis hilbert 2001:db8::/32 list --csv -t cells
has '^2001:db8:1::/48,[0-9]+,[0-9]+,5[0-9]$'
analysis overlap list half --csv -t pairs --bgp bgp
has '^/128,list,half,60,120,0.5000$'
has '^AS,list,half,3,3,1.0000$'
printf 'saddr,port,ttl\n2001:db8::1,80,60\n2001:db8::2,80,50\n2400:cb00::1,80,\n' >scan.csv
analysis treemap scan.csv --colour column --column ttl --csv -t areas
has '^2001:db8::/32,0,2,2,55,'
has '^2400:cb00::/32,0,1,1,,'
analysis treemap scan.csv --colour column --column 3 --function max --csv -t areas
has '^2001:db8::/32,0,2,2,60,'
analysis treemap scan.csv --colour column --column ttl --function var --csv -t areas
has '^2001:db8::/32,0,2,2,25,'
[ $bad = $bad_before ] || echo "numbers are wrong"

analysis density list --mmdb "$mmdb" --csv -t countries
has '^DE,80,0.6667$'
has '^US,40,0.3333$'

printf '%s\n' saddr,success '2001:db8::1,1' '2001:db8::2,0' '"2001:db8::3","1"' '2001:db8::4' >results.csv
for verb in density entropy iid runs; do
	analysis $verb results.csv --where success=1 -t facts
	has '^addresses +2$'
done
analysis summary results.csv -w 2=0
has '^addresses +1$'
analysis decode results.csv -w success=1
[ "$(wc -l <out)" = 2 ] || fail "decode --where: $(cat out)"
analysis iid --addr6-compat results.csv -w success=1
has '^Total IPv6 addresses: 2$'
analysis overlap results.csv list -w 1=2001:db8::4 -t sizes
has '/128 +results.csv +1$'
analysis report results.csv -w success=0
has 'most in one /64'

# Lines of JSON are addresses, too, and their members columns.
printf '{"target":"2001:db8::%x","saddr":"2001:db8::ff","ttl":%d,"success":%d}\n' \
	1 60 1 2 50 0 3 40 1 >results.jsonl
for verb in density entropy iid runs; do
	analysis $verb results.jsonl --where success=1 -t facts
	has '^addresses +2$'
done
analysis decode --csv results.jsonl
has '^2001:db8::2,unicast'
analysis treemap results.jsonl --colour column --column ttl --csv -t areas
has '^2001:db8::/32,0,3,3,50,'

# A report tells of the answers where a list has them, whatever way it comes.
printf '%s\n' target,saddr,proto,port,outcome,success,ttl,rtt_us \
	2001:db8::1,2001:db8::1,tcp,443,open,1,57,1000 \
	2001:db8::1,2001:db8::1,tcp,80,closed,0,57, \
	2400:cb00::1,2400:cb00::9,icmp6,,unreachable,0,250, >answers.csv
for from in answers.csv -; do
	analysis report $from --bgp bgp -o answers.html <answers.csv
	tr -d '\n' <answers.html >out
	has 'tcp/443</td><td class="v">1</td><td class="v">1</td><td class="v">0</td>'
	has 'icmp6</td><td class="v">1</td><td class="v">0</td><td class="v">0</td><td class="v">1</td>'
	has 'colour is the mean hop limit'
done
analysis report answers.csv -w success=1
grep -q 'tcp/80' out && fail "report --where: $(grep tcp/80 out)"
analysis report list
has 'Addresses in runs, by the length of the runs'
has '<td>2001:db8:1::1</td><td>2001:db8:1::28</td><td class="v">14</td>'
has ' 0 addresses are in none'
grep -q 'What the scan' out && fail "report: a list is no scan"

# --- pictures, the report ---

analysis density list --svg density.svg
analysis density list --picture distribution --svg distribution.svg
grep -q 'per AS' distribution.svg && fail "distribution: networks without --bgp"
analysis density list --picture distribution --svg distribution.svg --bgp bgp
for series in 1 2 3 4 5; do
	[ "$(grep -c "class=\"l$series d$series\" d=\"M66 278H" distribution.svg)" = 1 ] ||
		fail "distribution: line $series"
done
for p in entropy digits clusters; do
	analysis entropy list --min 10 --picture $p --svg entropy-$p.svg
done
for p in weights kinds; do
	analysis iid list --picture $p --svg iid-$p.svg
done
for c in hits entropy; do
	analysis treemap list --bgp bgp --colour $c --svg treemap-$c.svg
done
analysis hilbert 2001:db8::/32 list --svg hilbert.svg
analysis overlap list half --svg overlap.svg
analysis runs list --svg runs.svg
analysis report list half --bgp bgp --oui oui --mmdb "$mmdb" --min 10 -T 'a <b> & "c"' -o report.html
well_formed ./*.svg report.html answers.html
grep -q '<h1>a &lt;b&gt; &amp; &quot;c&quot;</h1>' report.html || fail "title not escaped"
for f in ./*.svg report.html answers.html; do
	grep -oE '(href|src|url\(|@import|<script|<link|https?:)[^ >]*' "$f" |
		grep -v '^http://www.w3.org/2000/svg' && fail "$f loads something"
done

# --- nothing at all ---

for verb in $one_list; do
	analysis $verb /dev/null
	analysis $verb --json /dev/null
	json
	analysis $verb --svg none-$verb.svg /dev/null
done
analysis entropy --profiles --picture clusters --svg none-clusters.svg /dev/null
analysis decode /dev/null
[ ! -s out ] || fail "decode of nothing: $(cat out)"
analysis iid --addr6-compat /dev/null
has '^Total IPv6 addresses: 0$'
analysis overlap /dev/null list --svg none-overlap.svg
analysis overlap /dev/null /dev/null
analysis hilbert 2001:db8::/32 /dev/null --svg none-hilbert.svg
analysis report /dev/null -o none.html
well_formed none-*.svg none.html

# --- hitlists ---

"$sextant" hitlist import --allow-special hl list >/dev/null 2>&1 || fail "hitlist import"
for verb in $one_list decode report; do
	analysis $verb hl
	[ -s out ] || fail "$verb hl: nothing"
done
analysis density hl -t facts
has '^addresses +120$'
analysis stability hl --svg stability.svg
has '^hosts +120$'
analysis stability hl --picture up --svg up.svg -t facts
has '^up +0$'
well_formed stability.svg up.svg
analysis stability hl --json
json

# --- a routing table as a dump, and one that is cut short ---

if command -v python3 >/dev/null; then
	python3 - <<-'END'
		from struct import pack
		def record(sub, body):
		    return pack(">IHHI", 1700000000, 13, sub, len(body)) + body
		def route(seq, net):
		    path = b"\x40\x02\x06\x02\x01" + pack(">I", 3000 + seq)
		    return record(4, pack(">IB", seq, 32) + net + pack(">H", 1)
		                  + pack(">HIH", 0, 0, len(path)) + path)
		peer = pack(">BI", 2, 1) + bytes([192, 0, 2, 1]) + pack(">I", 65001)
		dump = record(1, b"\0\0\0\1" + pack(">HH", 0, 1) + peer)
		dump += route(0, b"\x20\x01\x0d\xb8") + route(1, b"\x2a\x0a\0\0")
		open("dump", "wb").write(dump)
		open("cut", "wb").write(dump[:-3])
	END
	analysis density list --bgp dump --csv -t top_as
	has '^3000,'
	timeout 60 "$sextant" analysis density list --bgp cut --csv -t top_as >out 2>err ||
		fail "a cut dump: status $?: $(cat err)"
	has '^3000,'
	[ "$(cat err)" = "warning: cut: not whole: 37 bytes of an incomplete record at the end; 2 records are used" ] ||
		fail "a cut dump: $(cat err)"
	analysis density list -q --bgp cut
	for verb in density 'treemap --svg cut.svg' 'entropy --profiles --by bgp' 'report -o cut.html'; do
		refuses 1 'cut: not whole: 37 bytes' $verb --strict --bgp cut list
		[ ! -e cut.svg ] && [ ! -e cut.html ] || fail "$verb --strict: writes"
	done
	timeout 60 "$sextant" analysis density list --bgp - <dump >out 2>err && fail "a dump on stdin"
	grep -q '^error: <stdin>.*an MRT dump, which must be a file, no pipe' err ||
		fail "a dump on stdin: $(cat err)"
fi

# --- what is wrong ---

refuses 2 'not in 0..128' density -l 129 list
refuses 2 'not in 0..128' density -l x list
refuses 2 'at most 1000' density -n 1001 list
refuses 2 'at most 4096' entropy -n 4097 list
for verb in summary density entropy iid decode runs treemap 'hilbert 2001:db8::/32' 'overlap list' report; do
	refuses 2 "'success' is not like COLUMN=VALUE" $verb -w success results.csv
done
refuses 2 'at least 2' runs -k 0 list
refuses 1 "no column 'failure'" density -w failure=1 results.csv
refuses 1 'absent-bgp' density --bgp absent-bgp list
refuses 1 'list' density --bgp list list
refuses 1 'not a MaxMind database' density --mmdb bgp list
refuses 1 'absent-mmdb' report --mmdb absent-mmdb list
refuses 1 'an MRT dump' density --bgp "$mmdb" list
refuses 1 'absent-oui' iid --oui absent-oui list
refuses 1 'no vendor' iid --oui bgp list
refuses 2 '--by as needs --bgp' entropy --profiles --by as list
refuses 2 'at most 20' entropy -k 21 list
refuses 2 'addr6-compat' iid --addr6-compat --json list
refuses 2 'at least 2' runs -k 1 list
refuses 2 "'nonsense' is not like" runs -d nonsense list
refuses 2 "'3@/129' is not like" runs -d 3@/129 list
refuses 2 'which prefix' hilbert
refuses 2 "'list' is not" hilbert list
refuses 2 "not an IPv6 prefix" hilbert 192.0.2.0/24 list
refuses 2 '--cells' hilbert 2001:db8::/32 -c 47 list
refuses 2 '--cells' hilbert 2001:db8::/32 -c 32 list
refuses 2 '--cells' hilbert 2001:db8::/32 -c 54 list
refuses 1 "no column 'hops' in its first line" treemap --colour column --column hops scan.csv
refuses 2 'go together' treemap --colour column scan.csv
refuses 2 'go together' treemap --column ttl scan.csv
refuses 2 'twice' treemap --colour column --column ttl -
echo '2001:db8::3,80,many' >>scan.csv
refuses 1 "scan.csv:5: .*'many' is not a number" treemap --strict --colour column --column ttl scan.csv
refuses 2 'compares 2 to 12' overlap list
refuses 2 'needs --bgp' overlap --level as list half
refuses 2 'one hitlist' stability
refuses 2 'standard input' overlap - list -
for i in $(seq 200); do cat list; done >long
for form in '' --csv --json; do
	timeout 60 "$sextant" analysis decode $form long >/dev/full 2>err && fail "decode $form: /dev/full: status 0"
	grep -q '^error: <stdout>: No space left' err || fail "decode $form: /dev/full: $(cat err)"
done
refuses 1 'absent' stability absent
refuses 1 'list' stability list
for i in $(seq 2000); do printf '2001:db8::%x\n' "$i"; done >more
TMPDIR=$tmp/nowhere refuses 1 'nowhere: temporary file' density -M 1 more
refuses 1 'absent/x.svg' density --svg absent/x.svg list
refuses 1 'absent/x.html' report -o absent/x.html list
exit $bad
