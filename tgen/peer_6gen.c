/* 6gen: ranges that grow to take in the nearest seeds, densest first.
 *
 *   Murdock, Li, Bramsen, Durumeric, Paxson: "Target Generation for Internet-wide
 *   IPv6 Scanning", IMC 2017, section 5: the 6Gen algorithm.
 *
 * As in the paper: every seed begins as a cluster, a range of one address.  The
 * distance of a seed to a range is the number of nibbles that lie outside of it;
 * a cluster can grow to take in one of its nearest seeds, which frees those
 * nibbles (loose ranges).  Of all clusters the one grows that will have the highest
 * density, seeds by size, then the smaller one; clusters inside it go.  The
 * addresses of the range that has grown are the candidates.
 *
 * Otherwise:
 *  - the paper runs once per routed prefix, each with a budget of its own, and ends
 *    with it; here the seeds are parted by /32, all clusters compete, and it goes on
 *    as long as a cluster can grow;
 *  - the time is quadratic in the seeds of a part, so that parts of more than 2048
 *    seeds are cut at the next nibble, and again;
 *  - equals go by address, or by a number drawn with the seed, not at random.
 *
 * Offline: results are not used. */
#include <stdlib.h>
#include <string.h>

#include "tgen/peer.h"
#include "tgen/peer_heap.h"

enum { FIRST_CUT = 8, PART = 2048, TURN = 1024, MASKS = 64 };

/* Seeds that can come together: lo .. hi-1, and so the clusters that began as
 * those. */
struct part {
	uint32_t lo, hi;
};

struct cluster {
	struct peer_range range;
	uint32_t part;
	uint32_t grown; /* free nibbles once it has grown; equal: it cannot */
	uint32_t seeds; /* in it then */
	bool gone;
};

struct sixgen {
	const struct addr128 *a;
	uint32_t n;
	struct part *parts;
	uint32_t n_parts, cap_parts;
	struct cluster *clusters; /* one per seed */
	struct peer_heap heap;
	uint32_t now; /* the cluster that is written out */
	bool busy;
	struct addr128 cursor;
};

static void sixgen_free(void *core)
{
	struct sixgen *g = core;

	if (!g)
		return;
	free(g->parts);
	free(g->clusters);
	peer_heap_fini(&g->heap);
	free(g);
}

static int add_part(struct sixgen *g, struct part p)
{
	if (g->n_parts == g->cap_parts) {
		uint32_t cap = g->cap_parts ? 2 * g->cap_parts : 64;
		struct part *q = realloc(g->parts, cap * sizeof(*q));

		if (!q)
			return -ENOMEM;
		g->parts = q;
		g->cap_parts = cap;
	}
	g->parts[g->n_parts++] = p;
	return 0;
}

/* Cut lo .. hi-1 wherever the first cut nibbles change, and what is too big
 * again. */
static int cut_parts(struct sixgen *g, uint32_t lo, uint32_t hi, unsigned cut)
{
	uint32_t end;
	int rc = 0;

	for (uint32_t i = lo; i < hi && rc == 0; i = end) {
		for (end = i;
		     end < hi && addr_common_bits(g->a[i], g->a[end]) >= 4 * cut;)
			end++;
		if (end - i > PART && cut < 31)
			rc = cut_parts(g, i, end, cut + 1);
		else
			rc = add_part(g, (struct part){ i, end });
	}
	return rc;
}

static uint32_t count_in(const struct sixgen *g, const struct part *p,
                         struct peer_range r)
{
	struct addr128 m = peer_mask(r.free);
	uint32_t n = 0;

	for (uint32_t i = p->lo; i < p->hi; i++)
		n += (g->a[i].hi & ~m.hi) == r.base.hi &&
		     (g->a[i].lo & ~m.lo) == r.base.lo;
	return n;
}

/* The masks of free nibbles with which a range would take in a nearest seed; how
 * many there are.  More than MASKS different ones at the same distance: the first. */
static unsigned nearest(const struct sixgen *g, const struct cluster *c,
                        uint32_t masks[MASKS])
{
	const struct part *p = &g->parts[c->part];
	int least = 33;
	unsigned n = 0;

	for (uint32_t i = p->lo; i < p->hi; i++) {
		uint32_t out = peer_difference(g->a[i], c->range.base) & ~c->range.free;
		int distance = __builtin_popcount(out);
		unsigned k = 0;

		if (distance == 0 || distance > least)
			continue;
		if (distance < least)
			n = 0;
		least = distance;
		while (k < n && masks[k] != out)
			k++;
		if (k == n && n < MASKS)
			masks[n++] = out;
	}
	return n;
}

/* Decide how a cluster would grow best. */
static void look(struct sixgen *g, uint32_t i)
{
	struct cluster *c = &g->clusters[i];
	uint32_t masks[MASKS];
	unsigned n = nearest(g, c, masks);

	c->grown = c->range.free;
	for (unsigned k = 0; k < n; k++) {
		uint32_t free = c->range.free | masks[k];
		uint32_t in = count_in(g, &g->parts[c->part],
		                       peer_range_of(c->range.base, free));

		/* All are of the same size. */
		if (c->grown != c->range.free && in <= c->seeds)
			continue;
		c->grown = free;
		c->seeds = in;
	}
	if (n > 0)
		peer_heap_set(&g->heap, i,
		              (struct peer_key){ c->seeds / peer_range_size(c->grown),
		                                 -peer_range_size(c->grown) });
	else
		peer_heap_remove(&g->heap, i);
}

static int train_sixgen(void **core, const struct addrvec *seeds, uint64_t seed,
                        struct diag *d)
{
	struct sixgen *g = calloc(1, sizeof(*g));
	int rc = g ? 0 : -ENOMEM;

	(void)d;
	if (rc < 0)
		return rc;
	g->a = seeds->a;
	g->n = (uint32_t)seeds->n;
	g->clusters = calloc(g->n, sizeof(*g->clusters));
	rc = peer_heap_init(&g->heap, g->n, seed);
	if (!g->clusters)
		rc = -ENOMEM;
	if (rc == 0)
		rc = cut_parts(g, 0, g->n, FIRST_CUT);
	for (uint32_t k = 0; k < g->n_parts && rc == 0; k++) {
		for (uint32_t i = g->parts[k].lo; i < g->parts[k].hi; i++) {
			g->clusters[i].range = peer_range_of(g->a[i], 0);
			g->clusters[i].part = k;
			look(g, i);
		}
	}
	if (rc < 0) {
		sixgen_free(g);
		return rc;
	}
	*core = g;
	return 0;
}

/* The best cluster grows, and swallows those that lie inside it. */
static bool grow(struct sixgen *g)
{
	struct cluster *c;
	uint32_t i;

	if (!peer_heap_top(&g->heap, &i))
		return false;
	c = &g->clusters[i];
	c->range = peer_range_of(c->range.base, c->grown);
	for (uint32_t k = g->parts[c->part].lo; k < g->parts[c->part].hi; k++) {
		struct cluster *o = &g->clusters[k];

		if (k == i || o->gone || (o->range.free & ~c->range.free) ||
		    !peer_range_has(c->range, o->range.base))
			continue;
		o->gone = true;
		peer_heap_remove(&g->heap, k);
	}
	g->now = i;
	g->cursor = c->range.base;
	g->busy = true;
	return true;
}

static int sixgen_step(void *core, struct peer *p)
{
	struct sixgen *g = core;
	struct cluster *c;
	double density;

	if (!g->busy && !grow(g))
		return 0;
	c = &g->clusters[g->now];
	density = c->seeds / peer_range_size(c->range.free);
	g->busy = !peer_pruned(p, peer_range_prefix(c->range));
	for (unsigned k = 0; k < TURN && g->busy; k++) {
		if (peer_offer_from(p, c->range, &g->cursor, &g->busy, g->now, density) <
		    0)
			return -ENOMEM;
	}
	if (!g->busy)
		look(g, g->now);
	return 1;
}

static uint64_t sixgen_regions(const void *core)
{
	const struct sixgen *g = core;

	return g->n;
}

static const struct peer_core peer_sixgen = { train_sixgen, sixgen_free, sixgen_step,
	                                      NULL, sixgen_regions };

PEER_ALGORITHM(sixgen, "6gen",
               "6Gen (2017): ranges that grow to the nearest seeds, densest first");
