#include "tests/test.h"

#include "tests/common/failing.h"

#include "common/bloom.c"
#include "common/rng.h"

enum { KEYS = 200000 };

static void no_key_is_forgotten_and_few_are_invented(void **state)
{
	struct bloom f;
	struct rng r;
	unsigned wrong = 0;

	(void)state;
	rng_init(&r, 1);
	assert_int_equal(bloom_init(&f, KEYS, 12), 0);
	assert_in_range(bloom_bytes(&f), KEYS * 12 / 8, KEYS * 12 / 8 + 63);
	for (int i = 0; i < KEYS; i++)
		bloom_add(&f, rng_next(&r));
	rng_init(&r, 1);
	for (int i = 0; i < KEYS; i++)
		assert_true(bloom_has(&f, rng_next(&r)));
	for (int i = 0; i < KEYS; i++)
		wrong += bloom_has(&f, rng_next(&r));
	if (wrong >= KEYS * 8 / 1000)
		fail_msg("%u false positives of %d queries", wrong, KEYS);
	bloom_fini(&f);
	assert_null(f.words);
}

static void many_at_once_are_the_same(void **state)
{
	uint64_t hash[1000];
	struct bloom f, g;
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	for (size_t n = 0; n <= 1000; n += n < 40 ? 1 : 96) {
		assert_int_equal(bloom_init(&f, 500, 12), 0);
		assert_int_equal(bloom_init(&g, 500, 12), 0);
		for (size_t i = 0; i < n; i++)
			bloom_add(&f, hash[i] = rng_next(&r));
		bloom_add_all(&g, hash, n);
		assert_memory_equal(f.words, g.words, bloom_bytes(&f));
		bloom_fini(&f);
		bloom_fini(&g);
	}
}

/* A copy of the words, as after a round trip through a file, answers alike. */
static void words_can_be_borrowed(void **state)
{
	struct bloom f, g;
	struct rng r;

	(void)state;
	rng_init(&r, 2);
	assert_int_equal(bloom_init(&f, 100, 8), 0);
	for (int i = 0; i < 100; i++)
		bloom_add(&f, rng_next(&r));
	g = (struct bloom){ .words = malloc(bloom_bytes(&f)), .blocks = f.blocks };
	assert_non_null(g.words);
	memcpy(g.words, f.words, bloom_bytes(&f));
	for (int i = 0; i < 10000; i++) {
		uint64_t h = rng_next(&r);

		assert_int_equal(bloom_has(&f, h), bloom_has(&g, h));
	}
	free(g.words);
	bloom_fini(&f);
}

static void an_empty_filter_has_nothing(void **state)
{
	struct bloom f;
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	assert_int_equal(bloom_init(&f, 0, 12), 0);
	assert_int_equal(bloom_bytes(&f), 64);
	assert_false(bloom_has(&f, 0));
	assert_false(bloom_has(&f, UINT64_MAX));
	for (int i = 0; i < 1000; i++)
		assert_false(bloom_has(&f, rng_next(&r)));
	bloom_add(&f, UINT64_MAX);
	assert_true(bloom_has(&f, UINT64_MAX));
	bloom_fini(&f);
}

static void too_large_and_out_of_memory(void **state)
{
	struct bloom f;
	int rc;

	(void)state;
	assert_int_equal(bloom_init(&f, UINT64_MAX, UINT32_MAX), -ENOMEM);
	assert_null(f.words);
	for (long n = 0; fail_nth(n), rc = bloom_init(&f, 1000, 12), fail_done(); n++) {
		assert_int_equal(rc, -ENOMEM);
		assert_null(f.words);
	}
	assert_int_equal(rc, 0);
	bloom_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_key_is_forgotten_and_few_are_invented),
		cmocka_unit_test(many_at_once_are_the_same),
		cmocka_unit_test(words_can_be_borrowed),
		cmocka_unit_test(an_empty_filter_has_nothing),
		cmocka_unit_test(too_large_and_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
