#include "tgen/diversity_moves.h"

#include <stdlib.h>
#include <string.h>

#include "common/addrset.h"
#include "common/pfxmap.h"

enum { FIRST = 8, NETS = 6000 /* are enough to learn from */, SPREAD = 31 };

unsigned dv_kind(struct addr128 a)
{
	if (a.lo < 0x10000)
		return 0;
	return (a.lo >> 24 & 0xffff) == 0xfffe ? 1 : 2;
}

unsigned dv_size(uint32_t n)
{
	return n < 4 ? n - 1 : n < 8 ? 3 : n < 16 ? 4 : 5;
}

bool dv_apply(const struct dv_moves *m, struct dv_move move, struct addr128 *a)
{
	int v;

	if (move.nibble == 32) {
		if (a->lo == m->iid[move.value])
			return false;
		a->lo = m->iid[move.value];
		return true;
	}
	v = (int)addr_nibble(*a, move.nibble) + move.value;
	if (v < 0 || v > 15)
		return false;
	*a = addr_set_nibble(*a, move.nibble, (unsigned)v);
	return true;
}

/* ---- what is common ------------------------------------------------------ */

struct common {
	struct addr128 what;
	uint32_t nets;
};

static int by_nets(const void *a, const void *b)
{
	const struct common *x = a, *y = b;

	if (x->nets != y->nets)
		return x->nets > y->nets ? -1 : 1;
	return addr_cmp(x->what, y->what);
}

/* Of the addresses that key() makes of seeds, each network's counted once, those
 * that the most networks have: at most max, descending. */
static int most_common(struct common *best, unsigned *n_best, unsigned max,
                       const struct addrvec *seeds, const struct dv_range *nets,
                       uint32_t n_nets, struct addr128 mask)
{
	struct pfxmap nets_of = { 0 };
	struct addrset *seen = addrset_new(1024);
	struct common *all = NULL;
	size_t n = 0;
	int rc = seen ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < n_nets && rc >= 0; i++) {
		for (uint32_t k = 0; k < nets[i].n && rc >= 0; k++) {
			struct addr128 a = seeds->a[nets[i].lo + k], once;
			uint32_t *slot;

			a.hi &= mask.hi;
			a.lo &= mask.lo;
			once = (struct addr128){ a.hi ^ (uint64_t)i << 32, a.lo };
			rc = addrset_add(seen, once);
			if (rc <= 0)
				continue;
			slot = pfxmap_slot(&nets_of, (struct prefix){ a, 128 });
			if (slot)
				++*slot;
			else
				rc = -ENOMEM;
		}
	}
	if (rc >= 0 && !(all = malloc((nets_of.n + 1) * sizeof(*all))))
		rc = -ENOMEM;
	for (size_t i = 0; i < nets_of.cap && rc >= 0; i++)
		if (nets_of.slots[i].used)
			all[n++] = (struct common){ nets_of.slots[i].addr,
				                    nets_of.slots[i].value };
	if (rc >= 0) {
		qsort(all, n, sizeof(*all), by_nets);
		*n_best = n < max ? (unsigned)n : max;
		memcpy(best, all, *n_best * sizeof(*all));
	}
	free(all);
	pfxmap_fini(&nets_of);
	addrset_free(seen);
	return rc < 0 ? rc : 0;
}

static int learn_common(struct dv_moves *m, const struct addrvec *seeds,
                        const struct dv_range *nets, uint32_t n_nets)
{
	const struct addr128 low = { 0, UINT64_MAX },
			     below_32 = { UINT32_MAX, UINT64_MAX };
	struct common c[DV_SPOTS];
	int rc = most_common(c, &m->n_iids, DV_IIDS, seeds, nets, n_nets, low);

	for (unsigned i = 0; rc == 0 && i < m->n_iids; i++)
		m->iid[i] = c[i].what.lo;
	if (rc == 0)
		rc = most_common(c, &m->n_spots, DV_SPOTS, seeds, nets, n_nets, below_32);
	for (unsigned i = 0; rc == 0 && i < m->n_spots; i++)
		m->spot[i].offset = c[i].what;
	return rc;
}

/* ---- how often moves lead to what is alive -------------------------------- */

struct trial {
	uint32_t misses, hits;
};

struct trials {
	struct trial nibble[DV_KINDS][DV_SIZES][32][SPREAD];
	struct trial iid[DV_KINDS][DV_SIZES][DV_IIDS];
	struct trial spot[DV_SPOTS][DV_SIZES];
};

/* One of n seeds leads to another: without that one, n - 1 would have. */
static void note(struct trial *sizes, size_t stride, uint32_t n, bool hit)
{
	if (!hit)
		sizes[stride * dv_size(n)].misses++;
	else if (n > 1)
		sizes[stride * dv_size(n - 1)].hits++;
}

static void try_seed(struct trials *t, const struct dv_moves *m,
                     const struct addrvec *seeds, struct addr128 a, uint32_t n)
{
	unsigned kind = dv_kind(a);

	for (unsigned j = FIRST; j < 32; j++) {
		int at = (int)addr_nibble(a, j);

		for (int v = 0; v < 16; v++)
			if (v != at)
				note(&t->nibble[kind][0][j][v - at + 15], 32 * SPREAD, n,
				     addrvec_contains(
					     seeds, addr_set_nibble(a, j, (unsigned)v)));
	}
	for (unsigned i = 0; i < m->n_iids; i++) {
		struct dv_move move = { .nibble = 32, .value = (int8_t)i };
		struct addr128 b = a;

		if (dv_apply(m, move, &b))
			note(&t->iid[kind][0][i], DV_IIDS, n, addrvec_contains(seeds, b));
	}
}

static void try_spots(struct trials *t, const struct dv_moves *m,
                      const struct addrvec *seeds, struct dv_range r)
{
	uint64_t base = seeds->a[r.lo].hi & ~(uint64_t)UINT32_MAX;

	for (unsigned i = 0; i < m->n_spots; i++) {
		struct addr128 a = { base | m->spot[i].offset.hi, m->spot[i].offset.lo };

		note(&t->spot[i][0], 1, r.n, addrvec_contains(seeds, a));
	}
}

static float rate(const struct trial *r)
{
	double hits = r->hits, tries = hits + r->misses + 50;

	return (float)(hits / tries);
}

static int by_rate(const void *a, const void *b)
{
	const struct dv_move *x = a, *y = b;

	if (x->rate < y->rate || x->rate > y->rate)
		return x->rate > y->rate ? -1 : 1;
	if (x->nibble != y->nibble)
		return x->nibble > y->nibble ? -1 : 1;
	return x->value - y->value;
}

static void choose(struct dv_moves *m, const struct trials *t, unsigned kind,
                   unsigned size)
{
	struct dv_move all[32 * SPREAD + DV_IIDS], *best = m->best[kind][size];
	unsigned n = 0, *k = &m->n[kind][size];

	for (unsigned j = FIRST; j < 32; j++)
		for (unsigned d = 0; d < SPREAD; d++)
			all[n++] = (struct dv_move){ rate(&t->nibble[kind][size][j][d]),
				                     (uint8_t)j, (int8_t)((int)d - 15) };
	for (unsigned i = 0; i < m->n_iids; i++)
		all[n++] =
			(struct dv_move){ rate(&t->iid[kind][size][i]), 32, (int8_t)i };
	qsort(all, n, sizeof(*all), by_rate);
	for (*k = 0; *k < DV_BEST && all[*k].rate > 0; ++*k)
		best[*k] = all[*k];
}

int dv_learn(struct dv_moves *m, const struct addrvec *seeds, const struct dv_range *nets,
             uint32_t n_nets)
{
	struct trials *t = calloc(1, sizeof(*t));
	uint32_t step = n_nets / NETS + 1;
	int rc = t ? 0 : -ENOMEM;

	*m = (struct dv_moves){ .n_iids = 0 };
	if (rc == 0)
		rc = learn_common(m, seeds, nets, n_nets);
	for (uint32_t i = 0; i < n_nets && rc == 0; i += step) {
		for (uint32_t k = 0; k < nets[i].n && k < DV_SAMPLE; k++)
			try_seed(t, m, seeds, seeds->a[dv_sample(nets[i], k)], nets[i].n);
		try_spots(t, m, seeds, nets[i]);
	}
	for (unsigned size = 0; size < DV_SIZES && rc == 0; size++) {
		for (unsigned kind = 0; kind < DV_KINDS; kind++)
			choose(m, t, kind, size);
		for (unsigned i = 0; i < m->n_spots; i++)
			m->spot[i].rate[size] = rate(&t->spot[i][size]);
	}
	free(t);
	return rc;
}
