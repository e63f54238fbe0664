/* Every allocation of the sextant algorithm fails once, at its first, second,
 * third ... call: an error comes back, and nothing leaks. */
#include "tests/test.h"

#include "common/rng.h"
#include "tgen/algorithm.h"

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
#include "tgen/sextant.c"
#include "tgen/sx_build.c"
#include "tgen/sx_chain.c"
#include "tgen/sx_feedback.c"
#include "tgen/sx_front.c"
#include "tgen/sx_left.c"
#include "tgen/sx_table.c"
#include "tgen/sx_tail.c"
#include "tgen/sx_train.c"
#undef malloc
#undef calloc
#undef realloc

static void make_seeds(struct addrvec *v)
{
	struct rng r;

	rng_init(&r, 1);
	for (unsigned i = 0; i < 60; i++) {
		struct addr128 a = { UINT64_C(0x20010db800000000) | rng_below(&r, 9),
			             rng_below(&r, 400) };

		assert_int_equal(addrvec_push(v, a), 0);
	}
	assert_int_equal(addrvec_sort(v), 0);
	addrvec_unique(v);
}

/* Train, emit, feed back, prune; whatever fails says so. */
static int work(const struct addrvec *seeds)
{
	static struct tgen_candidate c[1500];
	void *state;
	int rc = sextant_train(&state, seeds, 1, NULL), n;

	if (rc < 0)
		return rc;
	n = sextant_next(state, c, ARRAY_LEN(c));
	rc = n < 0 ? n : 0;
	for (int i = 0; i < n && rc == 0; i++) {
		struct tgen_result r = { c[i].addr, c[i].region, i % 2 };

		rc = sextant_feedback(state, &r, 1);
	}
	if (rc == 0)
		rc = sextant_prune(state, prefix_make(c[0].addr, 120));
	if (rc == 0) {
		n = sextant_next(state, c, ARRAY_LEN(c));
		rc = n < 0 ? n : 0;
	}
	sextant_free(state);
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
	assert_in_range(failures, 30, 3000);
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
