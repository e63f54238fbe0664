#include "tests/test.h"

#include <stdbool.h>

#include "common/reader.h"
#include "common/rng.h"
#include "common/scope.h"
#include "tests/common/files.h"

extern const char embed_special_v6[];
extern const char embed_special_v4[];

static struct addr128 addr(const char *text)
{
	struct addr128 a;

	if (!addr_parse(&a, text))
		fail_msg("'%s' is no address", text);
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	if (!prefix_parse(&p, text))
		fail_msg("'%s' is no prefix", text);
	return p;
}

/* A scope with a blocklist and an allowlist of these lines; NULL: none. */
static struct scope *make(struct files *f, const char *block, const char *allow,
                          bool allow_special)
{
	char block_path[512], allow_path[512];
	const char *block_v[] = { block_path }, *allow_v[] = { allow_path };
	struct scope_config cfg = { .allow_special = allow_special };
	struct diag d = { .text = "" };
	struct scope *s;

	if (block) {
		strcpy(block_path, files_put(f, "block", block, strlen(block)));
		cfg.blocklists = (struct opt_list){ block_v, 1 };
	}
	if (allow) {
		strcpy(allow_path, files_put(f, "allow", allow, strlen(allow)));
		cfg.allowlists = (struct opt_list){ allow_v, 1 };
	}
	if (scope_new(&s, &cfg, &d) < 0)
		fail_msg("%s", d.text);
	return s;
}

static void must_say(const struct scope *s, const char *text, enum scope_verdict want)
{
	enum scope_verdict got = scope_check(s, addr(text));

	if (got != want)
		fail_msg("%s: %s, not %s", text, scope_verdict_str(got),
		         scope_verdict_str(want));
}

/* Inside every row of the registries, at both its ends and in the middle. */
static void special_rows(const struct scope *s, const char *table, bool wanted)
{
	unsigned rows = 0;

	for (const char *line = table; *line; line += strcspn(line, "\n") + 1) {
		char text[64] = "";
		struct prefix p;
		struct rng r;

		if (*line == '#')
			continue;
		memcpy(text, line, strcspn(line, " "));
		p = prefix(text);
		rng_init(&r, rows);
		for (int i = 0; i < 3; i++) {
			struct addr128 a = i == 0   ? p.addr
			                   : i == 1 ? prefix_last(p)
			                            : rng_addr_in(&r, p);
			enum scope_verdict v = scope_check(s, a);

			if (v != (wanted ? SCOPE_SPECIAL : SCOPE_OK))
				fail_msg("%s: %s", text, scope_verdict_str(v));
		}
		assert_int_equal(scope_excludes_all(s, p), wanted);
		rows++;
	}
	assert_true(rows >= 15);
}

static void refuses_the_registries(void **state)
{
	struct scope *s = make(*state, NULL, NULL, false);

	special_rows(s, embed_special_v6, true);
	special_rows(s, embed_special_v4, true);
	scope_free(s);
	s = make(*state, NULL, NULL, true);
	special_rows(s, embed_special_v6, false);
	special_rows(s, embed_special_v4, false);
	scope_free(s);
}

static void accepts_global_unicast_only(void **state)
{
	struct scope *s = make(*state, NULL, NULL, false);

	must_say(s, "2a00::1", SCOPE_OK);
	must_say(s, "2000::", SCOPE_OK);
	must_say(s, "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", SCOPE_OK);
	must_say(s, "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", SCOPE_NOT_GLOBAL);
	must_say(s, "4000::", SCOPE_NOT_GLOBAL);
	must_say(s, "::2", SCOPE_NOT_GLOBAL);
	must_say(s, "fec0::1", SCOPE_NOT_GLOBAL);
	must_say(s, "fe80::1", SCOPE_SPECIAL);
	must_say(s, "2001:db8::1", SCOPE_SPECIAL);
	must_say(s, "8.8.8.8", SCOPE_OK);
	must_say(s, "1.0.0.0", SCOPE_OK);
	must_say(s, "223.255.255.255", SCOPE_OK);
	must_say(s, "10.1.2.3", SCOPE_SPECIAL);
	scope_free(s);
	s = make(*state, NULL, NULL, true);
	must_say(s, "4000::", SCOPE_OK);
	must_say(s, "fd00::1", SCOPE_OK);
	must_say(s, "127.0.0.1", SCOPE_OK);
	scope_free(s);
	scope_free(NULL);
}

/* IPv4 is held inside ::/8, and still no rule about ::/8 is one about IPv4. */
static void families_are_separate(void **state)
{
	struct scope *s = make(*state, "::/8\n", NULL, true);

	must_say(s, "8.8.8.8", SCOPE_OK);
	must_say(s, "::1", SCOPE_BLOCKED);
	assert_true(scope_excludes_all(s, prefix("::/8")));
	assert_false(scope_excludes_all(s, prefix("8.0.0.0/8")));
	scope_free(s);

	s = make(*state, "0.0.0.0/0\n", NULL, true);
	must_say(s, "8.8.8.8", SCOPE_BLOCKED);
	must_say(s, "::1", SCOPE_OK);
	must_say(s, "::fffe:ffff:ffff", SCOPE_OK);
	assert_true(scope_excludes_all(s, prefix("8.0.0.0/8")));
	assert_false(scope_excludes_all(s, prefix("::/8")));
	scope_free(s);

	/* An allowlist of one family allows nothing of the other. */
	s = make(*state, NULL, "::/0\n", true);
	must_say(s, "8.8.8.8", SCOPE_NOT_ALLOWED);
	must_say(s, "2a00::1", SCOPE_OK);
	assert_true(scope_excludes_all(s, prefix("0.0.0.0/0")));
	scope_free(s);
	s = make(*state, NULL, "0.0.0.0/0\n", true);
	must_say(s, "8.8.8.8", SCOPE_OK);
	must_say(s, "2a00::1", SCOPE_NOT_ALLOWED);
	must_say(s, "::1", SCOPE_NOT_ALLOWED);
	assert_true(scope_excludes_all(s, prefix("2000::/3")));
	scope_free(s);
}

static void block_beats_allow(void **state)
{
	struct scope *s = make(*state, "2a00:1::/32\nfe80::/16\n2a00:2::5\n",
	                       "2a00:1::/48\n2a00:2::/32\n2001:db8::/32\n", false);

	must_say(s, "2a00:1::1", SCOPE_BLOCKED); /* more specific on the allowlist */
	must_say(s, "2a00:2::5", SCOPE_BLOCKED);
	must_say(s, "2a00:2::6", SCOPE_OK);
	must_say(s, "2a00:3::1", SCOPE_NOT_ALLOWED);
	must_say(s, "fe80::1", SCOPE_BLOCKED);     /* special, too */
	must_say(s, "2001:db8::1", SCOPE_SPECIAL); /* no allowlist makes it fair */
	must_say(s, "8.8.8.8", SCOPE_NOT_ALLOWED);
	assert_true(scope_excludes_all(s, prefix("2a00:1::/48")));
	assert_false(scope_excludes_all(s, prefix("2a00:2::/32")));
	assert_true(scope_excludes_all(s, prefix("2a00:2::5/128")));
	assert_true(scope_excludes_all(s, prefix("2a00:3::/32")));
	assert_false(scope_excludes_all(s, prefix("2a00::/16")));
	assert_true(scope_excludes_all(s, prefix("2001:db8::/32")));
	scope_free(s);
}

static void blocks_ranges(void **state)
{
	struct scope *s = make(*state,
	                       "8.8.8.10-8.8.9.20\n2a00::5 - 2a00::10:0\n"
	                       "9.9.9.9 # a comment\n",
	                       NULL, false);

	must_say(s, "8.8.8.9", SCOPE_OK);
	must_say(s, "8.8.8.10", SCOPE_BLOCKED);
	must_say(s, "8.8.9.20", SCOPE_BLOCKED);
	must_say(s, "8.8.9.21", SCOPE_OK);
	must_say(s, "2a00::4", SCOPE_OK);
	must_say(s, "2a00::5", SCOPE_BLOCKED);
	must_say(s, "2a00::10:0", SCOPE_BLOCKED);
	must_say(s, "2a00::10:1", SCOPE_OK);
	must_say(s, "9.9.9.9", SCOPE_BLOCKED);
	must_say(s, "9.9.9.10", SCOPE_OK);
	scope_free(s);
}

/* An empty blocklist blocks nothing; an empty allowlist allows nothing. */
static void empty_lists(void **state)
{
	struct scope *s = make(*state, "", NULL, false);

	must_say(s, "2a00::1", SCOPE_OK);
	scope_free(s);
	s = make(*state, NULL, "# none yet\n", false);
	must_say(s, "2a00::1", SCOPE_NOT_ALLOWED);
	must_say(s, "8.8.8.8", SCOPE_NOT_ALLOWED);
	assert_true(scope_excludes_all(s, prefix("::/0")));
	assert_true(scope_excludes_all(s, prefix("0.0.0.0/0")));
	scope_free(s);
}

static void half_a_list_is_an_error(void **state)
{
	static const struct {
		const char *text; /* NULL: there is no such file */
		const char *says;
	} cases[] = {
		{ NULL, "/list: No such file" },
		{ "2a00::/32\nbad\n", "/list:2: 'bad'" },
		{ "2a00::/129\n", "/list:1: '2a00::/129'" },
		{ "8.8.8.8-8.8.8.1\n", "/list:1: '8.8.8.8-8.8.8.1'" },
		{ "2a00::/32\n\x01\n", "/list:2: binary" },
	};
	struct files *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (int allow = 0; allow < 2; allow++) {
			struct scope_config cfg = { .allow_special = false };
			struct diag d = { .text = "" };
			struct scope *s = NULL;
			char path[512];
			const char *v[] = { path };

			unlink(files_path(f, "list"));
			if (cases[i].text)
				files_put(f, "list", cases[i].text,
				          strlen(cases[i].text));
			strcpy(path, files_path(f, "list"));
			if (allow)
				cfg.allowlists = (struct opt_list){ v, 1 };
			else
				cfg.blocklists = (struct opt_list){ v, 1 };
			assert_true(scope_new(&s, &cfg, &d) < 0);
			assert_null(s);
			if (!strstr(d.text, cases[i].says))
				fail_msg("case %zu: '%s'", i, d.text);
		}
}

/* The lists again, as plain intervals: what the verdicts are measured by. */
struct model {
	struct {
		struct addr128 first, last;
	} block[64], allow[64];
	size_t blocks, allows;
	bool allow_special;
};

static struct addr128 near_family_border(struct rng *r)
{
	static const struct addr128 borders[] = {
		{ 0, 0xffff00000000 },
		{ 0, 0x1000000000000 },
		{ 0, 0 },
		{ 0x2000000000000000, 0 },
		{ 0x4000000000000000, 0 },
		{ UINT64_MAX, UINT64_MAX },
		{ 0, 0xffff00000000 },
	};
	struct addr128 a = borders[rng_below(r, ARRAY_LEN(borders))];
	int64_t step = (int64_t)rng_below(r, 9) - 4;
	uint64_t lo = a.lo + (uint64_t)step;

	if (step < 0 && lo > a.lo)
		a.hi--;
	if (step > 0 && lo < a.lo)
		a.hi++;
	a.lo = lo;
	return a;
}

static struct addr128 random_addr(struct rng *r)
{
	switch (rng_below(r, 5)) {
	case 0: return near_family_border(r);
	case 1: return addr_from_v4(0x08080000 | (uint32_t)rng_below(r, 64) << 8);
	case 2: return addr_from_v4((uint32_t)rng_next(r));
	case 3: return (struct addr128){ rng_next(r), rng_next(r) };
	}
	return (struct addr128){ 0x2a00000000000000 + rng_below(r, 8),
		                 rng_below(r, 4) ? 0 : rng_next(r) };
}

static bool in_lists(const struct model *m, bool allow, struct addr128 a)
{
	size_t n = allow ? m->allows : m->blocks;

	for (size_t i = 0; i < n; i++) {
		struct addr128 first = allow ? m->allow[i].first : m->block[i].first;
		struct addr128 last = allow ? m->allow[i].last : m->block[i].last;

		if (addr_is_v4(first) == addr_is_v4(a) && addr_cmp(first, a) <= 0 &&
		    addr_cmp(a, last) <= 0)
			return true;
	}
	return false;
}

static bool in_table(const char *table, struct addr128 a)
{
	for (const char *line = table; *line; line += strcspn(line, "\n") + 1) {
		char text[64] = "";
		struct prefix p;

		if (*line == '#')
			continue;
		memcpy(text, line, strcspn(line, " "));
		p = prefix(text);
		if (prefix_is_v4(p) == addr_is_v4(a) && prefix_covers(p, a))
			return true;
	}
	return false;
}

static enum scope_verdict model_check(const struct model *m, struct addr128 a)
{
	if (in_lists(m, false, a))
		return SCOPE_BLOCKED;
	if (!m->allow_special) {
		if (in_table(embed_special_v6, a) || in_table(embed_special_v4, a))
			return SCOPE_SPECIAL;
		if (!addr_is_v4(a) && a.hi >> 61 != 1)
			return SCOPE_NOT_GLOBAL;
	}
	return !m->allows || in_lists(m, true, a) ? SCOPE_OK : SCOPE_NOT_ALLOWED;
}

/* Random ranges as text, the same ones in the model. */
static void random_list(struct rng *r, struct model *m, bool allow, char *text)
{
	size_t n = rng_below(r, 20) + 1;
	char a[ADDR_STRLEN], b[ADDR_STRLEN];

	*text = '\0';
	for (size_t i = 0; i < n; i++) {
		struct addr128 first = random_addr(r), last = random_addr(r);

		if (rng_below(r, 2)) {
			struct prefix p = prefix_make(first, (unsigned)rng_below(r, 129));

			first = p.addr;
			last = prefix_last(p);
		}
		/* A prefix above ::ffff:0:0/96 is IPv6; its text is a range that
		 * may end inside that block, which no line can say. */
		if (addr_is_v4(first) != addr_is_v4(last) || addr_cmp(first, last) > 0)
			continue;
		addr_format(a, first);
		addr_format(b, last);
		text += sprintf(text, "%s-%s\n", a, b);
		if (allow) {
			m->allow[m->allows].first = first;
			m->allow[m->allows++].last = last;
		} else {
			m->block[m->blocks].first = first;
			m->block[m->blocks++].last = last;
		}
	}
}

static void agrees_with_a_plain_model(void **state)
{
	struct rng r;

	rng_init(&r, 11);
	for (int round = 0; round < 60; round++) {
		struct model m = { .allow_special = round % 2 };
		char block[4096], allow[4096];
		struct scope *s;

		random_list(&r, &m, false, block);
		random_list(&r, &m, true, allow);
		if (round % 3 == 0 || !m.allows)
			m.allows = 0;
		s = make(*state, block, m.allows ? allow : NULL, m.allow_special);
		for (int i = 0; i < 400; i++) {
			struct addr128 a = random_addr(&r);
			enum scope_verdict got = scope_check(s, a),
					   want = model_check(&m, a);
			struct prefix p = prefix_make(a, (unsigned)rng_below(&r, 129));
			char text[ADDR_STRLEN];

			addr_format(text, a);
			if (got != want)
				fail_msg("round %d, %s: %s, not %s", round, text,
				         scope_verdict_str(got), scope_verdict_str(want));
			/* Never may a prefix be given up that has a good address. */
			if (want == SCOPE_OK && addr_is_v4(a) == prefix_is_v4(p))
				assert_false(scope_excludes_all(s, p));
			p = prefix_make(a, 128);
			assert_int_equal(scope_excludes_all(s, p), want != SCOPE_OK);
		}
		scope_free(s);
	}
}

/* Exact: a prefix of 256 addresses is given up when all of them are refused. */
static void excludes_all_is_exact(void **state)
{
	struct rng r;

	rng_init(&r, 12);
	for (int round = 0; round < 40; round++) {
		struct model m = { .allow_special = round % 2 };
		char block[4096], allow[4096];
		unsigned all = 0;
		struct scope *s;

		random_list(&r, &m, false, block);
		random_list(&r, &m, true, allow);
		s = make(*state, block, m.allows ? allow : NULL, m.allow_special);
		for (int i = 0; i < 30; i++) {
			struct prefix p = prefix_make(random_addr(&r), 120);
			struct addr128 a = p.addr;
			bool none = true;

			for (int k = 0; k < 256; k++, a = addr_next(a))
				none &= scope_check(s, a) != SCOPE_OK;
			assert_int_equal(scope_excludes_all(s, p), none);
			all += none;
		}
		assert_true(all > 0);
		scope_free(s);
	}
}

static void verdicts_have_names(void **state)
{
	(void)state;
	for (int v = 0; v < SCOPE_VERDICTS; v++)
		assert_true(strlen(scope_verdict_str((enum scope_verdict)v)) > 3);
	assert_non_null(scope_verdict_str((enum scope_verdict)99));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_the_registries),
		cmocka_unit_test(accepts_global_unicast_only),
		cmocka_unit_test(families_are_separate),
		cmocka_unit_test(block_beats_allow),
		cmocka_unit_test(blocks_ranges),
		cmocka_unit_test(empty_lists),
		cmocka_unit_test(half_a_list_is_an_error),
		cmocka_unit_test(agrees_with_a_plain_model),
		cmocka_unit_test(excludes_all_is_exact),
		cmocka_unit_test(verdicts_have_names),
	};

	return cmocka_run_group_tests_name("scope", tests, files_setup, files_teardown);
}
