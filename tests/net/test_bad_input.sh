#!/bin/bash
# Bad input of every kind, through every command that reads it: one clear error
# (with file:line where there is one), a non-zero exit status, and a hitlist that
# is untouched.  $1 = sextant.
. "$(dirname "$0")/simnet.sh"
simnet_enter "$@"
set -u
export LC_ALL=C
sextant=$1
bad=0

simnet_up
d=$(mktemp -d) || exit 1
trap 'simnet_down; rm -rf "$d"' EXIT
cd "$d" || exit 1

# ---- the inputs --------------------------------------------------------------

head -c 20000 "$sextant" >binary
head -c 10000000 /dev/zero | tr '\0' a >longline
printf '2a00:1::1\n%s\n' "$(cat longline)" >longline2
for i in $(seq 5000); do echo "2a00:1::$i:$((i % 7))"; done | bzip2 >whole.bz2
head -c 2000 whole.bz2 >truncated.bz2
for i in $(seq 5000); do echo "2a00:1::$i:$((i % 7))"; done | xz >whole.xz
head -c 2000 whole.xz >truncated.xz
mkdir directory
printf '2a00:1::1\n2a00:1::2\n192.0.2.7\n' >v4
printf '2a00:1::1\nnot an address\n' >junk
: >empty
printf '2a00:1::1\n2a00:1::2\n2a00:2::1\n' >good
printf '2a00:2::/32\nnonsense\n' >badblock
"$sextant" hitlist import hl good >/dev/null 2>&1 || simnet_die "cannot make a hitlist"

fingerprint()
{
	find hl -type f -exec sha256sum {} + | sort
}
before=$(fingerprint)

# refuse NAME PATTERN COMMAND...: status 1 or 2, one error line that matches, and
# the hitlist as it was.  Only a scan may have sent probes, to the targets that
# it read before the bad line.
refuse()
{
	local name=$1 pattern=$2 rc sent

	shift 2
	sent=$(simnet_counter total)
	"$sextant" "$@" >out 2>err </dev/null
	rc=$?
	if [ $rc != 1 ] && [ $rc != 2 ]; then
		echo "FAILED: $name: exit status $rc: sextant $*"
		bad=1
	fi
	if [ "$(grep -c '^error: ' err)" != 1 ] || ! grep -q "^error: .*$pattern" err; then
		echo "FAILED: $name: no single error like '$pattern': sextant $*"
		sed 's/^/    /' err | head -5
		bad=1
	fi
	if [ "$1 $2" != "probe scan" ] && [ "$(simnet_counter total)" != "$sent" ]; then
		echo "FAILED: $name: probes were sent: sextant $*"
		bad=1
	fi
	if [ "$(fingerprint)" != "$before" ]; then
		echo "FAILED: $name: the hitlist has changed: sextant $*"
		bad=1
	fi
}

# Every reader of lists on every bad list.  $1: the list, $2: what the error says.
everywhere()
{
	refuse "$1" "$2" hitlist import hl "$1"
	refuse "$1" "$2" discover --seeds "$1" --hitlist hl -i $SIMNET_IF --budget 10
	refuse "$1" "$2" discover --seeds "$1" --hitlist new -i $SIMNET_IF --budget 10
	[ ! -e new ] || { echo "FAILED: $1: a hitlist was made"; rm -r new; bad=1; }
	refuse "$1" "$2" tgen emit --strict --seeds "$1" -n 10
	refuse "$1" "$2" seeds collect --strict "$1" -o "$d/collected"
	[ ! -e collected ] || { echo "FAILED: $1: an output was left"; rm collected; bad=1; }
	refuse "$1" "$2" probe scan --strict -I "$1" -M icmp6-echo -i $SIMNET_IF -c 0s \
		-r 100k -o "$d/scanned"
	# What was answered before the bad line was met is kept: it has been probed.
	rm -f scanned
	refuse "$1" "$2" analysis summary --strict "$1"
}

everywhere binary 'binary:1: '
everywhere longline 'longline:1: '
everywhere longline2 'longline2:2: '
everywhere truncated.bz2 'truncated.bz2'
everywhere truncated.xz 'truncated.xz'
everywhere directory 'directory'
everywhere junk "junk:2: .*not an address"
everywhere missing 'missing'

# IPv4 in an IPv6 list: an error where only IPv6 makes sense.
refuse v4 'v4:3: .*192.0.2.7' hitlist import hl v4
refuse v4 'v4:3: .*192.0.2.7' discover --seeds v4 --hitlist hl -i $SIMNET_IF --budget 10
refuse v4 'v4:3: .*192.0.2.7' tgen emit --strict --seeds v4 -n 10

# Nothing to work with.
refuse empty '' discover --seeds empty --hitlist new -i $SIMNET_IF --budget 10
rm -rf new
refuse empty '' tgen emit --seeds empty -n 10

# Without --strict the good part of a damaged file is no success either.
refuse truncated.bz2 'truncated.bz2' seeds collect truncated.bz2 -o "$d/collected"
refuse truncated.bz2 'truncated.bz2' tgen emit --seeds truncated.bz2 -n 10

# Outputs that cannot be written.
refuse full '/dev/full' hitlist export hl -o /dev/full
refuse full '/dev/full' seeds collect good -o /dev/full
refuse full '/dev/full' tgen emit --seeds good -n 10 -o /dev/full
refuse full '/dev/full' probe scan 2a00:1::1 -M icmp6-echo -i $SIMNET_IF -c 0s -o /dev/full
refuse folder '/nowhere/x' seeds collect good -o /nowhere/x

# A blocklist that cannot be read whole stops everything, whatever the command.
for c in "hitlist import hl good" "tgen emit --seeds good -n 10" "seeds collect good" \
	"discover --seeds good --hitlist hl -i $SIMNET_IF --budget 10" \
	"probe scan 2a00:1::1 -M icmp6-echo -i $SIMNET_IF -o -"; do
	# shellcheck disable=SC2086 # words
	refuse badblock 'badblock:2: ' $c -b badblock
	# shellcheck disable=SC2086
	refuse noblock 'noblock' $c -b noblock
done

# Numbers out of range, and names that do not exist.
for p in 0 65536 80- -1 80,,90 x 90-80; do
	refuse "port $p" "" probe scan 2a00:1::1 -M tcp-syn -i $SIMNET_IF -p "$p"
done
refuse rate '' probe scan 2a00:1::1 -M icmp6-echo -i $SIMNET_IF -r 0
refuse rate '' discover --seeds good --hitlist hl -i $SIMNET_IF -r 0
refuse rate '' discover --seeds good --hitlist hl -i $SIMNET_IF -r -5
refuse budget '' discover --seeds good --hitlist hl -i $SIMNET_IF --budget 0
refuse budget '' discover --seeds good --hitlist hl -i $SIMNET_IF --budget 1x
refuse port '' discover --seeds good --hitlist hl -i $SIMNET_IF -M tcp-syn -p 65536
refuse port '' discover --seeds good --hitlist hl -i $SIMNET_IF -M tcp-syn
refuse module 'nosuch' probe scan 2a00:1::1 -M nosuch -i $SIMNET_IF
refuse module 'nosuch' discover --seeds good --hitlist hl -i $SIMNET_IF -M nosuch
refuse interface 'nosuch0' probe scan 2a00:1::1 -M icmp6-echo -i nosuch0
refuse interface 'nosuch0' discover --seeds good --hitlist hl -i nosuch0
refuse algorithm 'nosuch' discover --seeds good --hitlist hl -i $SIMNET_IF --algorithm nosuch
refuse field 'nosuch' probe scan 2a00:1::1 -M icmp6-echo -i $SIMNET_IF -f saddr,nosuch
refuse target 'x.example' probe scan x.example -M icmp6-echo -i $SIMNET_IF
refuse target '2a00::/129' probe scan 2a00::/129 -M icmp6-echo -i $SIMNET_IF

# Not a hitlist, and a damaged one.
refuse nothl 'directory' hitlist info directory
refuse nothl 'missing' hitlist export missing
refuse nothl 'good' hitlist info good
cp -r hl damaged
run=$(ls damaged/runs/*.run | head -1)
printf 'X' | dd of="$run" bs=1 seek=100 conv=notrunc 2>/dev/null
refuse damaged "$(basename "$run")" hitlist check damaged
refuse damaged "$(basename "$run")" hitlist export damaged

[ $bad = 0 ] && echo "bad input: every kind refused, hitlist untouched"
exit $bad
