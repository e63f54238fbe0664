/* What holds for every published algorithm alike: its candidates are new, in
 * scope and always the same ones, a model file goes on where it stopped, and memory
 * that runs out is an error and nothing else. */
#include "tests/test.h"

#include <errno.h>
#include <unistd.h>

#include "common/addrset.h"
#include "common/rng.h"
#include "tgen/tgen.h"

static const char *const names[] = { "6tree",   "det",     "6gen",    "6graph",
	                             "6forest", "entropy", "pattern", "low-byte" };

/* Allocations left until one fails; negative: none does. */
static long countdown = -1;

#ifdef __SANITIZE_ADDRESS__
#define CAN_FAIL false
#else
#define CAN_FAIL true
/* The allocator itself, below the names that everything calls. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static bool fails(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return fails() ? NULL : __libc_realloc(p, n);
}
#endif

/* Networks with sequential hosts, with the same hosts in many subnets, with ports,
 * MAC and IPv4 addresses, and with random ones. */
static struct addrvec world(uint64_t seed, unsigned networks)
{
	struct addrvec v = { 0 };
	struct rng r;

	rng_init(&r, seed);
	for (unsigned i = 0; i < networks; i++) {
		uint64_t hi = UINT64_C(0x2001) << 48 | (rng_next(&r) & 0xffff) << 32;
		unsigned style = (unsigned)rng_below(&r, 5);

		for (unsigned k = 0; k < 30; k++) {
			struct addr128 a = { hi | rng_below(&r, 4), rng_below(&r, 64) };

			if (style == 1)
				a = (struct addr128){ hi | rng_below(&r, 32),
					              1 + rng_below(&r, 3) };
			if (style == 2)
				a.lo = rng_next(&r);
			if (style == 3)
				a.lo = UINT64_C(0x021122fffe000000) | rng_below(&r, 999);
			if (style == 4)
				a.lo = 0xc0000200 | rng_below(&r, 256);
			assert_int_equal(addrvec_push(&v, a), 0);
		}
	}
	assert_int_equal(addrvec_sort(&v), 0);
	addrvec_unique(&v);
	return v;
}

static struct tgen *train(const char *name, const struct addrvec *seeds, uint64_t seed)
{
	struct tgen_config cfg = { .algorithm = name, .seed = seed };
	struct diag d = { "" };
	struct tgen *g;
	int rc = tgen_train(&g, seeds, &cfg, &d);

	if (rc < 0)
		fail_msg("%s: %s", name, diag_str(&d, rc));
	return g;
}

/* Up to n more candidates, in batches; answers: every third network is alive. */
static void take(struct tgen *g, struct addrvec *v, size_t n, size_t batch, bool answers)
{
	struct tgen_candidate *c = calloc(batch, sizeof(*c));

	assert_non_null(c);
	while (n > 0) {
		int k = tgen_next(g, c, n < batch ? n : batch);

		assert_true(k >= 0);
		if (k == 0)
			break;
		n -= (size_t)k;
		for (int i = 0; i < k; i++) {
			struct tgen_result r = { c[i].addr, c[i].region,
				                 (c[i].addr.hi >> 32) % 3 == 0 };

			assert_true(c[i].p > 0 && c[i].p < 1);
			assert_int_equal(addrvec_push(v, c[i].addr), 0);
			if (answers)
				assert_int_equal(tgen_feedback(g, &r, 1), 0);
		}
	}
	free(c);
}

static void assert_same(const char *name, const struct addrvec *a,
                        const struct addrvec *b)
{
	if (a->n != b->n)
		fail_msg("%s: %zu candidates, then %zu", name, a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		if (!addr_eq(a->a[i], b->a[i]))
			fail_msg("%s: they differ at %zu", name, i);
}

/* As many as wanted; none a seed, none twice, all in 2000::/3; with and without
 * answers. */
static void candidates_are_new(void **state)
{
	enum { N = 100000 };
	struct addrvec seeds = world(1, 150);

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(names); i++) {
		struct tgen *g = train(names[i / 2], &seeds, 0);
		struct addrvec c = { 0 };
		struct tgen_stats st;

		take(g, &c, N, 1000, i % 2);
		tgen_stats(g, &st);
		assert_int_equal(st.emitted, N);
		assert_in_range(st.regions, 1, UINT32_MAX - 2);
		assert_int_equal(c.n, N);
		for (size_t k = 0; k < c.n; k++) {
			assert_int_equal(c.a[k].hi >> 61, 1);
			if (addrvec_contains(&seeds, c.a[k]))
				fail_msg("%s emits a seed", names[i / 2]);
		}
		assert_int_equal(addrvec_sort(&c), 0);
		if (addrvec_unique(&c) > 0)
			fail_msg("%s repeats itself", names[i / 2]);
		tgen_free(g);
		addrvec_fini(&c);
	}
	addrvec_fini(&seeds);
}

/* The same calls, the same sequence; how they are cut does not matter; another
 * seed gives another order at most. */
static void sequence_is_fixed(void **state)
{
	static const size_t batches[] = { 1, 13, 5000 };
	struct addrvec seeds = world(2, 60);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct addrvec first = { 0 }, other = { 0 };

		for (size_t b = 0; b < ARRAY_LEN(batches); b++) {
			struct addrvec c = { 0 };
			struct tgen *g = train(names[i], &seeds, 0);

			take(g, b ? &c : &first, 20000, batches[b], false);
			if (b)
				assert_same(names[i], &first, &c);
			tgen_free(g);
			addrvec_fini(&c);
		}
		for (unsigned again = 0; again < 2; again++) {
			struct addrvec c = { 0 };
			struct tgen *g = train(names[i], &seeds, 99);

			take(g, again ? &c : &other, 3000, 500, true);
			if (again)
				assert_same(names[i], &other, &c);
			tgen_free(g);
			addrvec_fini(&c);
		}
		addrvec_fini(&first);
		addrvec_fini(&other);
	}
	addrvec_fini(&seeds);
}

/* One seed, two far apart, a full /124, noise: candidates come, or it ends; it
 * neither fails nor hangs. */
static void odd_inputs(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	for (unsigned kind = 0; kind < 4; kind++) {
		struct addrvec seeds = { 0 };
		unsigned n = kind < 2 ? kind + 1 : kind == 2 ? 16 : 3000;

		for (unsigned k = 0; k < n; k++) {
			struct addr128 a = { UINT64_C(0x20010db800000000), k };

			if (kind == 1)
				a.hi += (uint64_t)k << 60;
			if (kind == 3)
				a = (struct addr128){ rng_next(&r) >> 3 | UINT64_C(1)
					                                          << 61,
					              rng_next(&r) };
			assert_int_equal(addrvec_push(&seeds, a), 0);
		}
		assert_int_equal(addrvec_sort(&seeds), 0);
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			struct tgen *g = train(names[i], &seeds, 0);
			struct addrvec c = { 0 };

			take(g, &c, 5000, 100, kind == 3);
			/* A cluster of one seed has no nearest one, ever. */
			if (strcmp(names[i], "6gen") != 0)
				assert_int_equal(c.n, 5000);
			tgen_free(g);
			addrvec_fini(&c);
		}
		addrvec_fini(&seeds);
	}
}

/* Pruned prefixes stay empty, also when all is pruned; bounds are met. */
static void pruned_stays_pruned(void **state)
{
	struct addrvec seeds = world(4, 30);
	struct prefix all = { { UINT64_C(1) << 61, 0 }, 3 };
	struct ivtab_builder *b = ivtab_builder_new();
	struct tgen_config cfg = { .seed = 0 };
	struct ivtab *within;

	(void)state;
	assert_int_equal(ivtab_add(b, prefix_make(seeds.a[0], 48), 1), 0);
	assert_int_equal(ivtab_add(b, prefix_make(seeds.a[seeds.n / 2], 60), 1), 0);
	assert_int_equal(ivtab_build(&within, b), 0);
	ivtab_builder_free(b);
	cfg.within = within;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct addrvec c = { 0 };
		struct prefix gone;
		struct tgen *g;

		cfg.algorithm = names[i];
		assert_int_equal(tgen_train(&g, &seeds, &cfg, NULL), 0);
		take(g, &c, 500, 50, true);
		if (c.n < 100)
			fail_msg("%s: %zu candidates within bounds", names[i], c.n);
		gone = prefix_make(c.a[7], 64);
		assert_int_equal(tgen_prune(g, gone), 0);
		addrvec_fini(&c);
		take(g, &c, 500, 50, true);
		for (size_t k = 0; k < c.n; k++) {
			assert_true(ivtab_covers(within, c.a[k]));
			assert_false(prefix_covers(gone, c.a[k]));
		}
		addrvec_fini(&c);
		assert_int_equal(tgen_prune(g, all), 0);
		take(g, &c, 500, 50, true);
		assert_int_equal(c.n, 0);
		tgen_free(g);
		addrvec_fini(&c);
	}
	ivtab_free(within);
	addrvec_fini(&seeds);
}

/* Results for what never came out, or for no region, or twice. */
static void strange_results(void **state)
{
	struct addrvec seeds = world(5, 30);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct tgen *g = train(names[i], &seeds, 0),
			    *h = train(names[i], &seeds, 0);
		struct addrvec a = { 0 }, b = { 0 };
		struct tgen_candidate c;
		struct tgen_result r = { seeds.a[0], TGEN_REGION_UNKNOWN, true };

		take(g, &a, 1000, 100, true);
		take(h, &b, 1000, 100, true);
		assert_int_equal(tgen_feedback(g, &r, 1), 0);
		r.addr = (struct addr128){ UINT64_C(0x2fff) << 48, 1 };
		assert_int_equal(tgen_feedback(g, &r, 1), 0);
		for (size_t k = 0; k < a.n; k++) {
			r.addr = a.a[k]; /* answered already */
			assert_int_equal(tgen_feedback(g, &r, 1), 0);
		}
		assert_int_equal(tgen_next(g, &c, 1), 1);
		r.addr = c.addr;
		r.region = UINT32_MAX - 2;
		assert_int_equal(tgen_feedback(g, &r, 1), -EINVAL);
		assert_int_equal(tgen_next(h, &c, 1), 1);
		take(g, &a, 1000, 100, false);
		take(h, &b, 1000, 100, false);
		assert_same(names[i], &a, &b);
		tgen_free(g);
		tgen_free(h);
		addrvec_fini(&a);
		addrvec_fini(&b);
	}
	addrvec_fini(&seeds);
}

static void temp_name(char path[static 64])
{
	int fd;

	strcpy(path, "/tmp/sxt-test-peers-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
}

/* Saved at any place, with answers and prunings, loaded, and continued; and saved
 * again after that. */
static void saved_goes_on(void **state)
{
	static const size_t cuts[] = { 0, 1, 333, 9000 };
	struct addrvec seeds = world(6, 60);
	char path[64];

	(void)state;
	temp_name(path);
	for (size_t i = 0; i < ARRAY_LEN(names) * ARRAY_LEN(cuts); i++) {
		const char *name = names[i / ARRAY_LEN(cuts)];
		size_t cut = cuts[i % ARRAY_LEN(cuts)];
		struct tgen_config cfg = { .algorithm = name };
		struct tgen *g = train(name, &seeds, 7), *h = NULL;
		struct addrvec a = { 0 }, b = { 0 };
		struct tgen_result late;
		struct diag d = { "" };

		take(g, &a, cut / 2, 10, true);
		if (a.n)
			assert_int_equal(tgen_prune(g, prefix_make(a.a[0], 50)), 0);
		take(g, &a, cut / 2, 10, false);
		late = (struct tgen_result){ a.n ? a.a[a.n - 1] : seeds.a[0],
			                     TGEN_REGION_UNKNOWN, true };
		for (unsigned round = 0; round < 2; round++) {
			assert_int_equal(tgen_save(h ? h : g, path, NULL), 0);
			tgen_free(h);
			if (tgen_load(&h, path, &cfg, &d) < 0)
				fail_msg("%s: %s", name, d.text);
			assert_int_equal(tgen_feedback(g, &late, 1), 0);
			assert_int_equal(tgen_feedback(h, &late, 1), 0);
			addrvec_fini(&a);
			addrvec_fini(&b);
			take(g, &a, 3000, 100, true);
			take(h, &b, 3000, 100, true);
			assert_same(name, &a, &b);
		}
		tgen_free(g);
		tgen_free(h);
		addrvec_fini(&a);
		addrvec_fini(&b);
	}
	unlink(path);
	addrvec_fini(&seeds);
}

static int work(const char *name, const struct addrvec *seeds, const char *path)
{
	struct tgen_config cfg = { .algorithm = name };
	struct tgen_candidate c[64];
	struct tgen *g = NULL, *h = NULL;
	int rc = tgen_train(&g, seeds, &cfg, NULL);

	for (unsigned round = 0; round < 40 && rc >= 0; round++) {
		rc = tgen_next(g, c, ARRAY_LEN(c));
		for (int i = 0; i < rc; i++) {
			struct tgen_result r = { c[i].addr, c[i].region, i % 2 };
			int k = tgen_feedback(g, &r, 1);

			if (k < 0)
				rc = k;
		}
	}
	if (rc >= 0)
		rc = tgen_prune(g, prefix_make(c[0].addr, 100));
	if (rc >= 0)
		rc = tgen_save(g, path, NULL);
	if (rc >= 0)
		rc = tgen_load(&h, path, &cfg, NULL);
	tgen_free(g);
	tgen_free(h);
	return rc;
}

/* Every allocation fails once, at its first, second, fourth ... call. */
static void out_of_memory(void **state)
{
	struct addrvec seeds;
	char path[64];

	(void)state;
	if (!CAN_FAIL)
		skip();
	seeds = world(7, 12);
	temp_name(path);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		long at = 0;
		unsigned errors = 0;
		int rc;

		do {
			countdown = at;
			rc = work(names[i], &seeds, path);
			/* Without an error: qsort() does without memory, too. */
			if (rc < 0 && rc != -ENOMEM)
				fail_msg("%s: allocation %ld: %d", names[i], at, rc);
			errors += rc < 0;
			at += 1 + at / 8;
		} while (countdown < 0);
		countdown = -1;
		assert_true(rc >= 0 && errors > 10);
		assert_true(at > 10);
	}
	unlink(path);
	addrvec_fini(&seeds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(candidates_are_new),
		cmocka_unit_test(sequence_is_fixed),
		cmocka_unit_test(odd_inputs),
		cmocka_unit_test(pruned_stays_pruned),
		cmocka_unit_test(strange_results),
		cmocka_unit_test(saved_goes_on),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
