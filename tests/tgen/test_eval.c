#include "tests/test.h"

#include <math.h>

#include "tgen/eval.h"

/* Networks whose hosts are 1 to 40 in a few subnets. */
static struct addrvec world(unsigned networks)
{
	struct addrvec v = { 0 };

	for (uint64_t i = 0; i < networks; i++)
		for (uint64_t k = 0; k < 40; k++) {
			struct addr128 a = { UINT64_C(0x2a00) << 48 | i << 32 | k % 3,
				             1 + k };

			assert_int_equal(addrvec_push(&v, a), 0);
		}
	assert_int_equal(addrvec_sort(&v), 0);
	return v;
}

static const struct eval_folds halves = { .n = 2, .length = 128, .seed = 1 };
static const struct eval_folds five = { .n = 5, .length = 128, .seed = 7 };

static void folds_part_the_addresses(void **state)
{
	struct addrvec all = world(50), again = { 0 };

	(void)state;
	for (uint32_t f = 0; f < 5; f++) {
		struct addrvec in = { 0 }, out = { 0 };

		assert_int_equal(eval_fold(&in, &out, &all, &five, f), 0);
		assert_int_equal(in.n + out.n, all.n);
		assert_in_range(out.n, all.n / 10, all.n / 3);
		for (size_t i = 0; i < out.n; i++) {
			assert_false(addrvec_contains(&in, out.a[i]));
			assert_int_equal(addrvec_push(&again, out.a[i]), 0);
		}
		addrvec_fini(&in);
		addrvec_fini(&out);
	}
	assert_int_equal(addrvec_sort(&again), 0);
	assert_int_equal(again.n, all.n);
	assert_memory_equal(again.a, all.a, all.n * sizeof(*all.a));
	addrvec_fini(&again);
	addrvec_fini(&all);
}

/* Counted once more, the slow way. */
static void check_against_generator(const struct eval_trial *t, const struct addrvec *in,
                                    const struct addrvec *out, const char *algorithm,
                                    uint64_t budget)
{
	struct tgen_config cfg = { .algorithm = algorithm, .budget = budget };
	struct tgen_candidate *c = calloc(budget, sizeof(*c));
	struct diag d = { "" };
	struct tgen *g;
	uint64_t hits = 0;
	double p = 0;
	unsigned mark = 0;
	int n;

	assert_non_null(c);
	assert_int_equal(tgen_train(&g, in, &cfg, &d), 0);
	n = tgen_next(g, c, budget);
	for (int i = 0; i < n; i++) {
		hits += addrvec_contains(out, c[i].addr);
		p += (double)c[i].p;
		if ((uint64_t)i + 1 == t->mark[mark].candidates) {
			assert_int_equal(t->mark[mark].hits, hits);
			assert_true(fabs(t->mark[mark].expected - p) < 1e-6 * (1 + p));
			mark++;
		}
	}
	assert_int_equal(mark, t->n_marks);
	assert_int_equal(t->mark[mark - 1].candidates, n);
	tgen_free(g);
	free(c);
}

static void a_trial_counts_what_the_generator_emits(void **state)
{
	struct addrvec all = world(60), in = { 0 }, out = { 0 };

	(void)state;
	assert_int_equal(eval_fold(&in, &out, &all, &halves, 0), 0);
	for (unsigned k = 0; tgen_algorithm_name(k); k++) {
		struct eval_setup s = { .config = { .algorithm = tgen_algorithm_name(k) },
			                .budget = 12345 };
		struct eval_trial t;
		struct diag d = { "" };
		uint64_t hits = 0;

		assert_int_equal(eval_run(&t, &s, &in, &out, &d), 0);
		check_against_generator(&t, &in, &out, tgen_algorithm_name(k), 12345);
		for (size_t i = 0; i < t.n_points; i++)
			hits += t.points[i].hit;
		assert_int_equal(hits, t.mark[t.n_marks - 1].hits);
		assert_true(hits > out.n / 2);
		assert_int_equal(t.holdout, out.n);
		for (unsigned i = 1; i < t.n_marks; i++)
			assert_true(t.mark[i].candidates > t.mark[i - 1].candidates);
		eval_fini(&t);
	}
	addrvec_fini(&in);
	addrvec_fini(&out);
	addrvec_fini(&all);
}

static void networks_and_ases_of_the_hits_are_distinct(void **state)
{
	struct addrvec all = world(40), in = { 0 }, out = { 0 };
	struct bgp_entry e[40];
	struct bgp *bgp;
	struct eval_setup s = { .budget = 20000 };
	struct eval_trial t;
	struct diag d = { "" };
	const struct eval_mark *end;

	(void)state;
	for (uint64_t i = 0; i < 40; i++)
		e[i] = (struct bgp_entry){
			.prefix = { { UINT64_C(0x2a00) << 48 | i << 32, 0 }, 32 },
			.asn = (uint32_t)(64500 + i / 4)
		};
	assert_int_equal(bgp_make(&bgp, e, 40), 0);
	assert_int_equal(eval_fold(&in, &out, &all, &halves, 0), 0);
	s.bgp = bgp;
	assert_int_equal(eval_run(&t, &s, &in, &out, &d), 0);
	end = &t.mark[t.n_marks - 1];
	assert_int_equal(end->hits, out.n); /* so few that all are found */
	assert_int_equal(end->p32, 40);
	assert_int_equal(end->p48, 40);
	assert_int_equal(end->p64, 120);
	assert_int_equal(end->as, 10);
	eval_fini(&t);
	bgp_free(bgp);
	addrvec_fini(&in);
	addrvec_fini(&out);
	addrvec_fini(&all);
}

static struct eval_trial made_up(size_t n, bool (*hit)(size_t))
{
	struct eval_trial t = { .scale = 1, .n_points = n };

	t.points = calloc(n, sizeof(*t.points));
	assert_non_null(t.points);
	for (size_t i = 0; i < n; i++)
		t.points[i] = (struct eval_point){ (float)(i % 10 + 1) / 20, hit(i) };
	return t;
}

/* Of those with probability k/20, k in 20 are hits. */
static bool as_predicted(size_t i)
{
	return i / 10 % 20 < i % 10 + 1;
}

static void deciles_and_loss(void **state)
{
	struct eval_trial t = made_up(20000, as_predicted), u, sum = { 0 };
	struct eval_decile tenth[EVAL_DECILES];
	double bits, flat, ideal = 0;

	(void)state;
	eval_deciles(&t, tenth);
	for (unsigned k = 0; k < EVAL_DECILES; k++) {
		double p = (10 - k) / 20.0;

		assert_int_equal(tenth[k].candidates, 2000);
		assert_true(fabs(tenth[k].expected - 2000 * p) < 0.01);
		assert_int_equal(tenth[k].hits, (uint64_t)(2000 * p + 0.5));
		ideal += -(p * log2(p) + (1 - p) * log2(1 - p)) / 10;
	}
	eval_log_loss(&t, &bits, &flat);
	assert_true(fabs(bits - ideal) < 1e-6);
	assert_true(flat > bits);
	t.mark[t.n_marks++] = (struct eval_mark){ .candidates = 20000, .hits = 5500 };
	t.seeds = t.holdout = 100;
	u = made_up(10000, as_predicted);
	u.mark[u.n_marks++] = (struct eval_mark){ .candidates = 10000, .hits = 2750 };
	u.mark[u.n_marks++] = (struct eval_mark){ .candidates = 10500, .hits = 2751 };
	u.seeds = u.holdout = 50;
	assert_int_equal(eval_add(&sum, &t), 0);
	assert_int_equal(eval_add(&sum, &u), 0);
	assert_int_equal(sum.n_points, 30000);
	assert_int_equal(sum.mark[0].candidates, 30000);
	assert_int_equal(sum.mark[1].candidates, 30500);
	assert_int_equal(sum.mark[1].hits, 5500 + 2751);
	assert_true(fabs(sum.scale - 1) < 1e-9);
	eval_fini(&sum);
}

static void feedback_is_given_in_rounds(void **state)
{
	struct addrvec all = world(60), in = { 0 }, out = { 0 };
	struct eval_setup s = { .budget = 20000, .rounds = 7 };
	struct eval_trial t;
	struct diag d = { "" };

	(void)state;
	assert_int_equal(eval_fold(&in, &out, &all, &halves, 0), 0);
	assert_int_equal(eval_run(&t, &s, &in, &out, &d), 0);
	assert_int_equal(t.mark[t.n_marks - 1].candidates, 20000);
	assert_true(t.mark[t.n_marks - 1].hits > out.n / 2);
	eval_fini(&t);
	addrvec_fini(&in);
	addrvec_fini(&out);
	addrvec_fini(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folds_part_the_addresses),
		cmocka_unit_test(a_trial_counts_what_the_generator_emits),
		cmocka_unit_test(networks_and_ases_of_the_hits_are_distinct),
		cmocka_unit_test(deciles_and_loss),
		cmocka_unit_test(feedback_is_given_in_rounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
