#!/bin/bash
# sextant seeds collect --config, as a user runs it.  $1 = sextant.
sextant=$1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
export LC_ALL=C
bad=0

fail()
{
	echo "$*"
	bad=1
}

# collect STATUS ARG...
collect()
{
	local want=$1 got

	shift
	timeout 60 "$sextant" seeds collect "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] || fail "collect $*: exit status $got, expected $want: $(cat err)"
}

expect()
{
	printf '%s\n' "$@" | cmp -s - out || fail "expected $*: got $(cat out)"
}

printf '2400:1::\t32\t1\n2400:2::\t48\t2\n' >routed
printf 'a.example. AAAA 2400:1::1\nb.example. AAAA 2400:9::9\n' >'the zone'
printf '2400:9::9\n2400:a::a\n' >list
printf '2400:b::b\n2400:1::1\n' >more
cat >conf <<-'END'
	# sources
	routes: bgp routed
	zone: zonefile "the zone"

	list: collect list
END
collect 0 -c conf more --provenance-file prov
expect 2400:1::1 2400:2::1 2400:9::9 2400:a::a 2400:b::b
printf '%s\n' address,sources 2400:1::1,more+routes+zone 2400:2::1,routes \
	2400:9::9,zone+list 2400:a::a,list 2400:b::b,more | cmp -s - prov ||
	fail "provenance: $(cat prov)"
grep -q 'source 2 of 3: zone' err || fail "no progress: $(cat err)"

# What has run is not run again, unless its line changes.
echo 2400:c::c >>list
collect 0 -c conf
grep -c 'done before' err | grep -qx 3 || fail "run again: $(cat err)"
expect 2400:1::1 2400:2::1 2400:9::9 2400:a::a
sed -i 's/collect list/collect  list/' conf
collect 0 -c conf
grep -c 'done before' err | grep -qx 2 || fail "changed line: $(cat err)"
expect 2400:1::1 2400:2::1 2400:9::9 2400:a::a 2400:c::c

# A source that was cut off runs again; one that fails does not stop the others.
rm conf.state/zone.done
collect 0 -c conf
grep -c 'done before' err | grep -qx 2 || fail "cut off: $(cat err)"
mv list list.away
sed -i 's/collect  list/collect list/' conf
collect 1 -c conf
grep -q '^error: source list: not complete' err || fail "a failed source: $(cat err)"
expect 2400:1::1 2400:2::1 2400:9::9
mv list.away list
collect 0 -c conf
expect 2400:1::1 2400:2::1 2400:9::9 2400:a::a 2400:c::c

# Told to end, it tells the source that runs; what had ended before stays done.
mkfifo never
sleep 60 >never &
holder=$!
{
	cat conf
	echo 'never: collect never'
} >conf2
"$sextant" seeds collect -c conf2 >out 2>err </dev/null &
pid=$!
for _ in $(seq 100); do
	grep -q 'source 4 of 4' err && break
	sleep 0.05
done
sleep 0.2
kill "$pid"
SECONDS=0
wait "$pid"
[ $? = 1 ] || fail "a signal: $(cat err)"
[ $SECONDS -lt 10 ] || fail "a signal: took $SECONDS s"
grep -q '^error: .*stopped in source never' err || fail "a signal: $(cat err)"
[ ! -s out ] && [ -e conf2.state/list.done ] && [ ! -e conf2.state/never.done ] ||
	fail "a signal: $(ls conf2.state)"
kill "$holder"
sed -i '$d' conf2
collect 0 -c conf2
grep -c 'done before' err | grep -qx 3 || fail "after a signal: $(cat err)"

mkdir elsewhere
collect 0 -c conf --state-dir elsewhere/s -q
[ -s elsewhere/s/routes.txt ] || fail "--state-dir: $(ls elsewhere)"

# --- bad configurations: nothing runs ---

refused()
{
	printf '%s\n' "$1" >bad.conf
	collect 1 -c bad.conf
	grep -q "^error: bad.conf:.*$2" err || fail "'$1': $(cat err)"
	[ ! -e bad.conf.state/x.txt ] || fail "'$1' ran"
}
refused 'x: axfr example.org @127.0.0.1' allow-axfr
refused 'x: tgen emit' verb
refused 'x:' verb
refused 'x bgp routed' expected
refused '../x: bgp routed' expected
refused 'x: bgp "routed' expected
refused $'x: bgp routed\nx: bgp routed' twice
refused '# nothing' 'no source'
collect 1 -c absent
collect 2
collect 2 - --provenance-file prov
[ $bad = 0 ] && echo "config: ok"
exit $bad
