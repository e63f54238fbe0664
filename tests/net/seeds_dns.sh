#!/bin/bash
# tests/net/seeds_dns.sh - name servers in a network namespace of their own, which
# has nothing but loopback.  Sourced by the tests and the benchmark of seeds/.
#
#     seeds_dns_enter "$@"          run this script again inside the namespace
#     seeds_dns_nsd PORT ADDR ZONE FILE [ZONE FILE ...]   start NSD
#     seeds_dns_capture FILE        write every packet to FILE
#     seeds_dns_capture_end
#     seeds_dns_stop                end all that was started
#
# Exit status 77 means skipped; with CI=true that is a failure.

PATH=$PATH:/usr/sbin:/sbin
seeds_pids=()

seeds_dns_skip()
{
	echo "skipped: $*" >&2
	[ "${CI:-}" = true ] && exit 1
	exit 77
}

seeds_dns_enter()
{
	if [ "${SEEDS_DNS_INSIDE:-}" != yes ]; then
		command -v unshare >/dev/null || seeds_dns_skip "no unshare (util-linux)"
		command -v ip >/dev/null || seeds_dns_skip "no ip (iproute2)"
		SEEDS_DNS_INSIDE=yes
		export SEEDS_DNS_INSIDE
		if [ "$(id -u)" = 0 ] && unshare -nm true 2>/dev/null; then
			exec unshare -nm --propagation private "$BASH" "$0" "$@"
		fi
		unshare -Urnm true 2>/dev/null || seeds_dns_skip "no user namespaces"
		exec unshare -Urnm --propagation private "$BASH" "$0" "$@"
	fi
	ip link set lo up || exit 1
	# Nothing but loopback: no query can leave.
	[ "$(ip -o link | wc -l)" = 1 ] || exit 1
	tmp=$(mktemp -d) || exit 1
	trap 'seeds_dns_stop; rm -rf "$tmp"' EXIT
	cd "$tmp" || exit 1
}

# Wait until something is bound to UDP port $1.
seeds_dns_wait()
{
	local hex

	hex=$(printf ':%04X ' "$1")
	for _ in $(seq 200); do
		grep -qi "$hex" /proc/net/udp /proc/net/udp6 && return 0
		sleep 0.05
	done
	echo "no server on port $1"
	return 1
}

seeds_dns_nsd()
{
	local port=$1 addr=$2 dir=$tmp/nsd-$1

	shift 2
	command -v nsd >/dev/null || seeds_dns_skip "no nsd"
	mkdir -p "$dir"
	{
		cat <<-END
			server:
			  ip-address: $addr
			  port: $port
			  server-count: 1
			  username: ""
			  chroot: ""
			  zonesdir: "$tmp"
			  database: ""
			  pidfile: "$dir/pid"
			  logfile: "$dir/log"
			  xfrdfile: "$dir/xfrd"
			  zonelistfile: "$dir/zones"
			  xfrdir: "$dir"
			  rrl-ratelimit: 0
			remote-control:
			  control-enable: no
		END
		while [ $# -gt 0 ]; do
			printf 'zone:\n  name: "%s"\n  zonefile: "%s"\n' "$1" "$2"
			printf '  provide-xfr: 127.0.0.1 NOKEY\n  provide-xfr: ::1 NOKEY\n'
			shift 2
		done
	} >"$dir/conf"
	nsd -d -c "$dir/conf" >"$dir/out" 2>&1 &
	seeds_pids+=($!)
	seeds_dns_wait "$port" || {
		cat "$dir/out" "$dir/log"
		exit 1
	}
}

seeds_dns_capture()
{
	command -v tcpdump >/dev/null || seeds_dns_skip "no tcpdump"
	# tcpdump insists on changing its groups, which a user namespace denies.
	grep -q deny /proc/self/setgroups &&
		seeds_dns_skip "tcpdump needs root, not a user namespace"
	tcpdump -Z root --immediate-mode -i lo -U -s 300 -w "$1" -B 65536 2>"$1.err" &
	capture_pid=$!
	for _ in $(seq 100); do
		grep -q listening "$1.err" && return 0
		sleep 0.05
	done
	cat "$1.err"
	exit 1
}

seeds_dns_capture_end()
{
	sleep 0.3
	kill "$capture_pid"
	wait "$capture_pid" 2>/dev/null
}

seeds_dns_stop()
{
	[ ${#seeds_pids[@]} = 0 ] || kill "${seeds_pids[@]}" 2>/dev/null
	wait 2>/dev/null
	seeds_pids=()
}
