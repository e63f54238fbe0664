/* A binary heap of members whose promises change: the largest first, the member of
 * the lower number where two are equal. */
#include <stdlib.h>

#include "tgen/seedless_impl.h"

static bool before(const struct seedless *s, uint32_t a, uint32_t b)
{
	return s->key[a] != s->key[b] ? s->key[a] > s->key[b] : a < b;
}

static void put(struct seedless *s, uint32_t at, uint32_t member)
{
	s->heap[at] = member;
	s->place[member] = at;
}

static void sift_up(struct seedless *s, uint32_t at, uint32_t member)
{
	while (at > 0 && before(s, member, s->heap[(at - 1) / 2])) {
		put(s, at, s->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(s, at, member);
}

static void sift_down(struct seedless *s, uint32_t at, uint32_t member)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < s->n_heap &&
		    before(s, s->heap[child + 1], s->heap[child]))
			child++;
		if (child >= s->n_heap || !before(s, s->heap[child], member))
			break;
		put(s, at, s->heap[child]);
		at = child;
	}
	put(s, at, member);
}

/* A member's promise is now this; 0: it has no more. */
void seedless_set_key(struct seedless *s, uint32_t member, double key)
{
	uint32_t at = s->place[member], last;

	s->key[member] = key;
	if (key > 0 && at == NOWHERE) {
		sift_up(s, s->n_heap++, member);
		return;
	}
	if (at == NOWHERE)
		return;
	if (key > 0) {
		sift_up(s, at, member);
		sift_down(s, s->place[member], member);
		return;
	}
	s->place[member] = NOWHERE;
	last = s->heap[--s->n_heap];
	if (last == member)
		return;
	sift_up(s, at, last);
	sift_down(s, s->place[last], last);
}

int seedless_heap_room(struct seedless *s, uint32_t members)
{
	uint32_t cap = s->cap_heap ? s->cap_heap : 1024;
	void *heap, *place, *key;

	if (members <= s->cap_heap)
		return 0;
	while (cap < members)
		cap *= 2;
	heap = realloc(s->heap, cap * sizeof(*s->heap));
	s->heap = heap ? heap : s->heap;
	place = realloc(s->place, cap * sizeof(*s->place));
	s->place = place ? place : s->place;
	key = realloc(s->key, cap * sizeof(*s->key));
	s->key = key ? key : s->key;
	if (!heap || !place || !key)
		return -ENOMEM;
	for (uint32_t i = s->cap_heap; i < cap; i++)
		s->place[i] = NOWHERE;
	s->cap_heap = cap;
	return 0;
}
