#include "tests/test.h"

#include "common/perm.h"
#include "common/rng.h"

/* Every index comes once, and perm_find leads back. */
static void check_bijection(uint32_t n, uint64_t seed)
{
	uint8_t *seen = calloc(n, 1);
	struct perm p;

	assert_non_null(seen);
	perm_init(&p, n, seed);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t x = (uint64_t)perm_at(&p, i);

		if (x >= n || seen[x])
			fail_msg("n %u, index %u: %lu", n, i, (unsigned long)x);
		seen[x] = 1;
		if (n < 500 && perm_find(&p, x) != i)
			fail_msg("n %u: perm_find(%lu)", n, (unsigned long)x);
	}
	free(seen);
}

static void every_small_domain_is_permuted(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 2000; n++)
		check_bijection(n, n);
}

static void runs_are_the_same(void **state)
{
	static const u128 sizes[] = { 300,
		                      1000000,
		                      (u128)1 << 63,
		                      ((u128)1 << 64) + 5,
		                      ((u128)5 << 100) + 1,
		                      ~(u128)0 };
	u128 run[100];
	struct perm p;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
		u128 from = sizes[k] - 199;

		perm_init(&p, sizes[k], 7);
		perm_run(&p, from, 2, run, 100);
		for (unsigned i = 0; i < 100; i++)
			assert_true(run[i] == perm_at(&p, from + 2 * i));
		assert_true(perm_find(&p, run[99]) == from + 198);
	}
}

static void larger_domains_are_permuted(void **state)
{
	static const uint32_t sizes[] = { 4095,  4096,   4097,   65535,         65536,
		                          65537, 262143, 262145, (1 << 20) - 1, 1 << 20 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		check_bijection(sizes[i], i);
}

static u128 random_wide(struct rng *r)
{
	u128 hi = rng_next(r);

	return hi << 64 | rng_next(r);
}

static u128 below(struct rng *r, u128 n)
{
	return random_wide(r) % n;
}

/* All sizes up to 2^128 - 1, those around powers of two included. */
static void find_is_the_inverse(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (unsigned bits = 1; bits <= 128; bits++)
		for (int d = -2; d <= 2; d++) {
			u128 n = bits < 128 ? (u128)1 << bits : 0;
			struct perm p;

			n += (u128)d;
			if (n == 0 || (bits == 128 && d >= 0))
				continue;
			perm_init(&p, n, rng_next(&r));
			for (int k = 0; k < 50; k++) {
				u128 i = k == 0 ? 0 : k == 1 ? n - 1 : below(&r, n);
				u128 x = perm_at(&p, i);

				assert_true(x < n);
				assert_true(perm_find(&p, x) == i);
			}
		}
	for (int k = 0; k < 2000; k++) {
		u128 n = (random_wide(&r) >> rng_below(&r, 128)) + 1, i;
		struct perm p;

		perm_init(&p, n ? n : 1, rng_next(&r));
		i = below(&r, p.n);
		assert_true(perm_find(&p, perm_at(&p, i)) == i);
	}
}

static void seeds_give_different_orders(void **state)
{
	struct perm a, b, c;
	unsigned same = 0;

	(void)state;
	perm_init(&a, 100000, 1);
	perm_init(&b, 100000, 2);
	perm_init(&c, 100000, 1);
	for (uint32_t i = 0; i < 1000; i++) {
		same += perm_at(&a, i) == perm_at(&b, i);
		assert_true(perm_at(&a, i) == perm_at(&c, i));
	}
	assert_in_range(same, 0, 3);
}

/* Over many seeds each of the six orders of three things comes equally often:
 * 6 * 1000, five standard deviations are 144. */
static void orders_are_equally_likely(void **state)
{
	unsigned count[27] = { 0 }, kinds = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 6000; seed++) {
		struct perm p;

		perm_init(&p, 3, seed);
		count[(int)(perm_at(&p, 0) * 9 + perm_at(&p, 1) * 3 + perm_at(&p, 2))]++;
	}
	for (int i = 0; i < 27; i++)
		if (count[i]) {
			kinds++;
			assert_in_range(count[i], 1000 - 144, 1000 + 144);
		}
	assert_int_equal(kinds, 6);
}

/* Windows of a scan are spread like random numbers: chi-square over 256 bins
 * (255 degrees of freedom: mean 255, 400 has a chance of 1e-8), for domains
 * that fill their bits and for such that barely overflow them. */
static void windows_are_uniform(void **state)
{
	static const uint64_t sizes[] = { 1 << 20, (1 << 20) + 1, 1000003,
		                          UINT64_C(1) << 48, (UINT64_C(1) << 48) + 1 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(sizes); k++)
		for (uint64_t start = 0; start < 5; start++) {
			double chi = 0, want = 25600 / 256.0;
			unsigned count[256] = { 0 };
			struct perm p;

			perm_init(&p, sizes[k], k);
			for (uint64_t i = 0; i < 25600; i++) {
				u128 x = perm_at(&p, start * 25600 + i);

				count[(unsigned)(x * 256 / sizes[k])]++;
			}
			for (int b = 0; b < 256; b++)
				chi += (count[b] - want) * (count[b] - want) / want;
			if (chi > 400)
				fail_msg("size %zu, window %d: chi-square %.0f", k,
				         (int)start, chi);
		}
}

/* Neighbouring positions are as far apart as two random numbers: n / 3. */
static void neighbours_are_unrelated(void **state)
{
	const uint64_t n = 1000003, rounds = 100000;
	double sum = 0;
	struct perm p;

	(void)state;
	perm_init(&p, n, 5);
	for (uint64_t i = 0; i < rounds; i++) {
		double d = (double)perm_at(&p, i + 1) - (double)perm_at(&p, i);

		sum += d < 0 ? -d : d;
	}
	sum /= (double)rounds * (double)n / 3;
	assert_true(sum > 0.98 && sum < 1.02);
}

static void shards_partition_the_domain(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 40; n++)
		for (uint32_t count = 1; count <= 7; count++) {
			uint8_t seen[40] = { 0 };
			u128 total = 0;

			for (uint32_t i = 0; i < count; i++) {
				struct shard s = { i, count };
				u128 size = shard_size(s, n);

				for (u128 j = 0; j < size; j++) {
					assert_true(shard_at(s, j) < n);
					seen[(uint32_t)shard_at(s, j)]++;
				}
				assert_true(shard_at(s, size) >= n);
				total += size;
			}
			assert_true(total == n);
			for (uint32_t i = 0; i < n; i++)
				assert_int_equal(seen[i], 1);
		}
	assert_true(shard_size((struct shard){ 0, 1 }, ~(u128)0) == ~(u128)0);
	assert_true(shard_size((struct shard){ 2, 3 }, ~(u128)0) == ~(u128)0 / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_small_domain_is_permuted),
		cmocka_unit_test(larger_domains_are_permuted),
		cmocka_unit_test(runs_are_the_same),
		cmocka_unit_test(find_is_the_inverse),
		cmocka_unit_test(seeds_give_different_orders),
		cmocka_unit_test(orders_are_equally_likely),
		cmocka_unit_test(windows_are_uniform),
		cmocka_unit_test(neighbours_are_unrelated),
		cmocka_unit_test(shards_partition_the_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
