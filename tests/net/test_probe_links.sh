#!/bin/bash
# sextant probe scan where other scanners fail: on a host without any IPv4 address,
# through a tunnel without Ethernet, and with half-open connections that are to stay
# open (--install-rst-filter).  $1 = sextant.
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

# field NAME: a number of the summary
field()
{
	sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" "$d/meta"
}

scan()
{
	"$sextant" probe scan -q -c 0.4 -r 5k -o "$d/out" -m "$d/meta" -f saddr "$@" 2>"$d/err" || {
		cat "$d/err"
		fail "scan $*: status $?"
	}
}

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT
printf '2a00:1::%x\n' $(seq 100) >"$d/truth"
printf '10.64.0.%d\n' $(seq 100) >>"$d/truth"
simnet_load_truth "$d/truth"
sed 's/$/ 80/' "$d/truth" >"$d/services"
simnet_load_services "$d/services"
simnet_listen "$bin/listen" 80

# ---- the kernel's RSTs ------------------------------------------------------------
# The kernel knows of no connection and ends it; with the filter it may not.
simnet_reset
scan --allow-special -M tcp-syn -p 80 -I "$d/truth"
equal "without a filter: open" "$(field open)" 200
equal "without a filter: resets" "$(simnet_counter kernel)" 200
simnet_reset
scan --allow-special -M tcp-syn -p 80 --install-rst-filter -I "$d/truth"
equal "with a filter: open" "$(field open)" 200
equal "with a filter: resets" "$(simnet_counter kernel)" 0
simnet_reset
scan --allow-special -M tcp-syn -p 80 -s 1024-2047 --install-rst-filter -I "$d/truth"
equal "with a filter of other ports: resets" "$(simnet_counter kernel)" 0
equal "the filter afterwards" "$(nft list tables | grep -c sextant)" 0
# It goes with the scan, also with one that is killed.
"$sextant" probe scan -q -M tcp-syn -p 80 -r 100 -n 10k --install-rst-filter -o /dev/null 2a00:2::/64 2>"$d/err" &
pid=$!
for _ in $(seq 100); do nft list tables | grep -q sextant && break; sleep 0.02; done
equal "the filter meanwhile" "$(nft list tables | grep -c sextant)" 1
kill -9 $pid
wait $pid 2>/dev/null
for _ in $(seq 100); do nft list tables | grep -q sextant || break; sleep 0.02; done
equal "the filter of one that was killed" "$(nft list tables | grep -c sextant)" 0
"$sextant" probe scan -q -M icmp6-echo --install-rst-filter 2a00:1::1 >"$d/out" 2>"$d/err"
equal "nothing to filter: status" $? 2

# ---- what gets lost is told while the scan runs ---------------------------------------
simnet_reset
simnet_internet "$bin/replies" hold $SIMNET_PEER 40000 0 >"$d/replies" &
simnet_pids="$simnet_pids $!"
for _ in $(seq 100); do grep -q listening "$d/replies" && break; sleep 0.02; done
"$sextant" probe scan -q -M icmp6-echo -r 100k -n 40000 -c 3 --receive-buffer 1048576 -o "$d/out" 2a00:3::/64 2>"$d/err" &
pid=$!
for _ in $(seq 200); do [ "$(simnet_counter total)" -lt 40000 ] || break; sleep 0.02; done
kill -STOP $pid # while the answers come, 300 ms later
sleep 1
kill -CONT $pid
for _ in $(seq 100); do grep -q "were lost for want of room" "$d/err" && break; sleep 0.02; done
kill -0 $pid || fail "the scan was over before it told"
wait $pid
grep -qE "[0-9]+ replies were lost for want of room within a second" "$d/err" || fail "lost replies: $(cat "$d/err")"
grep -q "replies were lost between kernel and program" "$d/err" || fail "lost replies, at the end: $(cat "$d/err")"
if nft -f - 2>/dev/null <<-END
	table netdev leak {
		chain out {
			type filter hook egress device $SIMNET_IF priority 0
			ip6 daddr 2a00:3::/64 numgen inc mod 2 == 0 drop
		}
	}
END
then
	"$sextant" probe scan -q -M icmp6-echo --link ip -r 2k -n 5000 -c 1 -o "$d/out" 2a00:3::/64 2>"$d/err"
	nft delete table netdev leak
	grep -qE "^warning: of the first [0-9]+ packets the interface has sent [0-9]+ so far" "$d/err" ||
		fail "packets that do not leave: $(cat "$d/err")"
	grep -q "the interface counts" "$d/err" || fail "packets that did not leave: $(cat "$d/err")"
fi

# ---- routers: each family and each route has its own ------------------------------------
for n in 4 6 8; do
	via=2001:db8:53::$n
	[ $n != 4 ] || via=192.0.2.4
	ip neigh replace $via lladdr 02:00:00:00:00:0$n dev $SIMNET_IF nud permanent
done
ip route add 10.99.0.0/16 via 192.0.2.4
ip -6 route add 2a00:99::/32 via 2001:db8:53::6
ip -6 route add 2a00:98::/32 via 2001:db8:53::8
# gateway TARGET...: of IPv6, and of IPv4
gateway()
{
	"$sextant" probe scan --check --allow-special "$@" 2>"$d/err" | sed -n 's/.* to gateway [0-9a-f:]*:0*//p' | xargs
}
equal "routers" "$(gateway 10.99.0.1 2a00:99::1)" "6 4"
equal "routers of another route" "$(gateway 2a00:98::1)" "8"
equal "router of IPv4 alone" "$(gateway 10.99.0.1)" "4"

# ---- sources of IPv6: all of a prefix, all ports of a range ----------------------------
ip -6 route add local 2001:db8:53:7::/112 dev lo 2>/dev/null
scan -M tcp-syn -p 80 -S 2001:db8:53:7::/112 -s 2000-2999 --packet-trace -i $SIMNET_IF 2a00:1::/120
grep ' SENT ' "$d/err" | sed 's/.*\[\(.*\)\]:\([0-9]*\) > .*/\1 \2/' >"$d/sources"
equal "sources: packets" "$(wc -l <"$d/sources")" 256
equal "sources: out of range" "$(grep -vcE '^2001:db8:53:7:(:|0:0:0:)[0-9a-f:]* 2[0-9][0-9][0-9]$' "$d/sources")" 0
[ "$(cut -d' ' -f1 "$d/sources" | sort -u | wc -l)" -gt 200 ] || fail "few source addresses"
[ "$(cut -d' ' -f2 "$d/sources" | sort -u | wc -l)" -gt 150 ] || fail "few source ports"
# Which is believed back: those of the hosts.
ip -n internet -6 route add 2001:db8:53:7::/112 via $SIMNET_SRC6
scan -M tcp-syn -p 80 -S 2001:db8:53:7::/112 -s 2000-2999 -i $SIMNET_IF 2a00:1::/120
equal "sources: open" "$(field open)" 100

# ---- no IPv4 anywhere ------------------------------------------------------------
ip -4 addr flush dev $SIMNET_IF
ip -4 addr flush dev lo
ip -4 route flush table all 2>/dev/null
equal "IPv4 addresses" "$(ip -4 -o addr | wc -l)" 0
simnet_reset
for how in "2a00:1::/120" "-i $SIMNET_IF 2a00:1::/120" "-M tcp-syn -p 80 2a00:1::/120" "-M tcp-syn -p 80 --unprivileged 2a00:1::/120" \
	"--link afxdp 2a00:1::/120" "-I $d/truth"; do
	# shellcheck disable=SC2086 # words
	scan $how
	equal "IPv6 only: $how" "$(field open)" 100
done

# ---- a tunnel ---------------------------------------------------------------------
if [ -w /dev/net/tun ]; then
	"$bin/tunecho" tun9 </dev/null >"$d/ready" &
	simnet_pids="$simnet_pids $!"
	for _ in $(seq 100); do
		grep -q ready "$d/ready" && break
		sleep 0.02
	done
	ip link set tun9 up
	ip addr add 10.9.0.1/24 dev tun9
	ip -6 addr add 2001:db8:9::1/64 dev tun9 nodad
	ip -6 route add 2a00:9::/32 dev tun9
	ip route add 10.10.0.0/16 dev tun9
	for how in "-M icmp6-echo 2a00:9::/120" "-M icmp-echo --allow-special 10.10.0.0/24" \
		"-M tcp-syn -p 80 2a00:9::/120" "-M tcp-syn -p 80 --allow-special 10.10.0.0/24" \
		"-M icmp6-echo -i tun9 2a00:9::/120" "-M icmp6-echo -X 2a00:9::/120"; do
		# shellcheck disable=SC2086 # words
		scan $how
		equal "tunnel: $how" "$(field open)" 128
		equal "tunnel: $how: invalid" "$(field validation_failed)" 0
	done
	"$sextant" probe scan --check -M icmp6-echo 2a00:9::1 >"$d/check" 2>&1
	grep -q "^interface: tun9" "$d/check" || fail "tunnel: $(cat "$d/check")"
	grep -q gateway "$d/check" && fail "a tunnel with a gateway: $(cat "$d/check")"
else
	echo "no /dev/net/tun: tunnels not tested"
fi
exit $bad
