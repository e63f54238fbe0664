/* tgen/peer_heap.h - of things numbered 0 .. cap-1, the one with the greatest
 * key; private to the peers.
 *
 * Ties go by the second key, then by a number that the seed gives each, so what
 * is on top does not depend on how the heap came about. */
#ifndef TGEN_PEER_HEAP_H
#define TGEN_PEER_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct peer_key {
	double first, second;
};

struct peer_heap {
	struct peer_key *key; /* by thing */
	uint32_t *heap;       /* things */
	uint32_t *place;      /* by thing: where in the heap, plus 1; 0: not there */
	uint32_t n, cap;
	uint64_t seed;
};

int peer_heap_init(struct peer_heap *h, uint32_t cap, uint64_t seed);
void peer_heap_fini(struct peer_heap *h);
void peer_heap_set(struct peer_heap *h, uint32_t thing, struct peer_key key);
void peer_heap_remove(struct peer_heap *h, uint32_t thing); /* if it is there */
bool peer_heap_top(const struct peer_heap *h, uint32_t *thing);

#endif
