#!/bin/bash
# sextant hitlist publish: a site of what a refresh has found.  Lists, manifest,
# privacy modes, opt-outs, the time series, the page (in a browser without a
# screen when there is one), and a publication that is killed.  $1 = sextant.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
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

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT

publish()
{
	"$sextant" hitlist publish "$d/hl" --site "$d/site" "$@" 2>"$d/log" || {
		cat "$d/log"
		fail "publish $*: status $?"
	}
}

for i in $(seq 1 300); do printf '2a00:1:%x:%x::%x\n' $((i % 5 + 1)) $((i % 50 + 1)) "$i"; done >"$d/plain"
for i in $(seq 1 100); do printf '2a00:2:1:0:211:22ff:fe33:%x\n' "$i"; done >"$d/eui"
for i in $(seq 1 50); do printf '2a00:3:1::%x\n' "$i"; done >"$d/out"
for i in $(seq 1 70); do printf '2a00:4:1::%x\n' "$i"; done >"$d/dead"
cat "$d/plain" "$d/eui" "$d/out" >"$d/truth"
simnet_load_truth "$d/truth"
"$sextant" hitlist import -q "$d/hl" "$d/truth" "$d/dead" || fail import
"$sextant" hitlist refresh -q "$d/hl" -i "$SIMNET_IF" -r 20k -c 500ms || fail refresh
"$sextant" hitlist alias add "$d/hl" 2a00:9::/64 2a00:9:0:1::/64 2>/dev/null || fail "alias add"

publish --title 'A <test> & more' --contact noc@example.net --url https://example.net/ \
	--operator 'Example University' --event '2026-01-15 a mark' --date 2026-12-01 --within 999d \
	--bz2
equal "responsive" "$(xzcat "$d/site/latest/responsive-addresses.txt.xz" | wc -l)" 450
xzcat "$d/site/latest/responsive-addresses.txt.xz" | sort >"$d/got"
sort "$d/truth" | cmp -s - "$d/got" || fail "responsive: other addresses"
bzcat "$d/site/latest/responsive-addresses.txt.bz2" | sort | cmp -s - "$d/got" || fail "bz2"
equal "icmp" "$(xzcat "$d/site/latest/responsive-icmp.txt.xz" | wc -l)" 450
equal "tcp80" "$(xzcat "$d/site/latest/responsive-tcp80.txt.xz" | wc -l)" 0
equal "aliased" "$(xzcat "$d/site/latest/aliased-prefixes.txt.xz" | tr '\n' ' ')" "2a00:9::/63 "
python3 - "$d/site/latest" <<'PY' || fail "manifest"
import hashlib, json, os, sys
os.chdir(sys.argv[1])
m = json.load(open("manifest.json"))
assert len(m["files"]) == 20, len(m["files"])
assert [i["read"] for i in m["inputs"]] and all(len(i["sha256"]) == 64 for i in m["inputs"]), m
assert m["responsive_by_source"]["import"] == 450, m
assert m["privacy"] == "full" and m["hitlist"]["hosts"] == 520, m
for f in m["files"]:
    b = open(f["name"], "rb").read()
    assert len(b) == f["bytes"] and hashlib.sha256(b).hexdigest() == f["sha256"], f
assert json.load(open("stats.json"))[0]["responsive-addresses"] == 450
PY
grep -q '^Contact: mailto:noc@example.net$' "$d/site/latest/.well-known/probing.txt" ||
	fail "probing.txt: $(cat "$d/site/latest/.well-known/probing.txt")"
grep -q '^Canonical: https://example.net/.well-known/probing.txt$' \
	"$d/site/latest/.well-known/probing.txt" || fail "probing.txt: no Canonical"
grep -q 'A &lt;test&gt; &amp; more' "$d/site/latest/index.html" || fail "title"
equal "requests to others" "$(grep -cE 'src=|@import|url\(|href="https?:' "$d/site/latest/index.html")" 0

# ---- an opt-out: in no file of the site any more ---------------------------------
"$sextant" hitlist block add "$d/hl" 2a00:3::/32 2>/dev/null || fail "block add"
publish --within 999d --date 2027-01-01 --event '2026-12-15 an <event>' --contact noc@example.net
equal "snapshots" "$(find "$d/site" -maxdepth 1 -name 'snapshot-*' | wc -l)" 1
for f in "$d"/site/latest/*.xz; do
	xzcat "$f" | grep -q ^2a00:3: && fail "$f: an address that has opted out"
done
equal "responsive" "$(xzcat "$d/site/latest/responsive-addresses.txt.xz" | wc -l)" 400
equal "series" "$(wc -l <"$d/site/latest/stats.csv")" 3
publish --within 1s --date 2028-01-01
equal "too old" "$(xzcat "$d/site/latest/responsive-addresses.txt.xz" | wc -l)" 0
publish --keep 3 --within 9999d --date 2028-02-01 --event '2026-12-15 an <event>'

# ---- privacy ------------------------------------------------------------------------
publish --within 9999d --privacy no-eui64
equal "no-eui64" "$(xzcat "$d/site/latest/responsive-addresses.txt.xz" | wc -l)" 300
publish --within 9999d --privacy 48
equal "48" "$(xzcat "$d/site/latest/responsive-addresses.txt.xz" | wc -l)" 6
publish --within 9999d --privacy 64
equal "64" "$(xzcat "$d/site/latest/responsive-addresses.txt.xz" | wc -l)" 51
publish --within 9999d --privacy kip --k 32
xzcat "$d/site/latest/responsive-addresses.txt.xz" >"$d/kip"
python3 - "$d/kip" "$d/plain" "$d/eui" <<'PY' || fail "kip"
import ipaddress, sys
nets = [ipaddress.ip_network(x.strip()) for x in open(sys.argv[1])]
addrs = [ipaddress.ip_address(x.strip()) for f in sys.argv[2:] for x in open(f)]
count = {n: 0 for n in nets}
for a in addrs:
    holds = [n for n in nets if a in n]
    if holds:
        count[max(holds, key=lambda n: n.prefixlen)] += 1
assert nets and all(c >= 32 for c in count.values()), count
PY

# ---- the page in a browser ------------------------------------------------------------
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
publish --within 9999d --date 2028-03-01 --contact noc@example.net --event '2026-12-15 an event'
python3 - "$d/site/latest" <<'PY' || fail "links of the page"
import os, sys
from html.parser import HTMLParser
class P(HTMLParser):
    links, points = [], []
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == "a":
            self.links.append(a["href"])
        if tag == "polyline":
            self.points.append(a["points"].split())
p = P()
p.feed(open(sys.argv[1] + "/index.html").read())
for l in p.links:
    assert l.startswith("mailto:") or os.path.exists(os.path.join(sys.argv[1], l)), l
assert len(p.links) >= 10 and len(p.points) == 10, (len(p.links), len(p.points))
assert all(len(x) >= 5 for x in p.points)
PY
# Charts are stretched to the width of the screen: text in them would be too small.
equal "text in pictures" "$(grep -c '<text' "$d/site/latest/index.html")" 0
equal "pictures" "$(grep -c 'preserveAspectRatio="none"' "$d/site/latest/index.html")" 10
if [ -n "$browser" ]; then
	timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$d/profile" \
		--dump-dom "file://$d/site/latest/index.html" >"$d/dom" 2>/dev/null ||
		fail "$browser: status $?"
	equal "charts in the browser" "$(grep -c '<svg' "$d/dom")" 10
fi

# ---- killed at any moment: the old one stands, or the new one ---------------------------
for i in 1 2 3 4 5 6 7 8; do
	"$sextant" hitlist publish "$d/hl" --site "$d/site" --within 9999d 2>/dev/null &
	pid=$!
	sleep "0.00$i"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	[ -s "$d/site/latest/index.html" ] || fail "after kill $i: no page"
	n=$(xzcat "$d/site/latest/responsive-addresses.txt.xz" | wc -l)
	equal "after kill $i: responsive" "$n" 400
done
publish --within 9999d
equal "left behind" "$(find "$d/site" -maxdepth 1 -name '.new' -o -maxdepth 1 -name 'latest.tmp' | wc -l)" 0

# ---- two at once: one waits for nobody, and harms nobody ------------------------------------
mkdir "$d/site/.new" && : >"$d/site/.new/of the other one"
flock "$d/site" "$sextant" hitlist publish "$d/hl" --site "$d/site" --within 9999d 2>"$d/log"
equal "beside another: status" $? 1
grep -q "another process is publishing there" "$d/log" || fail "beside another: $(cat "$d/log")"
[ -e "$d/site/.new/of the other one" ] || fail "beside another: its files are gone"
publish --within 9999d

# ---- usage --------------------------------------------------------------------------------
for args in "" "--site $d/site --keep 0" "--site $d/site --event x" "--site $d/site --date x"; do
	# shellcheck disable=SC2086 # words
	"$sextant" hitlist publish "$d/hl" $args 2>"$d/log"
	equal "publish $args: status" $? 2
done
"$sextant" hitlist publish "$d/hl" --site /dev/null/x 2>"$d/log"
equal "no such place: status" $? 1
[ $bad = 0 ] && echo "publish: all as it should be"
exit $bad
