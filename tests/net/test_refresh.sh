#!/bin/bash
# sextant hitlist refresh over the wire: who answers and who does not is in the
# hitlist afterwards, opt-outs see no packet, a dead network drops nobody, and a
# killed refresh goes on where it was.  $1 = sextant.
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

refresh()
{
	"$sextant" hitlist refresh "$d/hl" -i "$SIMNET_IF" -r 20k -c 500ms -m "$d/json" \
		"$@" >"$d/out" 2>"$d/log" || {
		cat "$d/log"
		fail "refresh $*: status $?"
	}
}

value()
{
	sed -n "s/^ *\"$1\": \([0-9]*\),*$/\1/p" "$d/json"
}

# due N OPTION...
due()
{
	local want=$1

	shift
	"$sextant" hitlist due "$d/hl" "$@" >"$d/due" 2>"$d/log" || fail "due $*"
	equal "due $*" "$(wc -l <"$d/due")" "$want"
}

# ---- the world: hosts, dead addresses, and a site that has opted out ------------
for i in $(seq 1 3000); do
	printf '2a00:%x:%x::%x\n' $((i % 50 + 1)) $((i % 7 + 1)) "$i"
done >"$d/alive"
sed 's/::/:dead::/' "$d/alive" | head -1000 >"$d/dead"
for i in $(seq 1 50); do printf '2a01:bad::%x\n' "$i"; done >"$d/site"
echo 2a01:bad::/32 >"$d/block"
cat "$d/alive" "$d/site" >"$d/truth"
simnet_load_truth "$d/truth"
simnet_load_block "$d/block"
"$sextant" hitlist import -q "$d/hl" "$d/alive" "$d/dead" "$d/site" || fail import
due 4050
"$sextant" hitlist block add "$d/hl" 2a01:bad::/32 2>/dev/null || fail "block add"
# Such an address can only come from a blocklist that the hitlist does not have.
printf '2a02:1::1\n2a02:2::1\n' >"$d/more"
echo 2a02:2::/32 >"$d/site2"
simnet_load_block "$d/site2"
"$sextant" hitlist import -q "$d/hl" "$d/more" || fail import
due 4002
due 4001 -b "$d/site2"
due 100 -n 100

# ---- the first refresh ---------------------------------------------------------
refresh -b "$d/site2"
equal "probed" "$(value probed)" 4001
equal "packets" "$(value packets_sent)" $((5 * 4001))
equal "packets on the wire" "$(simnet_counter total)" $((5 * 4001))
equal "packets into what is blocked" "$(simnet_counter blocked)" 0
equal "alive" "$(value alive)" 3000
equal "silent" "$(value silent)" 1001
"$sextant" hitlist export --responsive "$d/hl" | sort >"$d/got"
sort "$d/alive" | cmp -s - "$d/got" || fail "responsive hosts are not those that are"
"$sextant" hitlist lookup "$d/hl" "$(head -1 "$d/dead")" >"$d/out"
grep -q "failed 1 times since" "$d/out" || fail "silence is not recorded: $(cat "$d/out")"
grep -q "last answer never, last probed 20" "$d/out" || fail "silence: $(cat "$d/out")"
due 0 -b "$d/site2"
due 1001 --drop-after 0s --retest-after 0s -b "$d/site2" # the dropped ones, for a test
due 10 --drop-after 0s --retest-after 0s --retest-max 10 -b "$d/site2"

# ---- a second one: streaks grow, hosts come and go -------------------------------
head -500 "$d/dead" >"$d/come"
tail -2500 "$d/alive" >"$d/stay"
simnet_internet nft flush set inet simnet truth6
cat "$d/come" "$d/stay" >"$d/truth"
simnet_load_truth "$d/truth"
sleep 1.1
refresh -b "$d/site2" --interval 1s
equal "alive the second time" "$(value alive)" 3000
equal "silent the second time" "$(value silent)" 1001
"$sextant" hitlist export -O csv "$d/hl" >"$d/csv"
equal "failed twice" "$(awk -F, '$5 == 2' "$d/csv" | wc -l)" 501
equal "failed once" "$(awk -F, '$5 == 1' "$d/csv" | wc -l)" 500
equal "failed never" "$(awk -F, '$5 == 0' "$d/csv" | wc -l)" 3001 # 2a02:2::1 too

# ---- the network is down: nobody is blamed --------------------------------------
simnet_loss 100
sleep 1.1
cp -r "$d/hl" "$d/before"
refresh -b "$d/site2" --interval 1s
equal "judged while the network is down" "$(($(value silent) + $(value alive)))" 0
grep -q "is the network down" "$d/log" || fail "no word of the network: $(cat "$d/log")"
"$sextant" hitlist export -O csv "$d/hl" | cmp -s - "$d/csv" ||
	fail "a dead network has changed the hitlist"
simnet_loss 0

# ---- killed at random moments: the rest is still due ------------------------------
simnet_reset
for i in 1 2 3 4 5 6; do
	"$sextant" hitlist refresh "$d/hl" -i "$SIMNET_IF" -r 4k -c 200ms -q -b "$d/site2" \
		--interval 1s >/dev/null 2>"$d/log" &
	pid=$!
	sleep "0.$((i * 15))"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	"$sextant" hitlist check "$d/hl" 2>"$d/log" || fail "after kill $i: $(cat "$d/log")"
done
refresh -b "$d/site2" --interval 1s
"$sextant" hitlist export -O csv "$d/hl" >"$d/after"
equal "hosts that answered" "$(awk -F, '$5 == 0' "$d/after" | wc -l)" 3001
equal "hosts lost" "$(cut -d, -f1 "$d/csv" | diff - <(cut -d, -f1 "$d/after") | wc -l)" 0
equal "packets into what is blocked" "$(simnet_counter blocked)" 0

# ---- other services: a name server on every address of the far side -----------------
cat >"$d/dns.py" <<'PY'
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
s.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND: answer from any address
s.bind(("::", 53))
print("up", flush=True)
while True:
    data, anc, _, peer = s.recvmsg(2048, 256)
    reply = data[:2] + bytes([data[2] | 0x80]) + data[3:]
    to = [a[2][:16] + bytes(4) for a in anc if a[1] == socket.IPV6_PKTINFO][0]
    s.sendmsg([reply], [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, to)], 0, peer)
PY
nsenter --net=/run/netns/internet timeout 20 python3 "$d/dns.py" >"$d/up" 2>/dev/null &
server=$!
until [ -s "$d/up" ]; do
	kill -0 $server 2>/dev/null || break
	sleep 0.05
done
simnet_reset
head -200 "$d/stay" >"$d/some"
rm -rf "$d/hl"
"$sextant" hitlist import -q "$d/hl" "$d/some" || fail import
refresh -M icmp6-echo -M udp/53 -r 2k
kill $server
wait $server 2>/dev/null
equal "packets to two services" "$(value packets_sent)" 400
equal "alive" "$(value alive)" 200
for service in icmp udp53; do
	equal "$service" "$("$sextant" hitlist export --service $service "$d/hl" | wc -l)" 200
done

# ---- forged answers: by Teredo addresses, by a second answer that differs -------------
# One of three hosts each: an honest server, a forger, and honest with a forger behind.
cat >"$d/forge.py" <<'PY'
import socket, sys
forge = sys.argv[1] == "forge"
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
s.setsockopt(socket.IPPROTO_IPV6, 78, 1)
s.bind(("::", 53))
print("up", flush=True)
def aaaa(data, text):
    return (data[:2] + bytes.fromhex("8180000100010000" "0000") + data[12:] +
            bytes.fromhex("c00c001c0001" "0000003c" "0010") +
            socket.inet_pton(socket.AF_INET6, text))
while True:
    data, anc, _, peer = s.recvmsg(2048, 256)
    to = [a[2][:16] + bytes(4) for a in anc if a[1] == socket.IPV6_PKTINFO][0]
    kind = to[15] % 3 if forge else 0
    answers = [["2606:4700::1"], ["2001::53"], ["2606:4700::1", "2a03:2880::1"]][kind]
    for a in answers:
        s.sendmsg([aaaa(data, a)], [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, to)], 0, peer)
PY
# ask KIND: a refresh while servers of that kind are there
ask()
{
	: >"$d/up"
	nsenter --net=/run/netns/internet timeout 20 python3 "$d/forge.py" "$1" >"$d/up" &
	server=$!
	until [ -s "$d/up" ]; do
		kill -0 $server 2>/dev/null || break
		sleep 0.05
	done
	refresh -M dns/53 -r 2k -c 2s --interval 0s "${@:2}"
	kill $server
	wait $server 2>/dev/null
}
for i in $(seq 1 90); do printf '2a00:77::%x\n' "$i"; done >"$d/dns"
simnet_load_truth "$d/dns"
rm -rf "$d/hl"
"$sextant" hitlist import -q "$d/hl" "$d/dns" || fail import
ask forge
equal "alive by honest answers" "$(value alive)" 30
equal "forged" "$(value injected)" 60
equal "silent" "$(value silent)" 60
"$sextant" hitlist export --service udp53 "$d/hl" >"$d/got"
equal "name servers" "$(wc -l <"$d/got")" 30
equal "that they are" "$(sed -n 's/^2a00:77:://p' "$d/got" | while read -r x; do echo $((0x$x % 3)); done | sort -u)" 0
equal "have answered at all" "$("$sextant" hitlist export --responsive "$d/hl" | wc -l)" 30
"$sextant" hitlist lookup "$d/hl" 2a00:77::1 | grep -q "forged DNS answer 20" ||
	fail "lookup: $("$sextant" hitlist lookup "$d/hl" 2a00:77::1)"
# Asked again without a forger, they are name servers after all.
ask honest --backoff-max 0s
equal "silent servers" "$(value silent)" 0
equal "judged again" "$("$sextant" hitlist export --service udp53 "$d/hl" | wc -l)" 90
"$sextant" hitlist history "$d/hl" 2a00:77::/64 >"$d/got"
equal "history" "$(cut -d, -f3 "$d/got" | sort | uniq -c | awk '{ print $2 $1 }' | tr '\n' ' ')" \
	"event1 new90 up90 "

# Nor does discover take a forged answer for a host, or the answer before a forged one.
: >"$d/up"
nsenter --net=/run/netns/internet timeout 20 python3 "$d/forge.py" forge >"$d/up" &
server=$!
until [ -s "$d/up" ]; do
	kill -0 $server 2>/dev/null || break
	sleep 0.05
done
for i in $(seq 1 3 60); do printf '2a00:77::%x\n' "$i"; done >"$d/seeds"
rm -rf "$d/dl"
"$sextant" discover --seeds "$d/seeds" --hitlist "$d/dl" -i "$SIMNET_IF" -M dns -p 53 -r 2k \
	--budget 300 --no-alias-guard -c 300ms -q >"$d/out" 2>"$d/log" || fail "discover: $(cat "$d/log")"
kill $server
wait $server 2>/dev/null
"$sextant" hitlist export --responsive "$d/dl" >"$d/got"
equal "found by discover: kinds" \
	"$(sed -n 's/^2a00:77:://p' "$d/got" | while read -r x; do echo $((0x$x % 3)); done | sort -u)" 0
[ "$(wc -l <"$d/got")" -ge 10 ] || fail "discover found $(wc -l <"$d/got") name servers"
[ "$(awk '/^forged answers/ { print $3 }' "$d/out")" -ge 20 ] || fail "discover: $(cat "$d/out")"
awk '/^answered/ { exit $2 != n }' n="$(wc -l <"$d/got")" "$d/out" || fail "counts: $(cat "$d/out")"

# ---- several UDP modules in one go, one of them for each port -------------------------
cat >"$d/quic.py" <<'PY'
import socket, threading
def serve(port, answer):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    s.setsockopt(socket.IPPROTO_IPV6, 78, 1)
    s.bind(("::", port))
    while True:
        data, anc, _, peer = s.recvmsg(2048, 256)
        to = [a[2][:16] + bytes(4) for a in anc if a[1] == socket.IPV6_PKTINFO][0]
        s.sendmsg([answer(data)], [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, to)], 0, peer)
def versions(data):  # RFC 9000 section 17.2.1
    n = data[5]
    m = data[6 + n]
    return (b"\x80" + bytes(4) + data[6 + n:7 + n + m] + data[5:6 + n] + bytes.fromhex("00000001"))
def name(data):
    return data[:2] + bytes([data[2] | 0x80]) + data[3:]
for port, answer in (443, versions), (53, name), (5353, name):
    threading.Thread(target=serve, args=(port, answer)).start()
print("up", flush=True)
PY
: >"$d/up"
nsenter --net=/run/netns/internet timeout 20 python3 "$d/quic.py" >"$d/up" 2>/dev/null &
server=$!
until [ -s "$d/up" ]; do
	kill -0 $server 2>/dev/null || break
	sleep 0.05
done
rm -rf "$d/hl"
"$sextant" hitlist import -q "$d/hl" "$d/dns" || fail import
refresh -M icmp6-echo -M dns/53 -M quic/443 -M udp/5353 -r 2k
kill $server
wait $server 2>/dev/null
equal "packets to four services" "$(value packets_sent)" 360
for service in icmp udp53 udp443 udp; do
	equal "$service of several" "$("$sextant" hitlist export --service $service "$d/hl" | wc -l)" 90
done
equal "forged, of honest ones" "$(value injected)" 0

# ---- discover knows the opt-outs of its hitlist too --------------------------------
simnet_reset
cat "$d/alive" "$d/site" >"$d/seeds"
for when in before after; do
	rm -rf "$d/dl"
	[ $when = before ] ||
		"$sextant" hitlist block add "$d/dl" 2a01:bad::/32 2>/dev/null || fail "block add"
	"$sextant" discover --seeds "$d/seeds" --hitlist "$d/dl" -i "$SIMNET_IF" -r 20k \
		--budget 20k -c 300ms -q >"$d/out" 2>"$d/log" || fail "discover: $(cat "$d/log")"
	got=$(simnet_counter blocked)
	case $when in
	before) [ "$got" -gt 0 ] || fail "discover had no reason to go where it must not" ;;
	after) equal "discover: packets into what is blocked" "$got" 0 ;;
	esac
	simnet_reset
done

# ---- usage ---------------------------------------------------------------------
for args in "-M udp/53 -M dns/53" "-M icmp6-echo -M icmp-echo" "-M tcp-syn" "-M icmp6-echo/80" "-M tcp-syn/70000" "-r 0" "-P 0"; do
	# shellcheck disable=SC2086 # words
	"$sextant" hitlist refresh "$d/hl" $args >"$d/out" 2>"$d/log"
	equal "refresh $args: status" $? 2
done
"$sextant" hitlist refresh "$d/none" -i "$SIMNET_IF" 2>"$d/log" && fail "no hitlist: status 0"
[ ! -e "$d/none" ] || fail "refresh has made a hitlist"
[ $bad = 0 ] && echo "refresh: all as it should be"
exit $bad
