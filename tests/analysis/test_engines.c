#include "tests/test.h"

#include <math.h>

#include "analysis/density.h"
#include "analysis/entropy.h"
#include "analysis/runs.h"
#include "common/addrvec.h"
#include "common/rng.h"

static struct addr128 addr(const char *text)
{
	struct addr128 a;

	assert_true(addr_parse(&a, text));
	return a;
}

static void tiny(struct addrvec *v)
{
	static const char *const text[] = { "2001:db8::1", "2001:db8::2", "2001:db8::3",
		                            "2001:db8:0:1::1" };

	for (size_t i = 0; i < ARRAY_LEN(text); i++)
		assert_int_equal(addrvec_push(v, addr(text[i])), 0);
}

/* Clustered on purpose: few distinct values in some digits. */
static void random_set(struct addrvec *v, struct rng *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct addr128 a = {
			0x20010db800000000 | rng_below(r, 3) << 16 | rng_below(r, 5),
			rng_below(r, 2) ? rng_below(r, 3 * n) : rng_next(r)
		};

		assert_int_equal(addrvec_push(v, a), 0);
	}
	assert_int_equal(addrvec_sort(v), 0);
	addrvec_unique(v);
}

static void four_addresses_by_hand(void **state)
{
	static const uint8_t lengths[] = { 112, 64 };
	struct addrvec v = { 0 };
	struct density d;
	struct entropy e = { .n = 0 };

	(void)state;
	tiny(&v);
	assert_int_equal(density_init(&d, lengths, 2, 1), 0);
	density_feed(&d, v.a, v.n);
	assert_int_equal(density_finish(&d), 0);
	assert_int_equal(d.prefixes[63], 1);
	assert_int_equal(d.prefixes[64], 2);
	assert_int_equal(d.prefixes[126], 2);
	assert_int_equal(d.prefixes[127], 3);
	assert_int_equal(d.prefixes[128], 4);
	assert_float_equal(density_mra(&d, 126, 1), 1.5, 1e-9);
	assert_float_equal(density_mra(&d, 60, 4), 2, 1e-9);
	assert_int_equal(tally_at_least(&density_level(&d, 112)->tally, 2).groups, 1);
	assert_int_equal(tally_at_least(&density_level(&d, 112)->tally, 2).count, 3);
	assert_int_equal(density_level(&d, 64)->top[0].count, 3);
	entropy_feed(&e, v.a, v.n);
	assert_float_equal(entropy_nibble(&e, 15), .2028, 5e-5);
	assert_float_equal(entropy_nibble(&e, 31), .3750, 5e-5);
	assert_float_equal(entropy_total(&e), .5778, 5e-5);
	density_fini(&d);
	addrvec_fini(&v);
}

static uint64_t count_prefixes(const struct addrvec *v, unsigned p)
{
	uint64_t n = 0;

	for (size_t i = 0; i < v->n; i++)
		n += i == 0 || !addr_eq(prefix_make(v->a[i - 1], p).addr,
		                        prefix_make(v->a[i], p).addr);
	return n;
}

/* Against plain counting, fed in pieces; the ratios multiply up to the size. */
static void density_agrees_with_counting(void **state)
{
	static const uint8_t lengths[] = { 64, 124, 0, 128, 48, 64 };
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (unsigned round = 0; round < 20; round++) {
		struct addrvec v = { 0 };
		struct density d;
		double product = 1;

		random_set(&v, &r, 1 + rng_below(&r, 2000));
		assert_int_equal(density_init(&d, lengths, ARRAY_LEN(lengths), 5), 0);
		for (size_t i = 0, n; i < v.n; i += n) {
			n = 1 + rng_below(&r, v.n - i);
			density_feed(&d, v.a + i, n);
		}
		assert_int_equal(density_finish(&d), 0);
		assert_int_equal(d.n_levels, 5);
		for (unsigned p = 0; p <= 128; p++)
			assert_int_equal(d.prefixes[p], count_prefixes(&v, p));
		for (unsigned p = 0; p < 128; p += 16)
			product *= density_mra(&d, p, 16);
		assert_float_equal(product, v.n, 1e-6 * (double)v.n);
		for (size_t i = 0; i < d.n_levels; i++) {
			const struct density_level *l = &d.levels[i];

			assert_int_equal(l->tally.groups, d.prefixes[l->len]);
			assert_int_equal(l->tally.members, v.n);
			assert_int_equal(l->top[0].count, tally_max(&l->tally));
			for (size_t k = 1; k < l->n_top; k++)
				assert_true(l->top[k].count <= l->top[k - 1].count);
		}
		density_fini(&d);
		addrvec_fini(&v);
	}
}

static void nothing_is_a_set(void **state)
{
	static const uint8_t lengths[] = { 64 };
	struct density d;
	struct entropy e = { .n = 0 };
	struct chains c;
	struct kip k;

	(void)state;
	assert_int_equal(density_init(&d, lengths, 1, 5), 0);
	assert_int_equal(density_finish(&d), 0);
	assert_int_equal(d.prefixes[128], 0);
	assert_int_equal(d.levels[0].tally.groups, 0);
	assert_float_equal(density_acr(&d, 60), 0, 0);
	assert_float_equal(tally_gini(&d.levels[0].tally), 0, 0);
	assert_float_equal(entropy_total(&e), 0, 0);
	density_fini(&d);
	chains_init(&c, 1, 2);
	assert_int_equal(chains_finish(&c), 0);
	assert_int_equal(c.tally.groups, 0);
	chains_fini(&c);
	kip_init(&k, 2);
	assert_int_equal(kip_finish(&k), 0);
	assert_int_equal(k.uncovered, 0);
	kip_fini(&k);
}

static int by_count(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void tally_agrees_with_sorting(void **state)
{
	uint64_t x[500], sum = 0;
	struct tally t = { .groups = 0 };
	double gini = 0, top = 0;
	struct rng r;

	(void)state;
	rng_init(&r, 2);
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		x[i] = 1 + rng_below(&r, rng_below(&r, 2) ? 8 : 3000);
		sum += x[i];
		tally_add(&t, x[i]);
	}
	qsort(x, ARRAY_LEN(x), sizeof(x[0]), by_count);
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		assert_int_equal(tally_at(&t, i), x[i]);
		for (size_t k = 0; k < ARRAY_LEN(x); k++)
			gini += fabs((double)x[i] - (double)x[k]);
	}
	gini /= 2.0 * ARRAY_LEN(x) * (double)sum;
	for (size_t i = ARRAY_LEN(x) - 10; i < ARRAY_LEN(x); i++)
		top += (double)x[i] / (double)sum;
	assert_float_equal(tally_gini(&t), gini, 1e-9);
	assert_float_equal(tally_top_share(&t, 10), top, 1e-9);
	assert_float_equal(tally_top_share(&t, 1000), 1, 1e-9);
	assert_int_equal(tally_max(&t), x[ARRAY_LEN(x) - 1]);
	tally_fini(&t);
}

/* The plain definition, over the sorted vector; returns what is left over. */
static uint64_t kip_plainly(const struct addrvec *v, size_t lo, size_t hi, uint64_t k,
                            uint64_t *chosen)
{
	unsigned bits;
	uint64_t left;
	size_t mid = lo;

	if (hi - lo < 2)
		return hi - lo;
	bits = addr_common_bits(v->a[lo], v->a[hi - 1]);
	while (!addr_bit(v->a[mid], bits))
		mid++;
	left = kip_plainly(v, lo, mid, k, chosen) + kip_plainly(v, mid, hi, k, chosen);
	if (left < k)
		return left;
	++*chosen;
	return 0;
}

static void kip_agrees_with_its_definition(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	for (unsigned round = 0; round < 50; round++) {
		uint64_t k = 2 + rng_below(&r, 40), chosen = 0, covered = 0, left;
		struct addrvec v = { 0 };
		struct kip s;

		random_set(&v, &r, 1 + rng_below(&r, 1000));
		left = kip_plainly(&v, 0, v.n, k, &chosen);
		kip_init(&s, k);
		kip_feed(&s, v.a, v.n / 2);
		kip_feed(&s, v.a + v.n / 2, v.n - v.n / 2);
		assert_int_equal(kip_finish(&s), 0);
		assert_int_equal(s.n, chosen);
		assert_int_equal(s.uncovered, left);
		for (size_t i = 0; i < s.n; i++) {
			assert_true(s.p[i].n >= k);
			covered += s.p[i].n;
		}
		assert_int_equal(covered + left, v.n);
		kip_fini(&s);
		addrvec_fini(&v);
	}
}

static void chains_split_at_gaps(void **state)
{
	static const char *const text[] = {
		"2001:db8::ffff:ffff:ffff:fffe",
		"2001:db8::ffff:ffff:ffff:ffff",
		"2001:db8:0:1::", /* one on, over the border of 64 bits */
		"2001:db8:0:1::40",
		"2001:db8:0:1::81",
	};
	struct addrvec v = { 0 };
	struct chains c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(text); i++)
		assert_int_equal(addrvec_push(&v, addr(text[i])), 0);
	chains_init(&c, 1, 2);
	chains_feed(&c, v.a, v.n);
	assert_int_equal(chains_finish(&c), 0);
	assert_int_equal(c.tally.groups, 3);
	assert_int_equal(tally_max(&c.tally), 3);
	assert_int_equal(c.n_kept, 1);
	chains_fini(&c);
	chains_init(&c, 64, 4);
	chains_feed(&c, v.a, v.n);
	assert_int_equal(chains_finish(&c), 0);
	assert_int_equal(c.tally.groups, 2); /* 0x81 is 65 away */
	assert_int_equal(c.kept[0].n, 4);
	chains_fini(&c);
	addrvec_fini(&v);
}

/* A value in more than 1/4096 of the addresses is found and counted exactly,
 * however many others there are. */
static void frequent_values_are_exact(void **state)
{
	static const struct segment s[] = { { 64, 128, 6, 1 }, { 48, 64, 5, 1 } };
	struct topvalue out[4];
	struct addrvec v = { 0 };
	struct topvalues *t = topvalues_new(s, 2);
	struct rng r;

	(void)state;
	assert_non_null(t);
	rng_init(&r, 4);
	for (unsigned i = 0; i < 40000; i++) {
		struct addr128 a = { 0x20010db800000000 | i % 7, rng_next(&r) };

		a.lo = i % 1000 == 0 ? 0x1234 : i % 500 == 1 ? 0x4321 : a.lo;
		assert_int_equal(addrvec_push(&v, a), 0);
	}
	topvalues_feed(t, v.a, v.n);
	assert_true(topvalues_need_recount(t));
	topvalues_start_recount(t);
	topvalues_feed(t, v.a, v.n / 3);
	topvalues_feed(t, v.a + v.n / 3, v.n - v.n / 3);
	assert_true(topvalues_get(t, 0, out, 4) >= 2);
	assert_int_equal(out[0].value, 0x4321);
	assert_int_equal(out[0].count, 80);
	assert_int_equal(out[1].value, 0x1234);
	assert_int_equal(out[1].count, 40);
	assert_int_equal(topvalues_get(t, 1, out, 4), 4);
	assert_int_equal(out[0].value, 0);
	assert_int_equal(out[0].count, 40000 / 7 + 1);
	topvalues_free(t);
	addrvec_fini(&v);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_addresses_by_hand),
		cmocka_unit_test(density_agrees_with_counting),
		cmocka_unit_test(nothing_is_a_set),
		cmocka_unit_test(tally_agrees_with_sorting),
		cmocka_unit_test(kip_agrees_with_its_definition),
		cmocka_unit_test(chains_split_at_gaps),
		cmocka_unit_test(frequent_values_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
