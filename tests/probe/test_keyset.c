#include "tests/test.h"

#include "common/addrset.h"
#include "common/rng.h"
#include "probe/keyset.h"

/* Keys of which many have the highest bits in common: whole runs of slots, some of them
 * around the end of the table. */
static struct addr128 key_at(struct rng *r)
{
	static const uint64_t heads[] = { 0, UINT64_MAX, UINT64_C(0x8000000000000000) };
	uint64_t few = rng_below(r, 2000);

	switch (rng_below(r, 4)) {
	case 0: return (struct addr128){ heads[rng_below(r, 3)], few };
	case 1: return (struct addr128){ UINT64_MAX - few, 7 };
	case 2: return (struct addr128){ few << 48, rng_below(r, 3) };
	}
	return (struct addr128){ rng_next(r), rng_next(r) };
}

/* It is a set, as another one is. */
static void it_is_a_set(void **state)
{
	struct addrset *other = addrset_new(16);
	struct keyset *s = keyset_new();
	struct rng r;

	(void)state;
	assert_non_null(s);
	rng_init(&r, 5);
	for (unsigned i = 0; i < 30000; i++) {
		struct addr128 k = key_at(&r), o;

		o = k;
		o.lo |= (k.hi | k.lo) == 0; /* the zero key is its neighbour's */
		keyset_prefetch(s, k);
		assert_int_equal(keyset_has(s, k), addrset_has(other, o));
		assert_int_equal(keyset_add(s, k), addrset_add(other, o));
		assert_true(keyset_has(s, k));
		assert_int_equal(keyset_count(s), addrset_count(other));
	}
	/* 16 bytes a slot, between 3/8 and 3/4 of them in use. */
	assert_true(keyset_bytes(s) * 3 / 4 >= 16 * keyset_count(s));
	assert_true(keyset_bytes(s) * 3 / 8 <= 16 * keyset_count(s));
	keyset_free(s);
	keyset_free(NULL);
	addrset_free(other);
}

static void memory_is_zero(void **state)
{
	enum { N = 5 << 20 };
	uint8_t *p = keyset_alloc(N, 1);

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < N; i++)
		if (p[i])
			fail_msg("byte %zu is %u", i, p[i]);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_a_set),
		cmocka_unit_test(memory_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
