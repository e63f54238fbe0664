#!/bin/bash
# sextant, zmap and masscan find the same open ports in an IPv4 /16, and these are the
# ground truth; shards as zmap and as masscan count them find it too.  $1 = sextant.
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

[ -x "${SEXTANT_TEST_BIN:-}/listen" ] || simnet_skip "no listen program"
for tool in zmap masscan; do
	command -v $tool >/dev/null || simnet_skip "no $tool"
done
simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT
gateway=$(ip -n internet link show $SIMNET_PEER | awk '/ether/ { print $2 }')

# 1000 hosts; two of three have the service, the others say no.
awk 'BEGIN { for (i = 0; i < 1000; i++) { a = 17 + 64 * i + i % 7; printf "10.64.%d.%d\n", a / 256, a % 256 } }' >"$d/hosts"
awk 'NR % 3 { print $1, 80 }' "$d/hosts" >"$d/services"
cut -d' ' -f1 "$d/services" | sort >"$d/want"
simnet_load_truth "$d/hosts"
simnet_load_services "$d/services"
simnet_listen "$SEXTANT_TEST_BIN/listen" 80

# same WHAT FILE: the set of addresses in it is the ground truth
same()
{
	sort -u "$2" | diff - "$d/want" >"$d/diff" ||
		fail "$1: $(wc -l <"$2") found; $(head -3 "$d/diff" | xargs)"
}

"$sextant" probe scan -q -c 0.5 --allow-special -M tcp-syn -p 80 -r 60k --output-filter 'success = 1' \
	-f saddr --no-header-row -o "$d/ours" 10.64.0.0/16 2>"$d/err" || fail "sextant: $(cat "$d/err")"
same sextant "$d/ours"
for part in "--shards 2 --shard 0 -e 1" "--shards 2 --shard 1 -e 1"; do
	# shellcheck disable=SC2086 # words
	"$sextant" probe scan -q -c 0.5 --allow-special -M tcp-syn -p 80 -r 60k --open-only -f saddr \
		--no-header-row $part 10.64.0.0/16 2>"$d/err" >>"$d/shards" || fail "$part"
done
same "two shards" "$d/shards"
[ "$(wc -l <"$d/shards")" = "$(wc -l <"$d/want")" ] || fail "two shards: $(wc -l <"$d/shards") lines"

# zmap gives root up for nobody, whom a user namespace may not have.
if zmap -q -p 80 -i $SIMNET_IF -G "$gateway" -S $SIMNET_SRC4 -r 30000 -c 1 -b /dev/null -T 1 \
	--disable-syslog -o "$d/zmap" 10.64.0.0/16 >"$d/err" 2>&1; then
	same zmap "$d/zmap"
elif [ "${CI:-}" = true ]; then
	fail "zmap: $(tail -3 "$d/err")"
else
	echo "zmap does not run here: $(tail -1 "$d/err")"
fi
if masscan -p80 10.64.0.0/16 -e $SIMNET_IF --adapter-ip $SIMNET_SRC4 --router-mac "$gateway" \
	--rate 40000 --wait 1 -oL "$d/list" >"$d/err" 2>&1; then
	awk '$1 == "open" { print $4 }' "$d/list" >"$d/masscan"
	same masscan "$d/masscan"
elif [ "${CI:-}" = true ]; then
	fail "masscan: $(tail -3 "$d/err")"
else
	echo "masscan does not run here: $(tail -1 "$d/err")"
fi
exit $bad
