#include "tests/test.h"

#include <unistd.h>

#include "common/addrset.h"
#include "common/pfxmap.h"
#include "common/reader.h"
#include "common/rng.h"
#include "tgen/tgen.h"

static struct addr128 addr(const char *s)
{
	struct addr128 a;

	assert_true(addr_parse(&a, s));
	return a;
}

static struct prefix net(const char *s)
{
	struct prefix p;

	assert_true(prefix_parse(&p, s));
	return p;
}

/* A small Internet: networks with sequential hosts, with subnets that all have
 * the same few hosts, and with random ones. */
static struct addrvec world(uint64_t seed, unsigned networks)
{
	struct addrvec v = { 0 };
	struct rng r;

	rng_init(&r, seed);
	for (unsigned i = 0; i < networks; i++) {
		uint64_t hi = UINT64_C(0x2001) << 48 | (rng_next(&r) & 0xffff) << 32;
		unsigned style = (unsigned)rng_below(&r, 3);

		for (unsigned k = 0; k < 24; k++) {
			struct addr128 a = { hi, 0 };

			if (style == 0)
				a.lo = rng_below(&r, 64);
			if (style == 1)
				a = (struct addr128){ hi | rng_below(&r, 32),
					              1 + rng_below(&r, 3) };
			if (style == 2)
				a = (struct addr128){ hi | rng_below(&r, 4),
					              rng_next(&r) };
			assert_int_equal(addrvec_push(&v, a), 0);
		}
	}
	assert_int_equal(addrvec_sort(&v), 0);
	addrvec_unique(&v);
	return v;
}

static struct tgen *train(const struct addrvec *seeds, const struct tgen_config *cfg)
{
	static const struct tgen_config none = { 0 };
	struct tgen *g;
	struct diag d = { "" };
	int rc = tgen_train(&g, seeds, cfg ? cfg : &none, &d);

	if (rc < 0)
		fail_msg("%s", diag_str(&d, rc));
	return g;
}

/* Up to n candidates, asked for in batches of at most batch. */
static struct addrvec take(struct tgen *g, size_t n, size_t batch)
{
	struct addrvec v = { 0 };
	struct tgen_candidate *c = calloc(batch, sizeof(*c));

	assert_non_null(c);
	while (v.n < n) {
		int k = tgen_next(g, c, n - v.n < batch ? n - v.n : batch);

		assert_true(k >= 0);
		for (int i = 0; i < k; i++) {
			assert_true(c[i].p > 0 && c[i].p < 1);
			assert_true(c[i].region < TGEN_REGION_UNKNOWN);
			assert_int_equal(addrvec_push(&v, c[i].addr), 0);
		}
		if (k == 0)
			break;
	}
	free(c);
	return v;
}

static void assert_same(const struct addrvec *a, const struct addrvec *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		if (!addr_eq(a->a[i], b->a[i]))
			fail_msg("they differ at %zu", i);
}

static size_t distinct(const struct addrvec *v)
{
	struct addrset *s = addrset_new(v->n);
	size_t n;

	assert_non_null(s);
	for (size_t i = 0; i < v->n; i++)
		assert_true(addrset_add(s, v->a[i]) >= 0);
	n = addrset_count(s);
	addrset_free(s);
	return n;
}

/* A table of the prefixes of length len around every 10th seed from the first. */
static struct ivtab *around_seeds(const struct addrvec *seeds, size_t first, unsigned len)
{
	struct ivtab_builder *b = ivtab_builder_new();
	struct ivtab *t;

	assert_non_null(b);
	for (size_t i = first; i < seeds->n; i += 10)
		assert_int_equal(ivtab_add(b, prefix_make(seeds->a[i], len), 1), 0);
	assert_int_equal(ivtab_build(&t, b), 0);
	ivtab_builder_free(b);
	return t;
}

/* No candidate is a seed, a duplicate or outside 2000::/3. */
static void candidates_are_new_with(const char *algorithm, size_t n)
{
	struct addrvec seeds = world(1, 400), c;
	const struct tgen_config cfg = { .algorithm = algorithm };
	struct tgen *g = train(&seeds, &cfg);
	struct tgen_stats st;

	c = take(g, n, 4096);
	assert_int_equal(c.n, n);
	assert_int_equal(distinct(&c), c.n);
	for (size_t i = 0; i < c.n; i++) {
		assert_int_equal(c.a[i].hi >> 61, 1);
		assert_false(addrvec_contains(&seeds, c.a[i]));
	}
	tgen_stats(g, &st);
	assert_int_equal(st.seeds, seeds.n);
	assert_int_equal(st.emitted, c.n);
	assert_true(st.regions > 0);
	tgen_free(g);
	addrvec_fini(&c);
	addrvec_fini(&seeds);
}

static void candidates_are_new(void **state)
{
	(void)state;
	candidates_are_new_with("space-tree", 300000);
	candidates_are_new_with("sextant", 60000);
}

static bool odd(void *ctx, struct addr128 a)
{
	++*(unsigned *)ctx;
	return a.lo & 1;
}

/* Scope, aliased prefixes, exclusions: nothing refused comes out, and what is
 * left keeps the order it has without them. */
static void filters_hold_with(const char *algorithm, size_t n)
{
	struct addrvec seeds = world(2, 300), c;
	unsigned asked = 0;
	struct scope_config sc = { 0 };
	struct scope *scope;
	char path[] = "/tmp/sxt-test-tgen-XXXXXX";
	int fd = mkstemp(path);
	struct tgen_config cfg = { .exclude = odd, .exclude_ctx = &asked };
	struct tgen_stats st;
	struct tgen *g;

	assert_true(fd >= 0);
	for (size_t i = 0; i < seeds.n; i += 10) {
		char text[PREFIX_STRLEN];
		size_t len = prefix_format(text, prefix_make(seeds.a[i], 126));

		text[len++] = '\n';
		assert_int_equal(write(fd, text, len), len);
	}
	close(fd);
	sc.blocklists.v = (const char *[]){ path };
	sc.blocklists.n = 1;
	assert_int_equal(scope_new(&scope, &sc, NULL), 0);
	unlink(path);
	cfg.algorithm = algorithm;
	cfg.scope = scope;
	cfg.aliased = around_seeds(&seeds, 5, 124);
	g = train(&seeds, &cfg);
	c = take(g, n, 1000);
	assert_int_equal(c.n, n);
	for (size_t i = 0; i < c.n; i++) {
		assert_int_equal(scope_check(scope, c.a[i]), SCOPE_OK);
		assert_false(ivtab_covers(cfg.aliased, c.a[i]));
		assert_false(c.a[i].lo & 1);
	}
	tgen_stats(g, &st);
	assert_true(st.seeds_rejected > 0);
	assert_true(st.rejected_scope > 0);
	assert_true(st.rejected_aliased > 0);
	assert_true(st.rejected_excluded > 0);
	assert_int_equal(st.rejected_excluded + st.emitted, asked);
	tgen_free(g);
	ivtab_free((struct ivtab *)cfg.aliased);
	scope_free(scope);
	addrvec_fini(&c);
	addrvec_fini(&seeds);
}

static void filters_hold(void **state)
{
	(void)state;
	filters_hold_with("space-tree", 50000);
	filters_hold_with("sextant", 20000);
}

/* Nothing outside, no prefix with more than its share, and no less than what a
 * run without bounds has there. */
static void bounds_hold_with(const char *algorithm, size_t n)
{
	struct addrvec seeds = world(11, 40), free_run, c;
	struct tgen_limit limits[2] = { { 48, 9 }, { 64, 4 } };
	struct tgen_config cfg = { .algorithm = algorithm };
	struct tgen *g = train(&seeds, &cfg);
	struct ivtab *within = around_seeds(&seeds, 3, 36);
	struct pfxmap per48 = { 0 }, per64 = { 0 };
	struct tgen_stats st;
	size_t want = 0;

	free_run = take(g, n, 1000);
	tgen_free(g);
	for (size_t i = 0; i < free_run.n; i++) {
		struct addr128 a = free_run.a[i];

		want += ivtab_covers(within, a) &&
		        (*pfxmap_slot(&per64, prefix_make(a, 64)))++ < 4 &&
		        (*pfxmap_slot(&per48, prefix_make(a, 48)))++ < 9;
	}
	pfxmap_fini(&per48);
	pfxmap_fini(&per64);
	cfg.within = within;
	cfg.limits = limits;
	cfg.n_limits = 2;
	g = train(&seeds, &cfg);
	c = take(g, want, 50);
	assert_true(want > 100);
	assert_int_equal(c.n, want);
	for (size_t i = 0; i < c.n; i++) {
		assert_true(ivtab_covers(within, c.a[i]));
		assert_in_range(++*pfxmap_slot(&per48, prefix_make(c.a[i], 48)), 1, 9);
		assert_in_range(++*pfxmap_slot(&per64, prefix_make(c.a[i], 64)), 1, 4);
	}
	tgen_stats(g, &st);
	assert_true(st.rejected_limits > 0);
	tgen_free(g);
	ivtab_free(within);
	pfxmap_fini(&per48);
	pfxmap_fini(&per64);
	addrvec_fini(&free_run);
	addrvec_fini(&c);
	addrvec_fini(&seeds);
}

static void bounds_hold(void **state)
{
	struct tgen_limit l;

	(void)state;
	bounds_hold_with("space-tree", 20000);
	bounds_hold_with("sextant", 20000);
	assert_true(tgen_limit_parse(&l, "48:10k"));
	assert_int_equal(l.len, 48);
	assert_int_equal(l.max, 10000);
	assert_false(tgen_limit_parse(&l, ":1"));
	assert_false(tgen_limit_parse(&l, "48:"));
	assert_false(tgen_limit_parse(&l, "48"));
	assert_false(tgen_limit_parse(&l, "0:1"));
	assert_false(tgen_limit_parse(&l, "12345678901:1"));
}

/* The same calls give the same sequence, and so does any batch size. */
static void sequence_is_fixed_with(const char *algorithm, size_t n)
{
	static const size_t batches[] = { 1, 7, 1000, 65536 };
	struct addrvec seeds = world(3, 200), first = { 0 }, c;
	struct tgen_config cfg = { .algorithm = algorithm, .seed = 42 };

	for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
		struct tgen *g = train(&seeds, &cfg);

		c = take(g, n, batches[i]);
		tgen_free(g);
		if (i > 0)
			assert_same(&first, &c);
		if (i > 0)
			addrvec_fini(&c);
		else
			first = c;
	}
	addrvec_fini(&first);
	addrvec_fini(&seeds);
}

static void sequence_is_fixed(void **state)
{
	(void)state;
	sequence_is_fixed_with("space-tree", 60000);
	sequence_is_fixed_with("sextant", 15000);
}

/* Another seed is another order of equals, not another set of good ones. */
static void seed_changes_the_order(void **state)
{
	struct addrvec seeds = world(3, 200), c[2];
	size_t same = 0;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct tgen_config cfg = { .seed = i };
		struct tgen *g = train(&seeds, &cfg);

		c[i] = take(g, 5000, 1000);
		tgen_free(g);
	}
	for (size_t i = 0; i < c[0].n; i++)
		same += addr_eq(c[0].a[i], c[1].a[i]);
	assert_true(same < c[0].n);
	addrvec_fini(&c[0]);
	addrvec_fini(&c[1]);
	addrvec_fini(&seeds);
}

/* The shards of an exhausted space are a partition of it. */
static void shards_are_a_partition(void **state)
{
	enum { SHARDS = 3 };
	struct addrvec seeds = world(5, 2), all, sum = { 0 };
	struct tgen *g = train(&seeds, NULL);
	size_t n = 40000;

	(void)state;
	all = take(g, n, 1000);
	tgen_free(g);
	for (uint32_t i = 0; i < SHARDS; i++) {
		struct tgen_config cfg = { .shard = { .index = i, .count = SHARDS } };
		struct tgen_stats st = { 0 };
		struct tgen_candidate c;

		g = train(&seeds, &cfg);
		while (tgen_next(g, &c, 1) == 1) {
			tgen_stats(g, &st);
			if (st.emitted + st.other_shards > all.n)
				break;
			assert_int_equal(tgen_shard_of(c.addr, SHARDS), i);
			assert_int_equal(addrvec_push(&sum, c.addr), 0);
		}
		assert_true(st.emitted > all.n / SHARDS / 2);
		tgen_free(g);
	}
	assert_int_equal(addrvec_sort(&sum), 0);
	assert_int_equal(addrvec_sort(&all), 0);
	assert_same(&all, &sum);
	addrvec_fini(&all);
	addrvec_fini(&sum);
	addrvec_fini(&seeds);
}

/* A prefix pruned in the middle of a run gives nothing any more. */
static void pruned_stays_pruned(void **state)
{
	struct addrvec seeds = world(6, 100), c;
	struct prefix *gone = calloc(200, sizeof(*gone));
	struct tgen *g = train(&seeds, NULL);
	struct rng r;
	size_t n = 0;

	(void)state;
	assert_non_null(gone);
	rng_init(&r, 6);
	for (unsigned round = 0; round < 20; round++) {
		c = take(g, 1000, 77);
		for (size_t i = 0; i < c.n; i++)
			for (size_t k = 0; k < n; k++)
				assert_false(prefix_covers(gone[k], c.a[i]));
		for (unsigned k = 0; c.n && k < 10; k++) {
			struct addr128 a = c.a[rng_below(&r, c.n)];

			gone[n] = prefix_make(a, 44 + (unsigned)rng_below(&r, 80));
			assert_int_equal(tgen_prune(g, gone[n++]), 0);
		}
		addrvec_fini(&c);
	}
	assert_true(n > 100);
	tgen_free(g);
	free(gone);
	addrvec_fini(&seeds);
}

/* All of 2000::/3 pruned: nothing is left, and that is said in good time. */
static void everything_pruned(void **state)
{
	struct addrvec seeds = world(7, 50), c;
	struct tgen *g = train(&seeds, NULL);

	(void)state;
	c = take(g, 100, 10);
	addrvec_fini(&c);
	assert_int_equal(tgen_prune(g, net("2000::/3")), 0);
	c = take(g, 100, 10);
	assert_int_equal(c.n, 0);
	assert_int_equal(tgen_prune(g, (struct prefix){ { 0, 0 }, 129 }), -EINVAL);
	tgen_free(g);
	addrvec_fini(&seeds);
}

/* 40 equal networks; in the live ones everything answers, in the dead ones
 * nothing does. */
static size_t hits_in_live_half(const struct addrvec *seeds, bool feedback)
{
	struct tgen *g = train(seeds, NULL);
	struct tgen_candidate c[100];
	struct tgen_result r[100];
	size_t hits = 0;

	for (unsigned round = 0; round < 60; round++) {
		int n = tgen_next(g, c, 100);

		assert_int_equal(n, 100);
		for (int i = 0; i < n; i++) {
			bool alive = c[i].addr.hi >> 32 & 1;

			hits += alive;
			r[i] = (struct tgen_result){ c[i].addr, c[i].region, alive };
		}
		if (feedback)
			assert_int_equal(tgen_feedback(g, r, (size_t)n), 0);
	}
	tgen_free(g);
	return hits;
}

static void feedback_moves_the_budget(void **state)
{
	struct addrvec seeds = { 0 };
	size_t without, with;
	struct rng r;

	(void)state;
	rng_init(&r, 8);
	for (unsigned i = 0; i < 40 * 20; i++) {
		uint64_t hi = UINT64_C(0x20010db8) << 32 | (uint64_t)(i % 40) << 32;
		struct addr128 a = { hi | rng_below(&r, 64), 1 + rng_below(&r, 9) };

		assert_int_equal(addrvec_push(&seeds, a), 0);
	}
	assert_int_equal(addrvec_sort(&seeds), 0);
	addrvec_unique(&seeds);
	without = hits_in_live_half(&seeds, false);
	with = hits_in_live_half(&seeds, true);
	assert_in_range(without, 2000, 4000); /* of 6000: about half */
	assert_true(with > without + without / 5);
	addrvec_fini(&seeds);
}

/* Results by address alone go where those with a region number go. */
static void regions_are_found_by_address(void **state)
{
	struct addrvec seeds = world(9, 100), rest[2];
	struct rng r;

	(void)state;
	for (unsigned by_address = 0; by_address < 2; by_address++) {
		struct tgen *g = train(&seeds, NULL);
		struct tgen_candidate c[2000];
		int n = tgen_next(g, c, ARRAY_LEN(c));

		rng_init(&r, 9);
		for (int i = 0; i < n; i++) {
			struct tgen_result x = { c[i].addr,
				                 by_address ? TGEN_REGION_UNKNOWN
				                            : c[i].region,
				                 rng_below(&r, 3) == 0 };

			assert_int_equal(tgen_feedback(g, &x, 1), 0);
		}
		rest[by_address] = take(g, 5000, 500);
		tgen_free(g);
	}
	assert_same(&rest[0], &rest[1]);
	addrvec_fini(&rest[0]);
	addrvec_fini(&rest[1]);
	addrvec_fini(&seeds);
}

/* Feedback counts alike in any order and any grouping, and a result that names
 * no region of this generator is refused. */
static void feedback_has_no_order(void **state)
{
	struct addrvec seeds = world(10, 100), rest[2];

	(void)state;
	for (unsigned way = 0; way < 2; way++) {
		struct tgen *g = train(&seeds, NULL);
		struct tgen_candidate c[3000];
		struct tgen_result r[3000];
		int n = tgen_next(g, c, ARRAY_LEN(c));

		for (int i = 0; i < n; i++)
			r[way ? n - 1 - i : i] =
				(struct tgen_result){ c[i].addr, c[i].region,
				                      i % 5 == 0 };
		for (int i = 0; i < n; i += way ? 10 : n)
			assert_int_equal(tgen_feedback(g, r + i, way ? 10 : (size_t)n),
			                 0);
		r[0].region = UINT32_MAX - 1;
		assert_true(tgen_feedback(g, r, 1) < 0);
		rest[way] = take(g, 5000, 500);
		tgen_free(g);
	}
	assert_same(&rest[0], &rest[1]);
	addrvec_fini(&rest[0]);
	addrvec_fini(&rest[1]);
	addrvec_fini(&seeds);
}

/* Nothing usable, and an algorithm nobody knows. */
static void bad_input(void **state)
{
	struct tgen_config cfg = { .algorithm = "no-such" };
	struct addrvec none = { 0 }, seeds = world(11, 3);
	struct diag d = { "" };
	struct tgen *g;
	struct addr128 outside[] = { addr("192.0.2.1"), addr("fe80::1") };
	struct addrvec out = { outside, ARRAY_LEN(outside), ARRAY_LEN(outside) };

	(void)state;
	assert_int_equal(tgen_train(&g, &seeds, &cfg, &d), ERR_PARSE);
	assert_non_null(strstr(d.text, "no-such"));
	cfg.algorithm = NULL;
	assert_int_equal(tgen_train(&g, &none, &cfg, NULL), ERR_EMPTY);
	assert_int_equal(tgen_train(&g, &out, &cfg, NULL), ERR_EMPTY);
	assert_non_null(tgen_algorithm_name(0));
	assert_non_null(tgen_algorithm_summary(0));
	for (unsigned i = 0; tgen_algorithm_name(i); i++) {
		cfg.algorithm = tgen_algorithm_name(i);
		assert_int_equal(tgen_train(&g, &seeds, &cfg, NULL), 0);
		tgen_free(g);
	}
	tgen_free(NULL);
	addrvec_fini(&seeds);
}

/* What is there comes out, all of it, and then it ends. */
static void small_space_ends(void **state)
{
	struct addr128 one = addr("2001:db8::1");
	struct addrvec seeds = { &one, 1, 1 }, c;
	struct tgen_config cfg = { .algorithm = "space-tree" };
	struct tgen *g = train(&seeds, &cfg);
	struct tgen_stats st;

	(void)state;
	assert_int_equal(tgen_prune(g, net("2001:db8::8/125")), 0);
	c = take(g, 2000000, 4096);
	assert_int_equal(distinct(&c), c.n);
	tgen_stats(g, &st);
	/* The last /124 less a half and the seed; the rest around it. */
	assert_int_equal(c.n, (1 << 20) - 1 - 8);
	assert_int_equal(st.rejected_aliased, 8);
	tgen_free(g);
	addrvec_fini(&c);
	cfg.aliased = around_seeds(&seeds, 0, 3);
	assert_int_equal(tgen_train(&g, &seeds, &cfg, NULL), ERR_EMPTY);
	ivtab_free((struct ivtab *)cfg.aliased);
}

/* A real list, when it is there: ranking works at all. */
static void real_split(void **state)
{
	const char *shared = getenv("SEXTANT_SHARED");
	struct addrvec seeds = { 0 }, holdout = { 0 }, c;
	char path[2][4096];
	struct tgen *g;
	size_t hits = 0;

	(void)state;
	snprintf(path[0], sizeof(path[0]), "%s/data/splits/dense2019.10.seeds.bz2",
	         shared ? shared : "");
	snprintf(path[1], sizeof(path[1]), "%s/data/splits/dense2019.10.holdout.bz2",
	         shared ? shared : "");
	if (!shared || access(path[0], R_OK) != 0)
		skip();
	assert_int_equal(reader_load(&seeds, path[0], NULL, NULL), 0);
	assert_int_equal(reader_load(&holdout, path[1], NULL, NULL), 0);
	assert_int_equal(addrvec_sort(&seeds), 0);
	assert_int_equal(addrvec_sort(&holdout), 0);
	addrvec_unique(&seeds);
	g = train(&seeds, NULL);
	c = take(g, 100000, 4096);
	for (size_t i = 0; i < c.n; i++)
		hits += addrvec_contains(&holdout, c.a[i]);
	assert_true(hits > 30000); /* 32,541 when this was written */
	assert_int_equal(distinct(&c), c.n);
	tgen_free(g);
	addrvec_fini(&c);
	addrvec_fini(&seeds);
	addrvec_fini(&holdout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(candidates_are_new),
		cmocka_unit_test(filters_hold),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(sequence_is_fixed),
		cmocka_unit_test(seed_changes_the_order),
		cmocka_unit_test(shards_are_a_partition),
		cmocka_unit_test(pruned_stays_pruned),
		cmocka_unit_test(everything_pruned),
		cmocka_unit_test(feedback_moves_the_budget),
		cmocka_unit_test(regions_are_found_by_address),
		cmocka_unit_test(feedback_has_no_order),
		cmocka_unit_test(bad_input),
		cmocka_unit_test(small_space_ends),
		cmocka_unit_test(real_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
