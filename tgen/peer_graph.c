/* 6graph and 6forest: patterns mined from clusters of seeds.
 *
 *   6Graph: Yang, Cai, Hou, Zhou: "6Graph: A graph-theoretic approach to address
 *   pattern mining for Internet-wide IPv6 scanning", Computer Networks 203 (2022).
 *   6Forest: Yang, Cai, Hou, Zhou: "6Forest: An Ensemble Learning-based Approach to
 *   Target Generation for Internet-wide IPv6 Scanning", INFOCOM 2022.
 *
 * Both split the seeds until at most 16 are together (6graph: at the leftmost nibble
 * that varies; 6forest: at the one in which most seeds share their value with
 * another, at most 15), and then look for outliers.
 *
 * 6graph: the seeds of a leaf are a graph, with an edge between any two that differ
 * in at most 12 nibbles.  Edges are taken by rising difference; each joins the two
 * clusters at its ends if the density of the result, seeds by size of the pattern,
 * is higher than that of both.  Single ones are outliers: those of all leaves
 * together are split and clustered again, three times.
 *
 * 6forest: in a leaf, a seed is the more isolated the fewer others share its
 * values; those beyond three standard deviations of the mean go, again and again,
 * and what is left is a pattern.
 *
 * A pattern has the nibbles free in which its seeds differ.  The papers leave the
 * order open (their code writes patterns out as they are found).  Here: the
 * densest pattern first, and, as their programs do for patterns with many free
 * nibbles, first what differs from a seed in one free nibble, the rightmost in all
 * patterns, then the next one; after that whole patterns.  There the papers end; here all patterns get one more nibble
 * free then, the rightmost that is not, and so on.
 *
 * Offline: results are not used. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tgen/peer.h"
#include "tgen/peer_tree.h"

enum { LEAF = 16, FOREST_LEAF = 15, FAR = 12, ROUNDS = 4, TURN = 1024, WHOLE = 32 };

struct pattern {
	uint32_t lo, n; /* its seeds, in members */
	uint32_t id;    /* the region */
	uint32_t free;
	double density;
};

struct mine {
	bool forest;
	struct addrvec members, outliers;
	struct pattern *patterns;
	uint32_t n, cap;
	/* Where writing them out is: a pass for each free nibble, then whole. */
	unsigned pass; /* WHOLE: that */
	bool begun;
	uint32_t at;
	struct addr128 cursor;
};

static void mine_free(void *core)
{
	struct mine *m = core;

	if (!m)
		return;
	addrvec_fini(&m->members);
	addrvec_fini(&m->outliers);
	free(m->patterns);
	free(m);
}

/* A cluster becomes a pattern. */
static int add_pattern(struct mine *m, const struct addr128 *a, uint32_t n)
{
	uint32_t free = peer_varying(a, n);
	int rc = 0;

	if (m->n == m->cap) {
		uint32_t cap = m->cap ? 2 * m->cap : 256;
		struct pattern *q = realloc(m->patterns, cap * sizeof(*q));

		if (!q)
			return -ENOMEM;
		m->patterns = q;
		m->cap = cap;
	}
	m->patterns[m->n++] = (struct pattern){ .lo = (uint32_t)m->members.n,
		                                .n = n,
		                                .free = free,
		                                .density = n / peer_range_size(free) };
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = addrvec_push(&m->members, a[i]);
	return rc;
}

/* ---- 6graph -------------------------------------------------------------- */

struct edge {
	uint8_t a, b, length;
};

struct graph {
	uint8_t root[LEAF];  /* by seed: its cluster's first seed */
	uint32_t free[LEAF]; /* by cluster */
	uint8_t n[LEAF];
	struct edge edges[LEAF * LEAF / 2];
	unsigned n_edges;
};

static int shorter(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return (x->a - y->a) * LEAF + (x->b - y->b);
}

static void make_graph(struct graph *g, const struct addr128 *a, unsigned n)
{
	g->n_edges = 0;
	for (unsigned i = 0; i < n; i++) {
		g->root[i] = (uint8_t)i;
		g->free[i] = 0;
		g->n[i] = 1;
		for (unsigned k = i + 1; k < n; k++) {
			unsigned far =
				(unsigned)__builtin_popcount(peer_difference(a[i], a[k]));

			if (far <= FAR)
				g->edges[g->n_edges++] =
					(struct edge){ (uint8_t)i, (uint8_t)k,
					               (uint8_t)far };
		}
	}
	qsort(g->edges, g->n_edges, sizeof(g->edges[0]), shorter);
}

/* Two single seeds may always come together: alone neither is a pattern. */
static bool worth_it(const struct graph *g, unsigned i, unsigned k, uint32_t free)
{
	double together = (g->n[i] + g->n[k]) / peer_range_size(free);
	double one = g->n[i] > 1 ? g->n[i] / peer_range_size(g->free[i]) : 0;
	double other = g->n[k] > 1 ? g->n[k] / peer_range_size(g->free[k]) : 0;

	return together >= fmax(one, other);
}

static int mine_graph(struct mine *m, const struct addr128 *a, uint32_t n)
{
	struct addr128 own[LEAF];
	struct graph g;
	int rc = 0;

	make_graph(&g, a, n);
	for (unsigned e = 0; e < g.n_edges; e++) {
		unsigned i = g.root[g.edges[e].a], k = g.root[g.edges[e].b];
		uint32_t free = g.free[i] | g.free[k] |
		                peer_difference(a[g.edges[e].a], a[g.edges[e].b]);

		if (i == k || !worth_it(&g, i, k, free))
			continue;
		for (unsigned s = 0; s < n; s++)
			if (g.root[s] == k)
				g.root[s] = (uint8_t)i;
		g.free[i] = free;
		g.n[i] = (uint8_t)(g.n[i] + g.n[k]);
	}
	for (unsigned r = 0; r < n && rc == 0; r++) {
		unsigned k = 0;

		for (unsigned s = 0; s < n; s++)
			if (g.root[s] == r)
				own[k++] = a[s];
		if (k == 1)
			rc = addrvec_push(&m->outliers, own[0]);
		else if (k > 1)
			rc = add_pattern(m, own, k);
	}
	return rc;
}

/* ---- 6forest ------------------------------------------------------------- */

/* How isolated a seed is among n: the mean, over the nibbles that vary, of the
 * information in its value. */
static double isolation(const struct addr128 *a, unsigned n, unsigned i, uint32_t vary)
{
	double sum = 0;

	for (uint32_t left = vary; left; left &= left - 1) {
		unsigned j = (unsigned)__builtin_ctz(left), same = 0;

		for (unsigned k = 0; k < n; k++)
			same += addr_nibble(a[k], j) == addr_nibble(a[i], j);
		sum -= log2(same / (double)n);
	}
	return sum / fmax(1, __builtin_popcount(vary));
}

static int mine_forest(struct mine *m, const struct addr128 *leaf, uint32_t n)
{
	struct addr128 a[LEAF];
	double w[LEAF];
	uint32_t kept = n;
	int rc = 0;

	memcpy(a, leaf, n * sizeof(*a));
	do {
		uint32_t vary = peer_varying(a, n = kept);
		double mean = 0, spread = 0;

		kept = 0;
		for (unsigned i = 0; i < n; i++)
			mean += w[i] = isolation(a, n, i, vary);
		mean /= n;
		for (unsigned i = 0; i < n; i++)
			spread += (w[i] - mean) * (w[i] - mean) / n;
		for (unsigned i = 0; i < n && rc == 0; i++) {
			if (w[i] > mean + 3 * sqrt(spread) + 1e-9)
				rc = addrvec_push(&m->outliers, a[i]);
			else
				a[kept++] = a[i];
		}
	} while (kept < n && rc == 0);
	if (rc < 0)
		return rc;
	return kept > 1 ? add_pattern(m, a, kept) : addrvec_push(&m->outliers, a[0]);
}

/* ---- both ---------------------------------------------------------------- */

static int mine_leaves(struct mine *m, const struct addrvec *seeds)
{
	struct peer_tree t;
	int rc = peer_tree_build(&t, seeds, m->forest ? PEER_MAX_COVERING : PEER_LEFTMOST,
	                         m->forest ? FOREST_LEAF : LEAF);

	for (uint32_t i = 0; i < t.n_nodes && rc == 0; i++) {
		const struct peer_node *u = &t.nodes[i];

		if (u->split != PEER_LEAF)
			continue;
		rc = m->forest ? mine_forest(m, t.a + u->lo, u->n)
		               : mine_graph(m, t.a + u->lo, u->n);
	}
	peer_tree_fini(&t);
	return rc;
}

static int by_density(const void *a, const void *b)
{
	const struct pattern *x = a, *y = b;

	if (x->density < y->density || x->density > y->density)
		return x->density > y->density ? -1 : 1;
	return (x->lo > y->lo) - (x->lo < y->lo);
}

static int train(void **core, const struct addrvec *seeds, bool forest)
{
	struct mine *m = calloc(1, sizeof(*m));
	struct addrvec rest = { 0 };
	int rc = m ? 0 : -ENOMEM;

	if (rc < 0)
		return rc;
	m->forest = forest;
	rc = mine_leaves(m, seeds);
	for (unsigned round = 1; round < ROUNDS && rc == 0 && m->outliers.n > 1;
	     round++) {
		rest = m->outliers;
		m->outliers = (struct addrvec){ 0 };
		rc = addrvec_sort(&rest);
		if (rc == 0)
			rc = mine_leaves(m, &rest);
		addrvec_fini(&rest);
	}
	/* So that even a single seed has something around it. */
	for (size_t i = 0; i < m->outliers.n && rc == 0; i++)
		rc = add_pattern(m, &m->outliers.a[i], 1);
	if (rc < 0) {
		mine_free(m);
		return rc;
	}
	if (m->n)
		qsort(m->patterns, m->n, sizeof(*m->patterns), by_density);
	for (uint32_t i = 0; i < m->n; i++)
		m->patterns[i].id = i;
	*core = m;
	return 0;
}

static int train_sixgraph(void **core, const struct addrvec *seeds, uint64_t seed,
                          struct diag *d)
{
	(void)seed;
	(void)d;
	return train(core, seeds, false);
}

static int train_sixforest(void **core, const struct addrvec *seeds, uint64_t seed,
                           struct diag *d)
{
	(void)seed;
	(void)d;
	return train(core, seeds, true);
}

/* What differs from a seed of the pattern in its free nibble number m->pass, from
 * the right: 0 when that was all, 1, or negative. */
static int write_near(struct mine *m, struct peer *p, const struct pattern *x)
{
	uint32_t left = x->free;

	for (unsigned k = 0; k < m->pass && left; k++)
		left &= ~(UINT32_C(1) << (31 - __builtin_clz(left)));
	if (!left)
		return 0;
	for (uint32_t i = 0; i < x->n; i++)
		for (unsigned v = 0; v < 16; v++) {
			struct addr128 a = m->members.a[x->lo + i];
			unsigned nibble = 31 - (unsigned)__builtin_clz(left);

			a = addr_set_nibble(a, nibble, v);
			if (peer_offer(p, a, x->id, x->density) < 0)
				return -ENOMEM;
		}
	return 0;
}

static int write_whole(struct mine *m, struct peer *p, const struct pattern *x)
{
	struct peer_range r = peer_range_of(m->members.a[x->lo], x->free);

	if (!m->begun)
		m->cursor = r.base;
	m->begun = true;
	for (unsigned k = 0; k < TURN && m->begun; k++) {
		if (peer_offer_from(p, r, &m->cursor, &m->begun, x->id, x->density) < 0)
			return -ENOMEM;
	}
	return m->begun;
}

/* One more nibble is free in each pattern, but never the first of the address;
 * false: there is none left to free. */
static bool widen(struct mine *m)
{
	bool any = false;

	for (uint32_t i = 0; i < m->n; i++) {
		struct pattern *x = &m->patterns[i];
		uint32_t fixed = ~x->free & ~UINT32_C(1);

		if (fixed == 0)
			continue;
		x->free |= UINT32_C(1) << (31 - __builtin_clz(fixed));
		x->density = x->n / peer_range_size(x->free);
		any = true;
	}
	if (any)
		qsort(m->patterns, m->n, sizeof(*m->patterns), by_density);
	return any;
}

static int mine_step(void *core, struct peer *p)
{
	struct mine *m = core;
	const struct pattern *x;
	int rc = 0;

	if (m->at == m->n) {
		if (m->pass == WHOLE && !widen(m))
			return 0;
		m->at = 0;
		m->pass += m->pass < WHOLE;
		return 1;
	}
	x = &m->patterns[m->at];
	if (!peer_pruned(p,
	                 peer_range_prefix(peer_range_of(m->members.a[x->lo], x->free))))
		rc = m->pass == WHOLE ? write_whole(m, p, x) : write_near(m, p, x);
	m->at += rc == 0;
	return rc < 0 ? rc : 1;
}

static uint64_t mine_regions(const void *core)
{
	const struct mine *m = core;

	return m->n;
}

static const struct peer_core peer_sixgraph = { train_sixgraph, mine_free, mine_step,
	                                        NULL, mine_regions };
static const struct peer_core peer_sixforest = { train_sixforest, mine_free, mine_step,
	                                         NULL, mine_regions };

PEER_ALGORITHM(sixgraph, "6graph",
               "6Graph (2022): patterns of seeds that a graph of distances connects");
PEER_ALGORITHM(sixforest, "6forest",
               "6Forest (2022): patterns of clusters without their isolated seeds");
