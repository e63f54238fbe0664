#!/bin/bash
# sextant seeds bgp: megabytes of MRT a second of CPU time, raw and as bzip2, on one
# core and two, beside bgpdump.  $1 = sextant.  Needs $SEXTANT_SHARED/data/mrt.
sextant=$1
src=${SEXTANT_SHARED:-$(dirname "$0")/../../../shared}/data/mrt/rib6.20151101.0600_firstMB.bz2
[ -f "$src" ] || {
	echo "skipped: no $src" >&2
	exit 0
}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1

# A real table, to its last whole record, many times over.
bzip2 -dc "$src" 2>/dev/null >one
size=$(($(stat -c %s one) - $("$sextant" seeds bgp -m meta -o out -q one 2>/dev/null
	sed -n 's/.*"trailing_bytes": \([0-9]*\).*/\1/p' meta)))
head -c "$size" one >whole
for _ in $(seq 5); do cat whole; done >five
for _ in $(seq 6); do cat five; done >thirty
bzip2 -k five
mb5=$(($(stat -c %s five) / 1000000))
mb30=$(($(stat -c %s thirty) / 1000000))

# run LABEL MB COMMAND...: the median of five
run()
{
	local label=$1 mb=$2

	shift 2
	for _ in 1 2 3 4 5; do
		command time -f '%U %S %e %M' -o time "$@" >/dev/null 2>&1
		tail -n 1 time
	done | awk '{ print $1 + $2, $3, $4 }' | sort -n | sed -n 3p |
		awk -v label="$label" -v mb="$mb" '{
			printf "%-24s %6d MB: %.2f s of CPU (%d MB/s), %.2f s of wall time, %d MB\n",
				label, mb, $1, mb / ($1 ? $1 : 0.01), $2, $3 / 1024 }'
}

run "raw" $mb30 "$sextant" seeds bgp -q -o out thirty
run "bzip2, 1 core" $mb5 "$sextant" seeds bgp -q -o out -t 1 five.bz2
run "bzip2, 2 cores" $mb5 "$sextant" seeds bgp -q -o out -t 2 five.bz2
run "bzip2 -dc" $mb5 bzip2 -dc five.bz2
command -v bgpdump >/dev/null && run "bgpdump -m, bzip2" $mb5 bgpdump -m five.bz2
exit 0
