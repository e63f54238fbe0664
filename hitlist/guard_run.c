/* How one prefix is tested.
 *
 * Sixteen addresses are drawn, one in each child (next nibble), by a hash of
 * seed, prefix and child: they depend neither on the candidates nor on time,
 * and never are addresses known to be alive.  The prefix is aliased when all
 * sixteen have answered.  Of independent hosts at density d that happens with
 * probability d^16 (d = 0.5: 1.5e-5), whatever is done against loss, because a
 * silent child is tried again at the *same* address: three fresh addresses per
 * child would make it (1 - 0.5^3)^16 = 11.8 %.
 *
 * A child is tried `rounds` times.  When three quarters of the children tried
 * have answered, loss is by far the likelier reason for the silence of the
 * others, and they get as many tries again.  At loss p a truly aliased prefix
 * is then missed about as often as the first child is lost in every round,
 * p^3 (p = 5 %: 1.3e-4; p = 20 %: 0.8 %), where sixteen children with three
 * tries would make it 0.2 % and 12 %.  Where a site answers so many packets a
 * second only, much more is lost; but random addresses of a /64 that answer, a few
 * of them, are no hosts, and the silent ones there get many tries.
 *
 * The children are tried in four stages: for a /64 the pre-test alone, then 1,
 * 3 and 12 children; a stage starts when the one before has answered whole.  So
 * what is not aliased, nearly everything, costs about three probes, not 48.
 *
 * Order: sites (/48) take turns, and so do the tests of a site.  The number of
 * tests under way in a site starts small and grows by one with each negative
 * verdict (slow start), so that an aliased /48 is found out before its /64s
 * have been tested one by one. */
#include "hitlist/guard_impl.h"

#include <stdlib.h>

enum {
	SITE_TESTS = 16,   /* under way at first */
	DRAWS = 64,        /* for an address that is not known to be alive */
	DONE_TIMEOUTS = 8, /* how long late answers are recognised */
	NO_HOSTS = 4,      /* answers of random addresses, too many for hosts */
	PERSISTENCE = 8,   /* times the tries, then */
};

/* --- lists of tests --- */

static struct list *place_list(struct guard *g, const struct test *t)
{
	switch ((enum test_place)t->place) {
	case PLACE_READY: return &g->sites[t->site].ready;
	case PLACE_WAIT: return &g->wait;
	case PLACE_DONE: return &g->done;
	case PLACE_FREE: break;
	}
	return NULL;
}

static void test_unlink(struct guard *g, uint32_t ti)
{
	struct test *t = &g->tests[ti];
	struct list *l = place_list(g, t);

	if (!l)
		return;
	if (t->prev != NONE)
		g->tests[t->prev].next = t->next;
	else
		l->head = t->next;
	if (t->next != NONE)
		g->tests[t->next].prev = t->prev;
	else
		l->tail = t->prev;
	t->place = PLACE_FREE;
}

static void test_move(struct guard *g, uint32_t ti, enum test_place place)
{
	struct test *t = &g->tests[ti];
	struct list *l;

	test_unlink(g, ti);
	t->place = (uint8_t)place;
	l = place_list(g, t);
	t->prev = l->tail;
	t->next = NONE;
	if (l->tail != NONE)
		g->tests[l->tail].next = ti;
	else
		l->head = ti;
	l->tail = ti;
}

/* --- sites --- */

static bool site_may_start(const struct site *s)
{
	return s->backlog.head != NONE && s->active < SITE_TESTS + s->negatives;
}

static void site_wake(struct guard *g, uint32_t si)
{
	struct site *s = &g->sites[si];

	if (s->queued || (s->ready.head == NONE && !site_may_start(s)))
		return;
	s->queued = true;
	s->next = NONE;
	if (g->work.tail != NONE)
		g->sites[g->work.tail].next = si;
	else
		g->work.head = si;
	g->work.tail = si;
}

static uint32_t site_pop(struct guard *g)
{
	uint32_t si = g->work.head;

	if (si == NONE)
		return NONE;
	g->work.head = g->sites[si].next;
	if (g->work.head == NONE)
		g->work.tail = NONE;
	g->sites[si].queued = false;
	return si;
}

static uint32_t site_get(struct guard *g, struct addr128 a)
{
	struct prefix p = prefix_make(a, GUARD_SITE);
	uint32_t si;

	if (pfxmap_find(&g->site_of, p, &si))
		return si;
	if (guard_grow((void **)&g->sites, g->n_sites, &g->cap_sites, sizeof(*g->sites)) <
	            0 ||
	    pfxmap_add(&g->site_of, p, g->n_sites) < 0)
		return NONE;
	g->sites[g->n_sites] = (struct site){
		.backlog = { NONE, NONE },
		.ready = { NONE, NONE },
		.next = NONE,
	};
	return g->n_sites++;
}

/* What may make the tests that wait needless, because it covers more, goes
 * first in line. */
static void backlog_push(struct guard *g, struct site *s, uint32_t n, bool first)
{
	struct list *l = &s->backlog;
	struct node *node = &g->nodes[n];

	node->next_in_line = first ? l->head : NONE;
	if (l->head == NONE)
		l->head = l->tail = n;
	else if (first)
		l->head = n;
	else
		l->tail = g->nodes[l->tail].next_in_line = n;
}

void guard_schedule(struct guard *g, uint32_t n, uint32_t from)
{
	uint32_t si = site_get(g, g->nodes[n].prefix.addr);
	struct node *node = &g->nodes[n];

	if (si == NONE) {
		g->out_of_memory = true;
		return;
	}
	node->state = NODE_WAITING;
	node->from = from;
	backlog_push(g, &g->sites[si], n, from != NONE || node->prefix.len < GUARD_NET);
	g->pending++;
	site_wake(g, si);
}

/* --- addresses --- */

/* The k-th pseudo-random address of p for this child; SCOUT: anywhere in p. */
static struct addr128 draw(const struct guard *g, struct prefix p, unsigned child,
                           unsigned k)
{
	uint64_t h = addr_hash(p.addr, rng_mix(g->seed ^ (p.len * 32u + child)));
	struct addr128 r = { rng_mix(h + 2 * k), rng_mix(h + 2 * k + 1) };
	unsigned fixed = p.len;

	if (child != SCOUT) {
		p.addr = addr_set_nibble(p.addr, p.len / 4u, child);
		fixed += 4;
	}
	if (fixed >= 64) {
		r.hi = p.addr.hi;
		if (fixed > 64)
			r.lo = p.addr.lo | r.lo >> (fixed - 64);
	} else {
		r.hi = p.addr.hi | r.hi >> fixed;
	}
	return r;
}

static bool draw_unknown(const struct guard *g, struct prefix p, unsigned child,
                         struct addr128 *out)
{
	for (unsigned k = 0; k < DRAWS; k++) {
		*out = draw(g, p, child, k);
		if (!addrset_has(g->alive, *out))
			return true;
	}
	return false;
}

/* Every child needs an address of which nothing is known.  In a /120 whose
 * child is known to be full there is none left: it cannot be told from a dense
 * one, and is left alone. */
static bool draw_all(struct guard *g, struct test *t, const struct node *node)
{
	uint64_t h = addr_hash(node->prefix.addr, rng_mix(g->seed + node->prefix.len));
	struct rng r;

	rng_init(&r, h);
	for (unsigned i = 0; i < CHILDREN; i++) {
		unsigned j = (unsigned)rng_below(&r, i + 1);

		t->order[i] = t->order[j];
		t->order[j] = (uint8_t)i;
	}
	for (unsigned c = 0; c < CHILDREN; c++)
		if (!draw_unknown(g, node->prefix, c, &t->addr[c]))
			return false;
	if (node->scouted || node->prefix.len != GUARD_NET) {
		t->stage = 1;
		return true;
	}
	t->addr[SCOUT] =
		(struct addr128){ node->prefix.addr.hi, g->hits[node->newest].iid };
	return draw_unknown(g, prefix_make(t->addr[SCOUT], GUARD_SCOUT_LEN), SCOUT,
	                    &t->addr[SCOUT]);
}

/* --- the life of a test --- */

static uint32_t stage_mask(const struct test *t)
{
	static const uint8_t first[STAGES + 1] = { 0, 0, 1, 4, 16 };
	uint32_t mask = t->stage == 0 ? UINT32_C(1) << SCOUT : 0;

	for (unsigned i = first[t->stage]; i < first[t->stage + 1]; i++)
		mask |= UINT32_C(1) << t->order[i];
	return mask;
}

static void stage_enter(struct guard *g, uint32_t ti)
{
	struct test *t = &g->tests[ti];

	t->todo = stage_mask(t);
	t->tries = 1;
	test_move(g, ti, PLACE_READY);
	site_wake(g, t->site);
}

/* The answers to a finished test are recognised for some time yet. */
static void test_settle(struct guard *g, uint32_t ti, enum node_state verdict)
{
	struct test *t = &g->tests[ti];
	struct addr128 scout = t->addr[SCOUT];
	bool scouted = t->answered >> SCOUT & 1;
	uint32_t node = t->node;
	struct site *s = &g->sites[t->site];

	t->deadline_ns = g->now_ns + DONE_TIMEOUTS * g->timeout_ns;
	test_move(g, ti, PLACE_DONE);
	s->active--;
	s->negatives += verdict != NODE_ALIASED;
	g->pending--;
	g->nodes[node].state = (uint8_t)verdict;
	site_wake(g, t->site);
	guard_decided(g, node, scouted ? &scout : NULL);
}

/* A shorter prefix has been found aliased meanwhile: nothing left to say. */
static void test_cancel(struct guard *g, uint32_t ti)
{
	struct test *t = &g->tests[ti];

	t->deadline_ns = g->now_ns + DONE_TIMEOUTS * g->timeout_ns;
	test_move(g, ti, PLACE_DONE);
	g->sites[t->site].active--;
	g->pending--;
	g->nodes[t->node].state = NODE_ALIASED;
	site_wake(g, t->site);
}

static uint32_t test_alloc(struct guard *g)
{
	uint32_t ti = g->free_test;

	if (ti != NONE) {
		g->free_test = g->tests[ti].next;
		return ti;
	}
	if (guard_grow((void **)&g->tests, g->n_tests, &g->cap_tests, sizeof(*g->tests)) <
	    0)
		return NONE;
	return g->n_tests++;
}

/* Begin the test that is first in line.  false: out of memory. */
static bool site_start(struct guard *g, uint32_t si)
{
	struct site *s = &g->sites[si];
	uint32_t n = s->backlog.head, ti = NONE;
	bool covered = guard_is_covered(g, g->nodes[n].prefix);
	struct test *t;

	if (!covered) {
		ti = test_alloc(g);
		if (ti == NONE) {
			g->out_of_memory = true;
			return false;
		}
	}
	s->backlog.head = g->nodes[n].next_in_line;
	if (s->backlog.head == NONE)
		s->backlog.tail = NONE;
	if (covered) {
		g->nodes[n].state = NODE_ALIASED;
		g->pending--;
		return true;
	}
	t = &g->tests[ti];
	*t = (struct test){ .node = n, .site = si };
	g->nodes[n].test = ti;
	s->active++;
	if (draw_all(g, t, &g->nodes[n])) {
		g->nodes[n].scouted = true;
		stage_enter(g, ti);
	} else {
		test_settle(g, ti, NODE_NOT_ALIASED);
	}
	return true;
}

/* How often the children that are missing are tried. */
static unsigned tries_allowed(const struct guard *g, const struct test *t)
{
	uint32_t children = (UINT32_C(1) << CHILDREN) - 1;
	int sent = __builtin_popcount(t->sent & children);
	int answered = __builtin_popcount(t->answered & children);

	if (answered >= NO_HOSTS && g->nodes[t->node].prefix.len <= GUARD_NET)
		return PERSISTENCE * g->rounds;
	return sent > 1 && 4 * answered >= 3 * sent ? 2 * g->rounds : g->rounds;
}

static void test_timeout(struct guard *g, uint32_t ti)
{
	struct test *t = &g->tests[ti];

	if (t->tries >= tries_allowed(g, t)) {
		test_settle(g, ti, t->stage == 0 ? NODE_UNLIKELY : NODE_NOT_ALIASED);
		return;
	}
	t->tries++;
	t->todo = stage_mask(t) & ~t->answered;
	test_move(g, ti, PLACE_READY);
	site_wake(g, t->site);
}

static void expire(struct guard *g, uint64_t now_ns)
{
	uint32_t ti;

	if (now_ns > g->now_ns)
		g->now_ns = now_ns;
	while ((ti = g->wait.head) != NONE && g->tests[ti].deadline_ns <= g->now_ns)
		test_timeout(g, ti);
	while ((ti = g->done.head) != NONE && g->tests[ti].deadline_ns <= g->now_ns) {
		struct node *node = &g->nodes[g->tests[ti].node];

		if (node->test == ti)
			node->test = NONE;
		test_unlink(g, ti);
		g->tests[ti].next = g->free_test;
		g->free_test = ti;
	}
}

/* --- the calls --- */

/* Send the next child of test ti, in the order drawn. */
static void emit(struct guard *g, uint32_t ti, struct guard_probe *out)
{
	struct test *t = &g->tests[ti];
	unsigned child = SCOUT;

	for (unsigned i = 0; i < CHILDREN && child == SCOUT; i++)
		if (t->todo >> t->order[i] & 1)
			child = t->order[i];
	t->todo &= ~(UINT32_C(1) << child);
	t->sent |= UINT32_C(1) << child;
	*out = (struct guard_probe){ .addr = t->addr[child], .test = ti };
}

/* One probe of one test of the site.  false: there was none. */
static bool site_next(struct guard *g, uint32_t si, struct guard_probe *out)
{
	uint32_t ti;

	while (site_may_start(&g->sites[si]))
		if (!site_start(g, si))
			break;
	while ((ti = g->sites[si].ready.head) != NONE) {
		struct test *t = &g->tests[ti];
		bool sent = false;

		if (guard_is_covered(g, g->nodes[t->node].prefix)) {
			test_cancel(g, ti);
			continue;
		}
		if (t->todo) {
			emit(g, ti, out);
			sent = true;
		}
		if (!t->todo)
			t->deadline_ns = g->now_ns + g->timeout_ns;
		test_move(g, ti, t->todo ? PLACE_READY : PLACE_WAIT);
		if (sent)
			return true;
	}
	return false;
}

size_t guard_next(struct guard *g, uint64_t now_ns, struct guard_probe *out, size_t max)
{
	size_t n = 0;
	uint32_t si;

	expire(g, now_ns);
	while (n < max && (si = site_pop(g)) != NONE) {
		/* A site that has sent nothing has nothing that can be sent; it
		 * is woken when that changes. */
		if (site_next(g, si, &out[n])) {
			n++;
			site_wake(g, si);
		}
	}
	return n;
}

static bool test_answer(struct guard *g, uint32_t ti, struct addr128 from)
{
	struct test *t = &g->tests[ti];
	unsigned child = addr_nibble(from, g->nodes[t->node].prefix.len / 4u);
	uint32_t bit = 0;

	if (addr_eq(t->addr[child], from))
		bit = UINT32_C(1) << child;
	if (addr_eq(t->addr[SCOUT], from))
		bit |= UINT32_C(1) << SCOUT;
	bit &= t->sent;
	if (!bit)
		return false;
	if (t->place == PLACE_DONE)
		return true;
	t->answered |= bit;
	t->todo &= ~bit;
	if (stage_mask(t) & ~t->answered)
		return true;
	if (t->stage == STAGES - 1) {
		test_settle(g, ti, NODE_ALIASED);
	} else {
		t->stage++;
		stage_enter(g, ti);
	}
	return true;
}

bool guard_answer(struct guard *g, struct addr128 from)
{
	bool ours = false;

	for (unsigned len = GUARD_SHORTEST; len <= GUARD_LONGEST; len += GUARD_STEP) {
		uint32_t n = guard_find(g, prefix_make(from, len));

		if (n != NONE && g->nodes[n].test != NONE)
			ours |= test_answer(g, g->nodes[n].test, from);
	}
	return ours;
}

size_t guard_verdicts(struct guard *g, uint64_t now_ns, struct guard_verdict *out,
                      size_t max)
{
	size_t n = 0;

	expire(g, now_ns);
	while (n < max && g->verdicts.head != NONE) {
		struct node *node = &g->nodes[g->verdicts.head];

		g->verdicts.head = node->next_verdict;
		if (g->verdicts.head == NONE)
			g->verdicts.tail = NONE;
		node->telling = false;
		/* Being tested again: the verdict of that test counts. */
		if (node->state == NODE_WAITING)
			continue;
		out[n++] = (struct guard_verdict){
			.prefix = node->prefix,
			.aliased = node->state == NODE_ALIASED,
		};
	}
	return n;
}

size_t guard_pending(const struct guard *g)
{
	return g->pending;
}
