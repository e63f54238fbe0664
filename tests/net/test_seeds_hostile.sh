#!/bin/bash
# sextant seeds against a server that lies, loops, stalls and floods: every run ends
# soon, says what was wrong, and takes nothing that it did not ask for.  $1 = sextant.
. "$(dirname "$0")/seeds_dns.sh"
. "$(dirname "$0")/seeds_walkers.sh"
command -v python3 >/dev/null || seeds_dns_skip "no python3"
here=$(cd "$(dirname "$0")" && pwd) || exit 1
seeds_dns_enter "$@"
sextant=$1
export LC_ALL=C
python3 "$here/dns_hostile.py" 127.0.0.1 5300 2>hostile.err &
mkdir hostile
seeds_dns_up 5300 127.0.0.1 hostile

# run STATUS SECONDS ARG...: the program must end in time.
run()
{
	local want=$1 limit=$2 got start=$SECONDS

	shift 2
	timeout 50 "$sextant" seeds "$@" --allow-special --server-rate 0 --timeout 100ms \
		--tries 2 >out 2>err </dev/null
	got=$?
	[ $got = "$want" ] || fail "$*: exit status $got, expected $want: $(tail -n 3 err)"
	[ $((SECONDS - start)) -le "$limit" ] || fail "$*: took $((SECONDS - start)) s"
}

# --- names: for each one a line with the reason ---

# result NAME TEXT: the line of x.NAME
result()
{
	grep -q "^x\.$1,AAAA,$2,127" out || fail "x.$1: $(grep "^x\.$1," out), expected $2"
}
kinds='good selfish twist chain ring wrongid wrongname wrongtype noquestion query anycase big
short counts pointer longdata wrongclass wronglen elsewhere flood truncated hangs trickles
liar silent servfail refused formerr formerrbare notimp odd tsig'
for k in $kinds; do echo x.$k; done >names
run 0 10 resolve names -s 127.0.0.1:5300 -O csv
for k in $kinds; do
	case $k in
	good | anycase | flood | big | tsig) result $k '2001:db8::1,60,NOERROR' ;;
	twist | chain) result $k ',,CNAME' ;;
	selfish | ring) result $k ',,LOOP' ;;
	truncated) result $k ',,TRUNCATED' ;;
	counts | pointer | longdata) result $k ',,MALFORMED' ;;
	wrongid | wrongname | wrongtype | noquestion | query | short | hangs | trickles | \
		liar | silent) result $k ',,TIMEOUT' ;;
	servfail) result $k ',,SERVFAIL' ;;
	wrongclass | wronglen | elsewhere) result $k ',,NODATA' ;;
	refused) result $k ',,REFUSED' ;;
	formerr | formerrbare) result $k ',,FORMERR' ;;
	notimp) result $k ',,NOTIMP' ;;
	odd) result $k ',,OTHER' ;;
	esac
done
[ "$(grep -c 2001:db8::1, out)" = 5 ] || fail "addresses that nobody gave: $(cat out)"
grep -q '^8\.chain,AAAA,,,LOOP,' out || fail "a chain without end: $(grep chain out)"

# A reply that crashes libldns, under the names of all that may print one.
echo example.com >names
for format in csv jsonl addresses; do
	run 0 5 resolve names -s 127.0.0.1:5300 -O $format
	grep -q '2001:db8::1' out || fail "$format: $(cat out err)"
done

# --- zones ---

walked()
{
	grep -q "^error: $1: .*$2" err || fail "$1: no '$2': $(cat err)"
}
for z in 'same no usable answer' 'still chain does not lead on' \
	'back chain does not lead on' 'out chain does not lead on' \
	'epsilon made up on request' 'blacklies made up on request' \
	'bare not signed with NSEC' 'longest no usable answer' 'silent no usable answer' \
	'servfail no usable answer' 'nowhere not authoritative' 'query no usable answer'; do
	run 1 5 walk "${z%% *}" -O names @127.0.0.1:5300
	walked "${z%% *}" "${z#* }"
	[ "$(wc -l <out)" -le 30 ] || fail "$z: $(wc -l <out) names"
done
run 1 10 walk forever -O names --max-names 500 @127.0.0.1:5300
walked forever 'limit reached'
[ "$(wc -l <out)" = 500 ] || fail "forever: $(wc -l <out) names"
# Ports that are closed: ICMP says so.
run 1 5 walk good @127.0.0.1:5399
walked good 'no usable answer'

# --- reverse trees ---

tree()
{
	grep -q "1  $1" err || fail "$2: no '$1': $(cat err)"
	[ ! -s out ] || fail "$2: $(head -n 3 out)"
}
run 0 10 arpa 2001:db8:0:a::/64 @127.0.0.1:5300
tree 'subtrees with a name for everything' 'all is NODATA'
run 0 10 arpa 2001:db8:0:c::/64 @127.0.0.1:5300
tree 'subtrees with a name for everything' 'all are aliases'
run 0 40 arpa 2001:db8:0:b::/64 @127.0.0.1:5300
tree 'zones that lead on and on' 'inner nodes without end'
run 1 40 arpa 2001:db8:0:b::/64 @127.0.0.1:5300 --max-zone-queries 500 --resume-file rest
tree 'zones with more than --max-zone-queries' 'inner nodes without end'
[ -s rest ] || fail "--max-zone-queries: nothing is left"
rm -f rest
# Referrals upwards, to the zone itself, and to every name anew.
seeds_dns_capture cap
run 1 5 arpa 2001:db8:0:d::/64 @127.0.0.1:5300
seeds_dns_capture_end
grep -q '^error: .*no server' err || fail "upwards: $(cat err)"
grep '127\.0\.0\.9' cap && fail "a referral upwards was followed"
for kind in e f; do
	run 1 5 arpa 2001:db8:0:$kind::/64 @127.0.0.1:5300 --port 5300
	tree 'names without usable answer' 'a referral that leads nowhere'
done
# Empty non-terminals denied.
run 0 5 arpa 2001:db8:0:10::/64 @127.0.0.1:5300
tree 'zones with nothing in them, or that hide it' hidden
run 1 5 arpa 2001:db8:0:10::/64 @127.0.0.1:5300 --known 2001:db8:0:10::7
tree 'zones invisible' hidden
grep -q '^error: .*invisible' err || fail "hidden: $(cat err)"
# What gets no answer is left for another time.
run 1 10 arpa 2001:db8:0:11::/64 @127.0.0.1:5300 --resume-file rest
printf '2001:db8:0:11::1\n2001:db8:0:11::9\n' | cmp -s - out || fail "spotty: $(cat out err)"
[ "$(cat rest)" = 2001:db8:0:11:8000::/68 ] || fail "spotty: left is $(cat rest)"
run 1 10 arpa @127.0.0.1:5300 --resume-file rest
[ "$(cat rest)" = 2001:db8:0:11:8000::/68 ] || fail "spotty again: left is $(cat rest)"

# --- transfers ---

for z in xhangs xtrickles xempty xheadless xforeign xwrongid xzero xcut xcounts; do
	run 1 8 axfr $z @127.0.0.1:5300 -O addresses
	grep -q "^error: $z: no server gives it" err || fail "$z: $(cat err)"
	grep -q "^warning: $z: 127.0.0.1:5300: ." err || fail "$z: no reason: $(cat err)"
done
run 1 10 axfr xforever @127.0.0.1:5300 -O addresses --max-records 10000
grep -q 'more records than the limit' err || fail "xforever: $(cat err)"
run 0 5 axfr xgood @127.0.0.1:5300 -O addresses
[ "$(cat out)" = 2001:db8:: ] || fail "xgood: $(cat out)"

[ -s hostile.err ] && fail "the server itself: $(head -n 5 hostile.err)"
seeds_dns_inside || fail "a query has left"
[ $bad = 0 ] && echo "hostile: ok"
exit $bad
