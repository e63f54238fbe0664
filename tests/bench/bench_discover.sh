#!/bin/bash
# sextant discover at full size in a hostile Internet (tests/net/
# test_discover_hostile.sh says what that is): a million candidates, 2,000 aliased
# /64s, packets lost, sites that answer few.  Needs SEXTANT_SHARED.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
[ -f "${SEXTANT_SHARED:-}/data/splits/dense2019.10.seeds.bz2" ] || {
	echo "skipped: no data (set SEXTANT_SHARED)" >&2
	exit 77
}
for split in ${HOSTILE_SPLITS:-dense2019.10 wide.50}; do
	HOSTILE_SPLIT=$split HOSTILE_BUDGET=${HOSTILE_BUDGET:-1000000} \
		HOSTILE_ALIASED=${HOSTILE_ALIASED:-2000} \
		"$root/tests/net/test_discover_hostile.sh" \
		"${1:-$root/build/release/sextant}"
done
