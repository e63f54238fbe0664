/* The share of the candidates that goes to networks which got least. */
#include "tests/test.h"

#include <unistd.h>

#include "common/addrset.h"
#include "common/rng.h"
#include "tgen/eval.h"
#include "tgen/tgen.h"

static const char *const algorithms[] = { "space-tree", "det", "low-byte", "sextant" };

/* Three networks with many hosts, and 300 with four each: ::1 of some subnets. */
static struct addrvec world(uint64_t seed)
{
	struct addrvec v = { 0 };
	struct rng r;

	rng_init(&r, seed);
	for (unsigned i = 0; i < 303; i++) {
		uint64_t hi = UINT64_C(0x2a00) << 48 | (uint64_t)(i + 1) << 32;

		for (unsigned k = 0; k < (i < 3 ? 2000 : 4); k++) {
			struct addr128 a = { hi, rng_below(&r, 8000) };

			if (i >= 3)
				a = (struct addr128){ hi | rng_below(&r, 16) << 16, 1 };
			assert_int_equal(addrvec_push(&v, a), 0);
		}
	}
	assert_int_equal(addrvec_sort(&v), 0);
	addrvec_unique(&v);
	return v;
}

static struct tgen *train(const char *name, const struct addrvec *seeds, double share,
                          struct shard shard)
{
	struct tgen_config cfg = { .algorithm = name,
		                   .diversity = share,
		                   .shard = shard };
	struct diag d = { "" };
	struct tgen *g;
	int rc = tgen_train(&g, seeds, &cfg, &d);

	if (rc < 0)
		fail_msg("%s: %s", name, diag_str(&d, rc));
	return g;
}

static const struct shard one = { .count = 1 };

static struct addrvec take(struct tgen *g, size_t n, size_t batch)
{
	struct tgen_candidate *c = calloc(batch, sizeof(*c));
	struct addrvec v = { 0 };

	assert_non_null(c);
	while (v.n < n) {
		int k = tgen_next(g, c, n - v.n < batch ? n - v.n : batch);

		assert_true(k >= 0);
		for (int i = 0; i < k; i++) {
			assert_true(c[i].p > 0 && c[i].p < 1);
			assert_int_equal(addrvec_push(&v, c[i].addr), 0);
		}
		if (k == 0)
			break;
	}
	free(c);
	return v;
}

static void assert_same(const struct addrvec *a, const struct addrvec *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		if (!addr_eq(a->a[i], b->a[i]))
			fail_msg("they differ at %zu", i);
}

/* No seed, nothing twice, the share is kept, how calls are cut does not matter; a
 * share of 0 changes nothing. */
static void candidates_are_new(void **state)
{
	struct addrvec seeds = world(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		const size_t n = 20000;
		size_t missing = 0;
		struct tgen *g = train(algorithms[i], &seeds, 0.1, one);
		struct tgen *h = train(algorithms[i], &seeds, 0.1, one);
		struct addrvec a = take(g, n, 1000), b = take(h, n, 7), c, d;
		struct tgen_stats st;

		assert_same(&a, &b);
		tgen_stats(g, &st);
		assert_int_equal(a.n, n);
		/* Fewer where there is no more to try. */
		assert_in_range(st.diverse, 200, n / 10);
		tgen_free(g);
		tgen_free(h);
		g = train(algorithms[i], &seeds, 0, one);
		c = take(g, n, 1000);
		tgen_stats(g, &st);
		assert_int_equal(st.diverse, 0);
		tgen_free(g);
		/* The first half of what comes without is there, in that order. */
		for (size_t k = 0, m = 0; k < n / 2; k++, m++) {
			size_t from = m;

			while (m < a.n && !addr_eq(a.a[m], c.a[k]))
				m++;
			if (m == a.n)
				m = from - 1; /* came out earlier, for diversity */
			missing += m == from - 1;
		}
		assert_true(missing < n / 20);
		assert_int_equal(addrvec_sort(&a), 0);
		for (size_t k = 0; k < a.n; k++)
			assert_false(addrvec_contains(&seeds, a.a[k]));
		d = a;
		if (addrvec_unique(&d) > 0)
			fail_msg("%s with diversity repeats itself", algorithms[i]);
		addrvec_fini(&d);
		addrvec_fini(&b);
		addrvec_fini(&c);
	}
	addrvec_fini(&seeds);
}

/* More networks with a hit, and hardly a hit less; answers end the search in a
 * network that has one. */
static void more_networks_are_hit(void **state)
{
	struct addrvec all = world(2), in = { 0 }, out = { 0 };
	const struct eval_folds halves = { .n = 2, .length = 128, .seed = 3 };
	uint64_t nets[3], hits[3];

	(void)state;
	assert_int_equal(eval_fold(&in, &out, &all, &halves, 0), 0);
	for (unsigned way = 0; way < 3; way++) {
		struct eval_setup s = { .config = { .algorithm = "det",
			                            .diversity = way ? 0.1 : 0 },
			                .budget = 8000,
			                .rounds = way == 2 ? 40 : 0 };
		struct eval_trial t;

		assert_int_equal(eval_run(&t, &s, &in, &out, NULL), 0);
		nets[way] = t.mark[t.n_marks - 1].p32;
		hits[way] = t.mark[t.n_marks - 1].hits;
		eval_fini(&t);
	}
	if (nets[1] < nets[0] + 20 || nets[2] < nets[1])
		fail_msg("networks: %llu without, %llu with, %llu with answers",
		         (unsigned long long)nets[0], (unsigned long long)nets[1],
		         (unsigned long long)nets[2]);
	assert_true(hits[1] * 10 > hits[0] * 9);
	addrvec_fini(&all);
	addrvec_fini(&in);
	addrvec_fini(&out);
}

/* The shards are disjoint and together what one generator emits. */
static void shards_are_a_partition(void **state)
{
	struct addrvec seeds = world(4), all, sum = { 0 };
	struct tgen *g = train("space-tree", &seeds, 0.05, one);

	(void)state;
	all = take(g, 9000, 1000);
	tgen_free(g);
	for (uint32_t i = 0; i < 3; i++) {
		struct tgen_stats st = { .emitted = 0 };
		struct tgen_candidate c;

		g = train("space-tree", &seeds, 0.05,
		          (struct shard){ .index = i, .count = 3 });
		while (tgen_next(g, &c, 1) == 1) {
			tgen_stats(g, &st);
			if (st.emitted + st.other_shards > all.n)
				break;
			assert_int_equal(addrvec_push(&sum, c.addr), 0);
		}
		tgen_free(g);
	}
	assert_int_equal(addrvec_sort(&all), 0);
	assert_int_equal(addrvec_sort(&sum), 0);
	assert_same(&all, &sum);
	addrvec_fini(&all);
	addrvec_fini(&sum);
	addrvec_fini(&seeds);
}

/* Saved, loaded, and continued, with answers before. */
static void saved_goes_on(void **state)
{
	struct addrvec seeds = world(5);
	char path[] = "/tmp/sxt-test-diversity-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		struct tgen_config cfg = { .algorithm = algorithms[i] };
		struct tgen *g = train(algorithms[i], &seeds, 0.1, one), *h;
		struct addrvec a = take(g, 1000, 100), b;
		struct diag d = { "" };

		for (size_t k = 0; k < a.n; k++) {
			struct tgen_result r = { a.a[k], TGEN_REGION_UNKNOWN,
				                 k % 9 == 0 };

			assert_int_equal(tgen_feedback(g, &r, 1), 0);
		}
		assert_int_equal(tgen_save(g, path, NULL), 0);
		if (tgen_load(&h, path, &cfg, &d) < 0)
			fail_msg("%s: %s", algorithms[i], d.text);
		addrvec_fini(&a);
		a = take(g, 5000, 100);
		b = take(h, 5000, 100);
		assert_same(&a, &b);
		tgen_free(g);
		tgen_free(h);
		addrvec_fini(&a);
		addrvec_fini(&b);
	}
	unlink(path);
	addrvec_fini(&seeds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(candidates_are_new),
		cmocka_unit_test(more_networks_are_hit),
		cmocka_unit_test(shards_are_a_partition),
		cmocka_unit_test(saved_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
