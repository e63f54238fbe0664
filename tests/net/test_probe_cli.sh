#!/bin/bash
# What `probe scan` makes of its command line and of other tools' files, without a
# packet: targets as they would be probed, configurations, shards.  $1 = sextant.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
sextant=$1
d=$(mktemp -d) || exit 1
trap 'rm -rf "$d"' EXIT
export LC_ALL=C
bad=0

fail()
{
	echo "FAILED: $*"
	bad=1
}

# equal WHAT GOT EXPECTED
equal()
{
	[ "$2" = "$3" ] || fail "$1: '$2', expected '$3'"
}

# list OPTION...: the targets, sorted
list()
{
	"$sextant" probe scan -q --list-targets --allow-special "$@" 2>"$d/err" | sort ||
		fail "$*"
}

# refuse STATUS TEXT OPTION...
refuse()
{
	local want=$1 text=$2 status

	shift 2
	"$sextant" probe scan -q --list-targets --allow-special "$@" >"$d/out" 2>"$d/err"
	status=$?
	equal "status of $*" $status "$want"
	grep -qF -- "$text" "$d/err" || fail "$*: $(head -n 2 "$d/err")"
}

# ---- target forms ------------------------------------------------------------------
equal "mixed" "$(list 192.0.2.0/31 2001:db8::5,2001:db8::8-2001:db8::9 --range 192.0.2.9 | xargs)" \
	"192.0.2.0 192.0.2.1 192.0.2.9 2001:db8::5 2001:db8::8 2001:db8::9"
equal "-6" "$(list -6 192.0.2.0/31 2001:db8::5 | xargs)" "2001:db8::5"
equal "-4" "$(list -4 192.0.2.0/31 2001:db8::5 | xargs)" "192.0.2.0 192.0.2.1"
equal "--exclude" "$(list --exclude 192.0.2.1-192.0.2.2,2001:db8::/127 192.0.2.0/30 2001:db8::/126 | xargs)" \
	"192.0.2.0 192.0.2.3 2001:db8::2 2001:db8::3"
equal "ports" "$(list -p 80,8000-8001,icmp,udp/53 192.0.2.1 | xargs)" \
	"192.0.2.1 192.0.2.1,80 192.0.2.1,8000 192.0.2.1,8001 192.0.2.1,udp/53"
equal "U:, T:" "$(list -p U:53,161,T:80 192.0.2.1 | xargs)" \
	"192.0.2.1,80 192.0.2.1,udp/161 192.0.2.1,udp/53"
equal "--exclude-ports" "$(list -p 79-82,udp/80 --exclude-ports 80-81 192.0.2.1 | xargs)" \
	"192.0.2.1,79 192.0.2.1,82"
equal "every port" "$(list -p 0-65535 192.0.2.1 | wc -l)" 65535
equal "low" "$(list -x 64 --iid low 2001:db8::/63 | xargs)" "2001:db8:0:1::1 2001:db8::1"
equal "zero" "$(list -x 64 --iid zero 2001:db8::/63 | xargs)" "2001:db8:0:1:: 2001:db8::"
equal "full" "$(list --max-len 64 -U full 2001:db8::/64)" "2001:db8::ffff:ffff:ffff:ffff"
equal "low_fill" "$(list -x 64 -U low_fill 2001:db8::/64)" "2001:db8::ffff"
equal "set" "$(list -x 64 --iid ::dead:beef 2001:db8::/64)" "2001:db8::dead:beef"
equal "rand" "$(list -x 64 --iid rand -e 7 2001:db8::/56 | sed 's/:[^:]*:[^:]*:[^:]*:[^:]*$//' | sort -u | wc -l)" 256
equal "iid-num" "$(list -x 64 --iid-num 3 2001:db8::/64 | xargs)" "2001:db8::1 2001:db8::2 2001:db8::3"
equal "a share" "$(list -n 25% 192.0.2.0/24 | wc -l)" 64
equal "same seed, same order" \
	"$("$sextant" probe scan -q -sL --allow-special -e 5 192.0.2.0/24 2>&1 | cksum)" \
	"$("$sextant" probe scan -q -sL --allow-special -e 5 192.0.2.0/24 2>&1 | cksum)"

# ---- lists -------------------------------------------------------------------------
cat >"$d/list" <<-END
	# a comment
	192.0.2.1
	192.0.2.2:81
	[2001:db8::3]:82
	2001:db8::4,83
	{"ip": "2001:db8::5", "port": 84}
	{"saddr": "192.0.2.6"}
	192.0.2.8/30
	2001:db8::10-2001:db8::11
END
equal "list" "$(list -M tcp-syn -p 80 -I "$d/list" | xargs)" \
	"192.0.2.1,80 192.0.2.10,80 192.0.2.11,80 192.0.2.2,81 192.0.2.6,80 192.0.2.8,80 192.0.2.9,80 2001:db8::10,80 2001:db8::11,80 2001:db8::3,82 2001:db8::4,83 2001:db8::5,84"
equal "list of another name" "$(list -M tcp-syn -p 80 -iL "$d/list" | wc -l)" 12
equal "list of ZMapv6" "$(list -M ipv6_tcp_synscan -p 80 --ipv6-target-file "$d/list" --ipv6-source-ip 2001:db8::99 | wc -l)" 12
equal "list on stdin" "$(list -M tcp-syn -p 80 - <"$d/list" | wc -l)" 12
echo 2001:db8::/64 >"$d/wide"
refuse 1 "2^32" -I "$d/wide" --strict

# ---- exclude files: ZMap's, masscan's, and both in one --------------------------------
cat >"$d/exclude" <<-END
	192.0.2.0/29           # RFC5737: Documentation (TEST-NET-1)
	# masscan's
	192.0.2.9-192.0.2.15
	192.0.2.32/28, 192.0.2.20-192.0.2.22
	;192.0.2.8
	192.0.2.18
	2001:db8::/124
END
equal "exclude file" "$(list -b "$d/exclude" 192.0.2.0/26 2001:db8::/123 | wc -l)" \
	$((64 - 8 - 7 - 16 - 3 - 1 + 16))
equal "excludefile" "$(list --excludefile "$d/exclude" 192.0.2.8/31)" 192.0.2.8
equal "allow file" "$(list -w "$d/exclude" | wc -l)" $((8 + 7 + 16 + 3 + 1 + 16))
printf '192.0.2.0/29\n192.0.2.0/33\n' >"$d/half"
refuse 1 "half:2" -b "$d/half" 192.0.2.1
refuse 1 "/no/such/file" -b /no/such/file 192.0.2.1

# ---- shards: each target in exactly one, whatever is sharded, as both tools count ---------
parts()
{
	for i in 0 1 2 3 4 5 6; do
		case $1 in
		zmap) list --shards 7 --shard $i -e 3 "${@:2}" ;;
		masscan) list --shard $((i + 1))/7 -e 3 "${@:2}" ;;
		man) list --shards $((i + 1))/7 "${@:2}" ;;
		esac
	done | sort
}
for how in zmap masscan man; do
	parts $how -p 80,443 192.0.2.0/26 2001:db8::/123 >"$d/parts"
	list -p 80,443 192.0.2.0/26 2001:db8::/123 | diff - "$d/parts" >/dev/null ||
		fail "shards as $how counts them"
	parts $how -x 64 --iid rand 2001:db8::/57 -e 3 >"$d/parts"
	equal "shards of sub-prefixes, $how" "$(sort -u "$d/parts" | wc -l) $(wc -l <"$d/parts")" "128 128"
done
equal "shards of a list" "$(parts zmap -M tcp-syn -p 80,81 -I "$d/list" | sort | uniq -c | awk '{ print $1 }' | sort -u)" 1
equal "shards of a list, all" "$(parts zmap -M tcp-syn -p 80,81 -I "$d/list" | wc -l)" $((4 + 2 * 8))
"$sextant" probe scan -q --list-targets --shard 1/3 192.0.2.0/24 2>&1 >/dev/null | grep -q "the seed is 1" ||
	fail "shards without a seed: nothing is said"

# ---- what cannot be finished ---------------------------------------------------------
"$sextant" probe scan -q --link memory -S 2001:db8::1 2000::/3 >"$d/out" 2>"$d/err" && fail "2000::/3 was taken"
grep -q "sextant discover" "$d/err" || fail "2000::/3: $(cat "$d/err")"
equal "a sample of 2000::/3" "$(list -n 5 2000::/3 | wc -l)" 5

# ---- masscan's documentation: README.md and masscan.8, the same directives -------------
cat >"$d/readme.conf" <<-END
	# My Scan
	rate =  100000.00
	output-format = xml
	output-status = all
	output-filename = $d/scan.xml
	ports = 0-65535
	range = 0.0.0.0-255.255.255.255
	excludefile = $d/exclude
END
cat >"$d/man.conf" <<-END
	# targets
	range = 10.0.0.0/8,192.168.0.0/16
	range = 172.16.0.0/14
	ports = 20-25,80,U:53
	ping = true

	# adapter
	adapter = eth0
	adapter-ip = 192.168.0.1
	router-mac = 66-55-44-33-22-11

	# other
	exclude-file = $d/exclude
END
echo_of()
{
	"$sextant" probe scan -c "$1" --echo 2>"$d/err" >"$d/echo" || fail "$1: $(cat "$d/err")"
}
echo_of "$d/readme.conf"
for line in "rate = 100000" "output-module = xml" "target-ports = 1-65535" \
	"range = 0.0.0.0-255.255.255.255" "blocklist-file = $d/exclude" "output-file = $d/scan.xml"; do
	grep -qxF "$line" "$d/echo" || fail "masscan README.md: no '$line'"
done
echo_of "$d/man.conf"
for line in "range = 10.0.0.0/8" "range = 192.168.0.0/16" "range = 172.16.0.0/14" \
	"target-ports = icmp" "interface = eth0" "source-ip = 192.168.0.1" \
	"gateway-mac = 66-55-44-33-22-11" "blocklist-file = $d/exclude"; do
	grep -qxF "$line" "$d/echo" || fail "masscan.8: no '$line'"
done
equal "masscan.8: targets times ports" "$("$sextant" probe scan -q -sL -c "$d/man.conf" --allow-special -n 1000 2>/dev/null | wc -l)" 1000
"$sextant" probe scan -c "$d/man.conf" --echo >"$d/echo2"
"$sextant" probe scan -c "$d/echo2" --echo | diff "$d/echo2" - >/dev/null || fail "--echo of --echo"
# masscan's paused.conf, as it is in its repository: what it does not say is our default.
cat >"$d/paused.conf" <<-END

	# resume information
	resume-index = 1
	rate =     100.00
	randomize-hosts = true
	seed = 1568398576484847982
	shard = 1/1
	# ADAPTER SETTINGS
	adapter =
	adapter-ip = 10.1.10.196
	adapter-mac = 00:00:00:00:00:00
	router-mac = 00:00:00:00:00:00
	# OUTPUT/REPORTING SETTINGS
	output-format = unknown(0)
	show = open,,
	output-filename =
	rotate = 0
	rotate-dir = .
	rotate-offset = 0
	rotate-filesize = 0
	pcap =
	# TARGET SELECTION (IP, PORTS, EXCLUDES)
	retries = 0
	ports = 80
	range = 10.1.10.0/24

	capture = cert
	nocapture = html
	nocapture = heartbleed
	nocapture = ticketbleed

	min-packet = 60
END
echo_of "$d/paused.conf"
grep -q "order of targets: all of them" "$d/err" || fail "paused.conf: $(cat "$d/err")"
for line in "rate = 100" "seed = 1568398576484847982" "target-ports = 80" "range = 10.1.10.0/24" "source-ip = 10.1.10.196"; do
	grep -qxF "$line" "$d/echo" || fail "paused.conf: no '$line'"
done
grep -qE "^(gateway|source)-mac|^output-module = [^c]" "$d/echo" && fail "paused.conf: $(cat "$d/echo")"
equal "paused.conf: targets" "$("$sextant" probe scan -q -sL -c "$d/paused.conf" --allow-special 2>/dev/null | wc -l)" 256
# The command lines of both, but for what is sent.
for words in "-p80,8000-8100 10.0.0.0/8" "10.0.0.0/8 192.168.0.0/16 172.16.0.0/12 -p80 --open-only" \
	"0.0.0.0/0 -p0-65535 --excludefile $d/exclude" "0.0.0.0/0 -p0-65535 -oX /dev/stdout" \
	"0.0.0.0/0 -p0-65535 --max-rate 100000" "0.0.0.0/0 -p0-65535 --shard 1/1" "10.0.0.0/8,192.168.0.1 -p 20-25" "10.0.0.0/8 -p80 -e lo" \
	"0.0.0.0/4 -p80 --rate 100000000 --offline" "10.0.0.0/8 --ports U:161,U:1024-1100" \
	"0.0.0.0/4 -p80 --rate 100000000 --router-mac 66-55-44-33-22-11" \
	"10.0.0.0/8 -p80 --banners --source-ip 192.168.1.200 --grab-file /dev/null" \
	"10.0.0.0/8 -p80 --banners --source-port 61000 --grab-file /dev/null" \
	"-sS -Pn --randomize-hosts --send-eth 10.0.0.0/8 -p80"; do
	# shellcheck disable=SC2086 # words
	equal "masscan $words" "$(cd "$d" && "$sextant" probe scan -q -sL --allow-special -n 10 $words 2>"$d/err" | wc -l)" 10
done
equal "masscan: three machines" "$(for i in 1 2 3; do list -n 99 0.0.0.0/0 -p0-65535 --shard $i/3; done | sort -u | wc -l)" 99
if command -v masscan >/dev/null; then
	masscan --echo 10.0.0.0/8 -p80,U:53 --rate 1000 --excludefile "$d/exclude" --seed 5 \
		>"$d/theirs" 2>/dev/null
	if [ -s "$d/theirs" ]; then
		echo_of "$d/theirs"
		grep -qxF "range = 10.0.0.0/8" "$d/echo" || fail "masscan --echo: $(cat "$d/err")"
	fi
fi

# ---- ZMap's: zmap.conf with all that it shows, and its blocklist ---------------------
cat >"$d/zmap.conf" <<-END
	### Probe Module to use
	probe-module tcp_synscan

	### Destination port to scan
	target-port 443

	### Scan rate in packets/sec
	rate 10000

	### Scan rate in bandwidth (bits/sec); overrides rate
	bandwidth 1M	# 1mbps

	blacklist-file "$d/exclude"

	### Optionally print a summary at the end
	summary
END
"$sextant" probe scan -C "$d/zmap.conf" --echo 192.0.2.0/24 2>"$d/err" >"$d/echo" || fail "zmap.conf: $(cat "$d/err")"
for line in "probe-module = tcp_synscan" "target-ports = 443" "bandwidth = 1000000" \
	"blocklist-file = $d/exclude"; do
	grep -qxF "$line" "$d/echo" || fail "zmap.conf: no '$line'"
done
equal "zmap.conf: targets" "$(list -C "$d/zmap.conf" 192.0.2.0/26 | wc -l)" $((64 - 8 - 7 - 16 - 3 - 1))
for file in /etc/zmap/zmap.conf /usr/share/doc/zmap/examples/*.conf; do
	[ -f "$file" ] || continue
	echo_of "$file"
done

# Its blocklist as it is shipped, and the file for options of TCP, which is refused.
cat >"$d/blocklist.conf" <<-END
	# From IANA IPv4 Special-Purpose Address Registry
	# Updated 2013-05-22

	0.0.0.0/8           # RFC1122: "This host on this network"
	10.0.0.0/8          # RFC1918: Private-Use
	#192.168.0.0/16      # RFC1918: Private-Use
	255.255.255.255/32  # RFC0919: Limited Broadcast

	224.0.0.0/4         # RFC5771: Multicast/Reserved
END
equal "ZMap's blocklist" "$(list -b "$d/blocklist.conf" 9.255.255.254/31 10.0.0.0/30 192.168.0.0/31 | wc -l)" 4
printf 'probe-module tcp_synopt\ntarget-port 80\nrate 25000\nprobes 3\nverbosity 5\n' >"$d/synopt.conf"
refuse 2 "tcp-syn has mss, window" -C "$d/synopt.conf" 192.0.2.1

# ---- wrong use -------------------------------------------------------------------------
refuse 2 "--user-metadata" --user-metadata '{"a": }' 192.0.2.1
refuse 2 "--exclude-ports" -p 80 --exclude-ports 80 192.0.2.1
refuse 2 "give one" -oX a -oL b 192.0.2.1
refuse 2 "another format than hosts" -O hosts --append-output -o "$d/x" 192.0.2.1
refuse 2 "--shards" --shards x 192.0.2.1
refuse 2 "/no/such/folder/log" -l /no/such/folder/log 192.0.2.1

exit $bad
