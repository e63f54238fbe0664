#include "tests/test.h"

#include "tests/common/failing.h"

#include "common/addrvec.c"
#include "common/rng.h"

static int by_address(const void *a, const void *b)
{
	return addr_cmp(*(const struct addr128 *)a, *(const struct addr128 *)b);
}

/* What lists of addresses look like, and what is hard for a radix sort. */
enum kind {
	RANDOM,
	EQUAL,
	FEW_VALUES,
	SORTED,
	REVERSED,
	LOW_BYTE,    /* differ in the last byte alone */
	ONE_NETWORK, /* random interface identifiers in one /64 */
	SKEWED,      /* long shared prefixes, runs of zero bytes */
	IPV4,
	ORGAN_PIPE,
	KINDS
};

static struct addr128 sample(struct rng *r, enum kind kind, size_t i, size_t n)
{
	uint64_t x = rng_next(r), y = rng_next(r);

	switch (kind) {
	case EQUAL: return (struct addr128){ 1, 2 };
	case FEW_VALUES: return (struct addr128){ x % 3, y % 3 };
	case SORTED: return (struct addr128){ i / 7, i };
	case REVERSED: return (struct addr128){ n - i, i };
	case LOW_BYTE: return (struct addr128){ UINT64_C(0x20010db8) << 32, y % 256 };
	case ONE_NETWORK: return (struct addr128){ UINT64_C(0x20010db8) << 32, y };
	case SKEWED:
		return (struct addr128){ UINT64_C(0x2a00) << 48 | x >> (x % 64),
			                 y >> (y % 64) };
	case IPV4: return addr_from_v4((uint32_t)x);
	case ORGAN_PIPE: return (struct addr128){ i < n / 2 ? i : n - i, 0 };
	default: return (struct addr128){ x, y };
	}
}

static void sort_equals_qsort(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 31, 32, 33, 100, 257, 5000, 70000 };
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (enum kind kind = 0; kind < KINDS; kind++)
		for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
			struct addrvec v = { 0 };
			size_t bytes = sizes[k] * sizeof(*v.a);
			struct addr128 *want = malloc(bytes + 1);

			assert_non_null(want);
			for (size_t i = 0; i < sizes[k]; i++) {
				struct addr128 a = sample(&r, kind, i, sizes[k]);

				want[i] = a;
				assert_int_equal(addrvec_push(&v, a), 0);
			}
			qsort(want, sizes[k], sizeof(*want), by_address);
			assert_int_equal(addrvec_sort(&v), 0);
			assert_int_equal(v.n, sizes[k]);
			if (sizes[k] && memcmp(want, v.a, bytes) != 0)
				fail_msg("kind %d, size %zu", kind, sizes[k]);
			free(want);
			addrvec_fini(&v);
		}
}

/* Two keys that differ in one bit only, whichever it is, among many others. */
static void every_bit_orders(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 128; bit++) {
		struct addr128 low = { 0, 0 },
			       high = { bit < 64 ? 1ull << bit : 0,
			                bit < 64 ? 0 : 1ull << (bit - 64) };
		struct addrvec v = { 0 };

		for (int i = 0; i < 40; i++)
			assert_int_equal(addrvec_push(&v, i % 2 ? low : high), 0);
		assert_int_equal(addrvec_sort(&v), 0);
		for (int i = 0; i < 40; i++)
			assert_true(addr_eq(v.a[i], i < 20 ? low : high));
		assert_int_equal(addrvec_unique(&v), 38);
		addrvec_fini(&v);
	}
}

static void unique_and_search_agree_with_a_scan(void **state)
{
	struct addrvec v = { 0 };
	struct rng r;
	size_t n, gone;

	(void)state;
	assert_int_equal(addrvec_unique(&v), 0);
	assert_false(addrvec_contains(&v, (struct addr128){ 0, 0 }));
	rng_init(&r, 2);
	for (int i = 0; i < 500; i++) {
		struct addr128 a = { rng_below(&r, 2), 2 * rng_below(&r, 200) };

		assert_int_equal(addrvec_push(&v, a), 0);
	}
	n = v.n;
	assert_int_equal(addrvec_sort(&v), 0);
	gone = addrvec_unique(&v);
	assert_int_equal(v.n + gone, n);
	for (size_t i = 1; i < v.n; i++)
		assert_true(addr_cmp(v.a[i - 1], v.a[i]) < 0);
	for (uint64_t hi = 0; hi < 3; hi++)
		for (uint64_t lo = 0; lo < 402; lo++) {
			struct addr128 a = { hi, lo };
			size_t at = 0;

			while (at < v.n && addr_cmp(v.a[at], a) < 0)
				at++;
			assert_int_equal(addrvec_lower_bound(&v, a), at);
			assert_int_equal(addrvec_contains(&v, a),
			                 at < v.n && addr_eq(v.a[at], a));
		}
	addrvec_fini(&v);
}

static void failed_allocations_change_nothing(void **state)
{
	struct addrvec v = { 0 }, before;
	int rc = 0;

	(void)state;
	for (uint64_t i = 1000; i > 0; i--) {
		struct addr128 a = { 0, i };

		before = v;
		fail_nth(0);
		rc = addrvec_push(&v, a);
		if (fail_done()) {
			assert_int_equal(rc, -ENOMEM);
			assert_memory_equal(&v, &before, sizeof(v));
			rc = addrvec_push(&v, a);
		}
		assert_int_equal(rc, 0);
	}
	for (long n = 0; fail_nth(n), rc = addrvec_sort(&v), fail_done(); n++) {
		assert_int_equal(rc, -ENOMEM);
		for (uint64_t i = 0; i < 1000; i++)
			assert_true(v.a[i].lo == 1000 - i);
	}
	assert_int_equal(rc, 0);
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(v.a[i].lo == i + 1);
	assert_int_equal(addrvec_reserve(&v, SIZE_MAX / 8), -ENOMEM);
	assert_int_equal(v.n, 1000);
	addrvec_fini(&v);
	assert_null(v.a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sort_equals_qsort),
		cmocka_unit_test(every_bit_orders),
		cmocka_unit_test(unique_and_search_agree_with_a_scan),
		cmocka_unit_test(failed_allocations_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
