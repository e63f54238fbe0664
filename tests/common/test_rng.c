#include "tests/test.h"

#include "common/rng.h"

/* Published first outputs of the two generators. */
static void outputs_are_the_published_ones(void **state)
{
	static const uint64_t xoshiro[] = {
		11520,
		0,
		1509978240,
		1215971899390074240,
	};
	static const uint64_t splitmix[] = {
		UINT64_C(6457827717110365317),
		UINT64_C(3203168211198807973),
		UINT64_C(9817491932198370423),
	};
	struct rng r = { { 1, 2, 3, 4 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(xoshiro); i++)
		assert_true(rng_next(&r) == xoshiro[i]);
	for (size_t i = 0; i < ARRAY_LEN(splitmix); i++)
		assert_true(rng_mix(1234567 + i * UINT64_C(0x9e3779b97f4a7c15)) ==
		            splitmix[i]);
}

static void same_seed_same_sequence(void **state)
{
	struct rng a, b, c;
	unsigned same = 0;

	(void)state;
	rng_init(&a, 7);
	rng_init(&b, 7);
	rng_init(&c, 8);
	for (int i = 0; i < 1000; i++) {
		uint64_t x = rng_next(&a);

		assert_true(x == rng_next(&b));
		same += x == rng_next(&c);
	}
	assert_int_equal(same, 0);
}

static void below_is_in_range_and_even(void **state)
{
	static const uint64_t bounds[] = {
		1, 2, 3, 7, 1000, UINT64_C(1) << 32, (UINT64_C(1) << 63) + 1, UINT64_MAX
	};
	uint64_t count[7] = { 0 };
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
		for (int k = 0; k < 1000; k++)
			assert_true(rng_below(&r, bounds[i]) < bounds[i]);
	for (int k = 0; k < 70000; k++)
		count[rng_below(&r, 7)]++;
	for (int k = 0; k < 7; k++) /* five standard deviations: 463 */
		assert_in_range(count[k], 10000 - 463, 10000 + 463);
}

static void double_is_in_the_unit_interval(void **state)
{
	double sum = 0;
	struct rng r;

	(void)state;
	rng_init(&r, 2);
	for (int i = 0; i < 100000; i++) {
		double x = rng_double(&r);

		assert_true(x >= 0 && x < 1);
		sum += x;
	}
	assert_true(sum > 49500 && sum < 50500);
}

/* Every address lies in the prefix, and every free bit takes both values. */
static void addr_in_fills_the_prefix(void **state)
{
	struct addr128 a;
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	assert_true(addr_parse(&a, "2001:db8:1234:5678:9abc:def0:1357:9bdf"));
	for (unsigned len = 0; len <= 128; len++) {
		struct prefix p = prefix_make(a, len);
		struct addr128 or = p.addr, and = { UINT64_MAX, UINT64_MAX };

		for (int i = 0; i < 64; i++) {
			struct addr128 x = rng_addr_in(&r, p);

			assert_true(prefix_covers(p, x));
			or = (struct addr128){ or.hi | x.hi, or.lo | x.lo };
			and = (struct addr128){ and.hi & x.hi, and.lo & x.lo };
		}
		assert_true(addr_eq(or, prefix_last(p)));
		assert_true(addr_eq(and, p.addr));
	}
}

static void secrets_differ(void **state)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 }, zero[32] = { 0 };

	(void)state;
	rng_secret(a, sizeof(a));
	rng_secret(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, zero, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outputs_are_the_published_ones),
		cmocka_unit_test(same_seed_same_sequence),
		cmocka_unit_test(below_is_in_range_and_even),
		cmocka_unit_test(double_is_in_the_unit_interval),
		cmocka_unit_test(addr_in_fills_the_prefix),
		cmocka_unit_test(secrets_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
