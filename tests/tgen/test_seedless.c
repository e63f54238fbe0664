#include "tests/test.h"

#include <unistd.h>

#include "common/addrset.h"
#include "common/rng.h"
#include "tgen/seedless.h"
#include "tgen/tgen.h"

enum { NETWORKS = 200 };

static struct addr128 host(uint64_t network, uint64_t subnet, uint64_t iid)
{
	return (struct addr128){ UINT64_C(0x2a00) << 48 | network << 32 | subnet, iid };
}

/* Announced /32s and, in every fifth, a /48; seeds in the even ones: ::1 in nine
 * of ten, ::2 in half, a run of hosts in the /48. */
static struct bgp *announced(void)
{
	struct bgp_entry e[2 * NETWORKS];
	struct bgp *b;
	size_t n = 0;

	for (uint64_t i = 0; i < NETWORKS; i++) {
		e[n++] = (struct bgp_entry){ .prefix = { host(i, 0, 0), 32 },
			                     .asn = (uint32_t)(1 + i) };
		if (i % 5 == 0)
			e[n++] =
				(struct bgp_entry){ .prefix = { host(i, 7 << 16, 0), 48 },
				                    .asn = 9 };
	}
	assert_int_equal(bgp_make(&b, e, n), 0);
	return b;
}

static bool lives(uint64_t i, uint64_t iid)
{
	return (iid == 1 && i % 10 < 9) || (iid == 2 && i % 4 < 2) ||
	       (i % 3 == 0 && iid > 2 && iid < 40);
}

static struct addrvec world(bool even)
{
	struct addrvec v = { 0 };

	for (uint64_t i = even ? 0 : 1; i < NETWORKS; i += 2)
		for (uint64_t iid = 1; iid < 40; iid++)
			if (lives(i, iid))
				assert_int_equal(addrvec_push(&v, host(i, 0, iid)), 0);
	assert_int_equal(addrvec_sort(&v), 0);
	return v;
}

static struct seedless *make(const struct addrvec *seeds, const struct bgp *b)
{
	struct seedless *s;

	assert_int_equal(seedless_new(&s, seeds, b, NULL), 0);
	return s;
}

/* Without feedback: new, in seedless prefixes, by falling probability, the most
 * common offset first in every one of them. */
static void offsets_come_by_rate(void **state)
{
	struct addrvec seeds = world(true);
	struct bgp *b = announced();
	struct seedless *s = make(&seeds, b);
	struct addrset *seen = addrset_new(100);
	struct tgen_candidate c;
	float last = 1;
	unsigned n = 0, ones = 0;

	(void)state;
	assert_int_equal(seedless_prefixes(s), NETWORKS / 2 + NETWORKS / 10);
	while (n < 1000 && seedless_next(s, &c) == 1) {
		assert_true(seedless_covers(s, c.addr));
		assert_true((c.addr.hi >> 32) % 2 == 1);
		assert_int_equal(addrset_add(seen, c.addr), 1);
		assert_true(c.p <= last && c.p > 0);
		last = c.p;
		if (n++ < NETWORKS / 2)
			ones += c.addr.lo == 1 && (uint32_t)c.addr.hi == 0;
	}
	assert_int_equal(ones, NETWORKS / 2);
	assert_true(n >= 300);
	assert_false(seedless_covers(s, host(0, 0, 5)));
	addrset_free(seen);
	seedless_free(s);
	bgp_free(b);
	addrvec_fini(&seeds);
}

static unsigned hunt(struct seedless *s, const struct addrset *truth, unsigned n,
                     bool tell)
{
	struct tgen_candidate c;
	unsigned hits = 0;

	for (; n > 0 && seedless_next(s, &c) == 1; n--) {
		bool hit = addrset_has(truth, c.addr);

		hits += hit;
		if (tell)
			assert_int_equal(seedless_feedback(s, c.addr, hit), 0);
	}
	return hits;
}

static struct addrset *truth_of(const struct addrvec *v)
{
	struct addrset *t = addrset_new(v->n);

	assert_non_null(t);
	for (size_t i = 0; i < v->n; i++)
		assert_true(addrset_add(t, v->a[i]) >= 0);
	return t;
}

static void feedback_leads_to_siblings(void **state)
{
	struct addrvec seeds = world(true), held = world(false);
	struct addrset *truth = truth_of(&held);
	struct bgp *b = announced();
	struct seedless *mute = make(&seeds, b), *told = make(&seeds, b);
	unsigned without = hunt(mute, truth, 2000, false),
		 with = hunt(told, truth, 2000, true);

	(void)state;
	assert_true(with > without + without / 4);
	assert_true(with > held.n / 2);
	seedless_free(mute);
	seedless_free(told);
	addrset_free(truth);
	bgp_free(b);
	addrvec_fini(&seeds);
	addrvec_fini(&held);
}

/* Save at any point: the loaded generator goes on as the other one does. */
static void a_loaded_one_goes_on(void **state)
{
	struct addrvec seeds = world(true), held = world(false);
	struct addrset *truth = truth_of(&held);
	struct bgp *b = announced();
	struct tgen_config cfg = { .bgp = b };
	char path[] = "/tmp/sxt-test-seedless-XXXXXX";
	struct diag d = { "" };
	struct tgen *g, *h;
	struct tgen_stats st;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(tgen_train(&g, &seeds, &cfg, &d), 0);
	for (unsigned round = 0; round < 6; round++) {
		struct tgen_candidate c[500], k[500];
		struct tgen_result r[500];
		int n;

		assert_int_equal(tgen_save(g, path, &d), 0);
		assert_int_equal(tgen_load(&h, path, &cfg, &d), 0);
		n = tgen_next(g, c, 500);
		assert_int_equal(tgen_next(h, k, 500), n);
		for (int i = 0; i < n; i++) {
			assert_true(addr_eq(c[i].addr, k[i].addr));
			r[i] = (struct tgen_result){ c[i].addr, c[i].region,
				                     addrset_has(truth, c[i].addr) };
		}
		tgen_free(h);
		assert_int_equal(tgen_feedback(g, r, (size_t)n), 0);
	}
	tgen_stats(g, &st);
	assert_true(st.seedless > 100);
	assert_true(st.alive > held.n / 2);
	tgen_free(g);
	cfg.bgp = NULL;
	assert_true(tgen_load(&h, path, &cfg, &d) < 0);
	assert_non_null(strstr(d.text, "announced prefixes"));
	unlink(path);
	addrset_free(truth);
	bgp_free(b);
	addrvec_fini(&seeds);
	addrvec_fini(&held);
}

/* Announced prefixes of any length and place, seeds anywhere: nothing breaks, and
 * nothing comes twice. */
static void any_table_will_do(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 5);
	for (unsigned round = 0; round < 30; round++) {
		struct bgp_entry e[40];
		struct addrvec seeds = { 0 };
		struct addrset *seen = addrset_new(100);
		struct tgen_candidate c;
		struct seedless *s;
		struct bgp *b;

		for (unsigned i = 0; i < 40; i++) {
			struct addr128 a = { UINT64_C(1) << 61 |
				                     (rng_next(&r) &
				                      UINT64_C(0x3ffffffffff0000)),
				             0 };

			e[i] = (struct bgp_entry){
				.prefix = prefix_make(a, (unsigned)rng_below(&r, 129)),
				.asn = 1
			};
			a.lo = rng_below(&r, 4);
			if (i % 2)
				assert_int_equal(addrvec_push(&seeds, a), 0);
		}
		assert_int_equal(addrvec_sort(&seeds), 0);
		addrvec_unique(&seeds);
		assert_int_equal(bgp_make(&b, e, 40), 0);
		s = make(&seeds, b);
		for (unsigned i = 0; i < 500 && seedless_next(s, &c) == 1; i++) {
			assert_int_equal(addrset_add(seen, c.addr), 1);
			assert_int_equal(
				seedless_feedback(s, c.addr, rng_below(&r, 3) == 0), 0);
		}
		seedless_free(s);
		bgp_free(b);
		addrset_free(seen);
		addrvec_fini(&seeds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_come_by_rate),
		cmocka_unit_test(feedback_leads_to_siblings),
		cmocka_unit_test(a_loaded_one_goes_on),
		cmocka_unit_test(any_table_will_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
