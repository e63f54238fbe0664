#include "tgen/space_walk.h"

#include <math.h>
#include <string.h>

/* Costs are integers, so that a band's ends are exact and an address that was
 * in one band cannot be in the next one too.
 *
 * Given the region, its dimensions are taken as independent.  (Making each
 * nibble depend on the one before was measured and brings nothing: regions are
 * small, and the tree has done the conditioning.) */
#define MAX_COST 60000

/* Spread mass over the values that were not seen. */
static void spread(double q[16], const struct st_tables *tb, unsigned j, uint16_t seen,
                   double mass, const uint32_t *around)
{
	uint64_t unseen = st_unseen(around, seen);
	double sum = 0;

	for (unsigned v = 0; v < 16; v++) {
		if (seen >> v & 1)
			continue;
		q[v] = tb->rel_weight[st_pos_class(j)][st_rel_class(seen, v)]
		                     [st_pop_class(around, unseen, v)];
		sum += q[v];
	}
	for (unsigned v = 0; v < 16; v++)
		if (!(seen >> v & 1))
			q[v] *= mass / sum;
}

/* The distribution of nibble j in a node of n seeds. */
static void distribution(double q[16], const struct space_model *m, unsigned j,
                         uint32_t n, const uint32_t of[16], const uint32_t *around)
{
	const struct st_tables *tb = m->tables;
	uint16_t seen = st_values(of);
	unsigned k = (unsigned)__builtin_popcount(seen);
	double novel = 0, sum = 0;

	if (k < 16)
		novel = st_share(
			tb->novel[st_pos_class(j)][st_kinds_class(k)][st_count_class(n)],
			0.1);
	for (unsigned v = 0; v < 16; v++) {
		q[v] = m->damped[of[v]];
		sum += q[v];
	}
	for (unsigned v = 0; v < 16; v++)
		q[v] *= (1 - novel) / sum;
	if (k < 16)
		spread(q, tb, j, seen, novel, around);
}

/* -log2(q) in cost units, within half of one: Taylor around 1.5 for the mantissa. */
static uint16_t cost_of(double q)
{
	int e;
	double x = frexp(q, &e) * 2 - 1.5, c;

	c = 0.58496250 +
	    x * (0.96179669 + x * (-0.32059890 + x * (0.14248840 + x * -0.07124420)));
	c = -(e - 1 + c) * ST_COST_BIT;
	return (uint16_t)(c <= 0 ? 0 : c < MAX_COST ? c : MAX_COST);
}

static void add_dim(struct st_walk *w, unsigned nibble, unsigned keep, const double q[16])
{
	struct st_dim *d = &w->dim[w->n++];

	d->nibble = (uint8_t)nibble;
	d->keep = (uint8_t)keep;
	d->n = 0;
	for (unsigned v = 0; v < 16; v++) {
		uint16_t c;
		unsigned i;

		if (q[v] <= 0)
			continue;
		c = cost_of(q[v]);
		for (i = d->n++; i > 0 && d->cost[i - 1] > c; i--) {
			d->cost[i] = d->cost[i - 1];
			d->value[i] = d->value[i - 1];
		}
		d->cost[i] = c;
		d->value[i] = (uint8_t)v;
	}
}

static uint32_t sample_step(uint32_t n)
{
	return n <= ST_SAMPLE ? 1 : n / ST_SAMPLE;
}

static void add_free_dims(struct st_walk *w, const struct space_model *m,
                          const struct st_node *u, uint32_t dims,
                          const struct st_counts *around)
{
	struct st_counts c;
	double q[16];

	st_count(&c, m, u, sample_step(u->n), dims);
	for (; dims; dims &= dims - 1) {
		unsigned j = (unsigned)__builtin_ctz(dims);

		distribution(q, m, j, u->n, c.of[j], around ? around->of[j] : NULL);
		add_dim(w, j, 16, q);
	}
}

static void model_novel(struct st_walk *w, const struct space_model *m, uint32_t node)
{
	const struct st_node *u = &m->nodes[node], *p;
	uint32_t above = st_surroundings(m, node);
	struct st_counts counts, *around = above ? &counts : NULL;
	double q[16] = { 0 };

	p = &m->nodes[above];
	if (around)
		st_count(around, m, p, sample_step(p->n), u->free);
	spread(q, m->tables, u->branch, u->seen, 1,
	       around ? around->of[u->branch] : NULL);
	add_dim(w, u->branch, 16, q);
	add_free_dims(w, m, u, u->free & ~st_bit(u->branch), around);
}

static void model_deviant(struct st_walk *w, const struct space_model *m, uint32_t node)
{
	const struct st_node *c = &m->nodes[node], *u = &m->nodes[c->parent];
	uint32_t dims = u->free & ~st_bit(u->branch);
	struct st_counts counts;
	double q[16];

	st_count(&counts, m, u, sample_step(u->n), dims);
	for (uint32_t d = dims & ~c->free; d; d &= d - 1) {
		unsigned j = (unsigned)__builtin_ctz(d), f = addr_nibble(w->at, j);
		uint32_t *of = counts.of[j];
		double keep, rest;

		of[f] += of[f] == 0; /* the sample may have missed it */
		distribution(q, m, j, u->n, of, NULL);
		keep = st_share(m->tables->keep[st_pos_class(j)][st_kinds_class(
					(unsigned)__builtin_popcount(st_values(of)))]
		                               [st_count_class(c->n)],
		                0.5);
		rest = 1 - q[f];
		for (unsigned v = 0; v < 16; v++)
			q[v] = v == f ? keep : q[v] * (1 - keep) / rest;
		add_dim(w, j, f, q);
	}
	add_free_dims(w, m, c, dims & c->free, &counts);
}

static uint32_t plus(uint32_t a, uint32_t b)
{
	return b == ST_NO_COST ? b : a + b;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void set_bounds(struct st_walk *w)
{
	w->low[w->n] = w->high[w->n] = 0;
	w->low_dev[w->n] = ST_NO_COST;
	for (unsigned i = w->n; i-- > 0;) {
		const struct st_dim *d = &w->dim[i];
		uint32_t best = ST_NO_COST;

		w->low[i] = w->low[i + 1] + d->cost[0];
		w->high[i] = w->high[i + 1] + d->cost[d->n - 1];
		for (unsigned x = 0; x < d->n; x++) {
			bool dev = d->keep < 16 && d->value[x] != d->keep;

			best = least(best, plus(d->cost[x],
			                        (dev ? w->low : w->low_dev)[i + 1]));
		}
		w->low_dev[i] = best;
	}
}

void st_walk_model(struct st_walk *w, const struct space_model *m,
                   const struct st_region *r)
{
	w->at = m->seeds[m->nodes[r->id / 2].lo];
	w->n = 0;
	w->deviates[0] = r->id % 2 == ST_NOVEL;
	if (r->id % 2 == ST_NOVEL)
		model_novel(w, m, r->id / 2);
	else
		model_deviant(w, m, r->id / 2);
	set_bounds(w);
	w->next = (w->deviates[0] ? w->low : w->low_dev)[0];
}

void st_walk_start(struct st_walk *w, const struct st_region *r, uint32_t limit)
{
	w->from = r->from;
	w->limit = limit;
	w->next = ST_NO_COST;
	w->level = 0;
	w->index[0] = 0;
	w->cost[0] = 0;
}

bool st_walk_next(struct st_walk *w, struct addr128 *a, uint32_t *cost)
{
	while (w->level >= 0) {
		unsigned k = (unsigned)w->level, i = w->index[k]++;
		const struct st_dim *d = &w->dim[k];
		uint32_t c, bound;
		bool dev;

		if (i == d->n) {
			w->level--;
			continue;
		}
		c = w->cost[k] + d->cost[i];
		dev = w->deviates[k] || (d->keep < 16 && d->value[i] != d->keep);
		bound = plus(c, (dev ? w->low : w->low_dev)[k + 1]);
		if (bound > w->limit) {
			w->next = least(w->next, bound);
			w->level -= dev; /* values only get dearer */
			continue;
		}
		if (c + w->high[k + 1] < w->from)
			continue;
		w->at = addr_set_nibble(w->at, d->nibble, d->value[i]);
		if (k + 1 < w->n) {
			w->cost[k + 1] = c;
			w->deviates[k + 1] = dev;
			w->index[++w->level] = 0;
		} else if (c >= w->from) {
			*a = w->at;
			*cost = c;
			return true;
		}
	}
	return false;
}

bool st_walk_resume(struct st_walk *w, uint32_t next, uint32_t level,
                    const uint8_t index[static ST_DIMS])
{
	w->next = next;
	w->level = level == UINT32_MAX ? -1 : (int)level;
	if (level == UINT32_MAX)
		return true;
	if (level >= w->n || index[level] > w->dim[level].n)
		return false;
	memcpy(w->index, index, sizeof(w->index));
	for (uint32_t k = 0; k < level; k++) {
		const struct st_dim *d = &w->dim[k];
		unsigned i = index[k] - 1u;

		if (i >= d->n)
			return false;
		w->cost[k + 1] = w->cost[k] + d->cost[i];
		w->deviates[k + 1] =
			w->deviates[k] || (d->keep < 16 && d->value[i] != d->keep);
		w->at = addr_set_nibble(w->at, d->nibble, d->value[i]);
	}
	return true;
}
