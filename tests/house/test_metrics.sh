#!/bin/bash
# House rules that can be counted: functions of at most 100 lines, files of at
# most 800, no mutable externals, and no mutable statics but those of the log
# and of the signal flag.  $1 = sextant; its folder holds the libraries.
cd "$(dirname "$0")/../.." || exit 2
build=$(dirname "$1")
bad=0

fail()
{
	echo "$*"
	bad=1
}

folders=()
for f in common seeds tgen probe hitlist analysis fleet cli; do
	[ -d $f ] && folders+=("$f")
done

for f in $(find "${folders[@]}" tests -name '*.[ch]'); do
	n=$(wc -l <"$f")
	[ "$n" -le 800 ] || fail "$f: $n lines, at most 800"
done

libs=("$build"/lib*.a)
[ -f "${libs[0]}" ] || fail "no libraries in $build"
if nm "${libs[@]}" 2>/dev/null | grep -q __asan_init; then
	echo "skipped: a sanitizer adds mutable objects of its own" >&2
	exit 77
fi
# What can be written to lies in .data and .bss; .data.rel.ro is constant.
found=$(objdump -t "${libs[@]}" | awk '
	/:     file format/ { file = $1; sub(/:$/, "", file) }
	/ O / && $0 ~ /[ \t](\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ &&
		$0 !~ /\.data\.rel\.ro/ {
		if ($2 == "l" && file ~ /^(log|stop|main)\.c\.o$/)
			next
		print file ": " $NF ": a mutable " ($2 == "l" ? "static" : "external")
	}')
[ -z "$found" ] || fail "$found"

if command -v ctags >/dev/null && ctags --version | grep -q Universal; then
	# A parser that finds nothing would let everything pass.
	found=$(ctags -x --_xformat='%{line} %{end} %N %F' --kinds-C=f --languages=C -R \
		"${folders[@]}" tests | awk '
		$2 - $1 + 1 > 100 { print $4 ": " $3 ": " $2 - $1 + 1 " lines, at most 100" }
		END { if (NR < 100) print "ctags finds only " NR " functions" }')
	[ -z "$found" ] || fail "$found"
else
	echo "no universal-ctags: lengths of functions not checked"
fi
exit $bad
