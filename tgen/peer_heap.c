#include "tgen/peer_heap.h"

#include <errno.h>
#include <stdlib.h>

#include "common/rng.h"

int peer_heap_init(struct peer_heap *h, uint32_t cap, uint64_t seed)
{
	size_t n = (size_t)cap + 1;

	*h = (struct peer_heap){ .cap = cap, .seed = seed };
	h->key = calloc(n, sizeof(*h->key));
	h->heap = calloc(n, sizeof(*h->heap));
	h->place = calloc(n, sizeof(*h->place));
	return h->key && h->heap && h->place ? 0 : -ENOMEM;
}

void peer_heap_fini(struct peer_heap *h)
{
	free(h->key);
	free(h->heap);
	free(h->place);
	*h = (struct peer_heap){ 0 };
}

/* With seed 0 equals come in the order of their numbers. */
static uint64_t tie(const struct peer_heap *h, uint32_t thing)
{
	return h->seed ? rng_mix(h->seed ^ thing) : thing;
}

static bool before(const struct peer_heap *h, uint32_t a, uint32_t b)
{
	const struct peer_key *x = &h->key[a], *y = &h->key[b];

	if (x->first < y->first || x->first > y->first)
		return x->first > y->first;
	if (x->second < y->second || x->second > y->second)
		return x->second > y->second;
	return tie(h, a) < tie(h, b);
}

static void put(struct peer_heap *h, uint32_t at, uint32_t thing)
{
	h->heap[at] = thing;
	h->place[thing] = at + 1;
}

static void rise(struct peer_heap *h, uint32_t at, uint32_t thing)
{
	for (; at > 0 && before(h, thing, h->heap[(at - 1) / 2]); at = (at - 1) / 2)
		put(h, at, h->heap[(at - 1) / 2]);
	put(h, at, thing);
}

static void sink(struct peer_heap *h, uint32_t at, uint32_t thing)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < h->n && before(h, h->heap[child + 1], h->heap[child]))
			child++;
		if (child >= h->n || !before(h, h->heap[child], thing))
			break;
		put(h, at, h->heap[child]);
		at = child;
	}
	rise(h, at, thing);
}

void peer_heap_set(struct peer_heap *h, uint32_t thing, struct peer_key key)
{
	h->key[thing] = key;
	if (h->place[thing] == 0)
		rise(h, h->n++, thing);
	else
		sink(h, h->place[thing] - 1, thing);
}

void peer_heap_remove(struct peer_heap *h, uint32_t thing)
{
	uint32_t at = h->place[thing];

	if (at == 0)
		return;
	h->place[thing] = 0;
	h->n--;
	if (at - 1 < h->n)
		sink(h, at - 1, h->heap[h->n]);
}

bool peer_heap_top(const struct peer_heap *h, uint32_t *thing)
{
	if (h->n == 0)
		return false;
	*thing = h->heap[0];
	return true;
}
