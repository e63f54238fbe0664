/* Training: predict held-out seeds from the others. */
#include "tgen/sx_model.h"

#include <stdlib.h>
#include <string.h>

enum {
	MAX_FOLDS = 4,
	EXAMPLES = 40000, /* seeds to learn from, in all */
	MIN_SEEDS = 20,   /* below, the weights stay as they are */
	AVERAGE_EVERY = 64
};

/* What is less likely than this, over the number of seeds, will not be walked
 * to, and need not be predicted well. */
static const float reach = 1e-3f;
static const float rate = 0.06f, slowdown = 2;

static void first_weights(struct sx_weights *w)
{
	memset(w, 0, sizeof(*w));
	for (unsigned j = 0; j < SX_CTX; j++)
		for (unsigned g = 0; g < SX_SPANS; g++)
			for (unsigned i = 0; i < 48; i++)
				w->base[j][g][i / 12][i % 12] = 0.18f;
	for (unsigned j = 0; j < SX_ESC; j++)
		for (unsigned g = 0; g < SX_ESPANS; g++)
			for (unsigned i = 0; i < 8; i++)
				w->esc[j][g][i] = 0.12f;
	for (unsigned j = 0; j < SX_CTX; j++)
		for (unsigned g = 0; g < SX_ESPANS; g++)
			for (unsigned i = 0; i < 6; i++)
				w->esc_mass[j][g][i] = 0.01f;
	for (unsigned d = 0; d < SX_NIBBLES; d++)
		w->esc_own[d] = 1;
}

struct trainer {
	struct sx_model m; /* of the seeds that are not held out */
	struct sx_learner l;
	double *sum; /* of the weights, for their average */
	uint64_t n_sum, n_seen, n_total;
	struct addr128 *kept, *held;
	size_t n_kept, n_held;
};

/* One step among the seeds; false when a walks away from what will be reached. */
static bool step_seeds(struct trainer *t, struct sx_place *pl, struct sx_node *nd,
                       struct addr128 a, float *p)
{
	unsigned v = addr_nibble(a, pl->depth);
	bool leaves = !(nd->mask >> v & 1), need = pl->depth >= 8 && nd->k < 16;
	struct sx_novel nv;
	struct sx_escape e;
	float stay[16];

	pl->node = nd;
	pl->leave = pl->depth;
	pl->leave_k = nd->k;
	if (need)
		sx_novel_inputs(&nv, &t->m, pl);
	sx_escape_mix(&e, &t->m, pl, need ? &nv : NULL);
	sx_escape_learn(&t->l, &e, leaves);
	if (leaves && pl->depth < 8)
		return false;
	if (leaves) {
		sx_novel_mix(&nv, &t->m, pl->depth);
		sx_novel_learn(&t->l, &nv, pl->depth, v);
		*p *= e.p * nv.p[v];
		pl->node = NULL;
	} else {
		sx_stay_mix(stay, &t->m, nd);
		sx_stay_learn(&t->l, nd, stay, v);
		*p *= (1 - e.p) * stay[v];
	}
	return true;
}

static void learn_from(struct trainer *t, struct addr128 a)
{
	struct sx_place pl = { .depth = 0 };
	struct sx_node nd;
	float p = 1, least = reach / (float)t->m.n;
	uint32_t lo = 0, n = t->m.n;
	bool novel = false;

	for (unsigned i = 0; i < SX_UP; i++)
		pl.up[i] = (struct sx_up){ n, 1, 0 };
	for (unsigned d = 0; d < SX_NIBBLES && p >= least; d++) {
		unsigned v = addr_nibble(a, d);
		struct sx_novel nv;

		pl.depth = d;
		pl.a = sx_prefix(a, d);
		if (!novel) {
			sx_node_init(&nd, &t->m, pl.a, d, lo, n);
			if (!step_seeds(t, &pl, &nd, a, &p))
				return;
			novel = !pl.node;
			lo = nd.at[v];
			n = sx_node_count(&nd, v);
			sx_up_push(pl.up, &nd);
			continue;
		}
		sx_novel_inputs(&nv, &t->m, &pl);
		sx_novel_mix(&nv, &t->m, d);
		sx_novel_learn(&t->l, &nv, d, v);
		p *= nv.p[v];
	}
}

static void average(struct trainer *t)
{
	const float *w = (const float *)&t->m.w;

	for (size_t i = 0; i < SX_N_WEIGHTS; i++)
		t->sum[i] += w[i];
	t->n_sum++;
}

/* Hold out n_held of the seeds, and put those in random order. */
static void hold_out(struct trainer *t, const struct sx_model *m, size_t n_held,
                     struct rng *r)
{
	t->n_kept = t->n_held = 0;
	for (uint32_t i = 0; i < m->n; i++) {
		if (rng_below(r, m->n - i) < n_held - t->n_held)
			t->held[t->n_held++] = m->seeds[i];
		else
			t->kept[t->n_kept++] = m->seeds[i];
	}
	for (size_t i = t->n_held; i > 1; i--) {
		size_t j = rng_below(r, i);
		struct addr128 a = t->held[i - 1];

		t->held[i - 1] = t->held[j];
		t->held[j] = a;
	}
}

static int train_fold(struct trainer *t)
{
	int rc;

	sx_model_init(&t->m, t->kept, (uint32_t)t->n_kept);
	rc = sx_build(&t->m);
	for (size_t i = 0; i < t->n_held && rc == 0; i++) {
		t->l.rate = rate / (1 + slowdown * (float)t->n_seen / (float)t->n_total);
		learn_from(t, t->held[i]);
		if (++t->n_seen > t->n_total / 2 && t->n_seen % AVERAGE_EVERY == 0)
			average(t);
	}
	sx_model_fini(&t->m);
	return rc;
}

/* Many folds make the most of few seeds; of many seeds, one fold teaches as
 * much, and building its tables is what costs. */
static unsigned count_folds(uint32_t n)
{
	unsigned folds = n < 20000 ? MAX_FOLDS : n < 100000 ? 3 : n < 300000 ? 2 : 1;

	return n < MIN_SEEDS ? 0 : folds;
}

int sx_train(struct sx_model *m, uint64_t seed)
{
	struct trainer *t = calloc(1, sizeof(*t));
	unsigned folds = count_folds(m->n);
	size_t n_held = m->n / (folds > 1 ? folds : 5);
	struct rng r;
	int rc = -ENOMEM;

	if (!t)
		return rc;
	if (n_held * folds > EXAMPLES)
		n_held = EXAMPLES / folds;
	t->held = malloc((n_held + 1) * sizeof(*t->held));
	t->kept = malloc((size_t)m->n * sizeof(*t->kept));
	t->sum = calloc(SX_N_WEIGHTS, sizeof(*t->sum));
	if (!t->held || !t->kept || !t->sum)
		goto out;
	rng_init(&r, seed);
	t->n_total = n_held * folds;
	first_weights(&t->m.w);
	t->l.w = &t->m.w;
	rc = 0;
	for (unsigned f = 0; f < folds && rc == 0; f++) {
		hold_out(t, m, n_held, &r);
		rc = train_fold(t);
	}
	m->w = t->m.w;
	for (size_t i = 0; i < SX_N_WEIGHTS && t->n_sum > 0; i++)
		((float *)&m->w)[i] = (float)(t->sum[i] / (double)t->n_sum);
	if (rc == 0)
		rc = sx_build(m);
out:
	free(t->sum);
	free(t->kept);
	free(t->held);
	free(t);
	return rc;
}
