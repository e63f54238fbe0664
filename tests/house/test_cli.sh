#!/bin/bash
# What every command has in common: --help at each level, --version, the exit
# statuses 0, 1 and 2, and messages that quote what was typed.  $1 = sextant.
sextant=$1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0

fail()
{
	echo "$*"
	bad=1
}

# expect STATUS ARG...: run, and keep stdout and stderr.
expect()
{
	local want=$1 got

	shift
	"$sextant" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	got=$?
	[ $got = "$want" ] || fail "sextant $*: exit status $got, expected $want"
}

on_stdout()
{
	grep -qiF -- "$1" "$tmp/out" || fail "no \"$1\" on stdout"
}

on_stderr()
{
	grep -qiF -- "$1" "$tmp/err" || fail "no \"$1\" on stderr: $(head -n 3 "$tmp/err")"
	[ ! -s "$tmp/out" ] || fail "an error wrote to stdout: $(head -n 1 "$tmp/out")"
}

rows()
{
	awk '/^commands:/ { on = 1; next } on && /^$/ { exit } on && /^  [a-z]/ { print $1 }'
}

expect 0 --version
grep -qE '^sextant [0-9]+\.[0-9]+\.[0-9]+' "$tmp/out" || fail "--version: $(cat "$tmp/out")"
# Which build it is, where git knows: bug reports need that.
here=$(dirname "$0")/../..
if git -C "$here" rev-parse >/dev/null 2>&1; then
	grep -qE '^sextant [0-9.]+ \([0-9a-zA-Z.-]+\)$' "$tmp/out" || fail "--version: $(cat "$tmp/out")"
fi
expect 0 --help
on_stdout "usage: sextant"
groups=$(rows <"$tmp/out")
expect 2
on_stderr "usage: sextant"
expect 2 no-such-command
on_stderr "no such command: 'no-such-command'"
expect 2 --no-such-option
expect 0 hitlist block --help # of the commands that begin so
on_stdout "block-add"
grep -q alias-add "$tmp/out" && fail "hitlist block --help tells of alias-add"
expect 0 hitlist alias help
on_stdout "alias-run"
expect 2 hitlist alias
on_stderr "alias-plan"
expect 2 hitlist block frobnicate
on_stderr "hitlist block: no such command: 'frobnicate'"
expect 2 --no-such-option
on_stderr "'--no-such-option'"

commands=0
for g in $groups; do
	expect 0 "$g" --help
	on_stdout "usage: sextant $g"
	verbs=$(rows <"$tmp/out")
	[ ! -s "$tmp/err" ] || fail "$g --help writes to stderr"
	if [ -n "$verbs" ]; then
		expect 2 "$g"
		on_stderr "usage: sextant $g"
		expect 2 "$g" no-such-verb
		on_stderr "'no-such-verb'"
	fi
	for v in ${verbs:--}; do
		path=$g
		[ "$v" = - ] || path="$g $v"
		commands=$((commands + 1))
		# shellcheck disable=SC2086 # two words
		{
			expect 0 $path --help
			on_stdout "usage: sextant $path"
			on_stdout "options:"
			expect 0 $path -h
			expect 2 $path --no-such-option
			on_stderr "--no-such-option"
			on_stderr "'sextant $path --help'"
		}
		width=$(expand "$tmp/out" | awk 'length > 80 { print; exit }')
		[ -z "$width" ] || fail "$path --help is wider than 80 columns: $width"
	done
done
for g in discover seeds tgen probe hitlist analysis; do
	grep -qxF "$g" <<<"$groups" || fail "sextant --help does not name $g"
done
[ $commands -ge 10 ] || fail "only $commands commands found in --help"

# A command that fails for a reason other than its arguments: status 1, one
# message with the name of the file.
expect 1 hitlist export "$tmp/absent"
on_stderr "$tmp/absent"
[ "$(wc -l <"$tmp/err")" = 1 ] || fail "more than one message: $(cat "$tmp/err")"
expect 1 tgen emit --seeds "$tmp/absent" -n 10
on_stderr "$tmp/absent"

# Wrong values name the option and quote the value.
expect 2 discover --seeds x --hitlist "$tmp/hl" --budget many
on_stderr "--budget"
on_stderr "'many'"
expect 2 discover --seeds x --hitlist "$tmp/hl" --rate 0
on_stderr "--rate"
expect 2 discover --seeds x
on_stderr "--hitlist"
[ ! -e "$tmp/hl" ] || fail "a usage error made a hitlist"

# Help goes through a full disk as an error, not in silence.
if [ -c /dev/full ]; then
	"$sextant" --help >/dev/full 2>/dev/null && fail "--help >/dev/full succeeds"
fi

# A reader that has had enough is no error to talk about.
awk 'BEGIN { for (i = 0; i < 20000; i++) printf "2a00:1:%x::1\n", i }' >"$tmp/many"
"$sextant" seeds collect -q "$tmp/many" -o - 2>"$tmp/err" | head -n 1 >/dev/null
[ "${PIPESTATUS[0]}" = 141 ] || fail "collect | head: not ended by the closed pipe"
[ ! -s "$tmp/err" ] || fail "collect | head: $(head -n 1 "$tmp/err")"
[ $bad = 0 ] && echo "$commands commands"
exit $bad
