/* Training: predict held-out seeds from the others. */
#include "tgen/sx_model.h"

#include <stdlib.h>
#include <string.h>

enum {
	MAX_FOLDS = 4,
	EXAMPLES = 40000, /* seeds to learn from, in all */
	MIN_SEEDS = 20,   /* below, the weights stay as they are */
	LARGE = 300000,   /* from this on, train on some networks only, */
	SAMPLE = 200000,  /* which have about so many seeds */
	AVERAGE_EVERY = 64,
	MANY_SEEDS = 64,
	NODES = 4096
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
	struct sx_node node[NODES];
	struct addr128 *kept, *held;
	size_t n_kept, n_held;
};

/* One step among the seeds; false when a walks away from what will be reached. */
static bool step_seeds(struct trainer *t, struct sx_place *pl, const struct sx_node *nd,
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
	if (need)
		pl->chains = sx_chains_step(&nv.chains, &t->m, pl->depth, v);
	sx_escape_mix(&e, &t->m, pl, need ? &nv : NULL);
	sx_escape_learn(&t->l, &e, leaves);
	if (leaves && pl->depth < 8)
		return false;
	if (leaves) {
		sx_novel_mix(&nv, &t->m, pl);
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

/* Nodes with many seeds take long to make, and every walk begins with some. */
static const struct sx_node *node_at(struct trainer *t, struct sx_node *own,
                                     struct addr128 prefix, unsigned depth, uint32_t lo,
                                     uint32_t n)
{
	struct sx_node *nd = own;

	if (n >= MANY_SEEDS) {
		nd = &t->node[rng_mix(lo * UINT64_C(64) + depth) % NODES];
		if (nd->n == n && nd->lo == lo && nd->depth == depth)
			return nd;
	}
	sx_node_init(nd, &t->m, prefix, depth, lo, n);
	return nd;
}

static void learn_from(struct trainer *t, struct addr128 a)
{
	struct sx_place pl = { .lone_from = SX_NIBBLES + 1, .chains = sx_chains_start() };
	struct sx_node own;
	float p = 1, least = reach / (float)t->m.n;
	uint32_t lo = 0, n = t->m.n;
	bool novel = false;

	for (unsigned i = 0; i < SX_UP; i++)
		pl.up[i] = (struct sx_up){ (uint8_t)sx_class_seeds(n), 1, 0 };
	for (unsigned d = 0; d < SX_NIBBLES && p >= least; d++) {
		unsigned v = addr_nibble(a, d);
		const struct sx_node *nd;
		struct sx_novel nv;

		pl.depth = d;
		pl.a = sx_prefix(a, d);
		if (!novel) {
			nd = node_at(t, &own, pl.a, d, lo, n);
			if (n == 1 && pl.lone_from > d) {
				pl.lone_from = d;
				pl.lone = lo;
			}
			if (!step_seeds(t, &pl, nd, a, &p))
				return;
			novel = !pl.node;
			lo = nd->at[v];
			n = sx_node_count(nd, v);
			sx_up_push(pl.up, nd);
			continue;
		}
		sx_novel_inputs(&nv, &t->m, &pl);
		sx_novel_mix(&nv, &t->m, &pl);
		sx_novel_learn(&t->l, &nv, d, v);
		pl.chains = sx_chains_step(&nv.chains, &t->m, d, v);
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

/* Whole /32s, so that what is left looks as dense as all does.  More of them,
 * when the large ones are not among the first; returns how many seeds. */
static uint32_t choose_networks(struct addr128 *out, const struct sx_model *m,
                                uint64_t seed)
{
	uint64_t share = (UINT64_C(1) << 32) / m->n * SAMPLE;
	uint32_t n = 0;

	for (; n < SAMPLE / 2; share *= 2) {
		n = 0;
		for (uint32_t i = 0; i < m->n; i++)
			if (rng_mix((m->seeds[i].hi >> 32) ^ seed) >> 32 < share)
				out[n++] = m->seeds[i];
	}
	return n;
}

/* Hold out n_held of the seeds, and put those in random order. */
static void hold_out(struct trainer *t, const struct addr128 *seeds, uint32_t n,
                     size_t n_held, struct rng *r)
{
	t->n_kept = t->n_held = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (rng_below(r, n - i) < n_held - t->n_held)
			t->held[t->n_held++] = seeds[i];
		else
			t->kept[t->n_kept++] = seeds[i];
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
	memset(t->node, 0, sizeof(t->node));
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

/* Many folds make the most of few seeds; of many seeds, two teach as much, and
 * building their tables is what costs. */
static unsigned count_folds(uint32_t n)
{
	unsigned folds = n < 20000 ? MAX_FOLDS : n < 100000 ? 3 : 2;

	return n < MIN_SEEDS ? 0 : folds;
}

static int train_weights(struct trainer *t, const struct addr128 *seeds, uint32_t n,
                         struct rng *r)
{
	unsigned folds = count_folds(n);
	size_t n_held = folds ? n / folds : 0;
	int rc = 0;

	if (n_held * folds > EXAMPLES)
		n_held = EXAMPLES / folds;
	t->n_total = n_held * folds;
	t->held = malloc((n_held + 1) * sizeof(*t->held));
	t->kept = malloc((size_t)n * sizeof(*t->kept));
	if (!t->held || !t->kept)
		rc = -ENOMEM;
	for (unsigned f = 0; f < folds && rc == 0; f++) {
		hold_out(t, seeds, n, n_held, r);
		rc = train_fold(t);
	}
	free(t->kept);
	free(t->held);
	return rc;
}

int sx_train(struct sx_model *m, uint64_t seed)
{
	struct trainer *t = calloc(1, sizeof(*t));
	double *sum = calloc(SX_N_WEIGHTS, sizeof(*sum));
	struct addr128 *some = NULL;
	const struct addr128 *seeds = m->seeds;
	uint32_t n = m->n;
	struct rng r;
	int rc = -ENOMEM;

	if (!t || !sum)
		goto out;
	if (m->n >= LARGE) {
		some = malloc((size_t)m->n * sizeof(*some));
		if (!some)
			goto out;
		n = choose_networks(some, m, seed);
		seeds = some;
	}
	rng_init(&r, seed);
	first_weights(&t->m.w);
	t->l.w = &t->m.w;
	t->l.m = &t->m;
	t->sum = sum;
	rc = train_weights(t, seeds, n, &r);
	m->w = t->m.w;
	for (size_t i = 0; i < SX_N_WEIGHTS && t->n_sum > 0; i++)
		((float *)&m->w)[i] = (float)(sum[i] / (double)t->n_sum);
	free(some);
	some = NULL;
	if (rc == 0)
		rc = sx_build(m);
out:
	free(some);
	free(sum);
	free(t);
	return rc;
}
