/* Training: predict held-out seeds from the others. */
#include "tgen/sx_model.h"

#include <errno.h>
#include <pthread.h>
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

struct fold {
	struct sx_model m; /* of the seeds that are not held out */
	struct addr128 *kept, *held;
	size_t n_kept, n_held;
};

struct trainer {
	struct sx_model *m; /* of the fold */
	struct sx_learner l;
	double *sum; /* of the weights, for their average */
	uint64_t n_sum, n_seen, n_total;
	struct sx_node node[NODES];
	struct fold fold[MAX_FOLDS];
	unsigned n_folds;
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
	sx_escape_begin(&e, t->m, pl);
	if (need)
		sx_novel_inputs(&nv, t->m, pl);
	if (need)
		pl->chains = sx_chains_step(&nv.chains, t->m, pl->depth, v);
	sx_escape_mix(&e, t->m, pl, need ? &nv : NULL);
	sx_escape_learn(&t->l, &e, leaves);
	if (leaves && pl->depth < 8)
		return false;
	if (leaves) {
		sx_novel_mix(&nv, t->m, pl);
		sx_novel_learn(&t->l, &nv, pl->depth, v);
		*p *= e.p * nv.p[v];
		pl->node = NULL;
	} else {
		sx_stay_mix(stay, t->m, nd);
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
	sx_node_init(nd, t->m, prefix, depth, lo, n);
	return nd;
}

static void learn_from(struct trainer *t, struct addr128 a)
{
	struct sx_place pl = { .lone_from = SX_NIBBLES + 1, .chains = sx_chains_start() };
	struct sx_node own;
	float p = 1, least = reach / (float)t->m->n;
	uint32_t lo = 0, n = t->m->n;
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
		sx_novel_inputs(&nv, t->m, &pl);
		sx_novel_mix(&nv, t->m, &pl);
		sx_novel_learn(&t->l, &nv, d, v);
		pl.chains = sx_chains_step(&nv.chains, t->m, d, v);
		p *= nv.p[v];
	}
}

static void average(struct trainer *t)
{
	const float *w = (const float *)&t->m->w;

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
static int hold_out(struct fold *f, const struct addr128 *seeds, uint32_t n,
                    size_t n_held, struct rng *r)
{
	f->held = malloc((n_held + 1) * sizeof(*f->held));
	f->kept = malloc((n - n_held + 1) * sizeof(*f->kept));
	if (!f->held || !f->kept)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		if (rng_below(r, n - i) < n_held - f->n_held)
			f->held[f->n_held++] = seeds[i];
		else
			f->kept[f->n_kept++] = seeds[i];
	}
	for (size_t i = f->n_held; i > 1; i--) {
		size_t j = rng_below(r, i);
		struct addr128 a = f->held[i - 1];

		f->held[i - 1] = f->held[j];
		f->held[j] = a;
	}
	sx_model_init(&f->m, f->kept, (uint32_t)f->n_kept);
	return 0;
}

static void fold_fini(struct fold *f)
{
	sx_model_fini(&f->m);
	free(f->kept);
	free(f->held);
	f->kept = f->held = NULL;
}

/* Learn on from weights w, which become what was learned. */
static void train_fold(struct trainer *t, struct fold *f, struct sx_weights *w)
{
	t->m = &f->m;
	t->l.m = &f->m;
	t->l.w = &f->m.w;
	f->m.w = *w;
	memset(t->node, 0, sizeof(t->node));
	for (size_t i = 0; i < f->n_held; i++) {
		t->l.rate = rate / (1 + slowdown * (float)t->n_seen / (float)t->n_total);
		learn_from(t, f->held[i]);
		if (++t->n_seen > t->n_total / 2 && t->n_seen % AVERAGE_EVERY == 0)
			average(t);
	}
	*w = f->m.w;
}

/* Many folds make the most of few seeds; of many seeds, two teach as much, and
 * building their tables is what costs. */
static unsigned count_folds(uint32_t n)
{
	unsigned folds = n < 20000 ? MAX_FOLDS : n < 100000 ? 3 : 2;

	return n < MIN_SEEDS ? 0 : folds;
}

static int make_folds(struct trainer *t, const struct addr128 *seeds, uint32_t n,
                      uint64_t seed)
{
	unsigned folds = count_folds(n);
	size_t n_held = folds ? n / folds : 0;
	struct rng r;
	int rc = 0;

	rng_init(&r, seed);
	if (n_held * folds > EXAMPLES)
		n_held = EXAMPLES / folds;
	t->n_total = n_held * folds;
	for (unsigned f = 0; f < folds && rc == 0; f++) {
		t->n_folds++;
		rc = hold_out(&t->fold[f], seeds, n, n_held, &r);
	}
	return rc;
}

/* Of many seeds, those of some networks are enough. */
static int choose_folds(struct trainer *t, const struct sx_model *m, uint64_t seed)
{
	struct addr128 *some;
	int rc;

	if (m->n < LARGE)
		return make_folds(t, m->seeds, m->n, seed);
	some = malloc((size_t)m->n * sizeof(*some));
	rc = some ? make_folds(t, some, choose_networks(some, m, seed), seed) : -ENOMEM;
	free(some);
	return rc;
}

/* Tables to be made: they do not depend on weights, so that other threads can
 * make the next ones while this one learns. */
struct builds {
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct {
		struct sx_model *m;
		bool taken, done;
		int rc;
	} job[MAX_FOLDS + 1];
	unsigned n, n_threads;
	pthread_t thread[MAX_FOLDS];
	bool over;
};

/* Make table i, if nobody does; the lock is held. */
static void build_one(struct builds *b, unsigned i)
{
	int rc;

	if (b->job[i].taken)
		return;
	b->job[i].taken = true;
	pthread_mutex_unlock(&b->lock);
	rc = sx_build(b->job[i].m);
	pthread_mutex_lock(&b->lock);
	b->job[i].rc = rc;
	b->job[i].done = true;
	pthread_cond_broadcast(&b->done);
}

static void *build_all(void *ctx)
{
	struct builds *b = ctx;

	pthread_mutex_lock(&b->lock);
	for (unsigned i = 0; i < b->n && !b->over; i++)
		build_one(b, i);
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

static int built(struct builds *b, unsigned i)
{
	pthread_mutex_lock(&b->lock);
	build_one(b, i);
	while (!b->job[i].done)
		pthread_cond_wait(&b->done, &b->lock);
	pthread_mutex_unlock(&b->lock);
	return b->job[i].rc;
}

static void builds_begin(struct builds *b, struct trainer *t, struct sx_model *m,
                         unsigned threads)
{
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->done, NULL);
	for (; b->n < t->n_folds; b->n++)
		b->job[b->n].m = &t->fold[b->n].m;
	b->job[b->n++].m = m;
	while (b->n_threads + 1 < threads && b->n_threads < t->n_folds &&
	       pthread_create(&b->thread[b->n_threads], NULL, build_all, b) == 0)
		b->n_threads++;
}

static void builds_end(struct builds *b)
{
	pthread_mutex_lock(&b->lock);
	b->over = true;
	pthread_mutex_unlock(&b->lock);
	for (unsigned i = 0; i < b->n_threads; i++)
		pthread_join(b->thread[i], NULL);
	pthread_cond_destroy(&b->done);
	pthread_mutex_destroy(&b->lock);
}

int sx_train(struct sx_model *m, uint64_t seed, unsigned threads)
{
	struct trainer *t = calloc(1, sizeof(*t));
	struct builds b = { .n = 0 };
	struct sx_weights *w = malloc(sizeof(*w));
	int rc = -ENOMEM;

	if (!t || !w)
		goto out;
	t->sum = calloc(SX_N_WEIGHTS, sizeof(*t->sum));
	if (!t->sum)
		goto out;
	rc = choose_folds(t, m, seed);
	if (rc < 0)
		goto out;
	first_weights(w);
	builds_begin(&b, t, m, threads);
	for (unsigned f = 0; f < t->n_folds && rc == 0; f++) {
		rc = built(&b, f);
		if (rc == 0)
			train_fold(t, &t->fold[f], w);
		fold_fini(&t->fold[f]);
	}
	if (rc == 0)
		rc = built(&b, t->n_folds);
	builds_end(&b);
	m->w = *w;
	for (size_t i = 0; i < SX_N_WEIGHTS && t->n_sum > 0; i++)
		((float *)&m->w)[i] = (float)(t->sum[i] / (double)t->n_sum);
out:
	for (unsigned f = 0; t && f < t->n_folds; f++)
		fold_fini(&t->fold[f]);
	free(t ? t->sum : NULL);
	free(w);
	free(t);
	return rc;
}
