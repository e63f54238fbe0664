#!/bin/bash
# The golden files of ../shared against what sextant analysis says of the same
# lists, field by field.  $1 = sextant.
[ -r "$SEXTANT_SHARED/data/golden/tiny4.ref.json" ] || {
	echo "skipped: no golden files in '$SEXTANT_SHARED'"
	exit 77
}
command -v python3 >/dev/null || {
	echo "skipped: no python3"
	exit 77
}
exec python3 "$(dirname "$0")/analysis_golden.py" "$1" "$SEXTANT_SHARED"
