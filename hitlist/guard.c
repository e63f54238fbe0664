/* The aliased-prefix guard: which prefixes are tested, and what follows.
 *
 * After Gasser et al., "Clusters in the Expanse" (IMC 2018): a prefix is
 * aliased when 16 pseudo-random addresses, one in each of its 16 children (next
 * nibble), all answer; lengths are multiples of 4.  guard_run.c tells how one
 * prefix is tested; here is when:
 *
 * 1. Every /64 with a first hit, after a pre-test with one random address in
 *    the /112 of that hit.  Wherever between /48 and /112 an aliased prefix
 *    around the hit begins, that address answers; when it is silent there is
 *    none, and three probes have settled it.  When it answers and the /64 is
 *    then found not aliased, the /112 is tested; so are the /112s of the second
 *    and fourth hit, and, once anything in the /64 has been found aliased, that
 *    of every hit.  (A silent first child makes that as cheap as a pre-test.)
 *
 * 2. Dense regions of a /64 that is not aliased.  The hits of the /64 are
 *    searched, at 8 hits and after every further quarter of them (so in
 *    O(log n) amortised sorts), for the longest regions /64../120 that hold 8
 *    hits.  Only these need testing: a silent child refutes all that cover it.
 *    The number of regions tested is at most an eighth of the hits.  Such a
 *    region is tested at once when at least half of what was probed in the /64
 *    has answered, or when 12 of its 16 children hold hits; otherwise it is
 *    watched until, of what is probed in it from then on, 4 answer and that is
 *    at least half.  An aliased region answers all that is not lost, so one
 *    half leaves room for heavy loss and rate limits.
 *
 * 3. Upwards from an aliased prefix longer than /64, parent by parent, until
 *    one is not aliased: the shortest one is told (and the first one found, at
 *    once, so that it can be avoided meanwhile).
 *
 * 4. Shorter than /64: when two children of a /60, /56, /52 or /48 hold aliased
 *    prefixes, that prefix is tested, the longest such one first; from there
 *    upwards as above.
 *
 * Nothing inside an aliased prefix is tested again, and nothing is tested
 * twice, except that a /64 whose pre-test was silent may be tested in full when
 * its hits suggest so.
 *
 * A /124 is never tested: its 16 children are single addresses, so a fully
 * aliased one and 16 hosts in a row (which real networks have by the dozen) are
 * the same thing.  A region /112../120 in which every address is a real host
 * would be told aliased: fully responsive is the definition.
 *
 * Memory is bounded by hits: 16 bytes for each, its slot in a set, and some
 * hundred bytes per /64 and per region of 8. */
#include "hitlist/guard_impl.h"

#include <stdlib.h>
#include <string.h>

enum {
	DENSE_HITS = 8,      /* hits that make a region worth a look */
	DENSE_CHILDREN = 12, /* children with hits that need no further reason */
	WATCH_HITS = 4,
	SIBLINGS = 2,
	ROUNDS_MAX = 100,
};

int guard_grow(void **items, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t bigger = *cap ? *cap + *cap / 2 : 64;
	void *p;

	if (n < *cap)
		return 0;
	if (bigger <= *cap || bigger == NONE)
		return -ENOMEM;
	p = realloc(*items, bigger * size);
	if (!p)
		return -ENOMEM;
	*items = p;
	*cap = bigger;
	return 0;
}

struct guard *guard_new(const struct guard_config *cfg)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->alive = addrset_new(0);
	if (!g->alive) {
		free(g);
		return NULL;
	}
	g->seed = rng_mix(cfg->seed);
	g->rounds = cfg->rounds ? cfg->rounds : 3;
	if (g->rounds > ROUNDS_MAX)
		g->rounds = ROUNDS_MAX;
	g->timeout_ns = cfg->timeout_ns ? cfg->timeout_ns : UINT64_C(2000000000);
	g->known_aliased = cfg->aliased;
	g->work = g->wait = g->done = g->verdicts = (struct list){ NONE, NONE };
	g->free_test = NONE;
	return g;
}

void guard_free(struct guard *g)
{
	if (!g)
		return;
	addrset_free(g->alive);
	pfxmap_fini(&g->node_of);
	pfxmap_fini(&g->site_of);
	free(g->nodes);
	free(g->hits);
	free(g->sites);
	free(g->tests);
	free(g->scratch);
	free(g);
}

/* --- nodes --- */

uint32_t guard_find(const struct guard *g, struct prefix p)
{
	uint32_t n;

	return pfxmap_find(&g->node_of, p, &n) ? n : NONE;
}

uint32_t guard_node(struct guard *g, struct prefix p)
{
	uint32_t n = guard_find(g, p);

	if (n != NONE)
		return n;
	if (guard_grow((void **)&g->nodes, g->n_nodes, &g->cap_nodes, sizeof(*g->nodes)) <
	            0 ||
	    pfxmap_add(&g->node_of, p, g->n_nodes) < 0) {
		g->out_of_memory = true;
		return NONE;
	}
	g->nodes[g->n_nodes] = (struct node){
		.prefix = p,
		.next_scan = DENSE_HITS,
		.newest = NONE,
		.test = NONE,
		.from = NONE,
	};
	return g->n_nodes++;
}

bool guard_is_covered(const struct guard *g, struct prefix p)
{
	for (unsigned len = GUARD_SHORTEST; len < p.len; len += GUARD_STEP) {
		uint32_t n = guard_find(g, prefix_make(p.addr, len));

		if (n != NONE && g->nodes[n].state == NODE_ALIASED)
			return true;
	}
	return false;
}

/* --- verdicts --- */

static void tell(struct guard *g, uint32_t n)
{
	struct node *node = &g->nodes[n];

	node->told = true;
	if (node->telling)
		return;
	node->telling = true;
	node->next_verdict = NONE;
	if (g->verdicts.tail != NONE)
		g->nodes[g->verdicts.tail].next_verdict = n;
	else
		g->verdicts.head = n;
	g->verdicts.tail = n;
}

/* Test the parent of the aliased node n, if it is due.  Whether it is. */
static bool go_up(struct guard *g, uint32_t n)
{
	struct prefix p = g->nodes[n].prefix;
	uint32_t parent;
	unsigned state;

	if (p.len == GUARD_NET || p.len == GUARD_SHORTEST)
		return false;
	parent = guard_node(g, prefix_make(p.addr, p.len - GUARD_STEP));
	if (parent == NONE)
		return false;
	state = g->nodes[parent].state;
	if (state != NODE_NEW && state != NODE_UNLIKELY)
		return false;
	guard_schedule(g, parent, n);
	return g->nodes[parent].state == NODE_WAITING;
}

/* Rule 4: mark the aliased n in what covers it, and test the longest of these
 * that two children speak for, unless one on the way is refuted or under test. */
static void note_siblings(struct guard *g, uint32_t n)
{
	struct prefix p = g->nodes[n].prefix;
	bool decided = false;

	for (unsigned len = p.len; len > GUARD_SHORTEST; len -= GUARD_STEP) {
		unsigned up = len - GUARD_STEP;
		uint32_t a = guard_node(g, prefix_make(p.addr, up));
		struct node *node;

		if (a == NONE)
			return;
		node = &g->nodes[a];
		node->aliased_below |= (uint16_t)(1u << addr_nibble(p.addr, up / 4));
		if (node->state != NODE_NEW)
			decided = true;
		if (decided || __builtin_popcount(node->aliased_below) < SIBLINGS)
			continue;
		guard_schedule(g, a, NONE);
		decided = true;
	}
}

/* Rule 1: test the /112 of an address, unless that has been done. */
static void test_near(struct guard *g, struct addr128 a)
{
	uint32_t r;

	if (guard_is_covered(g, prefix_make(a, GUARD_SCOUT_LEN)))
		return;
	r = guard_node(g, prefix_make(a, GUARD_SCOUT_LEN));
	if (r != NONE && g->nodes[r].state == NODE_NEW)
		guard_schedule(g, r, NONE);
}

/* The newest hit of /64 n, when it lies in the /112 of no other. */
static void test_near_newest(struct guard *g, uint32_t n)
{
	const struct hit *h = &g->hits[g->nodes[n].newest];

	for (uint32_t o = h->older; o != NONE; o = g->hits[o].older)
		if ((g->hits[o].iid ^ h->iid) >> (128 - GUARD_SCOUT_LEN) == 0)
			return;
	test_near(g, (struct addr128){ g->nodes[n].prefix.addr.hi, h->iid });
}

/* The way up from an aliased region has ended inside its /64: there may be
 * more of its kind. */
static void suspect_net(struct guard *g, struct addr128 a)
{
	uint32_t n = guard_find(g, prefix_make(a, GUARD_NET));

	if (n == NONE || g->nodes[n].suspect || g->nodes[n].state == NODE_ALIASED)
		return;
	g->nodes[n].suspect = true;
	for (uint32_t h = g->nodes[n].newest; h != NONE; h = g->hits[h].older)
		test_near(g, (struct addr128){ a.hi, g->hits[h].iid });
}

static void scan_hits(struct guard *g, uint32_t n);

static void decided_aliased(struct guard *g, uint32_t n)
{
	struct node *node = &g->nodes[n];
	bool first = node->from == NONE, up;

	/* In the middle of the way up only the parent's verdict counts. */
	up = go_up(g, n);
	if (first || !up)
		tell(g, n);
	if (g->nodes[n].prefix.len <= GUARD_NET)
		note_siblings(g, n);
	else if (!up)
		suspect_net(g, g->nodes[n].prefix.addr);
}

static void decided_net_not_aliased(struct guard *g, uint32_t n,
                                    const struct addr128 *scout)
{
	if (scout)
		test_near(g, *scout);
	if (g->nodes[n].hits > 1)
		test_near_newest(g, n);
	if (g->nodes[n].hits >= g->nodes[n].next_scan)
		scan_hits(g, n);
}

void guard_decided(struct guard *g, uint32_t n, const struct addr128 *scout)
{
	struct node *node = &g->nodes[n];

	if (node->state == NODE_ALIASED) {
		decided_aliased(g, n);
		return;
	}
	if (node->from != NONE && !g->nodes[node->from].told)
		tell(g, node->from);
	tell(g, n);
	if (node->prefix.len == GUARD_NET)
		decided_net_not_aliased(g, n, scout);
	if (g->nodes[n].prefix.len >= GUARD_NET && g->nodes[n].from != NONE)
		suspect_net(g, g->nodes[n].prefix.addr);
}

/* --- rule 2: dense regions --- */

static int cmp_u64(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* A region of the /64 n holds DENSE_HITS hits, in this many children. */
static void dense_region(struct guard *g, uint32_t n, struct prefix p, unsigned children)
{
	const struct node *net = &g->nodes[n];
	bool likely =
		children >= DENSE_CHILDREN || 2 * (uint64_t)net->hits >= net->probed;
	uint32_t r;

	if (p.len == GUARD_NET) {
		if (likely && net->state == NODE_UNLIKELY)
			guard_schedule(g, n, NONE);
		return;
	}
	r = guard_node(g, p);
	if (r == NONE || g->nodes[r].state != NODE_NEW)
		return;
	if (likely) {
		guard_schedule(g, r, NONE);
	} else if (!g->nodes[r].watched) {
		g->nodes[r].watched = true;
		g->nodes[n].watching++;
	}
}

/* Find the longest regions of the /64 n among its count sorted hits that share
 * len bits. */
static void scan_region(struct guard *g, uint32_t n, const uint64_t *iid, size_t count,
                        unsigned len)
{
	struct addr128 a = { g->nodes[n].prefix.addr.hi, iid[0] };
	unsigned children = 0;
	bool deeper = false;

	for (size_t i = 0, j; i < count; i = j) {
		for (j = i + 1; j < count; j++)
			if ((iid[i] ^ iid[j]) >> (124 - len))
				break;
		children++;
		if (j - i < DENSE_HITS || len == GUARD_LONGEST)
			continue;
		scan_region(g, n, iid + i, j - i, len + GUARD_STEP);
		deeper = true;
	}
	if (!deeper)
		dense_region(g, n, prefix_make(a, len), children);
}

static void scan_hits(struct guard *g, uint32_t n)
{
	struct node *node = &g->nodes[n];
	size_t count = 0;

	node->next_scan = node->hits + node->hits / 4;
	if (node->next_scan < node->hits + DENSE_HITS)
		node->next_scan = node->hits + DENSE_HITS;
	if (g->cap_scratch < node->hits) {
		size_t cap = (size_t)node->next_scan * 2;
		uint64_t *p = realloc(g->scratch, cap * sizeof(*p));

		if (!p) {
			g->out_of_memory = true;
			return;
		}
		g->scratch = p;
		g->cap_scratch = cap;
	}
	for (uint32_t h = node->newest; h != NONE; h = g->hits[h].older)
		g->scratch[count++] = g->hits[h].iid;
	qsort(g->scratch, count, sizeof(*g->scratch), cmp_u64);
	scan_region(g, n, g->scratch, count, GUARD_NET);
}

/* Count a hit in the watched regions around it. */
static void watch_hit(struct guard *g, struct addr128 a)
{
	for (unsigned len = GUARD_NET + GUARD_STEP; len <= GUARD_LONGEST;
	     len += GUARD_STEP) {
		uint32_t n = guard_find(g, prefix_make(a, len));
		struct node *node;

		if (n == NONE || !g->nodes[n].watched)
			continue;
		node = &g->nodes[n];
		node->hits++;
		if (node->state == NODE_NEW && node->hits >= WATCH_HITS &&
		    2 * (uint64_t)node->hits >= node->probed)
			guard_schedule(g, n, NONE);
	}
}

/* --- the calls --- */

int guard_probed(struct guard *g, struct addr128 candidate)
{
	uint32_t n;

	if (g->out_of_memory)
		return -ENOMEM;
	n = guard_find(g, prefix_make(candidate, GUARD_NET));
	if (n == NONE)
		return 0;
	g->nodes[n].probed++;
	if (!g->nodes[n].watching)
		return 0;
	for (unsigned len = GUARD_NET + GUARD_STEP; len <= GUARD_LONGEST;
	     len += GUARD_STEP) {
		uint32_t r = guard_find(g, prefix_make(candidate, len));

		if (r != NONE && g->nodes[r].watched)
			g->nodes[r].probed++;
	}
	return 0;
}

static bool in_aliased(const struct guard *g, struct addr128 a)
{
	return (g->known_aliased && ivtab_covers(g->known_aliased, a)) ||
	       guard_is_covered(g, prefix_make(a, 128));
}

/* A new hit in the /64 n, which is known not to be aliased. */
static void look_inside(struct guard *g, uint32_t n)
{
	const struct node *node = &g->nodes[n];

	if (node->suspect)
		test_near(g, (struct addr128){ node->prefix.addr.hi,
		                               g->hits[node->newest].iid });
	else if (node->hits == 2 || node->hits == 4)
		test_near_newest(g, n);
	if (g->nodes[n].hits >= g->nodes[n].next_scan)
		scan_hits(g, n);
}

int guard_hit(struct guard *g, struct addr128 found)
{
	struct node *node;
	uint32_t n;
	int rc;

	if (addr_is_v4(found) || in_aliased(g, found))
		return 0;
	n = guard_node(g, prefix_make(found, GUARD_NET));
	if (n == NONE ||
	    guard_grow((void **)&g->hits, g->n_hits, &g->cap_hits, sizeof(*g->hits)) < 0)
		return -ENOMEM;
	rc = addrset_add(g->alive, found);
	if (rc <= 0)
		return rc;
	node = &g->nodes[n];
	g->hits[g->n_hits] = (struct hit){ .iid = found.lo, .older = node->newest };
	node->newest = g->n_hits++;
	node->hits++;
	if (node->hits == 1) {
		node->probed = 1;
		if (node->state == NODE_NEW)
			guard_schedule(g, n, NONE);
	}
	if (node->watching)
		watch_hit(g, found);
	if (g->nodes[n].state == NODE_UNLIKELY || g->nodes[n].state == NODE_NOT_ALIASED)
		look_inside(g, n);
	return g->out_of_memory ? -ENOMEM : 0;
}
