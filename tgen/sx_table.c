#include "tgen/sx_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { FIRST_SIZE = 4096, SLACK = 1024, HUGE_PAGE = 1 << 21 };

#define MANY  (UINT64_C(1) << 31) /* the low bits are an index */
#define ALONE (UINT64_C(1) << 30) /* the low bits are a seed */
#define LOW   UINT64_C(0x3fffffff)
#define FULL  UINT64_C(0xffff)

void sx_large_pages(void *p, size_t bytes)
{
	uintptr_t from = ((uintptr_t)p + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
	uintptr_t to = ((uintptr_t)p + bytes) & ~(uintptr_t)(HUGE_PAGE - 1);

	if (to > from)
		madvise((void *)from, to - from, MADV_HUGEPAGE);
}

static size_t home(uint64_t slot, size_t size)
{
	return (size_t)((slot >> 32) * (uint64_t)size >> 32);
}

/* Entries go to the end, in order, and from there to their new places: never
 * beyond where the next one waits, for there are not more of them than slots
 * after its home. */
static bool grow_slots(struct sx_slots *t)
{
	size_t size = !t->slot            ? FIRST_SIZE
	              : t->size < 1 << 18 ? 2 * t->size
	                                  : t->size + t->size / 4;
	size_t old = t->slot ? t->size + SLACK : 0, all = size + SLACK;
	size_t from = all, front = 0;
	uint64_t *s;

	if (size > UINT32_MAX)
		return false;
	s = realloc(t->slot, all * sizeof(*s));
	if (!s)
		return false;
	sx_large_pages(s, all * sizeof(*s));
	for (size_t i = old; i-- > 0;)
		if (s[i])
			s[--from] = s[i];
	for (size_t i = from; i < all; i++) {
		uint64_t e = s[i];
		size_t h = home(e, size);

		while (h < front && s[h])
			h++;
		while (front < h)
			s[front++] = 0;
		s[h] = e;
		front += h == front;
	}
	memset(s + front, 0, (all - front) * sizeof(*s));
	t->slot = s;
	t->size = size;
	return true;
}

/* The slot of a key, empty or not; NULL: there is none. */
static uint64_t *find_key(const struct sx_slots *t, uint32_t key)
{
	uint64_t *s = t->slot + home((uint64_t)key << 32, t->size);
	uint64_t *end = t->slot + t->size + SLACK;

	while (s < end && *s && *s >> 32 != key)
		s++;
	return s < end ? s : NULL;
}

/* The slot of a hash to add to, 0 if it is new; NULL: failed. */
static uint64_t *slot_to_fill(struct sx_slots *t, uint64_t hash, bool *fresh)
{
	uint64_t *s = NULL;

	if (!hash || t->failed)
		return NULL;
	if (t->slot && t->used < t->size / 5 * 4)
		s = find_key(t, sx_key(hash));
	while (!s) {
		if (!grow_slots(t)) {
			t->failed = true;
			return NULL;
		}
		s = find_key(t, sx_key(hash));
	}
	*fresh = !*s;
	if (*fresh) {
		*s = (uint64_t)sx_key(hash) << 32;
		t->used++;
	}
	return s;
}

/* Room for one more in *a, an array of *cap that holds n. */
static bool make_room(void **a, size_t n, size_t *cap, size_t each)
{
	size_t more = *cap < 65536 ? 2 * *cap + 1024 : *cap + *cap / 4;
	void *p;

	if (n < *cap)
		return true;
	p = more <= LOW ? realloc(*a, more * each) : NULL;
	if (!p)
		return false;
	sx_large_pages(p, more * each);
	*a = p;
	*cap = more;
	return true;
}

void sx_counts_fini(struct sx_counts *t)
{
	free(t->s.slot);
	free(t->many);
	*t = (struct sx_counts){ 0 };
}

/* A second value has come: the entry needs all sixteen counts. */
static bool widen(struct sx_counts *t, uint64_t *slot)
{
	unsigned value = *slot >> 8 & 15, count = *slot & 255;
	void *many = t->many;

	if (!make_room(&many, t->n_many, &t->cap_many, sizeof(*t->many)))
		return false;
	t->many = many;
	memset(t->many[t->n_many], 0, sizeof(*t->many));
	t->many[t->n_many][value] = (uint8_t)count;
	*slot = (*slot >> 32) << 32 | MANY | t->n_many++;
	return true;
}

void sx_counts_add(struct sx_counts *t, uint64_t hash, unsigned value)
{
	bool fresh;
	uint64_t *s = slot_to_fill(&t->s, hash, &fresh);

	if (!s)
		return;
	if (fresh)
		*s |= value << 8;
	if (*s & ALONE && !(*s & MANY))
		return; /* of another context */
	if (!(*s & MANY) && (*s >> 8 & 15) != value && !widen(t, s)) {
		t->s.failed = true;
		return;
	}
	if (*s & MANY)
		t->many[*s & LOW][value] += t->many[*s & LOW][value] < 255;
	else
		*s += (*s & 255) < 255;
}

void sx_counts_set(struct sx_counts *t, uint64_t hash, const uint32_t of[16])
{
	unsigned last = 0, kinds = 0;
	bool fresh;
	uint64_t *s = slot_to_fill(&t->s, hash, &fresh);

	if (!s || !fresh)
		return; /* failed, or another context has its place */
	for (unsigned v = 0; v < 16; v++) {
		kinds += of[v] > 0;
		last = of[v] ? v : last;
	}
	*s |= last << 8 | (of[last] < 255 ? of[last] : 255);
	if (kinds < 2)
		return;
	if (!widen(t, s)) {
		t->s.failed = true;
		return;
	}
	for (unsigned v = 0; v < 16; v++)
		t->many[*s & LOW][v] = of[v] < 255 ? (uint8_t)of[v] : 255;
}

void sx_counts_alone(struct sx_counts *t, uint64_t hash, uint32_t seed)
{
	bool fresh;
	uint64_t *s = slot_to_fill(&t->s, hash, &fresh);

	if (s && fresh)
		*s |= ALONE | seed;
}

struct sx_hist sx_counts_get(const struct sx_counts *t, uint64_t hash)
{
	struct sx_hist h = { .found = SX_ABSENT };
	const uint64_t *s = hash && t->s.slot ? find_key(&t->s, sx_key(hash)) : NULL;

	if (!s || !*s)
		return h;
	if (*s & MANY) {
		h.found = SX_MANY;
		h.of = t->many[*s & LOW];
	} else if (*s & ALONE) {
		h.found = SX_ALONE;
		h.seed = (uint32_t)(*s & LOW);
	} else {
		h.found = SX_ONE;
		h.value = *s >> 8 & 15;
		h.count = *s & 255;
	}
	return h;
}

void sx_counts_prefetch_many(const struct sx_counts *t, uint64_t hash)
{
	const uint64_t *s = t->s.slot ? find_key(&t->s, sx_key(hash)) : NULL;

	if (s && *s & MANY)
		__builtin_prefetch(t->many[*s & LOW]);
}

void sx_events_fini(struct sx_events *t)
{
	free(t->s.slot);
	free(t->many);
	*t = (struct sx_events){ 0 };
}

/* Two counts of 16 bits, or, if one is too large, all ones and an index. */
void sx_events_add(struct sx_events *t, uint64_t hash, unsigned yes, unsigned no)
{
	bool fresh;
	uint64_t *s = slot_to_fill(&t->s, hash, &fresh);
	void *many = t->many;
	uint64_t y, n;

	if (!s)
		return;
	y = *s >> 16 & FULL;
	n = *s & FULL;
	if (y == FULL) {
		t->many[n].yes += (float)yes;
		t->many[n].no += (float)no;
		return;
	}
	y += yes;
	n += no;
	*s = (*s >> 32) << 32;
	if (y < FULL && n <= FULL) {
		*s |= y << 16 | n;
		return;
	}
	if (t->n_many == FULL) {
		*s |= (y < FULL ? y : FULL - 1) << 16 | (n < FULL ? n : FULL);
		return;
	}
	if (!make_room(&many, t->n_many, &t->cap_many, sizeof(*t->many))) {
		t->s.failed = true;
		return;
	}
	t->many = many;
	t->many[t->n_many] = (struct sx_event){ (float)y, (float)n };
	*s |= FULL << 16 | t->n_many++;
}

struct sx_event sx_events_get(const struct sx_events *t, uint64_t hash)
{
	const uint64_t *s = hash && t->s.slot ? find_key(&t->s, sx_key(hash)) : NULL;
	uint64_t y = s ? *s >> 16 & FULL : 0, n = s ? *s & FULL : 0;

	if (y == FULL)
		return t->many[n];
	return (struct sx_event){ (float)y, (float)n };
}
