#include "tgen/sx_tail.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_FLOOR = 10 * SX_OCTAVE,
	FLOOR_STEP = 3 * SX_OCTAVE,
	LAST_FLOOR = 40 * SX_OCTAVE,
	ENOUGH = 1 << 12,   /* a list does not get longer */
	EFFORT = 4 * ENOUGH /* predictions to make one */
};

struct list {
	struct addr128 prefix;
	unsigned leave; /* 12: the prefix is a /48, 8: a /32 */
	int32_t head, floor;
	struct sx_tail *tail;
	uint32_t n, cap, effort;
};

struct sx_tails {
	const struct sx_model *m;
	struct list *list;
	uint32_t n, cap;
	uint32_t *slot; /* index + 1 into list */
	unsigned bits;
};

int32_t sx_cost(float p)
{
	return p > 0 ? (int32_t)(-log2f(p) * SX_OCTAVE + 0.5f) : INT32_MAX / 4;
}

struct sx_tails *sx_tails_new(const struct sx_model *m)
{
	struct sx_tails *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->m = m;
	t->bits = 10;
	t->slot = calloc((size_t)1 << t->bits, sizeof(*t->slot));
	if (!t->slot) {
		free(t);
		return NULL;
	}
	return t;
}

void sx_tails_free(struct sx_tails *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		free(t->list[i].tail);
	free(t->list);
	free(t->slot);
	free(t);
}

static uint32_t *find_slot(uint32_t *slot, unsigned bits, const struct list *list,
                           struct addr128 prefix, unsigned leave)
{
	size_t mask = ((size_t)1 << bits) - 1, i = rng_mix(prefix.hi + leave) & mask;

	while (slot[i] && !(list[slot[i] - 1].leave == leave &&
	                    list[slot[i] - 1].prefix.hi == prefix.hi))
		i = (i + 1) & mask;
	return &slot[i];
}

static int grow(struct sx_tails *t)
{
	uint32_t cap = t->cap ? 2 * t->cap : 256;
	struct list *list;
	uint32_t *slot;
	unsigned bits = 1;

	while (1u << bits < 3 * cap)
		bits++;
	list = realloc(t->list, cap * sizeof(*list));
	if (!list)
		return -ENOMEM;
	t->list = list;
	slot = calloc((size_t)1 << bits, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n; i++)
		*find_slot(slot, bits, list, list[i].prefix, list[i].leave) = i + 1;
	free(t->slot);
	t->slot = slot;
	t->bits = bits;
	t->cap = cap;
	return 0;
}

static void predict(struct sx_novel *nv, const struct sx_model *m, const struct list *l,
                    struct addr128 a, unsigned depth, const struct sx_chains *chains)
{
	struct sx_place pl = { .a = a,
		               .depth = depth,
		               .leave = l->leave,
		               .leave_k = 1,
		               .lone_from = SX_NIBBLES + 1,
		               .chains = *chains };

	sx_novel_inputs(nv, m, &pl);
	sx_novel_mix(nv, m, &pl);
}

static int32_t greedy(const struct sx_model *m, const struct list *l)
{
	struct sx_chains chains = sx_chains_start();
	struct addr128 a = l->prefix;
	struct sx_novel nv;
	int32_t cost = 0;

	for (unsigned d = SX_SUBNET; d < SX_NIBBLES; d++) {
		unsigned best = 0;

		predict(&nv, m, l, a, d, &chains);
		for (unsigned v = 1; v < 16; v++)
			best = nv.p[v] > nv.p[best] ? v : best;
		cost += sx_cost(nv.p[best]);
		a = addr_set_nibble(a, d, best);
		chains = sx_chains_step(&nv.chains, m, d, best);
	}
	return cost;
}

int sx_tails_find(struct sx_tails *t, struct addr128 a, unsigned leave)
{
	unsigned depth = leave >= 12 ? 12 : 8;
	struct addr128 prefix = sx_prefix(a, depth);
	uint32_t *s = find_slot(t->slot, t->bits, t->list, prefix, depth);
	struct list *l;

	if (*s)
		return (int)*s - 1;
	if (t->n == t->cap) {
		if (grow(t) < 0)
			return -ENOMEM;
		s = find_slot(t->slot, t->bits, t->list, prefix, depth);
	}
	l = &t->list[t->n++];
	*l = (struct list){ .prefix = prefix, .leave = depth };
	l->head = greedy(t->m, l);
	*s = t->n;
	return (int)t->n - 1;
}

int32_t sx_tails_head(const struct sx_tails *t, int list)
{
	return t->list[list].head;
}

static int push(struct list *l, struct sx_tail e)
{
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? 2 * l->cap : 64;
		void *p = realloc(l->tail, cap * sizeof(*l->tail));

		if (!p)
			return -ENOMEM;
		l->tail = p;
		l->cap = cap;
	}
	l->tail[l->n++] = e;
	return 0;
}

static int collect(const struct sx_model *m, struct list *l, struct addr128 a,
                   unsigned depth, int32_t cost, const struct sx_chains *chains)
{
	struct sx_novel nv;
	int32_t child[16];
	int rc = 0;

	if (depth == SX_NIBBLES)
		return push(l, (struct sx_tail){ a.lo, cost });
	l->effort++;
	predict(&nv, m, l, a, depth, chains);
	sx_costs(child, nv.p, 1);
	for (unsigned v = 0; v < 16 && rc == 0; v++) {
		struct sx_chains next;

		if (cost + child[v] > l->floor || l->n >= ENOUGH || l->effort >= EFFORT)
			continue;
		next = sx_chains_step(&nv.chains, m, depth, v);
		rc = collect(m, l, addr_set_nibble(a, depth, v), depth + 1,
		             cost + child[v], &next);
	}
	return rc;
}

static int by_cost(const void *x, const void *y)
{
	const struct sx_tail *a = x, *b = y;

	if (a->cost != b->cost)
		return a->cost < b->cost ? -1 : 1;
	return (a->iid > b->iid) - (a->iid < b->iid);
}

/* List all that cost at most floor.  If they are too many, leave it at what it
 * was, or, at first, at some of them, for good.  A longer list begins with the
 * shorter one. */
static int extend(const struct sx_model *m, struct list *l, int32_t floor)
{
	struct sx_chains chains = sx_chains_start();
	int32_t before = l->floor;
	bool overflow;
	int rc;

	l->n = l->effort = 0;
	l->floor = floor;
	rc = collect(m, l, l->prefix, SX_SUBNET, 0, &chains);
	overflow = l->n >= ENOUGH || l->effort >= EFFORT;
	if (rc == 0 && overflow && before) {
		l->n = l->effort = 0;
		l->floor = before;
		rc = collect(m, l, l->prefix, SX_SUBNET, 0, &chains);
	}
	if (overflow)
		l->floor = LAST_FLOOR;
	if (l->n)
		qsort(l->tail, l->n, sizeof(*l->tail), by_cost);
	return rc;
}

int sx_tails_at(struct sx_tails *t, int list, uint32_t i, struct sx_tail *out)
{
	struct list *l = &t->list[list];

	while (i >= l->n && l->floor < LAST_FLOOR) {
		int32_t floor = l->floor ? l->floor + FLOOR_STEP : FIRST_FLOOR;
		int rc;

		if (floor < l->head + SX_OCTAVE)
			floor = l->head + SX_OCTAVE;
		rc = extend(t->m, l, floor);
		if (rc < 0)
			return rc;
	}
	if (i >= l->n)
		return 0;
	*out = l->tail[i];
	return 1;
}

int32_t sx_tails_cost(struct sx_tails *t, int list, uint32_t n, uint64_t iid)
{
	struct sx_tail last;
	const struct list *l;

	/* A list that was loaded has to be made again first. */
	if (n == 0 || sx_tails_at(t, list, n - 1, &last) <= 0)
		return -1;
	l = &t->list[list];
	for (uint32_t i = 0; i < n; i++)
		if (l->tail[i].iid == iid)
			return l->tail[i].cost;
	return -1;
}
