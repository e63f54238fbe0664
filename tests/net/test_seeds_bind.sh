#!/bin/bash
# sextant seeds walk and arpa against BIND.  $1 = sextant.
. "$(dirname "$0")/seeds_dns.sh"
. "$(dirname "$0")/seeds_walkers.sh"
seeds_dns_enter "$@"
sextant=$1
export LC_ALL=C
walkers_zones

seeds_dns_sign big. big
seeds_dns_sign three. three nsec3
seeds_dns_bind 53 127.0.0.1 $tree z48 $wild wild
walkers_tree 127.0.0.1
walkers_generated 127.0.0.1 2001:db8:4444::/64
seeds_dns_sign $tree. z48
seeds_dns_bind 5301 127.0.0.1 big big.signed three three.signed $tree z48.signed
walkers_walk 127.0.0.1:5301 big
walkers_refused 127.0.0.1:5301 three "NSEC3"
walkers_signed_tree 127.0.0.1:5301
seeds_dns_inside || fail "a query has left"
[ $bad = 0 ] && echo "bind: ok"
exit $bad
