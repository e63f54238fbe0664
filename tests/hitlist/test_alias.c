/* Aliased-prefix detection: the statistics by simulation, verdicts, plan, and
 * what becomes of the list of aliased prefixes. */
#include "tests/hitlist/hl.h"

#include "hitlist/apd.h"

enum { T0 = 1780000000, DAY = 86400 };

/* A round of a prefix whose addresses answer with probability density, and
 * whose packets are lost with probability loss, each way counted as one. */
static void round_of(struct alias_state *s, struct rng *r, double density, double loss,
                     bool tcp)
{
	uint16_t a = 0, b = 0;

	for (unsigned c = 0; c < ALIAS_CHILDREN; c++) {
		bool there = rng_double(r) < density;

		a |= (uint16_t)((there && rng_double(r) >= loss) << c);
		b |= (uint16_t)((there && tcp && rng_double(r) >= loss) << c);
	}
	alias_judge(s, a, b, T0);
}

static double found(uint64_t seed, unsigned trials, double density, double loss, bool tcp)
{
	unsigned n = 0;
	struct rng r;

	rng_init(&r, seed);
	for (unsigned i = 0; i < trials; i++) {
		struct alias_state s = { .rounds = 0 };

		for (unsigned k = 0; k < ALIAS_ROUNDS; k++)
			round_of(&s, &r, density, loss, tcp);
		n += s.verdict == ALIAS_IS;
	}
	return (double)n / trials;
}

/* With 5 % loss an aliased prefix is found within three rounds. */
static void aliased_ones_are_found(void **state)
{
	double both, one;

	(void)state;
	both = found(1, 200000, 1, 0.05, true);
	one = found(2, 200000, 1, 0.05, false);
	print_message("found with 5 %% loss: %.5f by two protocols, %.5f by one\n", both,
	              one);
	assert_true(both >= 0.998);
	assert_true(one >= 0.997); /* 0.99797 by the formula */
}

/* Independent hosts at density 1/2 are not taken for aliased. */
static void dense_ones_are_not(void **state)
{
	double p, q;

	(void)state;
	p = found(3, 500000, 0.5, 0, true);
	q = found(4, 500000, 0.5, 0.05, true);
	print_message("false at density 0.5: %.1e, with loss %.1e\n", p, q);
	assert_true(p < 1e-4);
	assert_true(q < 1e-4);
	assert_true(found(5, 1000, 0, 0, true) == 0);
}

/* A year of rounds with loss: a true one stays aliased, and one that stops being
 * so is let go after three rounds, no earlier. */
static void verdicts_do_not_flap(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 6);
	for (unsigned i = 0; i < 300; i++) {
		struct alias_state s = { .rounds = 0 };

		for (unsigned k = 0; k < 365; k++) {
			round_of(&s, &r, 1, 0.05, true);
			assert_true(k < 2 || s.verdict == ALIAS_IS);
		}
		for (unsigned k = 0; k < ALIAS_ROUNDS; k++) {
			assert_int_equal(s.verdict, ALIAS_IS);
			alias_judge(&s, 0, 0, T0 + 1);
		}
		assert_int_equal(s.verdict, ALIAS_NOT);
		assert_int_equal(s.since, T0 + 1);
	}
}

/* A network that is off for one round, or two, keeps its verdict. */
static void outages_are_forgiven(void **state)
{
	struct alias_state s = { .rounds = 0 };

	(void)state;
	for (unsigned k = 0; k < 62; k++) {
		alias_judge(&s, k % 4 < 2 ? UINT16_MAX : 0, 0, k + 1);
		assert_int_equal(s.verdict, ALIAS_IS);
	}
	for (unsigned k = 0; k < 5; k++) { /* one child has gone */
		assert_int_equal(s.verdict, ALIAS_IS);
		alias_judge(&s, 0xfffe, 0, 100);
	}
	assert_int_equal(s.verdict, ALIAS_NOT);
}

static void unknown_until_three_rounds(void **state)
{
	struct alias_state s = { .rounds = 0 };

	(void)state;
	alias_judge(&s, 0x0fff, 0, 1);
	assert_int_equal(s.verdict, ALIAS_UNKNOWN);
	alias_judge(&s, 0x0fff, 0, 2);
	assert_int_equal(s.verdict, ALIAS_UNKNOWN);
	alias_judge(&s, 0x0fff, 0, 3);
	assert_int_equal(s.verdict, ALIAS_NOT);
	assert_int_equal(s.since, 3);
	s = (struct alias_state){ .rounds = 0 };
	alias_judge(&s, 0xff00, 0x00ff, 1); /* the protocols together */
	assert_int_equal(s.verdict, ALIAS_IS);
}

/* An address of the right child, another one for every attempt and key. */
static void targets_are_in_their_child(void **state)
{
	struct mac_key key = { { 1 } }, other = { { 2 } };
	struct rng r;

	(void)state;
	rng_init(&r, 7);
	for (unsigned i = 0; i < 3000; i++) {
		struct prefix p = prefix_make(hl_addr(&r), (unsigned)rng_below(&r, 121));
		unsigned c = (unsigned)rng_below(&r, 16);
		struct addr128 a = alias_target(p, c, 0, &key), want = p.addr;

		for (unsigned b = 0; b < 4; b++) {
			unsigned at = p.len + b;
			uint64_t bit = c >> (3 - b) & 1;

			if (at < 64)
				want.hi |= bit << (63 - at);
			else
				want.lo |= bit << (127 - at);
		}
		assert_true(addr_common_bits(a, want) >= p.len + 4U);
		if (p.len <= 64) {
			assert_false(addr_eq(a, alias_target(p, c, 1, &key)));
			assert_false(addr_eq(a, alias_target(p, c, 0, &other)));
		}
	}
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(&p, text));
	return p;
}

static struct alias_state judged(const char *text, enum alias_verdict v)
{
	return (struct alias_state){ .prefix = prefix(text),
		                     .verdict = (uint8_t)v,
		                     .rounds = 3,
		                     .last_round = T0,
		                     .since = T0 };
}

static void list_is(struct hitlist *h, const char *want)
{
	char got[2048] = "";

	for (size_t i = 0; i < ivtab_count(hitlist_aliased(h)); i++) {
		struct ivtab_interval iv = ivtab_at(hitlist_aliased(h), i);
		size_t n = strlen(got);
		char a[ADDR_STRLEN], b[ADDR_STRLEN];

		addr_format(a, iv.first);
		addr_format(b, iv.last);
		snprintf(got + n, sizeof(got) - n, "%s-%s ", a, b);
	}
	assert_string_equal(got, want);
}

static void commit(struct hitlist *h, struct alias_state *s, size_t n)
{
	struct diag d = { "" };

	qsort(s, n, sizeof(*s), apd_cmp);
	hl_ok(hitlist_alias_commit(h, s, n, NULL, &d), &d);
	hl_ok(hitlist_check(h, &d), &d);
}

static void verdicts_make_the_list(void **state)
{
	struct host_record rec[] = {
		{ .addr = { UINT64_C(0x2a00000100000000), 1 },
		  .sources = 1,
		  .first_seen = 1 },
		{ .addr = { UINT64_C(0x2a00000100000001), 1 },
		  .sources = 1,
		  .first_seen = 1 },
		{ .addr = { UINT64_C(0x2a00000100000002), 1 },
		  .sources = 1,
		  .first_seen = 1 },
	};
	struct diag d = { "" };
	struct hitlist_info info;
	struct hitlist *h = NULL;
	char dir[HL_PATH];

	(void)state;
	hl_ok(hitlist_open(&h, hl_mkdir(dir), HITLIST_CREATE, &d), &d);
	hl_ok(hitlist_add(h, rec, 3, NULL, &d), &d);
	{ /* siblings are merged */
		struct alias_state s[] = { judged("2a00:1::/64", ALIAS_IS),
			                   judged("2a00:1:0:1::/64", ALIAS_IS),
			                   judged("2a00:1:0:2::/64", ALIAS_NOT),
			                   judged("2a00:1:0:3::/64", ALIAS_UNKNOWN) };

		commit(h, s, 4);
	}
	list_is(h, "2a00:1::-2a00:1:0:1:ffff:ffff:ffff:ffff ");
	hitlist_info(h, &info);
	assert_int_equal(info.hosts, 1);
	assert_int_equal(info.aliased, 1);
	{ /* one of them is let go: the other one stays */
		struct alias_state s[] = { judged("2a00:1::/64", ALIAS_NOT) };

		commit(h, s, 1);
	}
	list_is(h, "2a00:1:0:1::-2a00:1:0:1:ffff:ffff:ffff:ffff ");
	{ /* the longest prefix decides */
		struct alias_state s[] = { judged("2a00:1::/48", ALIAS_IS) };

		commit(h, s, 1);
	}
	hitlist_close(h);
	hl_ok(hitlist_open(&h, dir, HITLIST_WRITE, &d), &d);
	assert_false(ivtab_covers(hitlist_aliased(h), rec[0].addr));
	assert_true(ivtab_covers(hitlist_aliased(h), rec[1].addr));
	assert_false(ivtab_covers(hitlist_aliased(h), rec[2].addr));
	assert_true(ivtab_covers(hitlist_aliased(h),
	                         (struct addr128){ UINT64_C(0x2a00000100000003), 1 }));
	hl_ok(hitlist_add(h, rec, 3, NULL, &d), &d);
	hitlist_info(h, &info);
	assert_int_equal(info.hosts, 2);
	hl_ok(hitlist_check(h, &d), &d);
	hitlist_close(h);
	hl_rmdir(dir);
}

static bool planned(const struct alias_state *s, size_t n, const char *text)
{
	const struct alias_state key = { .prefix = prefix(text) };

	return n && bsearch(&key, s, n, sizeof(*s), apd_cmp);
}

/* /64 always; below, where there are many members; aliased ones again; settled
 * ones only after a while. */
static void plan_has_what_it_should(void **state)
{
	const struct prefix announced = prefix("2a05::/29");
	struct alias_plan_config c = { .now = T0 + DAY,
		                       .retest_after = 7 * DAY,
		                       .min_members = 100,
		                       .announced = &announced,
		                       .n_announced = 1 };
	struct host_record rec[202];
	struct diag d = { "" };
	struct alias_state *s;
	struct hitlist *h = NULL;
	char dir[HL_PATH];
	size_t n, beyond;

	(void)state;
	for (unsigned i = 0; i < 202; i++)
		rec[i] = (struct host_record){
			.addr = { UINT64_C(0x2a00000100000000) + (i > 200), i + 1 },
			.sources = 1,
		};
	hl_ok(hitlist_open(&h, hl_mkdir(dir), HITLIST_CREATE, &d), &d);
	hl_ok(hitlist_add(h, rec, 202, NULL, &d), &d);
	{
		struct alias_state old[] = { judged("2a00:9::/64", ALIAS_IS) };

		commit(h, old, 1);
	}
	hl_ok(hitlist_alias_plan(&s, &n, &beyond, h, &c, &d), &d);
	/* 2a05::/29, /64 to /120, the 13 /124s with more than half of ::1 to ::c9, and
	 * the other /64. */
	assert_int_equal(n, 1 + 15 + 13 + 1);
	assert_true(planned(s, n, "2a00:1::/64"));
	assert_true(planned(s, n, "2a00:1::/120")); /* 201 members */
	assert_true(planned(s, n, "2a00:1::/124"));
	assert_true(planned(s, n, "2a00:1::c0/124")); /* 10 members */
	assert_false(planned(s, n, "2a00:1::d0/124"));
	assert_true(planned(s, n, "2a00:1:0:1::/64"));
	assert_false(planned(s, n, "2a00:1:0:1::/68"));
	assert_true(planned(s, n, "2a05::/29"));
	assert_false(planned(s, n, "2a00:9::/64"));
	free(s);
	c.now += 7 * DAY;
	hl_ok(hitlist_alias_plan(&s, &n, &beyond, h, &c, &d), &d);
	assert_true(planned(s, n, "2a00:9::/64"));
	free(s);
	c.max = 3; /* those never tested */
	hl_ok(hitlist_alias_plan(&s, &n, &beyond, h, &c, &d), &d);
	assert_int_equal(n, 3);
	assert_int_equal(beyond, 1 + 15 + 13 + 1 + 1 - 3);
	assert_false(planned(s, n, "2a00:9::/64"));
	free(s);
	hitlist_close(h);
	hl_rmdir(dir);
}

/* The prefixes of a plan for hosts ::first to ::last of one /64. */
static size_t plan_run(unsigned first, unsigned last, uint64_t min_members,
                       const char *what)
{
	struct alias_plan_config c = { .now = T0, .min_members = min_members };
	struct host_record rec[256];
	struct diag d = { "" };
	struct alias_state *s;
	struct hitlist *h = NULL;
	char dir[HL_PATH];
	size_t n, beyond, found = 0;

	for (unsigned i = 0; first + i <= last; i++)
		rec[i] = (struct host_record){
			.addr = { UINT64_C(0x2a00000100000000), first + i },
			.sources = 1,
		};
	hl_ok(hitlist_open(&h, hl_mkdir(dir), HITLIST_CREATE, &d), &d);
	hl_ok(hitlist_add(h, rec, last - first + 1, NULL, &d), &d);
	hl_ok(hitlist_alias_plan(&s, &n, &beyond, h, &c, &d), &d);
	for (size_t i = 0; i < n; i++)
		found += s[i].prefix.len == prefix(what).len;
	assert_true(planned(s, n, "2a00:1::/64"));
	free(s);
	hitlist_close(h);
	hl_rmdir(dir);
	return found;
}

/* A /124 is tested inside a /120 with more than min_members hosts, when more than
 * half of it is known, or more than min_members. */
static void longest_level_has_its_rule(void **state)
{
	static const struct {
		unsigned first, last, min_members;
		size_t of120, of124;
	} cases[] = {
		{ 0x00, 0x63, 100, 0, 0 },  /* 100 hosts are not more than 100 */
		{ 0x00, 0x64, 100, 1, 6 },  /* 101: six are full, one has 5 of 16 */
		{ 0x00, 0x67, 100, 1, 6 },  /* 8 of 16 are not more than half */
		{ 0x00, 0x68, 100, 1, 7 },  /* 9 of 16 are */
		{ 0x00, 0xff, 100, 1, 16 }, /* all */
		{ 0x00, 0x0f, 100, 0, 0 },  /* a full one among few */
		{ 0x00, 0x0f, 15, 1, 1 },
		{ 0x00, 0x13, 3, 1, 2 }, /* more than 3 is enough where that is asked */
		{ 0x00, 0x12, 3, 1, 1 },
		{ 0xc0, 0x13f, 50, 2, 8 }, /* two /120s, 64 hosts in each */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t a = plan_run(cases[i].first, cases[i].last, cases[i].min_members,
		                    "2a00:1::/120");
		size_t b = plan_run(cases[i].first, cases[i].last, cases[i].min_members,
		                    "2a00:1::/124");

		if (a != cases[i].of120 || b != cases[i].of124)
			fail_msg("case %zu: %zu of /120, %zu of /124", i, a, b);
	}
}

/* Sixteen hosts in a row are no aliased /124: both protocols have to say so. */
static void single_addresses_need_both(void **state)
{
	struct alias_state s = { .prefix = prefix("2a00:1::10/124") };
	struct rng r;
	unsigned n = 0;

	(void)state;
	for (unsigned k = 0; k < 5; k++) {
		alias_judge(&s, UINT16_MAX, 0x7fff, k + 1);
		assert_int_equal(s.verdict, ALIAS_UNKNOWN);
	}
	alias_judge(&s, UINT16_MAX, 0x8000, 6);
	assert_int_equal(s.verdict, ALIAS_IS);
	alias_judge(&s, UINT16_MAX, 0, 7); /* less will do from then on */
	assert_int_equal(s.verdict, ALIAS_IS);
	for (unsigned k = 0; k < ALIAS_ROUNDS; k++)
		alias_judge(&s, 0x07ff, 0x07ff, 8 + k);
	assert_int_equal(s.verdict, ALIAS_NOT);
	rng_init(&r, 8); /* and with 5 % loss it is found, as the others are */
	for (unsigned i = 0; i < 100000; i++) {
		s = (struct alias_state){ .prefix = prefix("2a00:1::10/124") };
		for (unsigned k = 0; k < ALIAS_ROUNDS; k++)
			round_of(&s, &r, 1, 0.05, true);
		n += s.verdict == ALIAS_IS;
	}
	print_message("a /124 found with 5 %% loss: %.5f\n", n / 1e5);
	assert_true(n >= 99500); /* (1 - 0.05^3)^32 = 0.9960 */
}

/* A settled verdict waits for its time; one that the last round spoke against
 * does not. */
static void settled_ones_wait(void **state)
{
	struct alias_plan_config c = { .now = T0 + DAY, .retest_after = 7 * DAY };
	struct diag d = { "" };
	struct alias_state *s;
	struct hitlist *h = NULL;
	char dir[HL_PATH];
	size_t n, beyond;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		const bool want = i == 1 || i == 3 || i == 5;
		const struct prefix p = prefix("2a00:1::/48");
		struct alias_state x = judged("2a00:1::/48", ALIAS_UNKNOWN);

		x.verdict = i < 2 ? ALIAS_NOT : i < 4 ? ALIAS_IS : ALIAS_UNKNOWN;
		x.misses = i < 2 ? 9 : i == 3;
		x.icmp[0] = i == 1 ? 0x0fff : i ? UINT16_MAX : 0x07ff;
		x.rounds = i == 5 ? 2 : 3;
		hl_ok(hitlist_open(&h, hl_mkdir(dir), HITLIST_CREATE, &d), &d);
		commit(h, &x, 1);
		c.announced = &p;
		c.n_announced = 1;
		hl_ok(hitlist_alias_plan(&s, &n, &beyond, h, &c, &d), &d);
		if ((n == 1) != want)
			fail_msg("case %u: %zu planned", i, n);
		free(s);
		hitlist_close(h);
		hl_rmdir(dir);
	}
}

/* parse(save(x)) = x, and any byte changed or cut off is noticed. */
static void file_is_protected(void **state)
{
	struct alias_state e[] = { judged("2a00:1::/64", ALIAS_IS),
		                   judged("2a00:1:0:1::/64", ALIAS_NOT) };
	struct apd a = { .e = e, .n = 2 }, back;
	char dir[HL_PATH], path[HL_PATH + 16];
	struct diag d = { "" };
	uint64_t bytes;
	uint8_t *buf;
	size_t n;

	(void)state;
	e[0].icmp[1] = 0x1234;
	e[1].tcp[2] = 0xabcd;
	e[1].misses = 7;
	snprintf(path, sizeof(path), "%s/apd", hl_mkdir(dir));
	hl_ok(apd_save(&a, path, &bytes, &d), &d);
	buf = hl_read(path, &n);
	assert_int_equal(n, bytes);
	hl_ok(apd_parse(&back, buf, n, "x", &d), &d);
	assert_int_equal(back.n, 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(apd_cmp(&e[i], &back.e[i]) == 0 &&
		            e[i].verdict == back.e[i].verdict &&
		            e[i].misses == back.e[i].misses &&
		            memcmp(e[i].icmp, back.e[i].icmp, sizeof(e[i].icmp)) == 0 &&
		            memcmp(e[i].tcp, back.e[i].tcp, sizeof(e[i].tcp)) == 0);
	apd_fini(&back);
	for (size_t i = 0; i < n; i++) {
		assert_true(apd_parse(&back, buf, i, "x", NULL) < 0);
		buf[i] ^= 0x04;
		if (apd_parse(&back, buf, n, "x", NULL) == 0)
			fail_msg("byte %zu: not noticed", i);
		buf[i] ^= 0x04;
	}
	free(buf);
	hl_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aliased_ones_are_found),
		cmocka_unit_test(dense_ones_are_not),
		cmocka_unit_test(verdicts_do_not_flap),
		cmocka_unit_test(outages_are_forgiven),
		cmocka_unit_test(unknown_until_three_rounds),
		cmocka_unit_test(targets_are_in_their_child),
		cmocka_unit_test(verdicts_make_the_list),
		cmocka_unit_test(plan_has_what_it_should),
		cmocka_unit_test(longest_level_has_its_rule),
		cmocka_unit_test(single_addresses_need_both),
		cmocka_unit_test(settled_ones_wait),
		cmocka_unit_test(file_is_protected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
