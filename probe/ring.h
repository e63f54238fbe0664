/* probe/ring.h - targets that wait for their next packet.
 *
 * Every target waits equally long, so the one that was put in first is due
 * first, and a ring is enough.  Bounded; not safe for concurrent use. */
#ifndef PROBE_RING_H
#define PROBE_RING_H

#include "probe/probe.h"

struct ring_item {
	struct probe_target target;
	uint32_t left;   /* packets that are still to be sent to it */
	uint64_t number; /* of the target: from 0, in the source's order */
	uint64_t due_ns;
};

struct ring {
	struct ring_item *items;
	size_t cap, head, n;
};

int ring_init(struct ring *r, size_t cap); /* 0 or -ENOMEM; memory comes with use */
void ring_fini(struct ring *r);

static inline bool ring_full(const struct ring *r)
{
	return r->n == r->cap;
}

static inline void ring_push(struct ring *r, const struct ring_item *item)
{
	r->items[(r->head + r->n++) % r->cap] = *item;
}

static inline const struct ring_item *ring_first(const struct ring *r)
{
	return r->n ? &r->items[r->head] : NULL;
}

static inline struct ring_item ring_pop(struct ring *r)
{
	struct ring_item item = r->items[r->head];

	r->head = (r->head + 1) % r->cap;
	r->n--;
	return item;
}

/* The n that were put in last are due then, not earlier. */
static inline void ring_delay(struct ring *r, size_t n, uint64_t due_ns)
{
	if (n > r->n)
		n = r->n;
	for (size_t i = r->n - n; i < r->n; i++)
		r->items[(r->head + i) % r->cap].due_ns = due_ns;
}

#endif
