#!/bin/bash
# Every way for packets to leave: what arrives is right to the last bit (kernels answer
# it, and check checksums), as many packets arrive as were sent, and each target gets
# exactly one, from one thread and from several; VLAN tags, source prefixes and ranges
# of source ports; no privilege is left.  $1 = sextant.
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

# scan OPTION...: results in $d/out, summary in $d/meta
scan()
{
	"$sextant" probe scan -q -c 150ms --allow-special -o "$d/out" -m "$d/meta" \
		-f saddr,daddr,dport "$@" 2>"$d/err" || {
		cat "$d/err"
		fail "scan $*: status $?"
	}
}

# field NAME: a number of the summary
field()
{
	sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" "$d/meta"
}

simnet_up
d=$(mktemp -d) || exit 1
trap 'kill ${peer:-} 2>/dev/null; simnet_down; rm -rf "$d"' EXIT
gw=$(ip -n internet -o link show $SIMNET_PEER | sed -E 's/.*link\/ether ([^ ]+).*/\1/')

echo 2a00:1::/32 >"$d/aliased"
echo 10.64.0.0/16 >>"$d/aliased"
simnet_load_aliased "$d/aliased"
simnet_load_allow "$d/aliased"
simnet_track

# The other end of a veth pair takes live frames when an XDP program is there, and it is
# an error to send them when none is.
"$sextant" probe scan --link xdp-live -q -c 0 -o /dev/null 2a00:1::1 >"$d/out" 2>"$d/err"
equal "live frames without XDP at the other end: status" $? 1
equal "live frames without XDP at the other end" "$(grep -cE \
	'^error: (the driver of interface|cannot (make|map|load))' "$d/err")" 1
paths="packet txring afxdp"
: >"$d/peer"
ip netns exec internet "${SEXTANT_TEST_BIN:-}/xdp_peer" pass $SIMNET_PEER \
	>"$d/peer" 2>/dev/null &
peer=$!
for _ in $(seq 40); do
	grep -q attached "$d/peer" && break
	kill -0 $peer 2>/dev/null || break
	sleep 0.05
done
if grep -q attached "$d/peer"; then
	paths="$paths xdp-live"
else
	echo "no XDP programs here: live frames are not tested"
fi

for path in $paths; do
	for threads in 1 2; do
		case $path-$threads in
		afxdp-2) continue ;; # the interface has one queue
		txring-2) continue ;;
		esac
		what="$path, $threads threads"
		simnet_reset
		scan --link $path -T $threads --cores 0 -r 20k -M icmp6-echo -M icmp-echo \
			-M tcp-syn -p icmp,80 2a00:1::/118 10.64.1.0/24
		equal "$what: sent" "$(field packets_sent)" 2560
		equal "$what: arrived" "$(simnet_counter total)" 2560
		equal "$what: sent twice" "$(simnet_counter repeat)" 1280 # two protocols
		equal "$what: invalid" "$(field validation_failed)" 0
		equal "$what: answers" "$(field validation_passed)" 2560
	done
	# Long frames, of another length than most, between short ones.
	scan --link $path -r 20k -M icmp6-echo -M icmp-echo --probe-args data-size=1200 \
		2a00:1::/120 10.64.1.0/24
	equal "$path: long frames" "$(field open)" 512
done

refused=$("$sextant" probe scan --link afxdp -T 2 -q -G "$gw" -o /dev/null 2a00:1::1 2>&1)
[ $? = 1 ] || fail "two threads on one queue"
grep -q queue <<<"$refused" || fail "two threads on one queue: $refused"

# ---- fast, and whole: what the interface counts is what was sent --------------------
for path in packet ${paths##* }; do
	before=$(cat /proc/net/dev | awk -F'[: ]+' -v i=$SIMNET_IF '{ sub(/^ +/, "") } $1 == i { print $11 }')
	"$sextant" probe scan -q -c 1 --link $path -r 1M -n 100k -M tcp-syn -p 7 -m "$d/meta" \
		-o /dev/null 2a00:2::/64 2>"$d/err" || fail "$path: $(cat "$d/err")"
	after=$(cat /proc/net/dev | awk -F'[: ]+' -v i=$SIMNET_IF '{ sub(/^ +/, "") } $1 == i { print $11 }')
	equal "$path: sent" "$(field packets_sent)" 100000
	[ $((after - before)) -ge 100000 ] || grep -q "the interface counts" "$d/err" ||
		fail "$path: the interface counts $((after - before)), and nobody says so"
done

# ---- nothing is left of the privileges while packets go --------------------------------
for path in $paths; do
	"$sextant" probe scan -q -c 0 --link $path -r 1k -t 400ms -M icmp6-echo -o /dev/null \
		2a00:1::/32 2>/dev/null &
	pid=$!
	sleep 0.3
	equal "$path: capabilities" "$(sed -n 's/^Cap\(Prm\|Eff\|Bnd\):[[:space:]]*//p' \
		/proc/$pid/task/*/status | sort -u)" 0000000000000000
	wait $pid
done

# ---- a VLAN: tagged frames arrive; where the kernel has VLANs, they are answered ---------
simnet_internet nft -f - <<-END
	add table netdev tagged
	add chain netdev tagged seen { type filter hook ingress device $SIMNET_PEER priority 0; }
	add rule netdev tagged seen vlan id 7 icmpv6 type echo-request counter
END
if simnet_internet ip link add link $SIMNET_PEER name vlan7 type vlan id 7 2>/dev/null; then
	us=$(ip -o link show $SIMNET_IF | sed -E 's/.*link\/ether ([^ ]+).*/\1/')
	simnet_internet ip link set vlan7 up
	simnet_internet ip addr add 2001:db8:77::1/64 dev vlan7 nodad
	simnet_internet ip -6 neigh add 2001:db8:77::2 lladdr "$us" dev vlan7
	answers=256
else
	echo "no VLANs here: answers in one are not tested"
	answers=0
fi
expected=0
for path in $paths; do
	scan --link $path --vlan 7 -G "$gw" -S 2001:db8:77::2 -M icmp6-echo -r 5k 2a00:1::/120
	equal "vlan, $path: sent" "$(field packets_sent)" 256
	equal "vlan, $path: answers" "$(field open)" $answers
	expected=$((expected + 256))
	equal "vlan, $path: tagged" "$(simnet_internet nft list table netdev tagged |
		sed -n 's/.*packets \([0-9]*\).*/\1/p')" $expected
done

# ---- all of a source prefix, some source ports --------------------------------------------
simnet_internet ip -6 route add 2001:db8:88::/64 via $SIMNET_SRC6
scan -S 2001:db8:88::/64 -s 40000-40004 -M tcp-syn -p 81 -r 5k 2a00:1::/118
equal "source prefix: answers" "$(field closed)" 1024
equal "source prefix: sources" "$(grep -oE '2001:db8:88:[^,]*' "$d/out" | sort -u | wc -l)" 1024
equal "source ports" "$(cut -d, -f3 "$d/out" | tail -n +2 | sort -u | tr '\n' ' ')" \
	"40000 40001 40002 40003 40004 "

# ---- in words: nothing leaves, and no privilege is needed ---------------------------------
simnet_reset
"$sextant" probe scan -q -d --vlan 9 -S 2001:db8::1 -M tcp-syn -p 80,443 -s 999 -G "$gw" \
	2a00:1::/126 >"$d/out" 2>"$d/err" || fail "dry run: $(cat "$d/err")"
equal "dry run: packets" "$(grep -c '^tcp { source: 999 | dest: \(80\|443\) | ' "$d/out")" 8
equal "dry run: targets" "$(grep -c '^ip6 { saddr: 2001:db8::1 | daddr: 2a00:1::.* | hlim: 64 }$' "$d/out")" 8
equal "dry run: frames" "$(grep -c '| vlan: 9 }$' "$d/out")" 8
equal "dry run: on the wire" "$(simnet_counter total)" 0

for wrong in "--vlan 4095" "-s 0" "-s 5-4" "-s 1-65536" "-T 0" "-T 65" "--cores x" \
	"--cores 1-" "--cores 3-1"; do
	# shellcheck disable=SC2086 # an option and its value
	"$sextant" probe scan -q $wrong -o /dev/null 2a00:1::1 >"$d/out" 2>"$d/err"
	equal "status of $wrong" $? 2
	[ "$(grep -c '^error: ' "$d/err")" = 1 ] || fail "$wrong: $(cat "$d/err")"
done
exit $bad
