#!/bin/bash
# Every verb and every long option that --help names is in the man page of its
# folder, and mandoc finds no error there.  $1 = sextant.
cd "$(dirname "$0")/../.." || exit 2
sextant=$1
checked=0
bad=0

fail()
{
	echo "$*"
	bad=1
}

# The first words of the indented rows of a --help on stdin, up to a blank line
# after its heading $1.
rows()
{
	awk -v head="$1" '
		tolower($0) ~ "^" head { on = 1; next }
		on && /^$/ { exit }
		on && /^  [a-z]/ { print $1 }'
}

# mdoc without its escapes, so that \-\-rate, -rate after .Fl and so on are one.
plain()
{
	sed 's/\\-/-/g; s/\\&//g' "$1"
}

# In mdoc a long option is "Fl -name", or "Fl n , -name" after its letter.
has_option()
{
	plain "$2" | grep -qE -- "((Fl|,) -|--)$1([^-a-z0-9]|$)"
}

# check PAGE COMMAND...: the options of one command.  --help is in sextant(1).
check()
{
	local page=$1 o

	shift
	for o in $("$sextant" "$@" --help 2>&1 | grep -oE -- '--[a-z][a-z0-9-]+' | sort -u); do
		[ "$o" != --help ] || continue
		checked=$((checked + 1))
		has_option "${o#--}" "$page" || fail "$page: $o of 'sextant $*' is missing"
	done
}

groups=$("$sextant" --help | rows commands)
[ -n "$groups" ] || fail "sextant --help names no command"
for g in $groups; do
	page=$g/sextant-$g.1
	verbs=$("$sextant" "$g" --help | rows commands)
	[ -n "$verbs" ] || page=cli/sextant-$g.1
	if [ ! -f "$page" ]; then
		fail "$page is missing"
		continue
	fi
	[ -n "$verbs" ] || check "$page" "$g"
	for v in $verbs; do
		plain "$page" | grep -qwE -- "(Cm|Nm|Ic|Ar|Sx|Ss|It|Sh).* $v" ||
			fail "$page: the command '$v' is missing"
		check "$page" "$g" "$v"
	done
done
for o in help version; do
	has_option $o cli/sextant.1 || fail "cli/sextant.1: --$o is missing"
done
[ $checked -ge 50 ] || fail "only $checked options found: does --help still look the same?"

pages=$(find . -path ./build -prune -o -name 'sextant*.1' -print)
if command -v mandoc >/dev/null; then
	# shellcheck disable=SC2086 # a list of words
	mandoc -T lint -W error $pages || fail "mandoc finds errors"
else
	echo "no mandoc: form of the pages not checked"
fi
[ $bad = 0 ] && echo "$checked options are in their man pages"
exit $bad
