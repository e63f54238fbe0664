#!/bin/bash
# The simulated Internet does what simnet.sh says, seen with the shell's own
# sockets: a live host without a listener refuses a TCP connection, a dark
# address is silent.  $1 = sextant (not needed), SEXTANT_TEST_BIN = listen.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
bin=${SEXTANT_TEST_BIN:-}
bad=0

# How many ICMPv6 errors "unreachable" a UDP packet to ADDRESS brings.
unreachables()
{
	local before

	before=$(awk "/^Icmp6InDestUnreachs/ { print \$2 }" /proc/net/snmp6)
	echo x >"/dev/udp/$1/9"
	sleep 0.2
	awk -v b="$before" "/^Icmp6InDestUnreachs/ { print \$2 - b }" /proc/net/snmp6
}

# What TCP to ADDRESS PORT gets: open, refused or silent.
try()
{
	local said

	said=$(LC_ALL=C timeout "${3:-0.5}" "$BASH" -c ": </dev/tcp/$1/$2" 2>&1)
	case $?,$said in
	0,*) echo open ;;
	124,*) echo silent ;;
	*refused*) echo refused ;;
	*) echo "$said" ;;
	esac
}

expect()
{
	[ "$2" = "$3" ] && return
	echo "$1: got \"$2\", expected \"$3\""
	bad=1
}

simnet_up
d=/run/simnet
cat >$d/truth <<-END
	# comments, empty lines and CRLF are as in any list

	2a00:1:2::1
	2a00:1:2::2
	$(printf '2a00:ffff::abcd\r')
	198.51.100.7
	2a05:5:5::1
END
printf '2a00:a:b:c::/64\n2a00:a:b::/48\n2a01::/96\n203.0.113.0/28\n' >$d/aliased
echo 2a05:5::/32 >$d/unreach
echo 2a06:6::/32 >$d/block
simnet_load_truth $d/truth
simnet_load_aliased $d/aliased
simnet_load_unreach $d/unreach
simnet_load_block $d/block
simnet_track

expect "truth host" "$(try 2a00:1:2::1 80)" refused
expect "truth host with CR" "$(try 2a00:ffff::abcd 80)" refused
expect "truth host, IPv4" "$(try 198.51.100.7 80)" refused
expect "its neighbour" "$(try 2a00:1:2::3 80)" silent
expect "its neighbour, IPv4" "$(try 198.51.100.8 80)" silent
expect "aliased, first" "$(try 2a00:a:b:: 80)" refused
expect "aliased, last" "$(try 2a00:a:b:ffff:ffff:ffff:ffff:ffff 80)" refused
expect "one past the aliased prefix" "$(try 2a00:a:c:: 80)" silent
expect "aliased /96" "$(try 2a01::dead:beef 80)" refused
expect "one past the /96" "$(try 2a01::1:dead:beef 80)" silent
expect "aliased, IPv4" "$(try 203.0.113.15 80)" refused
expect "live host in an unreachable prefix" "$(try 2a05:5:5::1 80)" refused
expect "closed UDP port" "$(unreachables 2a00:1:2::2)" 1
expect "dark address there" "$(unreachables 2a05:5:5::2)" 1
expect "dark address elsewhere" "$(unreachables 2a00:1:2::3:3)" 0

# Silent targets see one SYN in half a second, refused ones one as well.
expect total "$(simnet_counter total)" 15
expect truth "$(simnet_counter truth)" 5
expect aliased "$(simnet_counter aliased)" 4
expect unreach "$(simnet_counter unreach)" 1
expect dark "$(simnet_counter dark)" 5
expect repeat "$(simnet_counter repeat)" 0
expect outside "$(simnet_counter outside)" 0
expect blocked "$(simnet_counter blocked)" 0

# Whatever leaves for a place where it may not go is seen.
try 2a06:6::1 80 >/dev/null
expect "blocked after a packet there" "$(simnet_counter blocked)" 1
try fd00::1 80 >/dev/null
try 2001:db8:53::1 80 >/dev/null
expect "gateway, after TCP to it" "$(simnet_counter gateway)" 0
expect "outside after a ULA" "$(simnet_counter outside)" 1
echo 2a00::/16 >$d/allow
echo 198.51.100.0/24 >>$d/allow
simnet_load_allow $d/allow
try 2a00:1:2::1 80 >/dev/null
expect "repeat after a second probe" "$(simnet_counter repeat)" 1
try 2a01::1 80 >/dev/null
try 198.51.100.7 80 >/dev/null
try 198.51.101.7 80 >/dev/null
expect "outside a narrower allowlist" "$(simnet_counter outside)" 3
simnet_reset
expect "total after reset" "$(simnet_counter total)" 0
try 2a00:1:2::1 80 >/dev/null
expect "repeat after reset" "$(simnet_counter repeat)" 0

# Everything lost, then nothing.
simnet_loss 100
expect "100 % loss" "$(try 2a00:1:2::1 80)" silent
expect lost "$(simnet_counter lost)" 1
simnet_loss 0
expect "0 % loss" "$(try 2a00:1:2::1 80)" refused

# Rate limit: 60 packets at once into a /48 of 5 per second (and a burst of 5).
simnet_reset
echo 2a00:1::/32 >$d/limited
simnet_load_limited $d/limited 5
for _ in {1..60}; do
	echo x >/dev/udp/2a00:1:2::1/9
done 2>/dev/null
n=$(simnet_counter truth)
[ "$n" -ge 5 ] && [ "$n" -le 15 ] || expect "packets through the limit" "$n" "5 to 15"
expect "limited and passed" "$(($(simnet_counter limited) + n))" 60
expect "another prefix is not limited" "$(try 2a00:ffff::abcd 80)" refused

if [ -n "$bin" ]; then
	printf '2a00:ffff::abcd 80\n198.51.100.7 8080\n' >$d/services
	simnet_load_services $d/services
	simnet_listen "$bin/listen" 80 8080
	expect "open" "$(try 2a00:ffff::abcd 80 2)" open
	expect "closed on the other port" "$(try 2a00:ffff::abcd 8080)" refused
	expect "open, IPv4" "$(try 198.51.100.7 8080 2)" open
	expect "closed, IPv4" "$(try 198.51.100.7 80)" refused
	expect "closed on another host" "$(try 2a05:5:5::1 80)" refused
	expect "aliased is open" "$(try 2a00:a:b:c:d:e:f:1 80 2)" open
else
	echo "SEXTANT_TEST_BIN is not set: listeners not tested"
fi

# The size that real lists have, and how long it takes to load.
awk 'BEGIN { srand(1); for (i = 0; i < 100000; i++)
	printf "2%03x:%x:%x::%x:%x\n", rand() * 4096, rand() * 65536,
		rand() * 65536, i / 65536, i % 65536 }' >$d/many
awk 'BEGIN { srand(2); for (i = 0; i < 20000; i++)
	printf "2%03x:%x:%x:%x::/64\n", rand() * 4096, rand() * 65536,
		rand() * 65536, i }' >$d/prefixes
start=$(date +%s%N)
simnet_load_truth $d/many
simnet_load_aliased $d/prefixes
ms=$((($(date +%s%N) - start) / 1000000))
echo "100000 hosts and 20000 prefixes loaded in $ms ms"
expect "last of many" "$(try "$(tail -n 1 $d/many)" 8081)" refused

simnet_down
ip link show $SIMNET_IF >/dev/null 2>&1 && expect "interface after simnet_down" there gone
[ $bad = 0 ] && echo "simnet: all as expected"
exit $bad
