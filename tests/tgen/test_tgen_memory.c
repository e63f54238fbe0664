/* Every allocation of the generator fails once, at its first, second, third ...
 * call: an error comes back, nothing leaks, and what was there still works. */
#include "tests/test.h"

#include "common/rng.h"
#include "tgen/tgen.h"

/* Calls left until one fails; negative: none does. */
static long countdown = -1;

static bool fails(void)
{
	return countdown >= 0 && countdown-- == 0;
}

static void *test_malloc_(size_t n)
{
	return fails() ? NULL : malloc(n);
}

static void *test_calloc_(size_t n, size_t size)
{
	return fails() ? NULL : calloc(n, size);
}

static void *test_realloc_(void *p, size_t n)
{
	return fails() ? NULL : realloc(p, n);
}

#define malloc  test_malloc_
#define calloc  test_calloc_
#define realloc test_realloc_
#include "tgen/space_build.c"
#undef ALWAYS_FREE
#include "tgen/space_expect.c"
#include "tgen/space_tree.c"
#undef malloc
#undef calloc
#undef realloc

static void make_seeds(struct addrvec *v)
{
	struct rng r;

	rng_init(&r, 1);
	for (unsigned i = 0; i < 300; i++) {
		struct addr128 a = { UINT64_C(0x20010db800000000) | rng_below(&r, 20),
			             rng_below(&r, 4000) };

		assert_int_equal(addrvec_push(v, a), 0);
	}
	assert_int_equal(addrvec_sort(v), 0);
	addrvec_unique(v);
}

/* Train, emit, feed back, prune; whatever fails says so. */
static int work(const struct addrvec *seeds)
{
	struct tgen_candidate c[200];
	struct tgen_result r;
	void *state;
	int rc = tree_train(&state, seeds, 1, NULL), n;

	if (rc < 0)
		return rc;
	n = tree_next(state, c, ARRAY_LEN(c));
	assert_int_equal(n, ARRAY_LEN(c));
	for (int i = 0; i < n && rc == 0; i++) {
		r = (struct tgen_result){ c[i].addr, c[i].region, true };
		rc = tree_feedback(state, &r, 1);
	}
	assert_int_equal(tree_prune(state, prefix_make(c[0].addr, 120)), 0);
	assert_int_equal(tree_next(state, c, ARRAY_LEN(c)), ARRAY_LEN(c));
	tree_free(state);
	return rc;
}

static void every_allocation_may_fail(void **state)
{
	struct addrvec seeds = { 0 };
	unsigned failures = 0;

	(void)state;
	make_seeds(&seeds);
	for (long n = 0;; n++) {
		int rc;

		countdown = n;
		rc = work(&seeds);
		if (countdown >= 0) {
			assert_int_equal(rc, 0);
			break; /* there are no more than n allocations */
		}
		assert_int_equal(rc, -ENOMEM);
		failures++;
	}
	countdown = -1;
	assert_in_range(failures, 10, 1000);
	assert_int_equal(work(&seeds), 0);
	addrvec_fini(&seeds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
