/* The "sextant" algorithm by itself: tables, model, frontier, model files. */
#include "tests/test.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/addrset.h"
#include "common/rng.h"
#include "tgen/algorithm.h"
#include "tgen/sx_front.h"

/* Networks of three kinds: hosts in sequence, subnets with the same hosts, and
 * random identifiers. */
static struct addrvec world(uint64_t seed, unsigned networks, unsigned each)
{
	struct addrvec v = { 0 };
	struct rng r;

	rng_init(&r, seed);
	for (unsigned i = 0; i < networks * each; i++) {
		unsigned net = i / each;
		uint64_t hi = UINT64_C(0x20010db8) << 32 | (uint64_t)net << 32;
		struct addr128 a = { hi, rng_below(&r, 3 * each) };

		if (net % 3 == 1)
			a = (struct addr128){ hi | rng_below(&r, each),
				              1 + rng_below(&r, 4) };
		if (net % 3 == 2)
			a = (struct addr128){ hi | rng_below(&r, 4), rng_next(&r) };
		assert_int_equal(addrvec_push(&v, a), 0);
	}
	assert_int_equal(addrvec_sort(&v), 0);
	addrvec_unique(&v);
	return v;
}

/* Networks whose hosts are in sequence, more or less densely: from nearly all of
 * a range to one in thirty. */
static struct addrvec dense_and_sparse(uint64_t seed, unsigned networks, unsigned each)
{
	struct addrvec v = { 0 };
	struct rng r;

	rng_init(&r, seed);
	for (uint64_t net = 0; net < networks; net++) {
		uint64_t range = each + each / 20 + (each / 2 << net % 7);

		range -= net % 7 ? 0 : each / 2;
		for (uint64_t host = 0; host < range; host++) {
			struct addr128 a = { UINT64_C(0x20010d00) << 32 | net << 32,
				             host };

			if (rng_below(&r, range) < each)
				assert_int_equal(addrvec_push(&v, a), 0);
		}
	}
	return v;
}

static void *trained(const struct addrvec *seeds)
{
	void *state;

	assert_int_equal(tgen_sextant.train(&state, seeds, 1, NULL), 0);
	return state;
}

static unsigned count_of(const struct sx_hist *h, unsigned v)
{
	if (h->found == SX_MANY)
		return h->of[v];
	return h->found == SX_ONE && h->value == v ? h->count : 0;
}

/* The counts agree with a plain array, through growth and widening, whether they
 * came one by one or at once. */
static void counts_agree(void **state)
{
	enum { KEYS = 40000 };
	static uint32_t plain[KEYS][16];
	struct sx_counts t = { 0 };
	struct rng r;

	(void)state;
	memset(plain, 0, sizeof(plain));
	rng_init(&r, 1);
	assert_int_equal(sx_counts_get(&t, 77).found, SX_ABSENT);
	for (unsigned i = 0; i < 800000; i++) {
		uint64_t k = rng_below(&r, KEYS);
		unsigned v = k % 3 ? (unsigned)rng_below(&r, 16) : (unsigned)k % 16;

		plain[k][v]++;
		if (k % 7 && k % 5)
			sx_counts_add(&t, (k * 99999 + 1) << 32, v);
	}
	for (uint64_t k = 0; k < KEYS; k++) {
		if (k % 7 == 0)
			sx_counts_alone(&t, (k * 99999 + 1) << 32, (uint32_t)k);
		else if (k % 5 == 0)
			sx_counts_set(&t, (k * 99999 + 1) << 32, plain[k]);
	}
	sx_counts_add(&t, 0, 3);
	assert_false(t.s.failed);
	assert_int_equal(sx_counts_get(&t, 0).found, SX_ABSENT);
	assert_int_equal(sx_counts_get(&t, (UINT64_C(99999) * KEYS + 1) << 32).found,
	                 SX_ABSENT);
	for (uint64_t k = 0; k < KEYS; k++) {
		struct sx_hist h = sx_counts_get(&t, (k * 99999 + 1) << 32);

		if (k % 7 == 0) {
			assert_int_equal(h.found, SX_ALONE);
			assert_int_equal(h.seed, k);
			continue;
		}
		for (unsigned v = 0; v < 16; v++)
			assert_int_equal(count_of(&h, v),
			                 plain[k][v] < 255 ? plain[k][v] : 255);
	}
	sx_counts_fini(&t);
}

/* Small numbers and large ones. */
static void events_agree(void **state)
{
	struct sx_events t = { 0 };

	(void)state;
	assert_true(sx_events_get(&t, 5).yes == 0);
	for (unsigned round = 0; round < 3; round++)
		for (uint64_t k = 1; k < 20000; k++)
			sx_events_add(&t, (k * 211111) << 32, (unsigned)k % 7,
			              k % 100 ? 1 : 60000);
	assert_true(sx_events_get(&t, UINT64_C(20000) * 211111 << 32).no == 0);
	for (uint64_t k = 1; k < 20000; k++) {
		struct sx_event e = sx_events_get(&t, (k * 211111) << 32);

		assert_true(e.yes == 3 * (float)(k % 7));
		assert_true(e.no == (k % 100 ? 3 : 180000));
	}
	assert_false(t.s.failed);
	sx_events_fini(&t);
}

/* What the chains tell is what the seeds have: for each seed and depth, its own
 * value is known to have come, and nobody is known where nobody is. */
static void chains_know_the_seeds(void **state)
{
	struct addrvec seeds = world(8, 30, 40);
	struct sx_novel nv;
	struct sx_model m;

	(void)state;
	sx_model_init(&m, seeds.a, (uint32_t)seeds.n);
	assert_int_equal(sx_build(&m), 0);
	for (size_t i = 0; i < seeds.n; i++) {
		struct sx_chains c = sx_chains_start();

		for (unsigned d = SX_SUBNET; d < SX_NIBBLES; d++) {
			unsigned v = addr_nibble(seeds.a[i], d), found = 0;
			struct sx_place pl = { .a = sx_prefix(seeds.a[i], d),
				               .depth = d,
				               .leave = d,
				               .leave_k = 1,
				               .lone_from = SX_NIBBLES + 1,
				               .chains = c };

			sx_novel_inputs(&nv, &m, &pl);
			for (unsigned k = 0; k < nv.n; k++)
				for (unsigned j = 0; j < SX_CHAINS; j++)
					found += nv.ctx[k] == sx_chain_context[j] &&
					         count_of(&nv.hist[k], v) > 0;
			assert_int_equal(found, SX_CHAINS);
			c = sx_chains_step(&nv.chains, &m, d, v);
			for (unsigned j = 0; j < SX_CHAINS; j++)
				assert_int_not_equal(c.seed[j], SX_NOBODY);
		}
	}
	sx_model_fini(&m);
	addrvec_fini(&seeds);
}

static void exp_is_close(void **state)
{
	(void)state;
	for (float x = -60; x < 60; x += 0.37f)
		assert_true(fabsf(sx_exp(x) / expf(x) - 1) < 1e-4f);
	for (float x = 1e-30f; x < 1e30f; x *= 1.37f)
		assert_true(fabsf(sx_log(x) - logf(x)) < 1e-4f);
	assert_true(sx_exp(-1e9f) == 0);
	assert_true(sx_exp(1e9f) > 1e30f);
}

/* The children of an item share its probability out: all of it, once something
 * of it can be novel. */
static void children_sum_to_one(void **state)
{
	struct addrvec seeds = world(2, 30, 40);
	struct tgen_candidate c[2000];
	struct sx_front f;
	struct sx_model m;
	unsigned checked = 0;

	(void)state;
	sx_model_init(&m, seeds.a, (uint32_t)seeds.n);
	assert_int_equal(sx_train(&m, 1, 1), 0);
	assert_int_equal(sx_front_init(&f, &m), 0);
	assert_int_equal(sx_front_next(&f, c, ARRAY_LEN(c)), ARRAY_LEN(c));
	for (uint32_t i = 0; i < f.n; i++) {
		float sum = 0;

		if (f.item[i].kind == SX_TAIL || f.item[i].depth < 8)
			continue;
		for (unsigned v = 0; v < 16; v++)
			sum += exp2f(-(float)f.item[i].child[v] / SX_OCTAVE);
		assert_true(fabsf(sum - 1) < 0.01f);
		checked++;
	}
	assert_true(checked > 1000);
	sx_front_fini(&f);
	sx_model_fini(&m);
	addrvec_fini(&seeds);
}

static int likelier(const void *x, const void *y)
{
	const struct tgen_candidate *a = x, *b = y;

	return (a->p < b->p) - (a->p > b->p);
}

/* Some of a population as seeds, the others to be found: in each of so many parts
 * of the candidates, by probability, as many are found as were predicted; and the
 * likely ones come first. */
static void check_calibration(unsigned one_in, unsigned parts)
{
	enum { ALL = 6000 };
	struct addrvec all = dense_and_sparse(3, 40, 300), seeds = { 0 }, rest = { 0 };
	static struct tgen_candidate c[ALL];
	double early = 0, sum = 0;
	unsigned judged = 0, each = ALL / parts;
	struct rng r;
	void *s;

	rng_init(&r, 3);
	for (size_t i = 0; i < all.n; i++)
		assert_int_equal(
			addrvec_push(rng_below(&r, one_in) ? &rest : &seeds, all.a[i]),
			0);
	s = trained(&seeds);
	assert_int_equal(tgen_sextant.next(s, c, ARRAY_LEN(c)), ARRAY_LEN(c));
	for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
		sum += c[i].p;
		early += i < ARRAY_LEN(c) / 2 ? c[i].p : 0;
	}
	assert_true(early > 0.55 * sum);
	qsort(c, ARRAY_LEN(c), sizeof(*c), likelier);
	for (unsigned t = 0; t < parts; t++) {
		double expected = 0, found = 0;

		for (unsigned i = t * each; i < (t + 1) * each; i++) {
			expected += c[i].p;
			found += addrvec_contains(&rest, c[i].addr);
		}
		if (found < 40 && expected < 40)
			continue; /* chance */
		judged++;
		if (expected < found / 1.5 || expected > found * 1.5)
			fail_msg("one in %u, part %u: %.0f expected, %.0f found", one_in,
			         t, expected, found);
	}
	assert_true(2 * judged >= parts);
	tgen_sextant.free(s);
	addrvec_fini(&all);
	addrvec_fini(&seeds);
	addrvec_fini(&rest);
}

/* Whatever share of the population the seeds are. */
static void predictions_are_calibrated(void **state)
{
	(void)state;
	check_calibration(2, 10);
	check_calibration(4, 3);
	check_calibration(10, 3);
}

/* Where everything answers, what is next gets likelier, elsewhere less so. */
static void feedback_moves_probability(void **state)
{
	struct addrvec seeds = world(4, 30, 40);
	struct tgen_candidate c[1000];
	struct sx_front f;
	struct sx_model m;
	double boost[2] = { 0 };
	unsigned n[2] = { 0 };

	(void)state;
	sx_model_init(&m, seeds.a, (uint32_t)seeds.n);
	assert_int_equal(sx_train(&m, 1, 1), 0);
	assert_int_equal(sx_front_init(&f, &m), 0);
	for (unsigned round = 0; round < 5; round++) {
		assert_int_equal(sx_front_next(&f, c, ARRAY_LEN(c)), ARRAY_LEN(c));
		for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
			struct tgen_result r = { c[i].addr, c[i].region,
				                 c[i].addr.hi >> 32 & 1 };

			assert_int_equal(sx_front_feedback(&f, &r, 1), 0);
		}
	}
	sx_feedback_count(&f);
	for (uint32_t i = 0; i < f.n; i++) {
		bool live = f.item[i].prefix.hi >> 32 & 1;

		if (f.item[i].depth < 8 || f.item[i].expected <= 1)
			continue;
		boost[live] += (double)f.item[i].log_boost;
		n[live]++;
	}
	assert_true(n[0] > 10 && n[1] > 10);
	assert_true(boost[1] / n[1] > boost[0] / n[0] + 1);
	sx_front_fini(&f);
	sx_model_fini(&m);
	addrvec_fini(&seeds);
}

static void save_to(const void *s, const char *path)
{
	struct model_out *o;

	assert_int_equal(model_create(&o, path, NULL), 0);
	assert_int_equal(tgen_sextant.save(s, o), 0);
	assert_int_equal(model_commit(o, NULL), 0);
}

static int load_from(void **s, const struct addrvec *seeds, const char *path)
{
	struct model_in *in;
	int rc = model_open(&in, path, NULL);

	assert_int_equal(rc, 0);
	rc = tgen_sextant.load(s, seeds, in, NULL);
	if (rc == 0) {
		rc = model_end(in);
		if (rc < 0)
			tgen_sextant.free(*s);
	}
	model_close(in);
	return rc;
}

static void temporary(char path[static 40])
{
	int fd;

	strcpy(path, "/tmp/sxt-test-sextant-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
}

/* Emit, feed back, prune: what a run does before it is saved. */
static void run_a_while(void *s)
{
	struct tgen_candidate c[3000];

	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(tgen_sextant.next(s, c, ARRAY_LEN(c)), ARRAY_LEN(c));
		for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
			struct tgen_result r = { c[i].addr, c[i].region, i % 7 == round };

			assert_int_equal(tgen_sextant.feedback(s, &r, 1), 0);
		}
		assert_int_equal(tgen_sextant.prune(s, prefix_make(c[5].addr, 116)), 0);
	}
	/* Results that do not count yet. */
	assert_int_equal(tgen_sextant.next(s, c, 500), 500);
	for (unsigned i = 0; i < 500; i++) {
		struct tgen_result r = { c[i].addr, c[i].region, i % 3 == 0 };

		assert_int_equal(tgen_sextant.feedback(s, &r, 1), 0);
	}
}

/* A run that was saved and loaded goes on as one that was not. */
static void load_continues(void **state)
{
	struct addrvec seeds = world(5, 30, 40);
	static struct tgen_candidate c[2][5000];
	void *s[2] = { trained(&seeds), NULL };
	char path[40];

	(void)state;
	temporary(path);
	run_a_while(s[0]);
	save_to(s[0], path);
	assert_int_equal(load_from(&s[1], &seeds, path), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(tgen_sextant.next(s[i], c[i], ARRAY_LEN(c[i])),
			                 ARRAY_LEN(c[i]));
		for (unsigned k = 0; k < ARRAY_LEN(c[0]); k++) {
			struct tgen_result r = { c[0][k].addr, c[0][k].region,
				                 k % 5 == 0 };

			assert_true(addr_eq(c[0][k].addr, c[1][k].addr));
			assert_true(c[0][k].p == c[1][k].p);
			for (unsigned i = 0; i < 2; i++)
				assert_int_equal(tgen_sextant.feedback(s[i], &r, 1), 0);
		}
	}
	unlink(path);
	tgen_sextant.free(s[0]);
	tgen_sextant.free(s[1]);
	addrvec_fini(&seeds);
}

/* However many threads: the same candidates, with feedback in between, after a
 * load, and however the calls are cut. */
static void threads_do_not_matter(void **state)
{
	static const unsigned threads[] = { 1, 2, 4, 7 };
	struct addrvec seeds = world(9, 60, 60);
	static struct tgen_candidate c[2][12000];
	char path[40];

	(void)state;
	temporary(path);
	for (unsigned t = 0; t < ARRAY_LEN(threads); t++) {
		unsigned at = 0, part = 3000 - 7 * t;
		void *s, *loaded;

		assert_int_equal(tgen_sextant.train_on(&s, &seeds, 3, threads[t], NULL),
		                 0);
		for (unsigned round = 0; round < 2; round++) {
			for (unsigned end = at + 3000; at < end; at += part) {
				part = part < end - at ? part : end - at;
				assert_int_equal(
					tgen_sextant.next(s, &c[t > 0][at], part), part);
			}
			for (unsigned i = at - 3000; i < at; i++) {
				struct tgen_result r = { c[t > 0][i].addr,
					                 c[t > 0][i].region, i % 3 == 0 };

				assert_int_equal(tgen_sextant.feedback(s, &r, 1), 0);
			}
		}
		save_to(s, path);
		tgen_sextant.free(s);
		assert_int_equal(load_from(&loaded, &seeds, path), 0);
		tgen_sextant.threads(loaded, threads[t]);
		assert_int_equal(tgen_sextant.next(loaded, &c[t > 0][at], 6000), 6000);
		tgen_sextant.free(loaded);
		for (unsigned i = 0; t && i < ARRAY_LEN(c[0]); i++) {
			assert_true(addr_eq(c[0][i].addr, c[1][i].addr));
			assert_true(c[0][i].p == c[1][i].p);
			assert_int_equal(c[0][i].region, c[1][i].region);
		}
	}
	unlink(path);
	addrvec_fini(&seeds);
}

/* Whatever the numbers in a file: it is refused, or what was loaded works. */
static void load_bears_any_numbers(void **state)
{
	struct addrvec seeds = world(6, 4, 20);
	void *s = trained(&seeds), *loaded;
	struct tgen_candidate c[300];
	struct model_in *in;
	unsigned refused = 0;
	struct stat st;
	char path[40];
	uint8_t *all;
	size_t n;
	struct rng r;

	(void)state;
	temporary(path);
	assert_int_equal(tgen_sextant.next(s, c, ARRAY_LEN(c)), ARRAY_LEN(c));
	save_to(s, path);
	assert_int_equal(stat(path, &st), 0);
	n = (size_t)st.st_size;
	n -= (n + MODEL_BLOCK + 19) / (MODEL_BLOCK + 20) * 20;
	all = malloc(n);
	assert_non_null(all);
	assert_int_equal(model_open(&in, path, NULL), 0);
	model_get(in, all, n);
	assert_int_equal(model_end(in), 0);
	model_close(in);
	rng_init(&r, 6);
	for (unsigned i = 0; i < 60; i++) {
		/* Most of it are weights; aim at what comes after them, too. */
		size_t at = i % 3 ? n - 1 - rng_below(&r, n / 3) : rng_below(&r, n);
		uint8_t old = all[at];
		struct model_out *o;

		all[at] = (uint8_t)rng_next(&r);
		assert_int_equal(model_create(&o, path, NULL), 0);
		model_put(o, all, n);
		assert_int_equal(model_commit(o, NULL), 0);
		all[at] = old;
		if (load_from(&loaded, &seeds, path) < 0) {
			refused++;
			continue;
		}
		assert_true(tgen_sextant.next(loaded, c, ARRAY_LEN(c)) >= 0);
		tgen_sextant.free(loaded);
	}
	assert_in_range(refused, 2, 59);
	unlink(path);
	free(all);
	tgen_sextant.free(s);
	addrvec_fini(&seeds);
}

/* Neither one seed nor a handful stop it, and nothing comes twice. */
static void few_seeds(void **state)
{
	static const unsigned sizes[] = { 1, 2, 5, 30 };
	static struct tgen_candidate c[20000];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		struct addrvec seeds = world(7, 1, sizes[i]);
		struct addrset *set = addrset_new(ARRAY_LEN(c));
		void *s = trained(&seeds);

		assert_non_null(set);
		assert_int_equal(tgen_sextant.next(s, c, ARRAY_LEN(c)), ARRAY_LEN(c));
		for (unsigned k = 0; k < ARRAY_LEN(c); k++) {
			assert_true(c[k].p > 0 && c[k].p < 1);
			assert_int_equal(addrset_add(set, c[k].addr), 1);
			assert_false(addrvec_contains(&seeds, c[k].addr));
		}
		addrset_free(set);
		tgen_sextant.free(s);
		addrvec_fini(&seeds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_agree),
		cmocka_unit_test(events_agree),
		cmocka_unit_test(chains_know_the_seeds),
		cmocka_unit_test(exp_is_close),
		cmocka_unit_test(children_sum_to_one),
		cmocka_unit_test(predictions_are_calibrated),
		cmocka_unit_test(feedback_moves_probability),
		cmocka_unit_test(load_continues),
		cmocka_unit_test(threads_do_not_matter),
		cmocka_unit_test(load_bears_any_numbers),
		cmocka_unit_test(few_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
