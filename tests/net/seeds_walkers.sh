#!/bin/bash
# tests/net/seeds_walkers.sh - what walkers must do at every kind of server.  Sourced,
# after seeds_dns.sh, by a test for each of them.
#
#     walkers_zones                 write the zone files
#     walkers_walk ADDR:PORT ZONE   2,000 names of a signed zone, 1.1 queries for each
#     walkers_refused ADDR:PORT ZONE TEXT   left after a few queries, with TEXT
#     walkers_tree ADDR             500 hosts of a /48, at port 53, against dnsrevenum6
#     walkers_signed_tree ADDR:PORT         the same along NSEC
#     walkers_online_tree ADDR:PORT         the same, where NSEC are made up on request
#     walkers_generated ADDR:PORT PREFIX    a name for everything: left, and told
#
# Zone files: big (big., 2,000 names; signed: big.signed), three (three.; with NSEC3:
# three.signed), z48 (the /48 2001:db8:77::, 500 hosts; z48.signed), wild (a wildcard
# for the /64 2001:db8:4444::), synth (an empty zone for the /64 2001:db8:9999::).

tree=7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa
wild=0.0.0.0.4.4.4.4.8.b.d.0.1.0.0.2.ip6.arpa
synth=0.0.0.0.9.9.9.9.8.b.d.0.1.0.0.2.ip6.arpa
bad=0

fail()
{
	echo "$*"
	bad=1
}

zone_head()
{
	printf '$ORIGIN %s\n$TTL 300\n@ SOA ns1.test. h.test. 1 3600 600 86400 300\n' "$1"
	printf '@ NS ns1.test.\n'
}

# PTR records of the addresses on stdin (eight groups), below the last $1 nibbles.
ptrs()
{
	awk -v n="$1" -F: '{
		a = ""
		for (i = 1; i <= 8; i++) a = a sprintf("%4s", $i)
		gsub(/ /, "0", a)
		s = ""
		for (i = 32; i > 32 - n; i--) s = s (s == "" ? "" : ".") substr(a, i, 1)
		print s " PTR host" NR ".test."
	}'
}

# 500 hosts of a /48: subnets with low addresses, some with EUI-64, some at random.
hosts_of_48()
{
	awk 'BEGIN {
		srand(7)
		for (i = 0; i < 500; i++) {
			net = sprintf("%x", int(rand() * 12) * 16)
			if (i % 10 == 0)
				printf "2001:db8:77:%s:21a:%x:fe%x:%x\n", net,
					65280 + i % 90, 16 + rand() * 200, rand() * 65535
			else if (i % 10 == 1)
				printf "2001:db8:77:%s:%x:%x:%x:%x\n", net, rand() * 65535,
					rand() * 65535, rand() * 65535, rand() * 65535
			else
				printf "2001:db8:77:%s:0:0:0:%x\n", net, 1 + i
		}
	}' | sort -u
}

walkers_zones()
{
	{
		zone_head big.
		seq 2000 | sed 's/.*/h& AAAA 2001:db8:1::&/'
	} >big
	{
		zone_head three.
		seq 50 | sed 's/.*/h& AAAA 2001:db8:3::&/'
	} >three
	hosts_of_48 >hosts
	"$sextant" seeds collect --allow-special -q hosts | sort >want48
	[ "$(wc -l <want48)" = 500 ] || fail "the test has $(wc -l <want48) hosts"
	{
		zone_head $tree.
		ptrs 20 <hosts
	} >z48
	{
		zone_head $wild.
		echo '* PTR any.test.'
	} >wild
	zone_head $synth. >synth
}

# seeds STATUS VERB ARG...
seeds()
{
	local want=$1 got

	shift
	timeout 100 "$sextant" seeds "$@" --allow-special --server-rate 0 >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] || fail "$*: exit status $got, expected $want: $(cat err)"
}

# queries of the last run, as the program tells them
queries()
{
	sed -n 's/.* \([0-9]*\) queries.*/\1/p' err | head -n 1
}

walkers_walk()
{
	local n

	seeds_dns_capture cap
	seeds 0 walk "$2" -O names "@$1"
	seeds_dns_capture_end
	[ "$(grep -c '^h[0-9]' out)" = 2000 ] || fail "$2: $(grep -c '^h' out) of 2000 names"
	n=$(seeds_dns_asked cap "#${1##*:} query" | wc -l)
	[ "$n" -gt 1000 ] && [ "$n" -le 2200 ] || fail "$2: $n queries for 2000 names"
	[ "$n" = "$(queries)" ] || fail "$2: $n queries on the wire, $(queries) told"
	echo "walk: 2000 names with $n queries"
	seeds 0 walk "$2" "@$1"
	[ "$(grep -c '^2001:db8:1::' out)" = 2000 ] || fail "$2: $(wc -l <out) addresses"
}

walkers_refused()
{
	local n

	seeds_dns_capture cap
	seeds 1 walk "$2" "@$1"
	seeds_dns_capture_end
	grep -q "^error: $2: .*$3" err || fail "$2: no '$3': $(cat err)"
	[ ! -s out ] || fail "$2: $(head -n 3 out)"
	n=$(seeds_dns_asked cap "#${1##*:} query" | wc -l)
	[ "$n" -le 10 ] || fail "$2: $n queries before it was left"
}

walkers_tree()
{
	local ours theirs found

	seeds_dns_capture cap
	seeds 0 arpa 2001:db8:77::/48 "@$1"
	seeds_dns_capture_end
	sort out | cmp -s - want48 || fail "a /48: $(sort out | diff - want48 | head -n 5)"
	ours=$(seeds_dns_asked cap 'udp .*#53 query' | wc -l)
	[ "$ours" = "$(queries)" ] || fail "$ours queries on the wire, $(queries) told"
	echo "arpa: 500 of 500 found with $ours queries"
	# Sixteen for each of the 1,668 inner nodes of this tree, and five, is what
	# dnsrevenum6 asks when nothing is lost.
	[ "$ours" -lt $((16 * 1668 + 5)) ] || fail "$ours queries for 1668 inner nodes"
	command -v atk6-dnsrevenum6 >/dev/null || return
	seeds_dns_capture cap
	timeout 60 atk6-dnsrevenum6 "$1" 2001:db8:77::/48 >theirs.out 2>&1
	seeds_dns_capture_end
	theirs=$(seeds_dns_asked cap 'udp .*#53 query' | wc -l)
	found=$(grep -c 'Found:' theirs.out)
	echo "dnsrevenum6: $found of 500 found with $theirs queries"
	# Under load it may give up: then there is nothing to compare.
	if [ "$found" = 500 ]; then
		[ "$ours" -lt "$theirs" ] || fail "dnsrevenum6 needs fewer: $theirs, we $ours"
	else
		echo "not compared: it found $found of 500"
	fi
}

walkers_signed_tree()
{
	seeds 0 arpa 2001:db8:77::/48 "@$1"
	sort out | cmp -s - want48 || fail "signed: $(sort out | diff - want48 | head -n 5)"
	[ "$(queries)" -le 550 ] || fail "signed: $(queries) queries for 500 hosts"
	grep -q '1  zones walked along NSEC' err || fail "signed: $(cat err)"
	echo "arpa: 500 of 500 found with $(queries) queries along NSEC"
}

walkers_online_tree()
{
	seeds 0 arpa 2001:db8:77::/48 "@$1"
	sort out | cmp -s - want48 || fail "online: $(sort out | diff - want48 | head -n 5)"
	[ "$(queries)" -lt $((16 * 1668 + 5)) ] || fail "online: $(queries) queries"
}

walkers_generated()
{
	seeds 0 arpa "$2" "@$1"
	grep -q '1  subtrees with a name for everything' err || fail "$2: $(cat err)"
	[ "$(queries)" -le 10 ] || fail "$2: $(queries) queries"
	[ ! -s out ] || fail "$2: $(head -n 3 out)"
}
