#!/bin/bash
# tests/net/seeds_dns.sh - name servers in a network namespace of their own, where
# nothing can leave: the only way out of loopback is a pair of interfaces that leads
# back in.  What is sent that way is captured, and is an error.  Sourced by the tests
# and the benchmark of seeds/.
#
#     seeds_dns_enter "$@"          run this script again inside the namespace
#     seeds_dns_nsd PORT ADDR ZONE FILE [ZONE FILE ...]   start NSD
#     seeds_dns_bind PORT ADDR ZONE FILE ...              BIND
#     seeds_dns_knot PORT ADDR ZONE FILE[,OPTION,...] ... Knot; the options are lines
#                                                         of the zone's section
#     seeds_dns_pdns PORT ADDR ZONE FILE ...              PowerDNS, its backend "bind"
#     seeds_dns_sign ZONE FILE [nsec3]      write FILE.signed
#     seeds_dns_capture FILE        what is sent, one line a packet (see dnscap.c)
#     seeds_dns_capture_end
#     seeds_dns_asked FILE PATTERN  the questions "NAME TYPE" of a capture that match
#     seeds_dns_inside              fails when anything was sent out of loopback
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
	# The resolver of the system is in here, too.
	echo 'nameserver 127.0.0.1' >resolv.conf
	mount --bind resolv.conf /etc/resolv.conf || exit 1
	[ -z "${SEXTANT_TEST_BIN:-}" ] || seeds_dns_way_out
}

# The default routes lead into a pair of interfaces that nobody answers on.
seeds_dns_way_out()
{
	ip link add out0 type veth peer name out1 || exit 1
	for i in out0 out1; do
		ip link set $i arp off multicast off addrgenmode none
		ip link set $i up || exit 1
	done
	ip addr add 198.18.0.1/32 dev out0 && ip route add default dev out0 || exit 1
	ip addr add 2001:db8:ffff::1/128 dev out0 nodad 2>/dev/null &&
		ip -6 route add default dev out0
	"$SEXTANT_TEST_BIN/dnscap" out0 "$tmp/outside" >"$tmp/outside.err" 2>&1 &
	outside_pid=$!
	seeds_dns_listening "$tmp/outside.err"
}

seeds_dns_inside()
{
	[ -n "${outside_pid:-}" ] || return 1
	sleep 0.1
	kill "$outside_pid"
	wait "$outside_pid" 2>/dev/null
	outside_pid=
	# Its last line says that nothing was missed; it must be the only one.
	[ "$(cat "$tmp/outside")" = "dropped 0" ] && return 0
	echo "sent out of loopback: $(head -n 5 "$tmp/outside")"
	return 1
}

seeds_dns_listening()
{
	for _ in $(seq 100); do
		grep -qs listening "$1" && return 0
		sleep 0.05
	done
	cat "$1"
	exit 1
}

# seeds_dns_up PORT ADDR DIR: the server that was started last is ready, or the test
# ends.
seeds_dns_up()
{
	seeds_pids+=($!)
	seeds_dns_wait "$1" "$2" && return 0
	tail -n 30 "$3"/out "$3"/log 2>/dev/null
	exit 1
}

# Wait until something is bound to UDP port $1 of the IPv4 address $2.
seeds_dns_wait()
{
	local hex octets

	IFS=. read -ra octets <<<"$2"
	hex=$(printf '%02X%02X%02X%02X:%04X ' "${octets[3]}" "${octets[2]}" "${octets[1]}" \
		"${octets[0]}" "$1")
	for _ in $(seq 200); do
		grep -q "$hex" /proc/net/udp && return 0
		sleep 0.05
	done
	echo "no server at port $1 of $2"
	return 1
}

seeds_dns_nsd()
{
	local port=$1 addr=$2 dir=$tmp/nsd-$2-$1

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
	seeds_dns_up "$port" "$addr" "$dir"
}

seeds_dns_bind()
{
	local port=$1 addr=$2 dir=$tmp/bind-$2-$1

	shift 2
	command -v named >/dev/null || seeds_dns_skip "no named (bind9)"
	mkdir -p "$dir"
	# By another name: security modules keep the usual one out of this folder.
	cp "$(command -v named)" "$dir/named"
	{
		cat <<-END
			options {
			  directory "$dir";
			  listen-on port $port { $addr; };
			  listen-on-v6 { none; };
			  pid-file none;
			  session-keyfile "$dir/session";
			  recursion no;
			  notify no;
			  dnssec-validation no;
			  empty-zones-enable no;
			  allow-transfer { 127.0.0.1; };
			};
			controls { };
		END
		while [ $# -gt 0 ]; do
			printf 'zone "%s" { type primary; file "%s"; };\n' "$1" "$tmp/$2"
			shift 2
		done
	} >"$dir/conf"
	"$dir/named" -g -n 1 -c "$dir/conf" >"$dir/out" 2>&1 &
	seeds_dns_up "$port" "$addr" "$dir"
	# Its zones are loaded after it listens.
	for _ in $(seq 200); do
		grep -q 'running$' "$dir/out" && return 0
		sleep 0.05
	done
	tail -n 30 "$dir/out"
	exit 1
}

seeds_dns_knot()
{
	local port=$1 addr=$2 dir=$tmp/knot-$2-$1 file option

	shift 2
	command -v knotd >/dev/null || seeds_dns_skip "no knotd (knot)"
	mkdir -p "$dir"
	{
		cat <<-END
			server:
			    listen: $addr@$port
			    rundir: "$dir"
			    udp-workers: 1
			    tcp-workers: 1
			    background-workers: 1
			database:
			    storage: "$dir"
			log:
			  - target: stdout
			    any: info
			acl:
			  - id: local
			    address: 127.0.0.1
			    action: transfer
			policy:
			  - id: nsec
			    single-type-signing: on
			  - id: nsec3
			    single-type-signing: on
			    nsec3: on
			mod-synthrecord:
			  - id: reverse
			    type: reverse
			    prefix: dyn-
			    origin: test.
			    ttl: 60
			    network: 2001:db8:9999::/64
			mod-onlinesign:
			  - id: lies
			zone:
		END
		while [ $# -gt 0 ]; do
			file=${2%%,*}
			printf '  - domain: %s\n    file: "%s"\n    acl: local\n' "$1" "$tmp/$file"
			printf '    zonefile-sync: -1\n    journal-content: none\n'
			IFS=, read -ra options <<<"${2#"$file"}"
			for option in "${options[@]}"; do
				[ -z "$option" ] || printf '    %s\n' "$option"
			done
			shift 2
		done
	} >"$dir/conf"
	knotd -c "$dir/conf" >"$dir/out" 2>&1 &
	seeds_dns_up "$port" "$addr" "$dir"
	for _ in $(seq 200); do
		grep -q 'server started' "$dir/out" && return 0
		sleep 0.05
	done
	tail -n 30 "$dir/out"
	exit 1
}

# The zones NAME in pdns_nsec and pdns_narrow are signed by the server, the latter with
# NSEC3 that cover next to nothing.
seeds_dns_pdns()
{
	local port=$1 addr=$2 dir=$tmp/pdns-$2-$1 zone

	shift 2
	command -v pdns_server >/dev/null && command -v pdnsutil >/dev/null ||
		seeds_dns_skip "no pdns_server (pdns-server)"
	compgen -G '/usr/lib/*/pdns/libbindbackend.so' >/dev/null ||
		seeds_dns_skip "no libbindbackend.so (pdns-backend-bind)"
	mkdir -p "$dir"
	while [ $# -gt 0 ]; do
		printf 'zone "%s" { type master; file "%s"; };\n' "$1" "$tmp/$2"
		shift 2
	done >"$dir/named.conf"
	cat >"$dir/pdns.conf" <<-END
		launch=bind
		bind-config=$dir/named.conf
		bind-dnssec-db=$dir/dnssec.db
		local-address=$addr
		local-port=$port
		socket-dir=$dir
		daemon=no
		guardian=no
		receiver-threads=1
		distributor-threads=1
		enable-lua-records=yes
		allow-axfr-ips=127.0.0.1
		security-poll-suffix=
		setuid=
		setgid=
	END
	pdnsutil --config-dir="$dir" create-bind-db "$dir/dnssec.db" >"$dir/util" 2>&1
	for zone in ${pdns_nsec:-} ${pdns_narrow:-}; do
		pdnsutil --config-dir="$dir" secure-zone "$zone" >>"$dir/util" 2>&1
	done
	for zone in ${pdns_narrow:-}; do
		pdnsutil --config-dir="$dir" set-nsec3 "$zone" '1 0 0 -' narrow \
			>>"$dir/util" 2>&1
	done
	pdns_server --config-dir="$dir" >"$dir/out" 2>&1 &
	seeds_dns_up "$port" "$addr" "$dir"
	for _ in $(seq 200); do
		grep -q 'operating unthreaded\|ready to distribute' "$dir/out" && return 0
		sleep 0.05
	done
	tail -n 30 "$dir/out" "$dir/util"
	exit 1
}

# With the signer that is there: of BIND, or of ldns.
seeds_dns_sign()
{
	local zone=$1 file=$2 key

	shift 2
	if command -v dnssec-signzone >/dev/null; then
		[ "${1:-}" != nsec3 ] || set -- -3 -
		dnssec-keygen -q -a ECDSAP256SHA256 -f KSK -n ZONE "$zone" >key &&
			key=$(cat key) && cat "$file" "$key.key" >"$file.unsigned" &&
			dnssec-signzone -q -P -z "$@" -o "$zone" -f "$file.signed" "$file.unsigned" \
				"$key" >sign.out 2>&1
	elif command -v ldns-signzone >/dev/null; then
		[ "${1:-}" != nsec3 ] || set -- -n
		key=$(ldns-keygen -a ECDSAP256SHA256 -k "$zone" 2>/dev/null) &&
			ldns-signzone "$@" -f "$file.signed" "$file" "$key"
	else
		seeds_dns_skip "no dnssec-signzone (bind9-utils), no ldns-signzone (ldnsutils)"
	fi || {
		cat sign.out
		exit 1
	}
}

seeds_dns_capture()
{
	rm -f "$1" "$1.err"
	"$SEXTANT_TEST_BIN/dnscap" lo "$1" >"$1.err" 2>&1 &
	capture_pid=$!
	capture=$1
	seeds_dns_listening "$1.err"
}

# A capture that missed packets proves nothing.
seeds_dns_capture_end()
{
	sleep 0.1
	kill "$capture_pid"
	wait "$capture_pid" 2>/dev/null
	capture_pid=
	tail -n 1 "$capture" | grep -qx 'dropped 0' && return 0
	echo "the capture is not whole: $(tail -n 1 "$capture")"
	exit 1
}

# Questions, "NAME TYPE" each, of lines that match ("#53 query", "query .*x\.test\.").
seeds_dns_asked()
{
	grep -e ' query ' "$1" | grep -e "$2" | sed 's/.* query //'
}

seeds_dns_stop()
{
	[ -z "${outside_pid:-}${capture_pid:-}" ] ||
		kill ${outside_pid:-} ${capture_pid:-} 2>/dev/null
	[ ${#seeds_pids[@]} = 0 ] || kill "${seeds_pids[@]}" 2>/dev/null
	wait 2>/dev/null
	seeds_pids=()
}
