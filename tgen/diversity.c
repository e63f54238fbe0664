#include "tgen/diversity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/addrset.h"
#include "tgen/diversity_moves.h"
#include "tgen/peer_heap.h"

enum { TRIES = 24, ALL = DV_SAMPLE * DV_BEST + DV_SPOTS };

/* Seeds that agree are not as independent as to make anything certain. */
#define MOST 0.95F

struct
try {
	struct addr128 addr;
	float p;
};

struct net {
	struct dv_range seeds;
	uint32_t tries, n_tries, at; /* in all tries; at: the next one */
	float promised;              /* sum of p of what came out */
	bool found;
};

struct diversity {
	double share;
	uint64_t drawn, own; /* candidates in all, and those from here */
	struct net *nets;
	uint64_t *keys; /* the /32 of each, ascending */
	uint32_t n;
	struct try *tries;
	size_t n_tries;
	struct peer_heap heap;
	struct addrset *out;    /* came out here */
	struct addrset *others; /* the algorithm's, among the tries */
	struct addrset *wanted; /* all tries */
};

void diversity_free(struct diversity *v)
{
	if (!v)
		return;
	free(v->nets);
	free(v->keys);
	free(v->tries);
	peer_heap_fini(&v->heap);
	addrset_free(v->out);
	addrset_free(v->others);
	addrset_free(v->wanted);
	free(v);
}

/* ---- what to try in a network -------------------------------------------- */

static int by_addr(const void *a, const void *b)
{
	return addr_cmp(((const struct try *)a)->addr, ((const struct try *)b)->addr);
}

static int by_p(const void *a, const void *b)
{
	const struct try *x = a, *y = b;

	if (x->p < y->p || x->p > y->p)
		return x->p > y->p ? -1 : 1;
	return addr_cmp(x->addr, y->addr);
}

/* An address that several seeds lead to is likelier than from each: the chances
 * to miss multiply.  Seeds are left out. */
static unsigned merge(struct try *t, unsigned n, const struct addrvec *seeds)
{
	unsigned kept = 0;

	qsort(t, n, sizeof(*t), by_addr);
	for (unsigned i = 0; i < n; i++) {
		if (kept > 0 && addr_eq(t[kept - 1].addr, t[i].addr))
			t[kept - 1].p = 1 - (1 - t[kept - 1].p) * (1 - t[i].p);
		else if (!addrvec_contains(seeds, t[i].addr))
			t[kept++] = t[i];
	}
	for (unsigned i = 0; i < kept; i++)
		t[i].p = t[i].p < MOST ? t[i].p : MOST;
	qsort(t, kept, sizeof(*t), by_p);
	return kept < TRIES ? kept : TRIES;
}

static unsigned find_tries(struct try t[ALL], const struct dv_moves *m,
                           const struct addrvec *seeds, struct dv_range r)
{
	uint64_t base = seeds->a[r.lo].hi & ~(uint64_t)UINT32_MAX;
	unsigned n = 0, size = dv_size(r.n);

	for (uint32_t k = 0; k < r.n && k < DV_SAMPLE; k++) {
		struct addr128 a = seeds->a[dv_sample(r, k)];
		unsigned kind = dv_kind(a);

		for (unsigned i = 0; i < m->n[kind][size]; i++) {
			t[n] = (struct try){ a, m->best[kind][size][i].rate };
			n += dv_apply(m, m->best[kind][size][i], &t[n].addr);
		}
	}
	for (unsigned i = 0; i < m->n_spots; i++)
		if (m->spot[i].rate[size] > 0)
			t[n++] = (struct try){ { base | m->spot[i].offset.hi,
				                 m->spot[i].offset.lo },
				               m->spot[i].rate[size] };
	return merge(t, n, seeds);
}

/* ---- which network ------------------------------------------------------- */

static void rank(struct diversity *v, uint32_t i)
{
	const struct net *w = &v->nets[i];

	if (w->found || w->at == w->n_tries)
		peer_heap_remove(&v->heap, i);
	else
		peer_heap_set(
			&v->heap, i,
			(struct peer_key){ log((double)v->tries[w->tries + w->at].p) -
		                                   (double)w->promised,
		                           0 });
}

static struct net *net_of(const struct diversity *v, struct addr128 a)
{
	uint64_t key = a.hi >> 32;
	uint32_t lo = 0, hi = v->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (v->keys[mid] < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < v->n && v->keys[lo] == key ? &v->nets[lo] : NULL;
}

/* ---- making it ----------------------------------------------------------- */

static int find_nets(struct diversity *v, const struct addrvec *seeds)
{
	size_t n = 0;

	for (size_t i = 0; i < seeds->n; i++)
		n += i == 0 || seeds->a[i].hi >> 32 != seeds->a[i - 1].hi >> 32;
	v->nets = calloc(n, sizeof(*v->nets));
	v->keys = calloc(n, sizeof(*v->keys));
	v->tries = calloc(n * TRIES, sizeof(*v->tries));
	if (!v->nets || !v->keys || !v->tries)
		return -ENOMEM;
	for (size_t i = 0; i < seeds->n; i++) {
		uint64_t key = seeds->a[i].hi >> 32;

		if (i == 0 || v->keys[v->n - 1] != key) {
			v->keys[v->n] = key;
			v->nets[v->n++].seeds.lo = (uint32_t)i;
		}
		v->nets[v->n - 1].seeds.n++;
	}
	return 0;
}

static int fill(struct diversity *v, const struct addrvec *seeds)
{
	struct dv_range *ranges = calloc(v->n, sizeof(*ranges));
	struct dv_moves *moves = calloc(1, sizeof(*moves));
	struct try *t = calloc(ALL, sizeof(*t));
	int rc = ranges && moves && t ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < v->n && rc == 0; i++)
		ranges[i] = v->nets[i].seeds;
	if (rc == 0)
		rc = dv_learn(moves, seeds, ranges, v->n);
	for (uint32_t i = 0; i < v->n && rc == 0; i++) {
		struct net *w = &v->nets[i];

		w->tries = (uint32_t)v->n_tries;
		w->n_tries = find_tries(t, moves, seeds, w->seeds);
		memcpy(v->tries + v->n_tries, t, w->n_tries * sizeof(*t));
		v->n_tries += w->n_tries;
		for (uint32_t k = 0; k < w->n_tries && rc >= 0; k++)
			rc = addrset_add(v->wanted, t[k].addr);
		rc = rc < 0 ? rc : 0;
		rank(v, i);
	}
	free(ranges);
	free(moves);
	free(t);
	return rc;
}

int diversity_new(struct diversity **out, const struct addrvec *seeds, double share)
{
	struct diversity *v = calloc(1, sizeof(*v));
	int rc = v ? 0 : -ENOMEM;

	if (rc < 0)
		return rc;
	v->share = (double)(float)share; /* as a model file has it */
	v->out = addrset_new(64);
	v->others = addrset_new(64);
	v->wanted = addrset_new(64);
	if (!v->out || !v->others || !v->wanted)
		rc = -ENOMEM;
	if (rc == 0)
		rc = find_nets(v, seeds);
	if (rc == 0)
		rc = peer_heap_init(&v->heap, v->n, 0);
	if (rc == 0)
		rc = fill(v, seeds);
	if (rc < 0) {
		diversity_free(v);
		return rc;
	}
	*out = v;
	return 0;
}

/* ---- emission ------------------------------------------------------------ */

size_t diversity_gap(const struct diversity *v)
{
	/* The one after `own` others comes when their share is due. */
	double due = v->share > 0 ? ((double)v->own + 1) / v->share : INFINITY;
	double left = due - 1 - (double)v->drawn;

	return left < 1 ? 0 : left < 1e9 ? (size_t)left : (size_t)1000000000;
}

void diversity_drawn(struct diversity *v, size_t n)
{
	v->drawn += n;
}

int diversity_next(struct diversity *v, struct tgen_candidate *out)
{
	uint32_t i;
	int rc;

	v->drawn++;
	v->own++;
	while (peer_heap_top(&v->heap, &i)) {
		struct net *w = &v->nets[i];
		const struct try *t = &v->tries[w->tries + w->at++];

		if (addrset_has(v->others, t->addr)) {
			rank(v, i);
			continue;
		}
		rc = addrset_add(v->out, t->addr);
		if (rc < 0)
			return rc;
		w->promised += t->p;
		rank(v, i);
		*out = (struct tgen_candidate){ .addr = t->addr, .p = t->p };
		return 1;
	}
	return 0;
}

bool diversity_has(const struct diversity *v, struct addr128 a)
{
	return addrset_has(v->out, a);
}

int diversity_note(struct diversity *v, struct addr128 a, float p)
{
	struct net *w = net_of(v, a);
	int rc = 0;

	if (!w)
		return 0;
	w->promised += p;
	if (v->heap.place[w - v->nets] == 0)
		return 0;
	rank(v, (uint32_t)(w - v->nets));
	if (addrset_has(v->wanted, a))
		rc = addrset_add(v->others, a);
	return rc < 0 ? rc : 0;
}

void diversity_found(struct diversity *v, struct addr128 a)
{
	struct net *w = net_of(v, a);

	if (!w)
		return;
	w->found = true;
	rank(v, (uint32_t)(w - v->nets));
}

/* ---- saved state --------------------------------------------------------- */

double diversity_share(const struct diversity *v)
{
	return v->share;
}

/* Of the tries, which came out and from where: one byte each. */
void diversity_save(const struct diversity *v, struct model_out *out)
{
	model_put_u64(out, v->drawn);
	model_put_u64(out, v->own);
	model_put_u32(out, v->n);
	for (uint32_t i = 0; i < v->n; i++) {
		const struct net *w = &v->nets[i];
		uint8_t b[2] = { (uint8_t)w->at, w->found };

		model_put(out, b, sizeof(b));
		model_put_float(out, w->promised);
	}
	for (size_t i = 0; i < v->n_tries; i++) {
		uint8_t b = (uint8_t)(addrset_has(v->out, v->tries[i].addr) +
		                      2 * addrset_has(v->others, v->tries[i].addr));

		model_put(out, &b, 1);
	}
}

int diversity_load(struct diversity *v, struct model_in *in)
{
	int rc;

	v->drawn = model_get_u64(in);
	v->own = model_get_u64(in);
	if (model_get_u32(in) != v->n && model_status(in) == 0)
		return model_reject(in, "another number of networks than the seeds have");
	for (uint32_t i = 0; i < v->n; i++) {
		struct net *w = &v->nets[i];
		uint8_t b[2];

		model_get(in, b, sizeof(b));
		w->promised = model_get_float(in);
		if (b[0] > w->n_tries || b[1] > 1 || !(w->promised >= 0))
			return model_reject(in, "a network in no possible state");
		w->at = b[0];
		w->found = b[1];
		rank(v, i);
	}
	rc = model_status(in);
	for (size_t i = 0; i < v->n_tries && rc >= 0; i++) {
		uint8_t b;

		model_get(in, &b, 1);
		if (b & 1)
			rc = addrset_add(v->out, v->tries[i].addr);
		if (b & 2 && rc >= 0)
			rc = addrset_add(v->others, v->tries[i].addr);
	}
	return rc < 0 ? rc : model_status(in);
}
