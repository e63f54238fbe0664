#!/bin/bash
# --resume with formats that are made of all answers at once, and of records; grab
# --resume, killed and stopped; grab on binary answers; one checkpoint, one run.
# $1 = sextant.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
bin=${SEXTANT_TEST_BIN:?}
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
for i in $(seq 1 300); do printf '2a00:1::%x\n10.64.%d.%d\n' $i $((i / 200)) $((i % 200 + 1)); done >"$d/truth"
awk '{ print $1, 80 }' "$d/truth" >"$d/services"
simnet_load_truth "$d/truth"
simnet_load_services "$d/services"
simnet_listen "$bin/listen" 80
for i in $(seq 1 2000); do printf '2a00:1::%x\n10.64.%d.%d\n' $i $((i / 200)) $((i % 200 + 1)); done >"$d/list"

# ---- hosts, XML, masscan's JSON and records, in several runs ---------------------------
common=(probe scan -q --allow-special -M tcp-syn -p 80,81 -r 8k -e 3 -c 0.2 -I "$d/list")
scan()
{
	"$sextant" "${common[@]}" "$@" 2>"$d/err"
}
# whole FORMAT FILE: the answers in it, sorted, without their times
whole()
{
	case $1 in
	hosts) python3 -c 'import json,sys
for l in sys.stdin:
	o = json.loads(l)
	for p in o["ports"]:
		if p["outcome"] == "open":
			print(o["ip"], p["port"])' ;;
	masscan-json) python3 -c 'import json,sys
for o in json.load(sys.stdin): print(o["ip"], o["ports"][0]["port"])' ;;
	xml) python3 -c 'import sys, xml.etree.ElementTree as e
for h in e.parse(sys.stdin).getroot().iter("host"): print(h.find("address").get("addr"), h.find(".//port").get("portid"))' ;;
	binary) "$sextant" probe convert -O csv -f target,port,classification --no-header-row - | grep synack | tr , ' ' | cut -d' ' -f1,2 ;;
	esac <"$2" 2>&1 | sort
}
sort "$d/services" >"$d/want"
for format in hosts xml masscan-json binary; do
	rm -f "$d"/state* "$d/out"
	for run in kill stop; do
		"$sextant" "${common[@]}" -O $format -o "$d/out" --resume "$d/state" \
			--checkpoint-interval 50ms 2>"$d/err" &
		pid=$!
		sleep 0.35
		[ $run = kill ] && kill -9 $pid || kill -INT $pid
		wait $pid 2>/dev/null
	done
	scan -O $format -o "$d/out" --resume "$d/state" || fail "$format: $(cat "$d/err")"
	whole $format "$d/out" | uniq | diff - "$d/want" >"$d/diff" || fail "$format: $(head -n 3 "$d/diff")"
	[ $format = binary ] || equal "$format: each once" "$(whole $format "$d/out" | uniq -d | wc -l)" 0
	equal "$format: what is left" "$(ls "$d" | grep -cE 'state\.(part|lock)')" 0
	scan -O $format -o "$d/out" --resume "$d/state" || fail "$format, complete: $(cat "$d/err")"
	grep -q "is complete" "$d/err" || fail "$format, complete: $(cat "$d/err")"
done
rm -f "$d"/state* "$d/out"
scan -O xml -o "$d/out" -n 100 --resume "$d/state" --max-packets 50
equal "between runs" "$(test -s "$d/state.part" && whole xml "$d/out" | wc -l | grep -cv '^0$')" 1
scan -O csv -o "$d/out" -n 100 --resume "$d/state"
grep -q "for another format than csv" "$d/err" || fail "another format: $(cat "$d/err")"
rm -f "$d/state.part"
scan -O hosts -o "$d/out" -n 100 --resume "$d/state"
grep -q "earlier runs wrote another format" "$d/err" || fail "no part: $(cat "$d/err")"
# Records behind records, and behind half of one.
rm -f "$d/out"
scan -O binary -o "$d/out" -n 200 --append-output
size=$(stat -c %s "$d/out")
head -c 77 /dev/zero >>"$d/out"
scan -O binary -o "$d/out" -n 200 --append-output
equal "appended records" "$(stat -c %s "$d/out")" $((2 * size - 16))
echo "not answers, but a text" >"$d/text"
scan -O binary -o "$d/text" --append-output && fail "a text was appended to"
equal "a text" "$(cat "$d/text")" "not answers, but a text"

# ---- one checkpoint, one run -----------------------------------------------------------
rm -f "$d"/state*
"$sextant" "${common[@]}" -o "$d/out1" --resume "$d/state" 2>"$d/err1" &
pid=$!
for _ in $(seq 50); do [ -e "$d/state" ] && break; sleep 0.02; done
scan -o "$d/out2" --resume "$d/state" && fail "two runs with one checkpoint"
grep -q "another run has it" "$d/err" || fail "two runs: $(cat "$d/err")"
kill -INT $pid
wait $pid

# ---- grab: killed, stopped, and once more ------------------------------------------
sed 's/^.*:.*$/[&]/; s/$/:80/' "$d/truth" >"$d/pairs"
careful=(probe grab -q --allow-special --banner-wait 100ms --connect-timeout 500ms --read-timeout 200ms -r 600 --per-net 0
	--resume "$d/grab" --checkpoint-interval 50ms -f target,port,status)
grab()
{
	"$sextant" "${careful[@]}" "$@" 2>"$d/err"
}
# thrice OPTION...: until it is complete
thrice()
{
	rm -f "$d/grab" "$d/out"
	for run in kill stop; do
		"$sextant" "${careful[@]}" -o "$d/out" "$@" 2>"$d/err" &
		pid=$!
		sleep 0.3
		[ $run = kill ] && kill -9 $pid || kill -INT $pid
		wait $pid 2>/dev/null
	done
	grab -o "$d/out" "$@" || fail "grab $*: $(cat "$d/err")"
	grab -o "$d/out" "$@" || fail "grab $*: $(cat "$d/err")"
	grep -q "is complete" "$d/err" || fail "grab $*, complete: $(cat "$d/err")"
}
thrice -I "$d/pairs" -O csv
grep -v target "$d/out" | cut -d, -f1 | sort -u | diff - <(sort "$d/truth") >"$d/diff" || fail "grab, list: $(head -n 3 "$d/diff")"
equal "grab, list: headers" "$(grep -c '^target,' "$d/out")" 1
# The kill may repeat what was not in a checkpoint, at most 50 ms and a tick of it.
[ "$(wc -l <"$d/out")" -le $((601 + 100)) ] || fail "grab, list: $(wc -l <"$d/out") lines"
thrice -p 80,81 2a00:1::/120 10.64.0.7:80
equal "grab, space" "$(sed 's/.*"target":"\([^"]*\)","port":\([0-9]*\).*/\1 \2/' "$d/out" | sort -u | wc -l)" 513
grab -o "$d/out" -p 80 2a00:1::/120 && fail "another run's checkpoint"
grep -q "of another run" "$d/err" || fail "another run: $(cat "$d/err")"
grab -I - </dev/null && fail "resume of standard input"

# ---- grab on the records of a scan ---------------------------------------------------
scan -O binary -o "$d/answers"
gzip -k "$d/answers"
for from in "$d/answers" "$d/answers.gz" -; do
	"$sextant" probe grab -q --allow-special --banner-wait 50ms --read-timeout 100ms -r 0 --per-net 0 -I "$from" \
		-O csv -f target,port --no-header-row <"$d/answers" 2>"$d/err" | tr , ' ' | sort | diff - "$d/want" >"$d/diff" ||
		fail "records from $from: $(head -n 3 "$d/diff"; cat "$d/err")"
done
# A pipe from which nothing but a short line has come: that one is taken at once.
mkfifo "$d/fifo"
"$sextant" probe grab -q --allow-special --connect-timeout 300ms --banner-wait 50ms --read-timeout 100ms \
	-I - -f target,port,status -O csv <"$d/fifo" >"$d/slow" 2>"$d/err" &
pid=$!
exec 7>"$d/fifo"
echo "[::1]:9" >&7
sleep 0.8
kill -INT $pid
wait $pid || fail "a slow list: status $?"
grep -q "::1,9,refused" "$d/slow" || fail "a slow list: $(cat "$d/slow" "$d/err")"
exec 7>&-
exit $bad
