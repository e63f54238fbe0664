#!/bin/bash
# sextant probe scan against a chain of real routers: --hop-limit finds each of them
# at its hop, over both families and with each module that can; and against servers
# of DNS, QUIC and node information at the end of it.  $1 = sextant.
#
#     scanner - r1 - r2 - r3 - host
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
bin=${SEXTANT_TEST_BIN:-$(dirname "$1")/tests}
bad=0

fail()
{
	echo "FAILED: $*"
	bad=1
}

# equal WHAT GOT EXPECTED
equal()
{
	[ "$2" = "$3" ] || fail "$1: got
$2
expected
$3"
}

in_ns()
{
	local ns=$1

	shift
	nsenter --net=/run/netns/$ns "$@"
}

# Each router forwards and may send as many errors as it likes.
make_router()
{
	ip netns add $1 || simnet_skip "no network namespaces"
	in_ns $1 sh -c '
		ip link set lo up
		for s in ipv6/conf/all/forwarding=1 ipv4/ip_forward=1 \
			ipv6/icmp/ratelimit=0 ipv4/icmp_ratelimit=0 \
			ipv4/icmp_msgs_per_sec=1000000 ipv4/icmp_msgs_burst=100000 \
			ipv6/conf/default/accept_dad=0; do
			f=/proc/sys/net/${s%=*}
			[ ! -w $f ] || echo ${s#*=} >$f
		done'
}

# join N LEFT RIGHT: link number N; LEFT has .1, RIGHT .2.  "-" is our namespace.
join()
{
	local n=$1

	ip link add sxl$n type veth peer name sxr$n || simnet_skip "no veth"
	[ "$2" = - ] || ip link set sxl$n netns $2
	ip link set sxr$n netns $3
	end "$2" sxl$n $n 1
	end "$3" sxr$n $n 2
}

end()
{
	local run="in_ns $1"

	[ "$1" != - ] || run=
	$run ip addr add 45.0.$3.$4/24 dev $2
	$run ip -6 addr add 2a00:1:$3::$4/64 dev $2 nodad
	$run ip link set $2 up
}

default()
{
	local run="in_ns $1"

	[ "$1" != - ] || run=
	$run ip route add default via 45.0.$2
	$run ip -6 route add default via 2a00:1:$3
}

mount -t tmpfs tmpfs /run || simnet_skip "no tmpfs"
for r in r1 r2 r3 host; do
	make_router $r
done
ip link set lo up
join 1 - r1
join 2 r1 r2
join 3 r2 r3
join 4 r3 host
default - 1.2 1::2
default host 4.1 4::1
default r1 2.2 2::2
default r2 3.2 3::2
in_ns r2 ip route add 45.0.1.0/24 via 45.0.2.1
in_ns r2 ip -6 route add 2a00:1:1::/64 via 2a00:1:2::1
in_ns r3 ip route add 45.0.1.0/24 via 45.0.3.1
in_ns r3 ip -6 route add 2a00:1:1::/64 via 2a00:1:3::1
in_ns r3 ip route add 45.9.0.0/16 via 45.0.4.2
in_ns r3 ip -6 route add 2a00:9::/32 via 2a00:1:4::2
for a in 1 2 3 4 5; do
	in_ns host ip addr add 45.9.0.$a/32 dev lo
	in_ns host ip -6 addr add 2a00:9::$a/128 dev lo nodad
done
d=$(mktemp -d) || exit 1
pids=
trap 'kill $pids 2>/dev/null; rm -rf "$d"' EXIT

# scan FIELDS OPTION...: sorted results
scan()
{
	local fields=$1

	shift
	"$sextant" probe scan -q -i sxl1 -c 200ms -r 2k -f "$fields" --no-header-row \
		"$@" 2>"$d/err" | sort || {
		cat "$d/err"
		fail "scan $*"
	}
}

# path MODULE FAMILY-PREFIX OPTION...: three routers, at their hops, for 5 targets
path()
{
	local module=$1 net=$2 targets n t want=

	shift 2
	case $net in
	6) targets=2a00:9::1-2a00:9::5 ;;
	4) targets=45.9.0.1-45.9.0.5 ;;
	esac
	for n in 1 2 3; do
		for t in 1 2 3 4 5; do
			case $net in
			6) want="$want
2a00:9::$t,$n,2a00:1:$n::2,1" ;;
			4) want="$want
45.9.0.$t,$n,45.0.$n.2,1" ;;
			esac
		done
	done
	equal "$module v$net" "$(scan target,hop,saddr,quoted_ttl -M "$module" \
		--hop-limit 1-6 --output-filter 'outcome = "time_exceeded"' "$@" \
		$targets)" "$(echo "$want" | sort | tail -n +2)"
}

path icmp6-echo 6
path icmp-echo 4
path udp 6 -p 33434
path udp 4 -p 33434
path tcp-syn 6 -p 80
path tcp-syn 4 -p 80
path tcp-ack 6 -p 80
path tcp-ack 4 -p 80
path quic 6 -p 443
path quic 4 -p 443

# The targets answer from the fourth hop on, and say at which hop.
equal "echo replies" "$(scan target,hop,outcome,hop,classification --hop-limit 3-6 \
	-M icmp6-echo 2a00:9::1)" "2a00:9::1,3,time_exceeded,3,timxceed
2a00:9::1,4,open,4,echoreply
2a00:9::1,5,open,5,echoreply
2a00:9::1,6,open,6,echoreply"
equal "closed ports" "$(scan target,port,hop,outcome --hop-limit 4 -M udp \
	-p 33434,33435 --contact mailto:noc@example.org 45.9.0.1)" \
	"45.9.0.1,33434,4,closed
45.9.0.1,33435,4,closed"
# Round-trip times are known, and short here: a second is far too much.
slow=$(scan rtt_us --hop-limit 1-3 -M icmp6-echo -M tcp-syn -p icmp,80 2a00:9::/125 |
	awk '$1 < 1 || $1 > 1000000' | wc -l)
equal "rtt" "$slow" 0
# What is behind the last hop limit is found as far as routers answer, packet by packet.
for how in "-M icmp6-echo 2a00:9::1" "-M tcp-syn -p 80 2a00:9::1" "-M udp -p 33434 2a00:9::1"; do
	# shellcheck disable=SC2086 # words
	# (A reset cannot say which probe it is for.)
	equal "fill: $how" "$(scan target,hop,saddr --hop-limit 1 --fill-mode 9 -m "$d/meta" $how |
		sed 's/,,/,4,/' | sort)" "2a00:9::1,1,2a00:1:1::2
2a00:9::1,2,2a00:1:2::2
2a00:9::1,3,2a00:1:3::2
2a00:9::1,4,2a00:9::1"
	equal "fill: $how: sent" "$(sed -n 's/^  "packets_sent": \([0-9]*\),*$/\1/p' "$d/meta")" 4
done
equal "fill: the bound" "$(scan hop --hop-limit 1-2 --fill-mode 3 -M icmp-echo 45.9.0.1-45.9.0.3 | xargs)" "1 1 1 2 2 2 3 3 3"
for words in "--fill-mode 9" "--hop-limit 1-9 --fill-mode 9" "--hop-limit 1-3 --fill-mode 64" "--hop-limit 1-3 --fill-mode 9 --resume $d/state"; do
	# shellcheck disable=SC2086 # words
	"$sextant" probe scan -q -i sxl1 $words 2a00:9::1 >"$d/out" 2>"$d/err"
	equal "$words" "$? $(grep -c -e --fill-mode "$d/err")" "2 1"
done
# The same as a picture, but for the times.
equal "paths" "$(scan target -O paths -M icmp6-echo --hop-limit 1-6 2a00:9::1 |
	sed 's/  *[0-9.]* ms//' | sort)" "  1  2a00:1:1::2
  2  2a00:1:2::2
  3  2a00:1:3::2
  4  2a00:9::1  open
2a00:9::1 icmp6"
# A list with ports of its own.
equal "list" "$(printf '[2a00:9::1]:7\n45.9.0.2:9\n' | scan target,port,hop,saddr \
	-M tcp-syn --hop-limit 2-3 -I -)" "2a00:9::1,7,2,2a00:1:2::2
2a00:9::1,7,3,2a00:1:3::2
45.9.0.2,9,2,45.0.2.2
45.9.0.2,9,3,45.0.3.2"

# ---- servers ----------------------------------------------------------------
serve()
{
	# No subshell in between, which would outlive us and keep it.
	nsenter --net=/run/netns/host "$bin/answer" "$@" </dev/null >"$d/$1.$2" &
	pids="$pids $!"
	until [ -s "$d/$1.$2" ]; do
		kill -0 $! 2>/dev/null || fail "answer $*" || return
		sleep 0.05
	done
}

serve dns 2a00:9::1
serve dns 45.9.0.1
serve inject 2a00:9::2
serve quic 2a00:9::3
serve quic 45.9.0.3
serve name 2a00:9::4
dns=target,success,classification,dns_rcode,dns_flags,dns_addrs,signals
equal "dns" "$(scan $dns -M dns -p 53 2a00:9::1 45.9.0.1)" \
	"2a00:9::1,1,dns,NOERROR,qr rd ra,2001:db8::d,
45.9.0.1,1,dns,NOERROR,qr rd ra,2001:db8::d,"
equal "dns with labels" "$(scan $dns -M dns -p 53 --probe-args type=A \
	--probe-args label=target 2a00:9::1)" \
	"2a00:9::1,1,dns,NOERROR,qr rd ra,192.0.2.13,"
equal "no such name" "$(scan $dns -M dns -p 53 --probe-args name=nx.example \
	--probe-args nonexistent 2a00:9::1)" "2a00:9::1,1,dns,NXDOMAIN,qr rd ra,,"
equal "injected" "$(scan "$dns,repeat" -M dns -p 53 2a00:9::2)" \
	"2a00:9::2,0,injected,NOERROR,qr rd ra,2001::77,teredo,0
2a00:9::2,0,injected,NOERROR,qr rd ra,2001:db8::d,differs,1
2a00:9::2,0,injected,NOERROR,qr rd ra,31.13.94.37,family differs,1"
equal "control name" "$(scan "$dns,repeat" -M dns -p 53 --probe-args name=nx.example \
	--probe-args nonexistent --output-filter 'signals != "x" && repeat = 0' \
	2a00:9::2)" \
	"2a00:9::2,0,injected,NOERROR,qr rd ra,2001::77,teredo control,0"
equal "quic" "$(scan target,outcome,classification,quic_versions -M quic -p 443 \
	2a00:9::3 45.9.0.3 2a00:9::1)" "2a00:9::1,closed,unreach,
2a00:9::3,open,quic,00000001 6b3343cf
45.9.0.3,open,quic,00000001 6b3343cf"
equal "node information" "$(scan target,outcome,classification,ni_name -M icmp6-ni \
	2a00:9::4)" "2a00:9::4,open,nodeinfo,host.test"
exit $bad
