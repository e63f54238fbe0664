#include "tests/test.h"

static long alloc_budget = -1; /* how many more succeed; negative: all */

static void *scarce_calloc(size_t n, size_t size)
{
	if (alloc_budget == 0)
		return NULL;
	alloc_budget -= alloc_budget > 0;
	return calloc(n, size);
}

#define calloc scarce_calloc
#include "common/pfxmap.c"
#undef calloc

#include "common/rng.h"

enum { N = 3000 };

/* Prefixes that share bits, so that only the length tells many apart. */
static struct prefix random_prefix(struct rng *r)
{
	struct addr128 a = { rng_below(r, 4) << 62, rng_below(r, 4) << 62 };

	a.hi |= rng_below(r, 8);
	return prefix_make(a, (unsigned)rng_below(r, 129));
}

static void agrees_with_a_list(void **state)
{
	static struct prefix list[N];
	struct pfxmap m = { 0 };
	struct rng r;
	uint32_t n = 0, v;

	(void)state;
	rng_init(&r, 1);
	assert_false(pfxmap_find(&m, random_prefix(&r), &v));
	for (unsigned i = 0; i < N; i++) {
		struct prefix p = random_prefix(&r);
		uint32_t k = 0;

		while (k < n && !(list[k].len == p.len && addr_eq(list[k].addr, p.addr)))
			k++;
		v = UINT32_MAX;
		assert_int_equal(pfxmap_find(&m, p, &v), k < n);
		if (k < n) {
			assert_int_equal(v, k);
			continue;
		}
		list[n] = p;
		assert_int_equal(pfxmap_add(&m, p, n), 0);
		n++;
	}
	assert_true(n > 500);
	assert_int_equal(m.n, n);
	pfxmap_fini(&m);
	pfxmap_fini(&m);
}

static void failed_growth_changes_nothing(void **state)
{
	struct pfxmap m = { 0 };
	unsigned refused = 0, n = 0;
	uint32_t v;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct prefix p = prefix_make((struct addr128){ i, 0 }, 64);

		alloc_budget = i % 2;
		if (pfxmap_add(&m, p, i) < 0) {
			refused++;
			assert_false(pfxmap_find(&m, p, &v));
			alloc_budget = -1;
			assert_int_equal(pfxmap_add(&m, p, i), 0);
		}
		n++;
		assert_int_equal(m.n, n);
	}
	alloc_budget = -1;
	assert_true(refused > 0);
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(
			pfxmap_find(&m, prefix_make((struct addr128){ i, 0 }, 64), &v));
		assert_int_equal(v, i);
	}
	pfxmap_fini(&m);
}

static void slots_count(void **state)
{
	struct pfxmap m = { 0 };
	uint32_t v;

	(void)state;
	for (uint32_t i = 0; i < 10 * N; i++) {
		uint32_t *slot =
			pfxmap_slot(&m, prefix_make((struct addr128){ i % N, 0 }, 64));

		assert_non_null(slot);
		assert_int_equal(*slot, i / N);
		++*slot;
	}
	assert_int_equal(m.n, N);
	for (uint32_t i = 0; i < N; i++) {
		assert_true(
			pfxmap_find(&m, prefix_make((struct addr128){ i, 0 }, 64), &v));
		assert_int_equal(v, 10);
	}
	pfxmap_fini(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_list),
		cmocka_unit_test(slots_count),
		cmocka_unit_test(failed_growth_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
