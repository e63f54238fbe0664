#!/bin/bash
# What is on an opt-out list is never asked, nor asked about, by any verb of sextant
# seeds: zones, name servers by name and by address, and prefixes.  All that is sent
# is captured; what is not opted out must be there.  $1 = sextant.
. "$(dirname "$0")/seeds_dns.sh"
. "$(dirname "$0")/seeds_walkers.sh"
seeds_dns_enter "$@"
sextant=$1
export LC_ALL=C

# Two zones, and two reverse ones, each with the servers ns2.good (127.0.0.2) and
# ns3.bad (127.0.0.3).  The resolver is 127.0.0.1; NSD answers for all of them.
servers()
{
	printf '@ NS ns2.good.\n@ NS ns3.bad.\n'
}
for z in out in; do
	{
		zone_head $z.test. | grep -v ' NS '
		servers
		seq 5 | sed 's/.*/h& AAAA 2001:db8:1::&/'
		printf 'deep.sub AAAA 2001:db8:1::77\nzz AAAA 2001:db8:1::99\n'
		printf '_x._tcp SRV 0 0 1 h1.out.test.\n'
	} >$z
	seeds_dns_sign $z.test. $z
done
rev=8.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa
{
	zone_head $rev. | grep -v ' NS '
	servers
	for net in 0 10 11 20; do
		printf "2001:db8:78:$net:0:0:0:%d\n" 1 2 3
	done | ptrs 20
	# Delegations: to a server opted out by name, and by address.
	printf 'a.0.0.0 NS ns3.bad.\nb.0.0.0 NS ns2.good.\n'
} >rev
{
	zone_head b.0.0.0.$rev.
	echo '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 PTR b1.test.'
} >sub
sed 's/^\$ORIGIN b/$ORIGIN a/; s/b1\.test/a1.test/' sub >suba
sed "s/^\$ORIGIN .*/\$ORIGIN 9.$rev#/; s/^\$ORIGIN 9\.8/\$ORIGIN 9/; s/#$/./" rev |
	grep -v '^[ab].0.0.0 NS' >srev
seeds_dns_sign 9${rev#8}. srev
{
	zone_head good.
	echo 'ns2 A 127.0.0.2'
} >good
{
	zone_head bad.
	echo 'ns3 A 127.0.0.3'
} >bad.zone
for i in 1 2 3; do
	child="a.0.0.0.$rev. suba"
	[ $i = 3 ] || child="b.0.0.0.$rev. sub"
	seeds_dns_nsd 53 127.0.0.$i out.test. out.signed in.test. in.signed $rev. rev \
		9${rev#8}. srev.signed $child good. good bad. bad.zone
done

# run STATUS ARG...: the program, with all that it sends in cap.
run()
{
	local want=$1 got

	shift
	seeds_dns_capture cap
	timeout 60 "$sextant" seeds "$@" --allow-special --server-rate 0 -x optout >result 2>err </dev/null
	got=$?
	seeds_dns_capture_end
	[ $got = "$want" ] || fail "$*: exit status $got, expected $want: $(cat err)"
	what=$*
}

# Lines of the capture that match, none of which may be there; and some that must.
never()
{
	grep -e "$1" cap | head -n 3 | grep . && fail "$what: opted out ($1), but sent"
}

always()
{
	grep -qe "$1" cap || fail "$what: nothing like '$1' was sent: $(head -n 5 cap) $(cat err)"
}


# --- zones, and parts of them ---

printf 'out.test\nsub.in.test\nh3.in.test\n' >optout
printf '%s\n' h1.out.test out.test h1.in.test x.sub.in.test h3.in.test h4.in.test >names
run 0 resolve names -O csv
never 'query .*out\.test\. '
never 'query .*\(sub\|h3\)\.in\.test\. '
always 'query h4\.in\.test\. 28'
echo _x._tcp.in.test >names2
run 0 resolve names2 --follow srv -O csv
never 'query .*out\.test\. '
always 'query _x\._tcp\.in\.test\. 33'
run 1 walk out.test in.test
never 'query .*out\.test\. '
never 'query \(.*\.\)\?\(sub\|h3\)\.in\.test\. '
always 'query zz\.in\.test\. '
sort result | tr '\n' ' ' | grep -qx '2001:db8:1::1 2001:db8:1::2 2001:db8:1::4 2001:db8:1::5 2001:db8:1::99 ' ||
	fail "walk: $(sort result)"
run 1 axfr out.test in.test
never 'query .*out\.test\. '
always 'query in\.test\. 252'

# --- servers, by the name of one and by its address ---

for who in bad 127.0.0.3 127.0.0.3/32; do
	echo $who >optout
	run 0 walk in.test
	never '127\.0\.0\.3#53 '
	[ $who != bad ] || never 'query .*bad\. '
	always '127\.0\.0\.2#53 query zz\.in\.test\. '
	run 0 axfr in.test
	never '127\.0\.0\.3#53 '
	always '127\.0\.0\.2#53 query in\.test\. 252'
	run 0 arpa 2001:db8:78::/48
	never '127\.0\.0\.3#53 '
	[ $who != bad ] || never 'query .*bad\. '
	always "127\.0\.0\.2#53 query .*\.b\.0\.0\.0\.$rev\. "
	grep -qx 2001:db8:78:b::1 result || fail "arpa: $(cat err)"
	grep -q 2001:db8:78:a: result && fail "arpa: the zone of an opted-out server"
	if [ $who = bad ]; then
		echo in.test >names
		run 0 resolve names --follow ns
		never 'query .*bad\. '
		always 'query ns2\.good\. 28'
	else
		run 1 resolve names -s 127.0.0.3
		never .*\#53
		run 1 walk in.test @127.0.0.3
		never .*\#53
	fi
done

# --- prefixes ---

echo 2001:db8:78:10::/60 >optout
part='0\.1\.0\.0'
part="1\.0\.0\.${rev//./\\.}"
run 0 arpa 2001:db8:78::/48
never "query \(.*\.\)\?$part\. "
always "query .*2\.0\.0\.${rev//./\\.}\. "
[ "$(grep -c '^2001:db8:78:0\?:*[123]$\|^2001:db8:78:20:' result)" = 6 ] ||
	fail "arpa: $(cat result)"
grep '^2001:db8:78:1' result && fail "arpa: opted out, but found"
# The same along NSEC.
echo 2001:db8:79:10::/60 >optout
part=${part//8\\.7/9\\.7}
run 0 arpa 2001:db8:79::/48
grep -q '1  zones walked along NSEC' err || fail "no NSEC: $(cat err)"
never "query \(.*\.\)\?$part\. "
always 'query .*2\.0\.0\.9\.7\.0\.0'
[ "$(wc -l <result)" = 6 ] || fail "arpa along NSEC: $(cat result)"
grep '^2001:db8:79:1' result && fail "arpa along NSEC: opted out, but found"
run 0 walk 9${rev#8} -O names
never "query \(.*\.\)\?$part\. "
always 'query .*2\.0\.0\.9\.7\.0\.0'
echo 2001:db8:79::/48 >optout
for verb in arpa walk axfr; do
	arg=9${rev#8}
	[ $verb != arpa ] || arg=2001:db8:79::/48
	run 1 $verb $arg
	never "9${rev#8}"
	grep -q '^error: .*opt-out list' err || fail "$verb: $(cat err)"
done
echo "1.0.0.0.9${rev#8}" >names
run 0 resolve names
never .*\#53

# --- all of them, as sources of collect ---

printf 'out.test\n127.0.0.3\n2001:db8:78:10::/60\n' >optout
printf '%s\n' h1.out.test h1.in.test >names
common='--allow-special --server-rate 0 -x optout'
cat >conf <<-END
	r: resolve names $common
	w: walk in.test out.test $common
	x: axfr in.test out.test --allow-special -x optout
	a: arpa 2001:db8:78::/48 $common
END
seeds_dns_capture cap
timeout 60 "$sextant" seeds collect -c conf --allow-axfr --allow-special >result 2>err
[ $? = 1 ] || fail "collect: $(cat err)"
seeds_dns_capture_end
what=collect
never 'query .*out\.test\. '
never '127\.0\.0\.3#53 '
never "query \(.*\.\)\?1\.0\.0\.${rev//./\\.}\. "
always '127\.0\.0\.1#53 query h1\.in\.test\. 28'
always '127\.0\.0\.2#53 query zz\.in\.test\. '
always '127\.0\.0\.2#53 query in\.test\. 252'
always "127\.0\.0\.2#53 query .*2\.0\.0\.${rev//./\\.}\. "
grep -qx 2001:db8:78:20::3 result || fail "collect: $(cat result err)"

seeds_dns_inside || fail "a query has left"
[ $bad = 0 ] && echo "optout: ok"
exit $bad
