#!/bin/bash
# sextant seeds walk and arpa against PowerDNS, which signs on request.  $1 = sextant.
. "$(dirname "$0")/seeds_dns.sh"
. "$(dirname "$0")/seeds_walkers.sh"
seeds_dns_enter "$@"
sextant=$1
export LC_ALL=C
walkers_zones

# Names made up on request.
echo "* LUA PTR \"createReverse6('%33%.dyn.test.')\"" >>synth
seeds_dns_pdns 53 127.0.0.1 $tree z48 $wild wild $synth synth
walkers_tree 127.0.0.1
walkers_generated 127.0.0.1:53 2001:db8:4444::/64
walkers_generated 127.0.0.1:53 2001:db8:9999::/64
pdns_nsec="big $tree" pdns_narrow=three
seeds_dns_pdns 5301 127.0.0.1 big big three three $tree z48
walkers_walk 127.0.0.1:5301 big
walkers_refused 127.0.0.1:5301 three "NSEC3"
walkers_signed_tree 127.0.0.1:5301
pdns_nsec='' pdns_narrow=$tree
seeds_dns_pdns 5302 127.0.0.1 $tree z48
walkers_online_tree 127.0.0.1:5302
seeds_dns_inside || fail "a query has left"
[ $bad = 0 ] && echo "pdns: ok"
exit $bad
