#!/bin/bash
# tests/net/simnet.sh - a simulated Internet in two network namespaces.
#
# Sourced by the network tests and the demo, or run by itself:
#
#     tests/net/simnet.sh [--truth FILE] [--aliased FILE] [--loss PCT] -- COMMAND...
#
# The caller's own namespace becomes the scanner's: interface sxt0, default
# routes for IPv6 and IPv4.  Behind it, in the namespace "internet", one kernel
# owns every address there is (AnyIP), and nftables sets decide which of them
# answer: hosts of a ground truth, aliased prefixes, and no others.  Works as
# root and, through a user namespace, as an ordinary user.  Nothing can leave:
# the two namespaces are joined to each other and to nothing else, and vanish
# with the process that made them.
#
#     . simnet.sh
#     simnet_enter "$@"             run this script again inside namespaces
#     simnet_up
#     simnet_load_truth FILE        hosts that answer, one a line, both families
#     simnet_load_aliased FILE      prefixes that answer at every address
#     simnet_load_services FILE     "address port": open there (simnet_listen)
#     simnet_load_limited FILE PPS  prefixes with at most PPS packets per /48, /24
#     simnet_load_unreach FILE      prefixes that answer "unreachable" where dark
#     simnet_load_allow FILE        replaces 2000::/3 and 0.0.0.0/0
#     simnet_load_block FILE        prefixes that must not see a packet
#     simnet_loss PCT               loss towards the hosts, at random
#     simnet_track                  count addresses that are probed again
#     simnet_listen PROGRAM PORT... TCP listeners; elsewhere ports are closed
#     simnet_udpecho PORT...        UDP that sends back what comes
#     simnet_internet COMMAND...    run in the namespace "internet"
#     simnet_counter NAME           packets so far
#     simnet_reset                  all counters to zero, tracking forgets
#     simnet_down
#
# Counters: total, and of these lost, limited, aliased, truth, unreach, dark;
# repeat (after simnet_track); outside (not in the allowlist) and blocked, which
# also see kernel: resets and errors that the scanner's own kernel sent.  gateway:
# empty datagrams to the discard port of the next hop itself, by which a program
# makes its kernel look up the hardware address; no other counter sees those.
#
# Exit status 77 means skipped: the machine lacks something, and stderr says
# what.  With CI=true that is a failure.

SIMNET_IF=sxt0
SIMNET_PEER=sxi0
SIMNET_SRC6=2001:db8:53::2
SIMNET_SRC4=192.0.2.2
SIMNET_GW6=2001:db8:53::1
SIMNET_GW4=192.0.2.1
export SIMNET_IF SIMNET_SRC6 SIMNET_SRC4

# Debian leaves the sbin folders out of an ordinary user's path.
PATH=$PATH:/usr/sbin:/sbin

simnet_skip()
{
	echo "skipped: $*" >&2
	[ "${CI:-}" = true ] && exit 1
	exit 77
}

simnet_die()
{
	echo "simnet: $*" >&2
	exit 1
}

# How this machine lets us make namespaces: sets the array simnet_unshare.
simnet_find_unshare()
{
	local tool

	for tool in unshare nsenter ip nft awk; do
		command -v $tool >/dev/null ||
			simnet_skip "no $tool (Debian: util-linux iproute2 nftables)"
	done
	for simnet_unshare in "unshare -mn" "unshare -Urmn"; do
		$simnet_unshare sh -c 'mount -t tmpfs tmpfs /run' 2>/dev/null && return
	done
	simnet_skip "this machine does not let user $(id -un) make network namespaces"
}

# Run the calling script again inside namespaces of its own; returns inside.
simnet_enter()
{
	[ -n "${SIMNET_INSIDE:-}" ] && return
	simnet_find_unshare
	SIMNET_INSIDE=1 exec $simnet_unshare "$BASH" "$0" "$@"
}

simnet_internet()
{
	nsenter --net=/run/netns/internet "$@"
}

# The rules of the far side.  nft 1.0.6 wants a newline after every statement.
simnet_rules()
{
	local c f

	echo "table inet simnet {"
	for c in total lost limited aliased truth unreach dark repeat outside \
		blocked kernel gateway; do
		echo "	counter $c {
	}"
	done
	for f in 4 6; do
		for c in allow block aliased limited unreach; do
			echo "	set $c$f {
		type ipv${f}_addr
		flags interval
		auto-merge
	}"
		done
		echo "	set truth$f {
		type ipv${f}_addr
	}
	set service$f {
		type ipv${f}_addr . inet_service
	}
	set tried$f {
		type ipv${f}_addr
		flags dynamic
		size 4194304
	}
	set meter$f {
		type ipv${f}_addr
		flags dynamic
		size 65536
	}"
	done
	cat <<-END
		set ports {
			type inet_service
		}
		chain track {
		}
		chain loss {
		}
		chain slow {
		}
		chain arrive {
			type filter hook prerouting priority -300
			iifname != "$SIMNET_PEER" accept
			icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld-listener-report, mld2-listener-report } accept
			ip protocol igmp accept
			ip6 daddr $SIMNET_GW6 udp dport 9 udp length 8 counter name gateway drop
			ip daddr $SIMNET_GW4 udp dport 9 udp length 8 counter name gateway drop
			ip6 daddr != @allow6 counter name outside
			ip daddr != @allow4 counter name outside
			ip6 daddr @block6 counter name blocked
			ip daddr @block4 counter name blocked
			tcp flags & rst == rst counter name kernel drop
			icmpv6 type destination-unreachable counter name kernel drop
			icmp type destination-unreachable counter name kernel drop
			counter name total
			jump track
			jump loss
			jump slow
			ip6 daddr @aliased6 counter name aliased meta mark set 2 accept
			ip daddr @aliased4 counter name aliased meta mark set 2 accept
			ip6 daddr @truth6 counter name truth accept
			ip daddr @truth4 counter name truth accept
			ip6 daddr @unreach6 counter name unreach meta mark set 1 accept
			ip daddr @unreach4 counter name unreach meta mark set 1 accept
			counter name dark drop
		}
		chain host {
			type filter hook input priority 0
			iifname != "$SIMNET_PEER" accept
			meta mark 1 reject with icmpx type host-unreachable
			meta mark 2 accept
			tcp dport @ports ip6 daddr . tcp dport != @service6 reject with tcp reset
			tcp dport @ports ip daddr . tcp dport != @service4 reject with tcp reset
		}
	}
	add element inet simnet allow6 { 2000::/3 }
	add element inet simnet allow4 { 0.0.0.0/0 }
	END
}

simnet_up()
{
	[ -n "${SIMNET_INSIDE:-}" ] || simnet_die "simnet_up outside simnet_enter"
	trap simnet_down EXIT
	simnet_pids=
	# A mount namespace of our own: this hides the real /run from nobody else.
	mount -t tmpfs tmpfs /run && mkdir /run/netns /run/simnet &&
		ip netns add internet || simnet_die "no network namespace"
	ip link set lo up
	ip link add $SIMNET_IF type veth peer name $SIMNET_PEER netns internet ||
		simnet_die "no veth pair"
	simnet_internet sh -c "
		ip link set lo up
		for k in net.ipv4.tcp_syncookies=2 net.core.somaxconn=65535 \
			net.ipv6.icmp.ratemask= net.ipv4.icmp_ratemask=0 \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0; do
			echo \${k#*=} > /proc/sys/\$(echo \${k%%=*} | tr . /)
		done" || simnet_die "cannot set the sysctls of a new namespace"
	simnet_link ip $SIMNET_IF $SIMNET_SRC6 $SIMNET_SRC4
	simnet_link "ip -n internet" $SIMNET_PEER $SIMNET_GW6 $SIMNET_GW4
	ip -6 route add default via $SIMNET_GW6 dev $SIMNET_IF &&
		ip -4 route add default via $SIMNET_GW4 dev $SIMNET_IF || simnet_die "no route"
	# Not in the table "local", which would win over the way back to the scanner.
	ip -n internet -6 route add local ::/0 dev lo table main &&
		ip -n internet -4 route add local 0.0.0.0/0 dev lo table main ||
		simnet_die "no AnyIP route"
	simnet_rules >/run/simnet/rules
	simnet_internet nft -f /run/simnet/rules || simnet_die "nft refused the rules"
}

# One end of the cable, without waiting for duplicate address detection.
simnet_link()
{
	local ip=$1 dev=$2 v6=$3 v4=$4

	$ip link set "$dev" addrgenmode none &&
		$ip link set "$dev" up &&
		$ip -6 addr add "fe80::${v6##*:}/64" dev "$dev" nodad &&
		$ip -6 addr add "$v6/64" dev "$dev" nodad &&
		$ip -4 addr add "$v4/24" dev "$dev" || simnet_die "cannot set up $dev"
}

simnet_down()
{
	local p

	trap - EXIT
	for p in $simnet_pids; do
		kill "$p" 2>/dev/null && wait "$p" 2>/dev/null
	done
	simnet_pids=
	ip link del $SIMNET_IF 2>/dev/null
	ip netns del internet 2>/dev/null
	umount /run 2>/dev/null
}

# Elements on stdin go to the set NAME4 or NAME6: at once with real privileges;
# without, one netlink transaction may not exceed the socket buffer, so that
# nft -i takes them line by line (its exit status says nothing).
simnet_fill()
{
	awk -v name="$1" '
		function flush(f) {
			if (n[f])
				print "add element inet simnet " name f " { " part[f] " }"
			n[f] = 0
			part[f] = ""
		}
		/^[ \t\r]*(#|$)/ { next }
		{
			sub(/\r$/, "")
			f = index($1, ":") ? 6 : 4
			part[f] = part[f] (n[f]++ ? ", " : "") $1 (NF > 1 ? " . " $2 : "")
			if (n[f] == 1500)
				flush(f)
		}
		END { flush(4); flush(6) }' >/run/simnet/elements
	simnet_internet nft -f /run/simnet/elements >/run/simnet/said 2>&1 && return
	grep -q "too long" /run/simnet/said &&
		simnet_internet nft -i </run/simnet/elements >/run/simnet/said 2>&1
	[ ! -s /run/simnet/said ] ||
		simnet_die "nft refused elements of $1: $(head -c 300 /run/simnet/said)"
}

simnet_load_truth()
{
	simnet_fill truth <"$1"
}

simnet_load_aliased()
{
	simnet_fill aliased <"$1"
}

simnet_load_services()
{
	simnet_fill service <"$1"
}

simnet_load_unreach()
{
	simnet_fill unreach <"$1"
}

simnet_load_block()
{
	simnet_fill block <"$1"
}

simnet_load_allow()
{
	simnet_internet nft flush set inet simnet allow4
	simnet_internet nft flush set inet simnet allow6
	simnet_fill allow <"$1"
}

simnet_load_limited()
{
	simnet_fill limited <"$1"
	simnet_internet nft -f - <<-END
		flush chain inet simnet slow
		add rule inet simnet slow ip6 daddr @limited6 add @meter6 { ip6 daddr & ffff:ffff:ffff:: limit rate over $2/second } counter name limited drop
		add rule inet simnet slow ip daddr @limited4 add @meter4 { ip daddr & 255.255.255.0 limit rate over $2/second } counter name limited drop
	END
}

simnet_loss()
{
	local when="numgen random mod 100 < $1"

	[ "$1" -lt 100 ] || when=
	simnet_internet nft -f - <<-END
		flush chain inet simnet loss
		add rule inet simnet loss $when counter name lost drop
	END
}

simnet_track()
{
	simnet_internet nft -f - <<-END
		flush chain inet simnet track
		add rule inet simnet track ip6 daddr @tried6 counter name repeat
		add rule inet simnet track add @tried6 { ip6 daddr }
		add rule inet simnet track ip daddr @tried4 counter name repeat
		add rule inet simnet track add @tried4 { ip daddr }
	END
}

simnet_listen()
{
	local program=$1 ports

	shift
	ports=$(echo "$@" | tr ' ' ',')
	simnet_internet nft add element inet simnet ports "{ $ports }" ||
		simnet_die "bad ports: $*"
	simnet_internet "$program" "$@" </dev/null >/run/simnet/listening &
	simnet_pids="$simnet_pids $!"
	until [ -s /run/simnet/listening ]; do
		kill -0 $! 2>/dev/null || simnet_die "$program does not listen"
		sleep 0.05
	done
}

# simnet_udpecho PORT...: UDP that sends back what comes (tests/net/udpecho.c)
simnet_udpecho()
{
	local port

	for port in "$@"; do
		rm -f /run/simnet/echoing
		simnet_internet "$SEXTANT_TEST_BIN/udpecho" "$port" </dev/null \
			>/run/simnet/echoing &
		simnet_pids="$simnet_pids $!"
		until [ -s /run/simnet/echoing ]; do
			kill -0 $! 2>/dev/null || simnet_die "no echo on UDP port $port"
			sleep 0.05
		done
	done
}

simnet_counter()
{
	simnet_internet nft list counter inet simnet "$1" |
		awk '$1 == "packets" { print $2; found = 1 } END { exit !found }' ||
		simnet_die "no counter $1"
}

simnet_reset()
{
	simnet_internet nft reset counters table inet simnet >/dev/null &&
		simnet_internet nft flush set inet simnet tried4 &&
		simnet_internet nft flush set inet simnet tried6
}

simnet_main()
{
	local truth='' aliased='' loss='' rc

	simnet_enter "$@"
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		case $1 in
		--truth) truth=$2 ;;
		--aliased) aliased=$2 ;;
		--loss) loss=$2 ;;
		*) simnet_die "unknown option $1" ;;
		esac
		[ $# -ge 2 ] || simnet_die "$1 needs a value"
		shift 2
	done
	[ $# -ge 2 ] || simnet_die "usage: simnet.sh [--truth FILE] [--aliased FILE]" \
		"[--loss PCT] -- COMMAND..."
	shift
	simnet_up
	[ -z "$truth" ] || simnet_load_truth "$truth"
	[ -z "$aliased" ] || simnet_load_aliased "$aliased"
	[ -z "$loss" ] || simnet_loss "$loss"
	"$@"
	rc=$?
	simnet_down
	exit $rc
}

[ "${BASH_SOURCE[0]}" != "$0" ] || simnet_main "$@"
