#include "analysis/runs.h"

#include <stdlib.h>

void chains_init(struct chains *c, uint64_t gap, uint64_t min)
{
	*c = (struct chains){ .gap = gap, .min = min };
}

void chains_fini(struct chains *c)
{
	tally_fini(&c->tally);
	free(c->kept);
	*c = (struct chains){ .gap = 0 };
}

static void close_chain(struct chains *c)
{
	if (!c->open.n)
		return;
	tally_add(&c->tally, c->open.n);
	if (c->open.n < c->min)
		return;
	if (c->n_kept == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;
		struct chain *kept = realloc(c->kept, cap * sizeof(*kept));

		if (!kept) {
			c->rc = -ENOMEM;
			return;
		}
		c->kept = kept;
		c->cap = cap;
	}
	c->kept[c->n_kept++] = c->open;
}

/* a > b, both as they come from a sorted set. */
static bool within(struct addr128 a, struct addr128 b, uint64_t gap)
{
	uint64_t hi = a.hi - b.hi - (a.lo < b.lo);

	return hi == 0 && a.lo - b.lo <= gap;
}

void chains_feed(struct chains *c, const struct addr128 *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (c->open.n && within(a[i], c->open.last, c->gap)) {
			c->open.last = a[i];
			c->open.n++;
			continue;
		}
		close_chain(c);
		c->open = (struct chain){ a[i], a[i], 1 };
	}
}

int chains_finish(struct chains *c)
{
	close_chain(c);
	c->open.n = 0;
	return c->rc < 0 ? c->rc : c->tally.rc;
}

/* ---- kIP --------------------------------------------------------------- */

void kip_init(struct kip *s, uint64_t k)
{
	*s = (struct kip){ .k = k };
}

void kip_fini(struct kip *s)
{
	free(s->p);
	*s = (struct kip){ .k = 0 };
}

static void choose(struct kip *s, const struct kip_node *node)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 64;
		struct kip_prefix *p = realloc(s->p, cap * sizeof(*p));

		if (!p) {
			s->rc = -ENOMEM;
			return;
		}
		s->p = p;
		s->cap = cap;
	}
	s->p[s->n++] =
		(struct kip_prefix){ prefix_make(node->addr, node->depth), node->left };
}

/* What is left of a node whose addresses have all been seen. */
static uint64_t settle(struct kip *s, const struct kip_node *node)
{
	if (node->left < s->k || node->depth == 128)
		return node->left;
	choose(s, node);
	return 0;
}

/* The branching points of the tree of addresses are the lengths that neighbours
 * share; those above the last address are on the stack, from the top down.  A
 * neighbour that shares only bits ends every branching point below. */
static void close_below(struct kip *s, unsigned bits)
{
	uint64_t left = 0;

	while (s->top && s->stack[s->top - 1].depth > bits) {
		struct kip_node *node = &s->stack[--s->top];

		node->left += left;
		left = settle(s, node);
	}
	if (!s->top || s->stack[s->top - 1].depth < bits)
		s->stack[s->top++] = (struct kip_node){ 0, s->last, (uint8_t)bits };
	s->stack[s->top - 1].left += left;
}

void kip_feed(struct kip *s, const struct addr128 *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s->any)
			close_below(s, addr_common_bits(s->last, a[i]));
		s->stack[s->top++] = (struct kip_node){ 1, a[i], 128 };
		s->last = a[i];
		s->any = true;
	}
}

static int by_prefix(const void *a, const void *b)
{
	const struct kip_prefix *x = a, *y = b;
	int c = addr_cmp(x->prefix.addr, y->prefix.addr);

	return c ? c : (x->prefix.len > y->prefix.len) - (x->prefix.len < y->prefix.len);
}

int kip_finish(struct kip *s)
{
	uint64_t left = 0;

	while (s->top) {
		struct kip_node *node = &s->stack[--s->top];

		node->left += left;
		left = settle(s, node);
	}
	s->uncovered = left;
	if (s->n)
		qsort(s->p, s->n, sizeof(*s->p), by_prefix);
	return s->rc;
}
