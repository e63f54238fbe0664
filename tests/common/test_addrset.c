#include "tests/test.h"

#include "tests/common/failing.h"

#include "common/addrset.c"
#include "common/rng.h"

/* A small universe, so that every operation meets members and strangers:
 * numbers around zero, both words in use. */
enum { UNIVERSE = 400 };

static struct addr128 member(unsigned i)
{
	return (struct addr128){ i % 4 * UINT64_C(0x2001000000000000), i / 4 };
}

/* Compare everything that the set can tell with a plain array of flags. */
static void check_all(const struct addrset *s, const bool in[static UNIVERSE])
{
	bool seen[UNIVERSE] = { false };
	struct addr128 a;
	size_t n = 0, pos = 0;

	for (unsigned i = 0; i < UNIVERSE; i++) {
		assert_int_equal(addrset_has(s, member(i)), in[i]);
		n += in[i];
	}
	assert_int_equal(addrset_count(s), n);
	while (addrset_next(s, &pos, &a)) {
		unsigned i = 0;

		while (i < UNIVERSE && !addr_eq(member(i), a))
			i++;
		assert_in_range(i, 0, UNIVERSE - 1);
		assert_false(seen[i]);
		assert_true(in[i]);
		seen[i] = true;
		n--;
	}
	assert_int_equal(n, 0);
	assert_false(addrset_next(s, &pos, &a));
}

static void random_operations_match_a_model(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (int round = 0; round < 20; round++) {
		struct addrset *s = addrset_new((size_t)round);
		bool in[UNIVERSE] = { false };

		assert_non_null(s);
		for (int op = 0; op < 5000; op++) {
			unsigned i = (unsigned)rng_below(&r, UNIVERSE);

			if (rng_below(&r, 100) < 45 + (unsigned)round % 3 * 5) {
				assert_int_equal(addrset_add(s, member(i)), !in[i]);
				in[i] = true;
			} else {
				assert_int_equal(addrset_remove(s, member(i)), in[i]);
				in[i] = false;
			}
			if (op % 250 == 0)
				check_all(s, in);
		}
		addrset_free(s);
	}
}

static void zero_is_an_address_like_any_other(void **state)
{
	struct addrset *s = addrset_new(0);
	struct addr128 zero = { 0, 0 }, a = { 9, 9 };
	size_t pos = 0;

	(void)state;
	assert_false(addrset_has(s, zero));
	assert_false(addrset_remove(s, zero));
	assert_false(addrset_next(s, &pos, &a));
	assert_int_equal(addrset_add(s, zero), 1);
	assert_int_equal(addrset_add(s, zero), 0);
	assert_true(addrset_has(s, zero));
	assert_int_equal(addrset_count(s), 1);
	pos = 0;
	assert_true(addrset_next(s, &pos, &a));
	assert_true(addr_eq(a, zero));
	assert_false(addrset_next(s, &pos, &a));
	assert_true(addrset_remove(s, zero));
	assert_int_equal(addrset_count(s), 0);
	addrset_free(s);
	addrset_free(NULL);
}

/* Copying in table order into a set that grows must not go quadratic: no member
 * may end far from its home slot while the copy is under way. */
static size_t longest_probe(const struct addrset *s)
{
	size_t longest = 0;

	for (size_t i = 0; i <= s->mask; i++)
		if (!is_zero(s->slot[i])) {
			size_t d = (i - home(s->mask, s->slot[i])) & s->mask;

			longest = d > longest ? d : longest;
		}
	return longest;
}

static void copying_a_set_keeps_probes_short(void **state)
{
	struct addrset *from = addrset_new(0), *to = addrset_new(0);
	struct addr128 a;
	size_t pos = 0;

	(void)state;
	for (uint64_t i = 0; i < 90000; i++)
		assert_int_equal(addrset_add(from, (struct addr128){ i % 300, i }), 1);
	while (addrset_next(from, &pos, &a)) {
		assert_int_equal(addrset_add(to, a), 1);
		if (addrset_count(to) == (to->mask + 1) / 4 * 3) /* before it grows */
			assert_in_range(longest_probe(to), 0, 300);
	}
	assert_int_equal(addrset_count(to), 90000);
	addrset_free(from);
	addrset_free(to);
}

static void expected_members_fit_without_growing(void **state)
{
	static const size_t sizes[] = { 0, 1, 11, 12, 13, 1000, 12288, 12289 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
		struct addrset *s = addrset_new(sizes[k]);
		size_t mask = s->mask;

		for (uint64_t i = 1; i <= sizes[k]; i++)
			assert_int_equal(addrset_add(s, (struct addr128){ 0, i }), 1);
		assert_int_equal(s->mask, mask);
		addrset_free(s);
	}
	assert_null(addrset_new(SIZE_MAX / 2));
}

static void failed_allocations_change_nothing(void **state)
{
	struct addrset *s = NULL;
	int rc;

	(void)state;
	for (long n = 0; fail_nth(n), s = addrset_new(100), fail_done(); n++)
		assert_null(s);
	assert_non_null(s);
	for (uint64_t i = 1; i < 5000; i++) {
		struct addr128 a = { i, 0 };

		fail_nth(0);
		rc = addrset_add(s, a);
		if (fail_done()) {
			assert_int_equal(rc, -ENOMEM);
			assert_false(addrset_has(s, a));
			assert_int_equal(addrset_count(s), i - 1);
			rc = addrset_add(s, a);
		}
		assert_int_equal(rc, 1);
	}
	for (uint64_t i = 1; i < 5000; i++)
		assert_true(addrset_has(s, (struct addr128){ i, 0 }));
	addrset_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_match_a_model),
		cmocka_unit_test(zero_is_an_address_like_any_other),
		cmocka_unit_test(copying_a_set_keeps_probes_short),
		cmocka_unit_test(expected_members_fit_without_growing),
		cmocka_unit_test(failed_allocations_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
