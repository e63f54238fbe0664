#!/bin/bash
# TLS handshakes per CPU-second of the client: user and system time of `sextant probe
# grab` as the kernel counts it, against tlsworld on the loopback of a namespace of our
# own.  RSA (2048 bits, chains of two, both signatures verified against the root) and
# EC (P-256, likewise), each complete and with an early abort, in turn; medians.  The
# client is pinned to one core.  Then the certificates of 1,000 servers of all kinds,
# compared with openssl's reading.  $1 = sextant.  BENCH_ROUNDS, BENCH_HANDSHAKES.
. "$(dirname "$0")/../net/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
rounds=${BENCH_ROUNDS:-5}
handshakes=${BENCH_HANDSHAKES:-3000}
world=${SEXTANT_TEST_BIN:-}/tlsworld
core=$(($(nproc) - 1))

[ -x "$world" ] || simnet_skip "no tlsworld program"
d=$(mktemp -d) || exit 1
pid=
trap 'kill $pid 2>/dev/null; rm -rf "$d"' EXIT
ip link set lo up
ip -6 route replace local 2001:db8:99::/48 dev lo
ip route replace local 10.99.0.0/16 dev lo

# serve SET: the servers, and their addresses in $d/targets
serve()
{
	rm -rf "$d/world"
	mkdir "$d/world"
	"$world" "$d/world" 300 "$1" >"$d/log" &
	pid=$!
	until grep -q listening "$d/log"; do sleep 0.1; done
	awk -v want="$handshakes" '
		{ line[NR] = ($2 ~ /:/ ? "[" $2 "]" : $2) ":" $3 }
		END { for (i = 0; i < want; i++) print line[i % NR + 1] }' \
		"$d/world/truth" >"$d/targets"
}

# measure OPTION...: handshakes per CPU-second
measure()
{
	local ok

	{
		time taskset -c "$core" "$sextant" probe grab -q --tls "$@" --allow-special \
			--ca-file "$d/world/root.pem" -r 0 --per-host 0 --per-net 0 \
			--concurrency 200 -I "$d/targets" -o "$d/out" 2>/dev/null
	} 2>"$d/time" || return
	ok=$(grep -c '"verify":"ok"' "$d/out")
	[ "$ok" = "$handshakes" ] || echo "only $ok of $handshakes verified" >&2
	awk -v n="$ok" '{ printf "%.0f\n", n / ($1 + $2) }' "$d/time"
}

median()
{
	sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
}

TIMEFORMAT='%U %S'
printf '%-8s %14s %14s   handshakes per CPU-second\n' keys complete 'early abort'
for set in rsa ec; do
	serve $set
	for _ in $(seq "$rounds"); do
		measure >>"$d/$set.full"
		measure --tls-early-abort >>"$d/$set.abort"
	done
	kill $pid
	wait $pid 2>/dev/null
	printf '%-8s %14s %14s\n' $set "$(median <"$d/$set.full")" "$(median <"$d/$set.abort")"
done
pid=
GRAB_SERVERS=1000 "$(dirname "$0")/../net/test_grab.sh" "$sextant"
