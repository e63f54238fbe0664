#!/bin/bash
# sextant seeds resolve: a million AAAA names from NSD on loopback, in a namespace
# with nothing else.  Queries a second of the client's CPU time, memory, and loss.
# $1 = sextant.  NAMES in the environment: another number of names.
. "$(dirname "$0")/../net/seeds_dns.sh"
seeds_dns_enter "$@"
sextant=$1
n=${NAMES:-1000000}

awk -v n="$n" 'BEGIN {
	print "$ORIGIN example.\n$TTL 300\n@ SOA ns1 h 1 3600 600 86400 300\n@ NS ns1"
	print "ns1 AAAA 2001:db8::53"
	for (i = 1; i <= n; i++)
		printf "host%d AAAA 2001:db8:%x:%x::1\n", i, i / 65536, i % 65536
}' >zone
seq "$n" | sed 's/.*/host&.example/' >names
seeds_dns_nsd 5300 127.0.0.1 example. zone
sleep 3
cpu=$(($(nproc) - 1))

run()
{
	local label=$1

	shift
	command time -f '%U %S %e %M' -o times taskset -c $cpu "$sextant" seeds resolve names \
		-s 127.0.0.1:5300 --allow-special --server-rate 0 -q -m meta "$@" >out
	awk -v label="$label" -v n="$n" -v found="$(grep -c 2001:db8 out)" \
		-v lost="$(sed -n 's/.*"timeouts": \([0-9]*\).*/\1/p' meta)" '{
		printf "%s: %d q/s per CPU-second, %d q/s of wall time, %d of %d found, ",
			label, n / ($1 + $2), n / $3, found, n
		printf "%d tries without answer, %d MB\n", lost, $4 / 1024 }' times
}

for i in 1 2 3; do run "addresses" -O addresses; done
run "jsonl" -O jsonl
if command -v nft >/dev/null && nft add table inet loss &&
	nft 'add chain inet loss in { type filter hook input priority 0; }' &&
	nft 'add rule inet loss in meta l4proto udp numgen random mod 100 < 5 drop'; then
	run "addresses, 5 % of packets lost" -O addresses --timeout 500ms --tries 10
fi
if command -v massdns >/dev/null; then
	echo 127.0.0.1:5300 >resolvers
	command time -f '%U %S %e %M' -o times taskset -c $cpu massdns -q -r resolvers \
		-t AAAA -o S -s 2000 names >out 2>/dev/null
	awk -v n="$n" -v found="$(grep -c 2001:db8 out)" '{
		printf "massdns: %d q/s per CPU-second, %d of %d found, %d MB\n",
			n / ($1 + $2), found, n, $4 / 1024 }' times
else
	echo "massdns: not installed"
fi
