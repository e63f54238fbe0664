#!/bin/bash
# sextant analysis beside the addr6 that is installed (Debian's ipv6toolkit, which is
# version 2.0): the same lines of -d and the same statistics of -s but for the faults and
# rules of 2.0 that are listed.  $1 = sextant.
for need in addr6 python3; do
	command -v $need >/dev/null || {
		echo "skipped: no $need"
		exit 77
	}
done
exec python3 "$(dirname "$0")/analysis_addr6.py" "$1" "${SEXTANT_SHARED:-/nonexistent}"
