#include "tgen/eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum { BATCH = 1000 };

/* Marks at 1, 2 and 5 times the powers of ten, from 1000 on. */
static uint64_t mark_after(uint64_t n)
{
	uint64_t power = 1000;

	while (n >= 10 * power)
		power *= 10;
	if (n < power)
		return power;
	return n < 2 * power ? 2 * power : n < 5 * power ? 5 * power : 10 * power;
}

/* What is counted while a trial runs. */
struct tally {
	const struct eval_setup *setup;
	struct addrset *holdout, *p64, *p48, *p32;
	uint8_t *as_seen;
	struct eval_mark now;
	uint64_t next_mark;
};

static void tally_fini(struct tally *y)
{
	addrset_free(y->holdout);
	addrset_free(y->p64);
	addrset_free(y->p48);
	addrset_free(y->p32);
	free(y->as_seen);
}

static int tally_init(struct tally *y, const struct eval_setup *setup,
                      const struct addrvec *seeds, const struct addrvec *holdout)
{
	*y = (struct tally){ .setup = setup, .next_mark = mark_after(0) };
	y->holdout = addrset_new(holdout->n);
	y->p64 = addrset_new(1024);
	y->p48 = addrset_new(1024);
	y->p32 = addrset_new(1024);
	y->as_seen = calloc((setup->bgp ? bgp_as_count(setup->bgp) : 0) + 1, 1);
	if (!y->holdout || !y->p64 || !y->p48 || !y->p32 || !y->as_seen)
		return -ENOMEM;
	for (size_t i = 0; i < holdout->n; i++)
		if (!addrvec_contains(seeds, holdout->a[i]) &&
		    addrset_add(y->holdout, holdout->a[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int count_prefix(struct addrset *s, struct addr128 a, unsigned len, uint64_t *n)
{
	int rc = addrset_add(s, prefix_make(a, len).addr);

	*n += rc > 0;
	return rc < 0 ? rc : 0;
}

static int count_hit(struct tally *y, struct addr128 a)
{
	const struct bgp *bgp = y->setup->bgp;
	uint32_t i;
	int rc = count_prefix(y->p64, a, 64, &y->now.p64);

	y->now.hits++;
	if (rc == 0)
		rc = count_prefix(y->p48, a, 48, &y->now.p48);
	if (rc == 0)
		rc = count_prefix(y->p32, a, 32, &y->now.p32);
	if (bgp && bgp_find(bgp, a, &i) && !y->as_seen[bgp_at(bgp, i)->as]) {
		y->as_seen[bgp_at(bgp, i)->as] = 1;
		y->now.as++;
	}
	return rc;
}

static int count(struct eval_trial *t, struct tally *y, const struct tgen_candidate *c,
                 bool hit)
{
	int rc = hit ? count_hit(y, c->addr) : 0;

	t->points[t->n_points++] = (struct eval_point){ c->p, hit };
	y->now.candidates++;
	y->now.expected += (double)c->p;
	if (y->now.candidates == y->next_mark && t->n_marks < EVAL_MARKS - 1) {
		t->mark[t->n_marks++] = y->now;
		y->next_mark = mark_after(y->next_mark);
	}
	return rc;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Candidates of one round are asked for and judged; the answers are kept for
 * the round's end. */
static int run_round(struct eval_trial *t, struct tally *y, struct tgen *g, uint64_t size,
                     struct tgen_result *answers)
{
	struct tgen_candidate c[BATCH];
	uint64_t done = 0, since;
	int n = 0, rc = 0;

	while (done < size && rc == 0) {
		since = clock_cpu_ns();
		n = tgen_next(g, c, least(size - done, BATCH));
		t->next_ns += clock_cpu_ns() - since;
		if (n <= 0)
			break;
		for (int i = 0; i < n && rc == 0; i++) {
			bool hit = addrset_has(y->holdout, c[i].addr);

			rc = count(t, y, &c[i], hit);
			if (answers)
				answers[done + (uint64_t)i] =
					(struct tgen_result){ c[i].addr, c[i].region,
					                      hit };
		}
		done += (uint64_t)n;
	}
	if (answers && done && rc == 0) {
		since = clock_cpu_ns();
		rc = tgen_feedback(g, answers, done);
		t->next_ns += clock_cpu_ns() - since;
	}
	return rc < 0 ? rc : n <= 0 ? n : 1;
}

static int run_trial(struct eval_trial *t, struct tally *y, struct tgen *g)
{
	const struct eval_setup *s = y->setup;
	uint64_t size = s->budget, left = s->budget;
	struct tgen_result *answers = NULL;
	int rc = 1;

	if (s->rounds > 0) {
		size = (s->budget + s->rounds - 1) / s->rounds;
		answers = calloc(size, sizeof(*answers));
		if (!answers)
			return -ENOMEM;
	}
	while (left > 0 && rc > 0) {
		uint64_t want = least(size, left);

		rc = run_round(t, y, g, want, answers);
		left -= want;
	}
	free(answers);
	if (rc >= 0 &&
	    (!t->n_marks || t->mark[t->n_marks - 1].candidates != y->now.candidates))
		t->mark[t->n_marks++] = y->now;
	return rc < 0 ? rc : 0;
}

int eval_run(struct eval_trial *t, const struct eval_setup *setup,
             const struct addrvec *seeds, const struct addrvec *holdout, struct diag *d)
{
	struct tgen_config config = setup->config;
	struct tgen *g = NULL;
	struct tally y;
	uint64_t since;
	int rc;

	*t = (struct eval_trial){ .seeds = seeds->n };
	rc = tally_init(&y, setup, seeds, holdout);
	if (rc == 0) {
		t->holdout = addrset_count(y.holdout);
		t->scale = (double)t->holdout / (double)(seeds->n ? seeds->n : 1);
		t->points = calloc(setup->budget ? setup->budget : 1, sizeof(*t->points));
		rc = t->points ? 0 : -ENOMEM;
	}
	config.budget = setup->budget;
	since = clock_cpu_ns();
	if (rc == 0)
		rc = tgen_train(&g, seeds, &config, d);
	t->train_ns = clock_cpu_ns() - since;
	if (rc == 0)
		rc = run_trial(t, &y, g);
	tgen_free(g);
	tally_fini(&y);
	return rc;
}

void eval_fini(struct eval_trial *t)
{
	free(t->points);
	*t = (struct eval_trial){ 0 };
}

static uint32_t fold_of(const struct eval_folds *folds, struct addr128 a)
{
	struct addr128 key = prefix_make(a, folds->length).addr;
	uint32_t i;

	if (folds->by_as) {
		key = prefix_make(a, 32).addr;
		if (bgp_find(folds->by_as, a, &i))
			key = (struct addr128){ 0, bgp_at(folds->by_as, i)->asn };
	}
	return (uint32_t)(addr_hash(key, folds->seed ^ UINT64_C(0x6576616c)) % folds->n);
}

int eval_fold(struct addrvec *in, struct addrvec *out, const struct addrvec *all,
              const struct eval_folds *folds, uint32_t f)
{
	int rc = 0;

	for (size_t i = 0; i < all->n && rc == 0; i++)
		rc = addrvec_push(fold_of(folds, all->a[i]) == f ? out : in, all->a[i]);
	return rc;
}

static void add_mark(struct eval_mark *to, const struct eval_mark *from)
{
	to->candidates += from->candidates;
	to->hits += from->hits;
	to->p64 += from->p64;
	to->p48 += from->p48;
	to->p32 += from->p32;
	to->as += from->as;
	to->expected += from->expected;
}

/* Both lists of marks are of the same budget: one is a beginning of the other,
 * but for a last mark where its trial ran dry. */
static void add_marks(struct eval_trial *sum, const struct eval_trial *from)
{
	unsigned n = sum->n_marks > from->n_marks ? sum->n_marks : from->n_marks;
	struct eval_mark own = { 0 }, other = { 0 };

	if (sum->n_marks)
		own = sum->mark[sum->n_marks - 1];
	if (from->n_marks)
		other = from->mark[from->n_marks - 1];
	for (unsigned i = 0; i < n; i++) {
		struct eval_mark m = i < sum->n_marks ? sum->mark[i] : own;

		add_mark(&m, i < from->n_marks ? &from->mark[i] : &other);
		sum->mark[i] = m;
	}
	sum->n_marks = n;
}

int eval_add(struct eval_trial *sum, struct eval_trial *from)
{
	size_t n = sum->n_points + from->n_points;
	struct eval_point *p = realloc(sum->points, (n ? n : 1) * sizeof(*p));

	if (!p)
		return -ENOMEM;
	sum->points = p;
	if (from->n_points)
		memcpy(p + sum->n_points, from->points, from->n_points * sizeof(*p));
	sum->n_points = n;
	add_marks(sum, from);
	sum->seeds += from->seeds;
	sum->holdout += from->holdout;
	sum->train_ns += from->train_ns;
	sum->next_ns += from->next_ns;
	sum->scale = (double)sum->holdout / (double)(sum->seeds ? sum->seeds : 1);
	eval_fini(from);
	return 0;
}

static int by_falling_p(const void *a, const void *b)
{
	const struct eval_point *x = a, *y = b;

	return (x->p < y->p) - (x->p > y->p);
}

void eval_deciles(struct eval_trial *t, struct eval_decile out[static EVAL_DECILES])
{
	if (t->n_points)
		qsort(t->points, t->n_points, sizeof(*t->points), by_falling_p);
	for (unsigned k = 0; k < EVAL_DECILES; k++) {
		size_t from = t->n_points * k / EVAL_DECILES;
		size_t to = t->n_points * (k + 1) / EVAL_DECILES;

		out[k] = (struct eval_decile){ .candidates = to - from };
		for (size_t i = from; i < to; i++) {
			out[k].hits += t->points[i].hit;
			out[k].expected += (double)t->points[i].p * t->scale;
		}
		if (to > from)
			out[k].p_least = (double)t->points[to - 1].p;
	}
}

/* A prediction of 0 or 1 that fails would cost infinitely much. */
static double surprise(double p, bool hit)
{
	const double least_p = 1e-9;

	p = p < least_p ? least_p : p > 1 - least_p ? 1 - least_p : p;
	return -log2(hit ? p : 1 - p);
}

void eval_log_loss(const struct eval_trial *t, double *bits, double *flat)
{
	double n = t->n_points ? (double)t->n_points : 1, hits = 0, sum = 0;

	for (size_t i = 0; i < t->n_points; i++) {
		hits += t->points[i].hit;
		sum += surprise((double)t->points[i].p * t->scale, t->points[i].hit);
	}
	*bits = sum / n;
	*flat = hits / n * surprise(hits / n, true) +
	        (1 - hits / n) * surprise(hits / n, false);
}
