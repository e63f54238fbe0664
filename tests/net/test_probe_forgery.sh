#!/bin/bash
# While a scan runs, somebody who sees its probes answers them wrongly, at full speed:
# bits that differ, other hosts' cookies and random ones, missing ends, errors about
# packets that were never sent, garbage in extension headers (tests/net/replies.c).
# None is taken for an answer, the true ones all are, and nothing breaks.
# $1 = sextant.  FORGED: how many, FORGED_SEED: which; FORGED_RATE, FORGED_COOLDOWN: of
# the scan, which has to last as long as they do.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
forged=${FORGED:-200000}
seed=${FORGED_SEED:-$(($(date +%s) % 100000))}
bad=0

fail()
{
	echo "FAILED (seed $seed): $*"
	bad=1
}

# field NAME: a number of the summary
field()
{
	sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" "$d/meta"
}

[ -x "${SEXTANT_TEST_BIN:-}/replies" ] || simnet_skip "no replies program"
simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT
for i in $(seq 16 16 4095); do printf '2a00:1::%x\n' "$i"; done >"$d/truth"
for i in $(seq 4 4 1023); do echo "10.64.$((i / 256)).$((i % 256))"; done >>"$d/truth"
simnet_load_truth "$d/truth"
awk '{ print $1, 80 }' "$d/truth" >"$d/services"
simnet_load_services "$d/services"
simnet_listen "$SEXTANT_TEST_BIN/listen" 80
awk '{ printf "%s,,open\n%s,80,open\n", $1, $1 }' "$d/truth" | sort >"$d/want"

simnet_internet "$SEXTANT_TEST_BIN/replies" forge $SIMNET_PEER "$forged" "$seed" >"$d/forger" 2>"$d/forger.err" &
forger=$!
until grep -q listening "$d/forger"; do
	kill -0 $forger 2>/dev/null || simnet_die "no forger"
	sleep 0.05
done
# 10240 packets; then it listens until the forger has done, and a while longer.
"$sextant" probe scan -q -c "${FORGED_COOLDOWN:-3}" -r "${FORGED_RATE:-5k}" \
	-p 80,icmp --allow-special --receive-buffer 256M -f target,port,outcome \
	--no-header-row -o "$d/out" -m "$d/meta" 2a00:1::/116 10.64.0.0/22 2>"$d/err"
status=$?
[ $status = 0 ] || fail "status $status: $(head -c 2000 "$d/err")"
wait $forger || fail "the forger: status $?: $(head -c 1500 "$d/forger.err")"
cat "$d/forger"
sort "$d/out" | diff "$d/want" - >"$d/diff"
[ "$(grep -c '^>' "$d/diff")" = 0 ] || fail "accepted: $(grep '^>' "$d/diff" | head -5 | tr '\n' ' ')"
drops=$(field pcap_drop)
[ "$drops" -gt 0 ] || [ ! -s "$d/diff" ] || fail "lost: $(head -5 "$d/diff" | tr '\n' ' ')"
refused=$(field validation_failed)
[ $((refused + drops)) -ge $((forged / 2)) ] || fail "$refused refused, $drops lost of $forged"
[ "$(field repeats)" = 0 ] || fail "$(field repeats) repeats"
echo "refused $refused, lost in the kernel $drops"
exit $bad
