/* What each published algorithm does on lists made by hand, where its paper says
 * what has to come; and on real lists, that it does not find less than its authors'
 * programs did in the same number of probes. */
#include "tests/test.h"

#include <math.h>
#include <unistd.h>

#include "common/reader.h"
#include "common/rng.h"
#include "tgen/eval.h"
#include "tgen/peer_range.h"
#include "tgen/peer_tree.h"
#include "tgen/tgen.h"

static struct addr128 addr(const char *s)
{
	struct addr128 a;

	if (!addr_parse(&a, s))
		fail_msg("not an address: %s", s);
	return a;
}

static struct addrvec list(const char *const *text, size_t n)
{
	struct addrvec v = { 0 };

	for (size_t i = 0; i < n; i++)
		assert_int_equal(addrvec_push(&v, addr(text[i])), 0);
	assert_int_equal(addrvec_sort(&v), 0);
	return v;
}

static struct tgen *train(const char *name, const struct addrvec *seeds)
{
	struct tgen_config cfg = { .algorithm = name };
	struct diag d = { "" };
	struct tgen *g;
	int rc = tgen_train(&g, seeds, &cfg, &d);

	if (rc < 0)
		fail_msg("%s: %s", name, diag_str(&d, rc));
	return g;
}

/* The next candidates are these. */
static void expect(struct tgen *g, const char *const *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct tgen_candidate c;
		char is[ADDR_STRLEN];

		assert_int_equal(tgen_next(g, &c, 1), 1);
		addr_format(is, c.addr);
		if (!addr_eq(c.addr, addr(text[i])))
			fail_msg("candidate %zu is %s, not %s", i, is, text[i]);
	}
}

/* Which of the next n candidates lie in a prefix. */
static size_t inside(struct tgen *g, size_t n, const char *prefix)
{
	struct prefix p;
	struct tgen_candidate c;
	size_t in = 0;

	assert_true(prefix_parse(&p, prefix));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(tgen_next(g, &c, 1), 1);
		in += prefix_covers(p, c.addr);
	}
	return in;
}

/* 40 seeds: nibble 12 has 2 values, nibble 20 has 16 but mostly one, nibble 31 has
 * 10.  What each rule splits by at the root. */
static void trees_split_by_their_rule(void **state)
{
	static const struct {
		enum peer_split rule;
		uint8_t split;
	} cases[] = {
		{ PEER_LEFTMOST, 12 },
		{ PEER_MIN_ENTROPY, 20 },  /* 0.34 bit of 4; nibble 12 has 1 */
		{ PEER_MAX_COVERING, 12 }, /* all 40 share; at nibble 20 only 38 do */
	};
	struct addrvec seeds = { 0 };

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		struct addr128 a = addr("2001:db8::");

		a = addr_set_nibble(a, 12, i % 2);
		a = addr_set_nibble(a, 20, i == 7 ? 3 : i == 8 ? 4 : 0);
		a = addr_set_nibble(a, 30, i / 10);
		a = addr_set_nibble(a, 31, i % 10);
		assert_int_equal(addrvec_push(&seeds, a), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct peer_tree t;
		uint32_t in_leaves = 0;

		assert_int_equal(peer_tree_build(&t, &seeds, cases[i].rule, 16), 0);
		assert_int_equal(t.nodes[0].n, 40);
		assert_int_equal(t.nodes[0].split, cases[i].split);
		for (uint32_t k = 0; k < t.n_nodes; k++) {
			const struct peer_node *u = &t.nodes[k];

			assert_true(u->parent <= k);
			if (u->split == PEER_LEAF) {
				assert_in_range(u->n, 1, 16);
				in_leaves += u->n;
			}
			if (k > 0)
				assert_int_equal(u->vary >> t.nodes[u->parent].split & 1,
				                 0);
		}
		assert_int_equal(in_leaves, 40);
		peer_tree_fini(&t);
	}
	addrvec_fini(&seeds);
}

static void ranges(void **state)
{
	struct addr128 base = addr("2001:db8:a:0:0:b0::5"), a;
	uint32_t free = UINT32_C(1) << 31 | UINT32_C(1) << 10;
	struct peer_range r = peer_range_of(base, free);
	struct rng rng;
	size_t n = 1;

	(void)state;
	assert_int_equal(peer_range_prefix(r).len, 40);
	assert_true(peer_range_size(free) == 256);
	for (a = r.base; peer_range_next(r, &a); n++) {
		assert_true(peer_range_has(r, a));
		assert_int_equal(peer_difference(a, base) & ~free, 0);
	}
	assert_int_equal(n, 256);
	rng_init(&rng, 1);
	for (unsigned i = 0; i < 1000; i++) {
		struct addr128 x = { rng_next(&rng), rng_next(&rng) };
		struct addr128 y = { x.hi ^ (rng_next(&rng) & rng_next(&rng)), x.lo };
		uint32_t diff = 0;

		for (unsigned j = 0; j < 32; j++)
			diff |= (uint32_t)(addr_nibble(x, j) != addr_nibble(y, j)) << j;
		assert_int_equal(peer_difference(x, y), diff);
	}
}

/* Two leaves: with nothing known the denser space comes first; with results, the
 * one that pays, which is the thinner one here. */
static void search_follows_the_density(const char *name)
{
	struct addrvec seeds = { 0 };
	struct tgen *g;
	size_t live = 0;

	for (unsigned i = 0; i < 24; i++) {
		struct addr128 a = addr(i % 2 ? "2001:db8:1::" : "2001:db8:2::");

		a.lo = i % 2 ? i / 2 : 0x155 * (i / 2); /* ::0-::b; ::0-::eab */
		assert_int_equal(addrvec_push(&seeds, a), 0);
	}
	assert_int_equal(addrvec_sort(&seeds), 0);
	g = train(name, &seeds);
	expect(g,
	       (const char *[]){ "2001:db8:1::c", "2001:db8:1::d", "2001:db8:1::e",
	                         "2001:db8:1::f" },
	       4);
	tgen_free(g);
	g = train(name, &seeds);
	for (unsigned i = 0; i < 2000; i++) {
		struct tgen_candidate c;
		struct tgen_result r;

		assert_int_equal(tgen_next(g, &c, 1), 1);
		r = (struct tgen_result){ c.addr, c.region, c.addr.hi >> 16 & 2 };
		live += r.alive;
		assert_int_equal(tgen_feedback(g, &r, 1), 0);
	}
	if (live < 1800)
		fail_msg("%s: %zu of 2000 where everything answers", name, live);
	tgen_free(g);
	addrvec_fini(&seeds);
}

static void sixtree_and_det(void **state)
{
	(void)state;
	search_follows_the_density("6tree");
	search_follows_the_density("det");
}

/* The nearest seeds are one nibble apart: ::1 and ::2 (density 2/16), before ::9 in
 * another subnet, and ::77.  Then the range grows on to ::77: 3/256. */
static void sixgen_grows_to_the_nearest(void **state)
{
	static const char *const text[] = { "2001:db8::1", "2001:db8::2", "2001:db8::77",
		                            "2001:db8:ff:f0::9" };
	struct addrvec seeds = list(text, ARRAY_LEN(text));
	struct tgen *g = train("6gen", &seeds);
	struct tgen_candidate c;

	(void)state;
	expect(g,
	       (const char *[]){ "2001:db8::", "2001:db8::3", "2001:db8::4",
	                         "2001:db8::5", "2001:db8::6" },
	       5);
	assert_int_equal(inside(g, 16 - 2 - 5, "2001:db8::/124"), 9);
	assert_int_equal(tgen_next(g, &c, 1), 1);
	assert_true(addr_eq(c.addr, addr("2001:db8::10")));
	assert_true(fabs((double)c.p - 3 / 256.0) < 1e-6);
	assert_int_equal(inside(g, 256 - 16 - 1 - 1, "2001:db8::/120"), 238);
	/* Now the one far away: five nibbles more, all at once. */
	assert_int_equal(inside(g, 1000, "2001:db8::/120"), 0);
	tgen_free(g);
	addrvec_fini(&seeds);
}

/* Two clusters of one leaf stay two patterns: one that spans both would be thinner
 * than either. */
static void sixgraph_keeps_clusters_apart(void **state)
{
	static const char *const text[] = {
		"2001:db8::1:1",  "2001:db8::1:2",  "2001:db8::1:3",
		"2001:db8::f001", "2001:db8::f002", "2001:db8::f003",
	};
	struct addrvec seeds = list(text, ARRAY_LEN(text));
	struct tgen *g = train("6graph", &seeds);

	(void)state;
	assert_int_equal(inside(g, 13, "2001:db8::f000/124"), 13);
	assert_int_equal(inside(g, 13, "2001:db8::1:0/124"), 13);
	tgen_free(g);
	addrvec_fini(&seeds);
}

/* Eleven neighbours and a stranger: without the outlier the pattern has one free
 * nibble, with it seven. */
static void sixforest_drops_outliers(void **state)
{
	struct addrvec seeds = { 0 };
	struct tgen *g;

	(void)state;
	for (unsigned i = 0; i < 14; i++) {
		struct addr128 a = addr("2001:db8::10");

		a.lo += i;
		if (i == 13)
			a = addr("2001:db8::abc:def0:0");
		assert_int_equal(addrvec_push(&seeds, a), 0);
	}
	assert_int_equal(addrvec_sort(&seeds), 0);
	g = train("6forest", &seeds);
	assert_int_equal(inside(g, 3, "2001:db8::10/124"), 3);
	/* Then the widened pattern, not the product of all nibbles. */
	assert_int_equal(inside(g, 240, "2001:db8::/120"), 240 - 15);
	tgen_free(g);
	addrvec_fini(&seeds);
}

static double expectation(struct addr128 a, const struct addrvec *seeds)
{
	double p = (double)seeds->n;

	for (unsigned j = 8; j < 32; j++) {
		double same = 1 / 16.0;

		for (size_t i = 0; i < seeds->n; i++)
			same += addr_nibble(a, j) == addr_nibble(seeds->a[i], j);
		p *= same / ((double)seeds->n + 1);
	}
	return p;
}

/* The candidates have the expectations that a slow count gives, falling but for the
 * width of a band, and none that promises more is left out. */
static void entropy_multiplies_frequencies(void **state)
{
	struct addrvec seeds = { 0 };
	struct tgen_candidate c[3000];
	struct rng r;
	double least = 1;
	size_t better = 0, n = 0;
	struct tgen *g;

	(void)state;
	rng_init(&r, 5);
	for (unsigned i = 0; i < 60; i++) {
		struct addr128 a = addr("2001:db8::");

		a.hi |= rng_below(&r, 3);
		a.lo = rng_below(&r, 6) << 4 | (rng_below(&r, 8) & rng_below(&r, 8));
		assert_int_equal(addrvec_push(&seeds, a), 0);
	}
	assert_int_equal(addrvec_sort(&seeds), 0);
	addrvec_unique(&seeds);
	g = train("entropy", &seeds);
	assert_int_equal(tgen_next(g, c, ARRAY_LEN(c)), ARRAY_LEN(c));
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		double p = expectation(c[i].addr, &seeds);

		assert_true(fabs(p - (double)c[i].p) < 1e-3 * p);
		assert_true(p < 1.42 * least);
		least = p < least ? p : least;
	}
	/* All of subnets 0-f and ::00 to ::ff that promises more has come. */
	for (unsigned i = 0; i < 4096; i++) {
		struct addr128 a = addr("2001:db8::");

		a.hi |= i >> 8;
		a.lo = i & 255;
		better += expectation(a, &seeds) > 1.42 * least &&
		          !addrvec_contains(&seeds, a);
	}
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		n += (double)c[i].p > 1.42 * least && c[i].addr.lo < 256 &&
		     (c[i].addr.hi & 0xffffffff) < 16;
	assert_true(better > 100);
	assert_in_range(n, better - better / 50, better + better / 50);
	tgen_free(g);
	addrvec_fini(&seeds);
}

/* The documented order: the /64 with more seeds first, all /64s before the next
 * identifier, no seed; ::1500 is the last before ::1:0. */
static void low_byte_counts_up(void **state)
{
	static const char *const text[] = { "2001:db8:0:1::1", "2001:db8:0:1::4",
		                            "2001:db8:0:2::ffff" };
	static const char *const first[] = {
		"2001:db8:0:1::",  "2001:db8:0:2::",  "2001:db8:0:2::1",
		"2001:db8:0:1::2", "2001:db8:0:2::2", "2001:db8:0:1::3",
		"2001:db8:0:2::3", "2001:db8:0:2::4", "2001:db8:0:1::5",
	};
	struct addrvec seeds = list(text, ARRAY_LEN(text));
	struct tgen *g = train("low-byte", &seeds);
	size_t left = 2 * 0x1501 - 2 - ARRAY_LEN(first);

	(void)state;
	expect(g, first, ARRAY_LEN(first));
	for (size_t i = 0; i + 1 < left; i++) {
		struct tgen_candidate c;

		assert_int_equal(tgen_next(g, &c, 1), 1);
		assert_true(c.addr.lo <= 0x1500);
	}
	expect(g,
	       (const char *[]){ "2001:db8:0:2::1500", "2001:db8:0:1::1:0",
	                         "2001:db8:0:2::1:0" },
	       3);
	tgen_free(g);
	addrvec_fini(&seeds);
}

/* Each site gets what its seeds are like, in all of its /64s, and no other site
 * does. */
static void pattern_follows_the_site(void **state)
{
	static const char *const text[] = {
		"2001:db8:1:1::1",         "2001:db8:2:1:211:22ff:fe33:4455",
		"2001:db8:2:2::1",         "2001:db8:3:1::192.0.2.77",
		"2001:db8:4:1:192:0:2:99", "2001:db8:5:1::dead:beef",
	};
	static const char *const want[] = {
		"2001:db8:1:1::2",
		"2001:db8:1:1::80",
		"2001:db8:1:1::53",
		"2001:db8:1:1::50", /* 80 in hexadecimal */
		"2001:db8:2:1:211:22ff:fe33:4454",
		"2001:db8:2:2:211:22ff:fe33:4460",
		"2001:db8:3:1::192.0.2.78",
		"2001:db8:3:1::192.0.2.70",
		"2001:db8:4:1:192:0:2:100",
		"2001:db8:4:1:192:0:2:90",
		"2001:db8:5:1::cafe:babe",
		"2001:db8:5:1::f00d",
	};
	static const char *const never[] = {
		"2001:db8:1:1:211:22ff:fe33:4454",
		"2001:db8:1:1::192.0.2.78",
		"2001:db8:1:1::f00d",
		"2001:db8:4:1:192:0:2:9a",
	};
	struct addrvec seeds = list(text, ARRAY_LEN(text)), c = { 0 };
	struct tgen *g = train("pattern", &seeds);

	(void)state;
	for (size_t i = 0; i < 2000; i++) {
		struct tgen_candidate one;

		assert_int_equal(tgen_next(g, &one, 1), 1);
		assert_int_equal(addrvec_push(&c, one.addr), 0);
	}
	assert_int_equal(addrvec_sort(&c), 0);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!addrvec_contains(&c, addr(want[i])))
			fail_msg("%s does not come", want[i]);
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (addrvec_contains(&c, addr(never[i])))
			fail_msg("%s comes", never[i]);
	tgen_free(g);
	addrvec_fini(&c);
	addrvec_fini(&seeds);
}

/* ---- real lists ---------------------------------------------------------- */

static bool load(struct addrvec *v, const char *split, const char *part)
{
	const char *shared = getenv("SEXTANT_SHARED");
	char path[4096];

	snprintf(path, sizeof(path), "%s/data/splits/%s.%s.bz2", shared ? shared : "",
	         split, part);
	if (!shared || access(path, R_OK) != 0)
		return false;
	assert_int_equal(reader_load(v, path, NULL, NULL), 0);
	assert_int_equal(addrvec_sort(v), 0);
	addrvec_unique(v);
	return true;
}

/* Hits of the authors' programs in a million probes, as we ran them: 6Tree and DET
 * with answers, the others without. */
static void no_worse_than_their_authors(void **state)
{
	static const struct {
		const char *name, *split;
		uint64_t rounds, hits;
	} cases[] = {
		{ "6tree", "dense2019.10", 1000, 39532 },
		{ "det", "dense2019.10", 1000, 46269 },
		{ "6gen", "dense2019.10", 0, 23166 },
		{ "6graph", "dense2019.10", 0, 33296 },
		{ "6forest", "dense2019.10", 0, 27264 },
		{ "entropy", "dense2019.10", 0, 1178 },
		{ "det", "dense2019.50", 1000, 33566 },
	};

	struct addrvec seeds = { 0 }, holdout = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct eval_setup s = { .config = { .algorithm = cases[i].name },
			                .budget = 1000000,
			                .rounds = cases[i].rounds };
		struct eval_trial t;
		uint64_t hits;

		if (i == 0 || strcmp(cases[i].split, cases[i - 1].split) != 0) {
			addrvec_fini(&seeds);
			addrvec_fini(&holdout);
			if (!load(&seeds, cases[i].split, "seeds") ||
			    !load(&holdout, cases[i].split, "holdout"))
				skip();
		}
		assert_int_equal(eval_run(&t, &s, &seeds, &holdout, NULL), 0);
		hits = t.mark[t.n_marks - 1].hits;
		if (hits < cases[i].hits)
			fail_msg("%s on %s: %llu hits, its authors' program has %llu",
			         cases[i].name, cases[i].split, (unsigned long long)hits,
			         (unsigned long long)cases[i].hits);
		eval_fini(&t);
	}
	addrvec_fini(&seeds);
	addrvec_fini(&holdout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees_split_by_their_rule),
		cmocka_unit_test(ranges),
		cmocka_unit_test(sixtree_and_det),
		cmocka_unit_test(sixgen_grows_to_the_nearest),
		cmocka_unit_test(sixgraph_keeps_clusters_apart),
		cmocka_unit_test(sixforest_drops_outliers),
		cmocka_unit_test(entropy_multiplies_frequencies),
		cmocka_unit_test(low_byte_counts_up),
		cmocka_unit_test(pattern_follows_the_site),
		cmocka_unit_test(no_worse_than_their_authors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
