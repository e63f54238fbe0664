#!/bin/bash
# tests/net/test_probe_forgery.sh with ten million forged answers, at full speed, while
# the scan runs.  $1 = sextant.  FORGED: another number of them.
FORGED=${FORGED:-10000000} FORGED_RATE=${FORGED_RATE:-500} FORGED_COOLDOWN=${FORGED_COOLDOWN:-20} \
	exec "$(dirname "$0")/../net/test_probe_forgery.sh" "$@"
