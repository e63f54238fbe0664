#!/bin/bash
# What a scan leaves behind: every format, whole whatever ended it; rotation, summary,
# status, numbers for Prometheus.  $1 = sextant.
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
	[ "$2" = "$3" ] || fail "$1: '$2', expected '$3'"
}

scan()
{
	"$sextant" probe scan -q -c 0.3 --allow-special "$@" 2>"$d/err" || {
		cat "$d/err"
		fail "scan $*: status $?"
	}
}

convert()
{
	"$sextant" probe convert "$@" 2>"$d/err" || fail "convert $*: $(cat "$d/err")"
}

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT
for i in $(seq 20); do printf '2a00:1::%x\n10.64.0.%d\n' "$i" "$i"; done >"$d/truth"
simnet_load_truth "$d/truth"

# ---- a binary file, and all that can be made of it ---------------------------------
# 20 hosts of each family answer a ping, and say that no UDP service is there; those of
# IPv6, with an address that is not the one that was asked.
scan -r 2k -p icmp,udp/7,udp/9 -I "$d/truth" -O binary -o "$d/bin" -m "$d/meta" \
	--notes 'a "note"' --user-metadata '{"ticket": [1, 2]}'
convert "$d/bin" -o "$d/csv"
equal "binary: results" "$(($(wc -l <"$d/csv") - 1))" 120
scan -r 2k -p icmp,udp/7,udp/9 -I "$d/truth" -o "$d/direct" -f target,port,proto,outcome,success
convert "$d/bin" -f target,port,proto,outcome,success | sort >"$d/one"
sort "$d/direct" | diff - "$d/one" >"$d/diff" || fail "binary and csv differ: $(head -3 "$d/diff")"
gzip -k "$d/bin"
convert "$d/bin.gz" "$d/bin" -O jsonl -o "$d/twice"
equal "two files" "$(wc -l <"$d/twice")" 240
convert - -O list <"$d/bin" >"$d/list"
equal "list: open ones" "$(grep -c '^open icmp 0 ' "$d/list")" 40
equal "list: end" "$(tail -n 1 "$d/list")" "# end"
convert "$d/bin" --output-filter 'success = 0 && proto = udp && port = 7' --no-header-row -o "$d/f"
equal "filter" "$(wc -l <"$d/f")" 40
"$sextant" probe scan --readscan "$d/bin" -oX "$d/xml" || fail "--readscan: $?"
equal "xml: hosts" "$(grep -c '^<host ' "$d/xml")" 40
equal "xml: end" "$(tail -n 1 "$d/xml")" "</nmaprun>"
convert "$d/bin" -O hosts -o "$d/hosts"
equal "hosts: lines" "$(wc -l <"$d/hosts")" 40
equal "hosts: order" "$(cut -d'"' -f4 "$d/hosts" | grep -m 3 '^2a00' | xargs)" "2a00:1::1 2a00:1::2 2a00:1::3"
equal "hosts: one of them" "$(grep '"10.64.0.7"' "$d/hosts" | grep -oE '"(proto|port|service)": ("[a-z0-9]*"|[0-9]*)' | sort | xargs)" \
	"port: 7 port: 9 proto: icmp proto: udp proto: udp service: discard service: echo"
head -c 1000 "$d/bin" >"$d/torn"
convert "$d/torn" -o "$d/f"
grep -q "ends within answer 6" "$d/err" || fail "torn: $(cat "$d/err")"
equal "torn: results" "$(wc -l <"$d/f")" 7
"$sextant" probe convert "$d/csv" -o "$d/f" 2>"$d/err" && fail "a CSV file was converted"
grep -q "csv: is no file of -O binary" "$d/err" || fail "no binary: $(cat "$d/err")"
printf '\1' | dd of="$d/bin" bs=1 seek=200 conv=notrunc 2>/dev/null
"$sextant" probe convert "$d/bin" -o "$d/f" 2>"$d/err" && fail "a changed file was converted"
grep -q "answer 1: " "$d/err" || fail "changed: $(cat "$d/err")"

# ---- the summary --------------------------------------------------------------------
for line in '"notes": "a \\"note\\""' '"user_metadata": {"ticket": \[1, 2\]}' '"pcap_recv": 120' \
	'"targets_scanned": 120' '"success_unique": 40' '"output_module": "binary"' \
	'"total_shards": 1' '"probe_modules": '; do
	grep -q "$line" "$d/meta" || fail "summary: no $line"
done
if command -v python3 >/dev/null; then
	python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$d/meta" || fail "summary: no JSON"
	python3 -c 'import json, sys; [json.loads(l) for l in open(sys.argv[1])]' "$d/hosts" ||
		fail "hosts: no JSON lines"
fi

# ---- masscan's array, three times killed while it is written ---------------------------
echo 2a00:5::/48 >"$d/aliased"
simnet_load_aliased "$d/aliased"
for i in 1 2 3; do
	"$sextant" probe scan -q -M icmp6-echo -r 4k -n 1M -oJ "$d/json" 2a00:5::/48 2>"$d/err" &
	pid=$!
	sleep 0.$((42 + 7 * i))
	kill -9 $pid
	wait $pid 2>/dev/null
	[ "$(head -c 1 "$d/json")$(tail -n 1 "$d/json")" = "[]" ] || fail "killed: no array"
	! command -v python3 >/dev/null || python3 -c '
import json, sys
n = len(json.load(open(sys.argv[1])))
sys.exit(0 if n > 100 else f"only {n} hosts")' "$d/json" || fail "killed: no JSON"
done

# ---- a pipe gets lines while the scan runs ---------------------------------------------
mkfifo "$d/fifo"
"$sextant" probe scan -q -c 4 -M icmp6-echo -r 100 --no-header-row -f saddr 2a00:5::/126 \
	2>"$d/err" >"$d/fifo" &
pid=$!
for _ in 1 2 3 4; do
	read -r -t 3 line || fail "no line within 3 s, the scan lasts 4"
done <"$d/fifo"
kill -INT $pid 2>/dev/null
kill -INT $pid 2>/dev/null
wait $pid

# ---- appended, and turned over ------------------------------------------------------------
scan -M icmp6-echo -r 1k --append-output -f saddr -o "$d/add" 2a00:5::1
scan -M icmp6-echo -r 1k --append-output -f saddr -o "$d/add" 2a00:5::2
equal "appended" "$(xargs <"$d/add")" "saddr 2a00:5::1 2a00:5::2"
mkdir "$d/old"
scan -M icmp6-echo -r 1k -n 1500 --rotate-size 4k --rotate-dir "$d/old" -f saddr -o "$d/turn" \
	2a00:5::/48
[ "$(find "$d/old" -type f | wc -l)" -ge 3 ] || fail "turned over: $(ls "$d/old")"
equal "turned over: all" "$(cat "$d/old"/* "$d/turn" | grep -vc saddr)" 1500
find "$d/old" -type f | grep -vE '/[0-9]{6}-[0-9]{6}-turn(\.[0-9]+)?$' && fail "turned over: names"

# ---- status, log and numbers -----------------------------------------------------------------
"$sextant" probe scan -c 0.3 -M icmp6-echo -r 1k -n 2500 -o "$d/out" --status-json -l "$d/log" \
	--metrics 9191 2a00:5::/48 2>"$d/err" &
pid=$!
sleep 1.3
get()
{
	exec 3<>/dev/tcp/127.0.0.1/9191
	printf '%s HTTP/1.0\r\n\r\n' "$1" >&3
	cat <&3
	exec 3<&- 3>&-
}
get "GET /metrics" >"$d/metrics"
get "GET /else" | grep -q "^HTTP/1.0 404" || fail "metrics: 404"
get "POST /metrics" | grep -q "^HTTP/1.0 405" || fail "metrics: 405"
exec 4<>/dev/tcp/127.0.0.1/9191 # says nothing
wait $pid || fail "status-json: $?"
exec 4<&- 4>&-
grep -q "^HTTP/1.0 200" "$d/metrics" || fail "metrics: $(head -1 "$d/metrics")"
sent=$(sed -n 's/^sextant_probe_packets_sent_total //p' "$d/metrics")
[ "${sent:-0}" -ge 500 ] && [ "$sent" -le 2500 ] || fail "metrics: sent $sent"
for name in targets_total replies_valid_total results_total 'answers_total{outcome="open"}' \
	rate_packets_per_second planned_targets kernel_drops_total interface_packets_total \
	interface_drops_total; do
	grep -qF "sextant_probe_$name " "$d/metrics" || fail "metrics: no $name"
done
[ "$(grep -c '^{"state":"' "$d/err")" -ge 2 ] || fail "status-json: $(cat "$d/err")"
grep -v '^{"state":"[a-z]*","rate":{"kpps":[0-9.]*,"pps":[0-9]*},"progress":' "$d/err" &&
	fail "status-json: other lines"
grep -qE '"interface_packets":[1-9][0-9]*,"interface_dropped":0}$' "$d/err" || fail "status-json: the interface"
grep -qE '^20[0-9-]*T[0-9:]*Z sent 2500 packets' "$d/log" || fail "log: $(cat "$d/log")"
"$sextant" probe scan -q --metrics nowhere 2a00:5::1 2>"$d/err" && fail "--metrics nowhere"
grep -q "is not ADDR:PORT" "$d/err" || fail "--metrics: $(cat "$d/err")"

# ---- a list of which nothing is kept: memory -----------------------------------------------
awk 'BEGIN { for (i = 0; i < 400000; i++) printf "2a00:6::%x:%x\n", i / 65536, i % 65536 }' >"$d/long"
"$sextant" probe scan -q -c 0.3 -M icmp6-echo -r 250k -I "$d/long" -o "$d/out" -m "$d/meta" \
	2>"$d/err" &
pid=$!
peak=0
while kill -0 $pid 2>/dev/null; do
	now=$(awk '/VmHWM/ { print $2 }' /proc/$pid/status 2>/dev/null)
	[ "${now:-0}" -le $peak ] || peak=$now
	sleep 0.1
done
wait $pid || fail "long list: $?"
grep -q '"packets_sent": 400000' "$d/meta" || fail "long list: $(grep packets_sent "$d/meta")"
[ "$peak" -gt 1000 ] && [ "$peak" -le 40000 ] || fail "long list: $peak kB"
echo "a list of 400,000: $peak kB"
exit $bad
