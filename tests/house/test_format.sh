#!/bin/bash
# Every C file is as clang-format 14 leaves it.  --fix makes it so.
cd "$(dirname "$0")/../.." || exit 2
tool=
for t in clang-format-14 clang-format; do
	command -v $t >/dev/null && $t --version | grep -q 'version 14\.' && tool=$t && break
done
if [ -z "$tool" ]; then
	echo "skipped: no clang-format 14 (Debian 12: clang-format)" >&2
	exit 77
fi
if git rev-parse --git-dir >/dev/null 2>&1; then
	files=$(git ls-files '*.c' '*.h')
else
	files=$(find . -path ./build -prune -o -name '*.[ch]' -print)
fi
[ -n "$files" ] || exit 1
if [ "${1:-}" = --fix ]; then
	echo "$files" | xargs $tool -i
else
	echo "$files" | xargs $tool --dry-run -Werror
fi
