#!/bin/bash
# sextant seeds walk and arpa against Knot: zones that it signs when it loads them, and names and NSEC that it makes up
# on request.  $1 = sextant.
. "$(dirname "$0")/seeds_dns.sh"
. "$(dirname "$0")/seeds_walkers.sh"
seeds_dns_enter "$@"
sextant=$1
export LC_ALL=C
walkers_zones

zone_head lies. >lies
echo "h1 AAAA 2001:db8::1" >>lies
seeds_dns_knot 53 127.0.0.1 $tree z48 $wild wild $synth synth,"module: mod-synthrecord/reverse"
walkers_tree 127.0.0.1
walkers_generated 127.0.0.1:53 2001:db8:4444::/64
walkers_generated 127.0.0.1:53 2001:db8:9999::/64
nsec="dnssec-signing: on,dnssec-policy: nsec"
seeds_dns_knot 5301 127.0.0.1 big big,"$nsec" $tree z48,"$nsec" \
	three three,"dnssec-signing: on,dnssec-policy: nsec3" \
	lies lies,"module: mod-onlinesign/lies"
walkers_walk 127.0.0.1:5301 big
walkers_refused 127.0.0.1:5301 three "NSEC3"
walkers_refused 127.0.0.1:5301 lies "made up on request"
walkers_signed_tree 127.0.0.1:5301
seeds_dns_knot 5302 127.0.0.1 $tree z48,"module: mod-onlinesign/lies"
walkers_online_tree 127.0.0.1:5302
seeds_dns_inside || fail "a query has left"
[ $bad = 0 ] && echo "knot: ok"
exit $bad
