/* 6tree and det: space trees whose leaves grow, the best first, by what was found.
 *
 *   6Tree: Liu, Xiong, Liu, Xie, Zhu: "6Tree: Efficient dynamic discovery of active
 *   addresses in the IPv6 address space", Computer Networks 155 (2019): space tree
 *   generation by divisive hierarchical clustering (section 4), dynamic scanning
 *   by active address density (section 5).
 *   DET: Song, Yang, He, Wang, Li, Yu, Duan, Liu: "DET: Enabling Efficient Probing
 *   of IPv6 Active Addresses", IEEE/ACM Transactions on Networking 30 (2022): the
 *   density space tree, split at the nibble of least entropy.
 *
 * As in the papers: leaves of at most 16 seeds.  A leaf's space is first that of
 * its seeds; each turn frees one more nibble, from a stack: those in which the
 * leaf's seeds differ (6tree: rightmost first; det: that of the highest entropy
 * first, the reverse of the splits), then the nibbles at which the nodes above
 * were split, upwards.  Where a node has used up its own, it joins those of its
 * siblings that have, as their parent.  Every leaf gets one turn to begin with;
 * from then on turns go to the node with the highest density, active addresses by
 * addresses scanned, where the seeds count as scanned and active.
 *
 * Otherwise:
 *  - a turn is at most 256 addresses; the papers scan all of a space that has grown
 *    before they look at densities again, which a big space makes expensive;
 *  - what was scanned and has no result counts as inactive until it has one;
 *  - while there is no result at all, offline, the node comes next whose space will
 *    have the most seeds by size once it has grown: dense small spaces first;
 *  - nothing is probed twice, seeds not at all; DET has turns of a tenth of the
 *    nodes at once;
 *  - no test for aliases: that is the caller's (tgen_prune);
 *  - after the root, nibbles in which no seeds differ are freed, rightmost first. */
#include <stdlib.h>
#include <string.h>

#include "tgen/peer.h"
#include "tgen/peer_heap.h"
#include "tgen/peer_tree.h"

enum { LEAF = 16, TURN = 256, LOWEST = 1 /* nibble 0 is left as it is */ };
#define NOBODY UINT32_MAX

/* A leaf that grows; some day it stands for an inner node. */
struct area {
	uint32_t node;
	uint32_t todo;   /* nibbles of its own still to be freed */
	uint32_t joined; /* the area that it is a part of now; NOBODY: none */
	struct peer_range *ranges;
	uint32_t n_ranges, cap_ranges;
	uint32_t at; /* ranges[at] is being scanned, ... */
	bool begun;  /* ... from cursor on */
	struct addr128 cursor;
	uint32_t seeds;
	uint64_t scanned, alive;
	double size; /* of the ranges together */
};

struct search {
	enum peer_split rule;
	struct peer_tree tree;
	struct area *areas;
	uint32_t n;
	uint32_t *of_node; /* the area that stands for a node; NOBODY: none yet */
	struct peer_heap heap;
	bool online; /* there was a result */
};

static void search_free(void *core)
{
	struct search *s = core;

	if (!s)
		return;
	for (uint32_t i = 0; i < s->n; i++)
		free(s->areas[i].ranges);
	free(s->areas);
	free(s->of_node);
	peer_heap_fini(&s->heap);
	peer_tree_fini(&s->tree);
	free(s);
}

/* ---- which comes next ---------------------------------------------------- */

static double density(const struct search *s, const struct area *x)
{
	if (!s->online)
		return (double)x->seeds / (x->size > 1 ? x->size : 1);
	return (double)(x->seeds + x->alive) / (double)(x->seeds + x->scanned);
}

static void rank(struct search *s, uint32_t i)
{
	const struct area *x = &s->areas[i];

	if (x->joined == NOBODY && x->n_ranges > 0)
		peer_heap_set(&s->heap, i,
		              (struct peer_key){ density(s, x), x->seeds / x->size });
	else
		peer_heap_remove(&s->heap, i);
}

/* ---- growing ------------------------------------------------------------- */

static int by_base(const void *a, const void *b)
{
	const struct peer_range *x = a, *y = b;
	int c = addr_cmp(x->base, y->base);

	return c ? c : (x->free > y->free) - (x->free < y->free);
}

/* Free a nibble in all ranges; those that become equal are one. */
static void free_nibble(struct area *x, unsigned nibble)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < x->n_ranges; i++)
		x->ranges[i] = peer_range_of(x->ranges[i].base,
		                             x->ranges[i].free | UINT32_C(1) << nibble);
	qsort(x->ranges, x->n_ranges, sizeof(*x->ranges), by_base);
	x->size = 0;
	for (uint32_t i = 0; i < x->n_ranges; i++) {
		if (kept > 0 && by_base(&x->ranges[kept - 1], &x->ranges[i]) == 0)
			continue;
		x->ranges[kept++] = x->ranges[i];
		x->size += peer_range_size(x->ranges[i].free);
	}
	x->n_ranges = kept;
	x->at = 0;
	x->begun = false;
}

static unsigned next_own(const struct search *s, const struct area *x)
{
	const struct peer_node *u = &s->tree.nodes[x->node];
	unsigned rightmost = 31 - (unsigned)__builtin_clz(x->todo), best = rightmost;
	double most = -1;

	if (s->rule != PEER_MIN_ENTROPY || u->split != PEER_LEAF)
		return rightmost;
	for (unsigned j = 32; j-- > 0;) {
		double h;

		if (!(x->todo >> j & 1))
			continue;
		h = peer_entropy_of(s->tree.a + u->lo, u->n, j);
		if (h > most + 1e-9) {
			most = h;
			best = j;
		}
	}
	return best;
}

/* The nibbles that the area of `to` has freed since it was at the node at. */
static uint32_t freed_since(const struct search *s, const struct area *to, uint32_t at)
{
	uint32_t mask = 0;

	for (; at != to->node; at = s->tree.nodes[at].parent)
		mask |= UINT32_C(1) << s->tree.nodes[at].split;
	return mask | (UINT32_C(1) << s->tree.nodes[at].split & ~to->todo);
}

static int join(struct search *s, struct area *x, struct area *to)
{
	uint32_t more = freed_since(s, to, s->tree.nodes[x->node].parent);

	if (to->n_ranges + x->n_ranges > to->cap_ranges) {
		uint32_t cap = 2 * (to->n_ranges + x->n_ranges);
		struct peer_range *r = realloc(to->ranges, cap * sizeof(*r));

		if (!r)
			return -ENOMEM;
		to->ranges = r;
		to->cap_ranges = cap;
	}
	for (uint32_t i = 0; i < x->n_ranges; i++) {
		struct peer_range r =
			peer_range_of(x->ranges[i].base, x->ranges[i].free | more);

		to->ranges[to->n_ranges++] = r;
		to->size += peer_range_size(r.free);
	}
	to->seeds += x->seeds;
	to->scanned += x->scanned;
	to->alive += x->alive;
	free(x->ranges);
	x->ranges = NULL;
	x->n_ranges = x->cap_ranges = 0;
	x->joined = (uint32_t)(to - s->areas);
	return 0;
}

/* The area of a child has nothing of its own left: it stands for the parent, or
 * becomes a part of the area that does, which *i is then. */
static int climb(struct search *s, uint32_t *i)
{
	struct area *x = &s->areas[*i];
	uint32_t parent = s->tree.nodes[x->node].parent, to = s->of_node[parent];
	int rc;

	if (to == NOBODY) {
		s->of_node[parent] = *i;
		x->node = parent;
		x->todo = UINT32_C(1) << s->tree.nodes[parent].split;
		return 0;
	}
	while (s->areas[to].joined != NOBODY)
		to = s->areas[to].joined;
	rc = join(s, x, &s->areas[to]);
	rank(s, *i);
	*i = to;
	return rc;
}

/* The nibbles that some range has not freed yet, but for the first one. */
static uint32_t still_fixed(const struct area *x)
{
	uint32_t free = UINT32_MAX;

	for (uint32_t i = 0; i < x->n_ranges; i++)
		free &= x->ranges[i].free;
	return ~free & ~((UINT32_C(1) << LOWEST) - 1);
}

/* All of an area's space was scanned: what it is to be next. */
static int grow(struct search *s, uint32_t i)
{
	uint32_t first = i;
	struct area *x = &s->areas[i];
	unsigned nibble;
	int rc = 0;

	while (x->todo == 0 && x->node != 0 && i == first && rc == 0) {
		rc = climb(s, &i);
		x = &s->areas[i];
	}
	if (rc == 0 && i == first) {
		if (x->todo == 0)
			x->todo = still_fixed(x);
		if (x->todo == 0) {
			x->n_ranges = 0; /* that was all there is */
		} else {
			nibble = next_own(s, x);
			x->todo &= ~(UINT32_C(1) << nibble);
			free_nibble(x, nibble);
		}
	}
	rank(s, i);
	return rc;
}

/* ---- the core ------------------------------------------------------------ */

static int init_area(struct search *s, uint32_t node)
{
	const struct peer_node *u = &s->tree.nodes[node];
	struct area *x = &s->areas[s->n];

	*x = (struct area){ .node = node,
		            .todo = u->vary,
		            .joined = NOBODY,
		            .cap_ranges = u->n,
		            .seeds = u->n };
	x->ranges = malloc(u->n * sizeof(*x->ranges));
	if (!x->ranges)
		return -ENOMEM;
	s->n++;
	for (uint32_t k = 0; k < u->n; k++)
		x->ranges[x->n_ranges++] = peer_range_of(s->tree.a[u->lo + k], 0);
	return 0;
}

static int init(struct search *s, const struct addrvec *seeds, uint64_t seed)
{
	uint32_t leaves = 0;
	int rc = peer_tree_build(&s->tree, seeds, s->rule, LEAF);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < s->tree.n_nodes; i++)
		leaves += s->tree.nodes[i].split == PEER_LEAF;
	s->areas = calloc(leaves, sizeof(*s->areas));
	s->of_node = malloc(s->tree.n_nodes * sizeof(*s->of_node));
	rc = peer_heap_init(&s->heap, leaves, seed);
	if (!s->areas || !s->of_node)
		rc = -ENOMEM;
	for (uint32_t i = 0; i < s->tree.n_nodes && rc == 0; i++) {
		s->of_node[i] = NOBODY;
		if (s->tree.nodes[i].split == PEER_LEAF)
			rc = init_area(s, i);
	}
	for (uint32_t i = 0; i < s->n && rc == 0; i++)
		rc = grow(s, i);
	return rc;
}

static int train(void **core, const struct addrvec *seeds, uint64_t seed,
                 enum peer_split rule)
{
	struct search *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	s->rule = rule;
	rc = init(s, seeds, seed);
	if (rc < 0) {
		search_free(s);
		return rc;
	}
	*core = s;
	return 0;
}

static int train_sixtree(void **core, const struct addrvec *seeds, uint64_t seed,
                         struct diag *d)
{
	(void)d;
	return train(core, seeds, seed, PEER_LEFTMOST);
}

static int train_det(void **core, const struct addrvec *seeds, uint64_t seed,
                     struct diag *d)
{
	(void)d;
	return train(core, seeds, seed, PEER_MIN_ENTROPY);
}

static int search_step(void *core, struct peer *p)
{
	struct search *s = core;
	struct area *x;
	uint32_t i;
	double prob;
	int rc = 0;

	if (!peer_heap_top(&s->heap, &i))
		return 0;
	x = &s->areas[i];
	prob = density(s, x);
	for (unsigned k = 0; k < TURN && rc >= 0; k++) {
		if (x->at == x->n_ranges) {
			rc = grow(s, i);
			return rc < 0 ? rc : 1;
		}
		if (!x->begun && peer_pruned(p, peer_range_prefix(x->ranges[x->at]))) {
			x->at++;
			continue;
		}
		if (!x->begun)
			x->cursor = x->ranges[x->at].base;
		rc = peer_offer_from(p, x->ranges[x->at], &x->cursor, &x->begun, i, prob);
		x->scanned += rc > 0;
		x->at += !x->begun;
	}
	rank(s, i);
	return rc < 0 ? rc : 1;
}

static void search_feedback(void *core, uint32_t region, bool alive)
{
	struct search *s = core;
	uint32_t i = region;

	while (s->areas[i].joined != NOBODY)
		i = s->areas[i].joined;
	s->areas[i].alive += alive;
	if (s->online) {
		rank(s, i);
		return;
	}
	s->online = true;
	for (uint32_t k = 0; k < s->n; k++)
		rank(s, k);
}

static uint64_t search_regions(const void *core)
{
	const struct search *s = core;

	return s->n;
}

static const struct peer_core peer_sixtree = { train_sixtree, search_free, search_step,
	                                       search_feedback, search_regions };
static const struct peer_core peer_det = { train_det, search_free, search_step,
	                                   search_feedback, search_regions };

PEER_ALGORITHM(sixtree, "6tree",
               "6Tree (2019): a space tree whose leaves grow by density of hits");
PEER_ALGORITHM(det, "det", "DET (2022): as 6tree, split where the entropy is least");
