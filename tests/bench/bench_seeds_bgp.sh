#!/bin/bash
# sextant seeds bgp: megabytes of MRT a second of CPU time, raw and as bzip2, on one
# core and two, beside bzip2 and bgpdump in the same run.  $1 = sextant.  Needs
# $SEXTANT_SHARED/data/mrt.
sextant=$1
data=${SEXTANT_SHARED:-$(dirname "$0")/../../../shared}/data/mrt
[ -d "$data" ] || {
	echo "skipped: no $data" >&2
	exit 0
}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
data=$(cd "$data" && pwd)
cd "$tmp" || exit 1

# make_table NAME N FILE: the table of NAME, to its last whole record, N times over.
make_table()
{
	local trailing

	bzip2 -dc "$data/$1" 2>/dev/null >one
	"$sextant" seeds bgp -4 -m meta -o out -q one 2>/dev/null
	trailing=$(sed -n 's/.*"trailing_bytes": \([0-9]*\).*/\1/p' meta)
	head -c "$(($(stat -c %s one) - trailing))" one >whole
	for _ in $(seq "$2"); do cat whole; done >"$3"
}

# run KEY LABEL FILE COMMAND...: the median of five by CPU time, shown, and kept in
# KEY.cpu and KEY.wall.
run()
{
	local key=$1 label=$2 size

	size=$(stat -c %s "$3")
	shift 3
	for _ in 1 2 3 4 5; do
		command time -f '%U %S %e %M' -o time "$@" >/dev/null 2>&1
		tail -n 1 time
	done | awk '{ print $1 + $2, $3, $4 }' | sort -n | sed -n 3p >median
	read -r cpu wall kib <median
	echo "$cpu" >"$key.cpu"
	echo "$wall" >"$key.wall"
	awk -v label="$label" -v mb="$((size / 1000000))" -v cpu="$cpu" -v wall="$wall" \
		-v kib="$kib" 'BEGIN {
		printf "%-20s %5d MB: %.2f s of CPU (%d MB/s), %.2f s of wall time, %d MB\n",
			label, mb, cpu, mb / (cpu > 0 ? cpu : 0.01), wall, kib / 1024 }'
}

# ratio LABEL THIS THAT: how many times as long that takes.
ratio()
{
	[ -f "$2" ] && [ -f "$3" ] &&
		awk -v label="$1" -v a="$(cat "$2")" -v b="$(cat "$3")" 'BEGIN {
			printf "  %-44s %.2f\n", label, b / (a > 0 ? a : 0.01) }'
}

# A table by every way of reading it.
table()
{
	local file=$1

	bzip2 -k "$file"
	run one "bzip2, 1 core" "$file" "$sextant" seeds bgp -4 -q -o out -t 1 "$file.bz2"
	run two "bzip2, 2 cores" "$file" "$sextant" seeds bgp -4 -q -o out -t 2 "$file.bz2"
	run bzip2 "bzip2 -dc" "$file" bzip2 -dc "$file.bz2"
	if command -v bgpdump >/dev/null; then
		run bgpdump "bgpdump -m, bzip2" "$file" bgpdump -m "$file.bz2"
		ratio "bgpdump / 1 core, by CPU" one.cpu bgpdump.cpu
	fi
	ratio "bzip2 -dc / 1 core, by CPU" one.cpu bzip2.cpu
	ratio "1 core / 2 cores, by wall time" two.wall one.wall
}

echo "IPv6 table (rib6.20151101)"
make_table rib6.20151101.0600_firstMB.bz2 5 five
for _ in $(seq 6); do cat five; done >thirty
run raw "raw" thirty "$sextant" seeds bgp -4 -q -o out thirty
rm thirty
table five
echo "IPv4 table (rib.20140523)"
make_table rib.20140523.0600_firstMB.bz2 3 three
table three
exit 0
