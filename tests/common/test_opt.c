#include "tests/test.h"

#include <unistd.h>

#include "common/opt.h"

struct cfg {
	bool flag;
	const char *str;
	struct opt_list list;
	uint64_t count, duration;
	double number;
	unsigned choice;
};

static const char *const choices[] = { "csv", "jsonl", NULL };

static const struct cfg defaults = { .str = "none", .count = 7 };

static const struct opt opts[] = {
	OPT_FLAG("flag", 'f', struct cfg, flag, "a flag"),
	OPT_STR("str", 's', struct cfg, str, "TEXT", "a text"),
	OPT_LIST("list", 'l', struct cfg, list, "ITEM", "repeatable"),
	OPT_COUNT("count", 'n', struct cfg, count, "N", "a count"),
	OPT_DOUBLE("number", 0, struct cfg, number, "X", "a number"),
	OPT_DURATION("duration", 'd', struct cfg, duration, "T", "a duration"),
	OPT_ENUM("choice", 'O', struct cfg, choice, choices, "csv|jsonl", "a choice"),
	OPT_ALIAS("other-count", 0, OPT_TYPE_COUNT, struct cfg, count, uint64_t),
	OPT_END,
};

/* What the command saw, copied out because the config dies with the call. */
static struct cfg seen;
static char seen_list[64];
static int seen_argc;

static int run(const void *cfg, int argc, char *argv[])
{
	const struct cfg *c = cfg;

	(void)argv;
	seen = *c;
	seen_argc = argc;
	seen_list[0] = '\0';
	for (size_t i = 0; i < c->list.n; i++)
		strcat(strcat(seen_list, c->list.v[i]), ";");
	return CMD_OK;
}

static const struct cmd cmds[] = {
	{ "go", run, "ARG...", "test", opts, &defaults, sizeof(struct cfg), 0, NULL },
	{ 0 },
};

static const struct cmd_group groups[] = {
	{ "grp", "group", cmds, NULL },
	{ "top", "top-level", NULL, cmds },
	{ NULL, NULL, NULL, NULL },
};

/* Split text at blanks and run it as a command line. */
static int call(const char *text)
{
	static char buf[256];
	char *argv[40], *save;
	int argc = 0;

	snprintf(buf, sizeof(buf), "%s", text);
	for (char *t = strtok_r(buf, " ", &save); t; t = strtok_r(NULL, " ", &save))
		argv[argc++] = t;
	argv[argc] = NULL;
	memset(&seen, 0, sizeof(seen));
	return cmd_main(groups, "prog", "1", NULL, argc, argv);
}

static void every_type_reaches_its_field(void **state)
{
	(void)state;
	assert_int_equal(
		call("prog grp go -f -s x -l a --list=b -n 10k --number 0.5 -d 250ms "
	             "-O jsonl rest of"),
		CMD_OK);
	assert_true(seen.flag);
	assert_string_equal(seen_list, "a;b;");
	assert_int_equal(seen.count, 10000);
	assert_true(seen.number == 0.5);
	assert_int_equal(seen.duration, 250000000);
	assert_int_equal(seen.choice, 1);
	assert_int_equal(seen_argc, 2);
}

static void defaults_and_aliases(void **state)
{
	(void)state;
	assert_int_equal(call("prog top"), CMD_OK);
	assert_int_equal(seen.count, 7);
	assert_string_equal(seen.str, "none");
	assert_int_equal(call("prog top --other-count 2M"), CMD_OK);
	assert_int_equal(seen.count, 2000000);
}

static void bad_command_lines_are_usage_errors(void **state)
{
	static const char *const lines[] = {
		"prog",                     /* nothing */
		"prog nope",                /* unknown group */
		"prog grp",                 /* no command */
		"prog grp nope",            /* unknown command */
		"prog grp go --nope",       /* unknown option */
		"prog grp go -Z",           /* unknown letter */
		"prog grp go -n",           /* value missing */
		"prog grp go -n 1x",        /* not a count */
		"prog grp go -n -1",        /* negative */
		"prog grp go --number nan", /* not a number */
		"prog grp go -d 5parsecs",  /* not a duration */
		"prog grp go -O xml",       /* not a choice */
		"prog grp go --flag=1",     /* a flag has no value */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (call(lines[i]) != CMD_USAGE)
			fail_msg("'%s' was accepted", lines[i]);
}

/* What a wrong choice makes the program say. */
static void a_wrong_choice_is_told_the_right_ones(void **state)
{
	char said[256] = "";
	FILE *f = tmpfile();
	int kept = dup(STDERR_FILENO), rc;

	(void)state;
	assert_non_null(f);
	assert_true(dup2(fileno(f), STDERR_FILENO) >= 0);
	rc = call("prog grp go -O xml");
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	close(kept);
	rewind(f);
	assert_int_equal(rc, CMD_USAGE);
	assert_non_null(fgets(said, sizeof(said), f));
	fclose(f);
	assert_non_null(strstr(said, "'xml' is not one of csv, jsonl"));
}

static void counts(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
		bool ok;
	} cases[] = {
		{ "0", 0, true },
		{ "1k", 1000, true },
		{ "1.5M", 1500000, true },
		{ "2G", 2000000000, true },
		{ "18446744073709551615", UINT64_MAX, true },
		{ "18446744073709551616", 0, false },  /* one too many */
		{ "18446744073709551615k", 0, false }, /* overflows by its suffix */
		{ "0.5", 0, false },                   /* not whole */
		{ "", 0, false },
		{ "k", 0, false },
		{ "1kk", 0, false },
		{ "0x10", 0, false },
		{ " 1", 0, false },
		{ "1 ", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t v = 0;
		bool ok = opt_parse_count(&v, cases[i].text);

		if (ok != cases[i].ok || (ok && v != cases[i].value))
			fail_msg("'%s': %d %llu", cases[i].text, ok,
			         (unsigned long long)v);
	}
}

static void durations(void **state)
{
	uint64_t ns;

	(void)state;
	assert_true(opt_parse_duration(&ns, "2"));
	assert_int_equal(ns, 2000000000);
	assert_true(opt_parse_duration(&ns, "1.5h"));
	assert_int_equal(ns, 5400000000000);
	assert_false(opt_parse_duration(&ns, "s"));
	assert_false(opt_parse_duration(&ns, "1y"));
	assert_false(opt_parse_duration(&ns, "1e30d"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_reaches_its_field),
		cmocka_unit_test(defaults_and_aliases),
		cmocka_unit_test(bad_command_lines_are_usage_errors),
		cmocka_unit_test(a_wrong_choice_is_told_the_right_ones),
		cmocka_unit_test(counts),
		cmocka_unit_test(durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
