#include "probe/keyset.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { FIRST_BITS = 10, LARGE_PAGE = 2 << 20 };

/* Linear probing; the zero key, which one of 2^128 is, stands for an empty slot, and
 * is taken for its neighbour. */
struct keyset {
	struct addr128 *slot;
	unsigned bits; /* of a key, that say its slot */
	size_t used;
};

void *keyset_alloc(size_t n, size_t size)
{
	char *p = calloc(n, size);
	uintptr_t from = ((uintptr_t)p + LARGE_PAGE - 1) & ~(uintptr_t)(LARGE_PAGE - 1);
	uintptr_t to = ((uintptr_t)p + n * size) & ~(uintptr_t)(LARGE_PAGE - 1);

	if (p && to > from)
		(void)madvise((void *)from, to - from, MADV_HUGEPAGE);
	return p;
}

static bool is_empty(struct addr128 a)
{
	return (a.hi | a.lo) == 0;
}

static struct addr128 whole(struct addr128 key)
{
	key.lo |= is_empty(key);
	return key;
}

static size_t home(unsigned bits, struct addr128 key)
{
	return (size_t)(key.hi >> (64 - bits));
}

/* The slot that holds the key, or the empty one where it belongs. */
static struct addr128 *find_slot(struct addr128 *slot, unsigned bits, struct addr128 key)
{
	size_t mask = ((size_t)1 << bits) - 1, i = home(bits, key);

	while (!is_empty(slot[i]) && !addr_eq(slot[i], key))
		i = (i + 1) & mask;
	return &slot[i];
}

struct keyset *keyset_new(void)
{
	struct keyset *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->bits = FIRST_BITS;
	s->slot = keyset_alloc((size_t)1 << s->bits, sizeof(*s->slot));
	if (!s->slot) {
		free(s);
		return NULL;
	}
	return s;
}

void keyset_free(struct keyset *s)
{
	if (s)
		free(s->slot);
	free(s);
}

static int grow_keys(struct keyset *s)
{
	size_t n = (size_t)1 << s->bits;
	struct addr128 *slot = keyset_alloc(2 * n, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!is_empty(s->slot[i]))
			*find_slot(slot, s->bits + 1, s->slot[i]) = s->slot[i];
	free(s->slot);
	s->slot = slot;
	s->bits++;
	return 0;
}

int keyset_add(struct keyset *s, struct addr128 key)
{
	struct addr128 *p;

	key = whole(key);
	p = find_slot(s->slot, s->bits, key);
	if (!is_empty(*p))
		return 0;
	if (s->used >= ((size_t)1 << s->bits) / 4 * 3) {
		if (grow_keys(s) < 0)
			return -ENOMEM;
		p = find_slot(s->slot, s->bits, key);
	}
	*p = key;
	s->used++;
	return 1;
}

bool keyset_has(const struct keyset *s, struct addr128 key)
{
	return !is_empty(*find_slot(s->slot, s->bits, whole(key)));
}

void keyset_prefetch(const struct keyset *s, struct addr128 key)
{
	__builtin_prefetch(&s->slot[home(s->bits, key)], 1);
}

size_t keyset_count(const struct keyset *s)
{
	return s->used;
}

size_t keyset_bytes(const struct keyset *s)
{
	return sizeof(*s->slot) << s->bits;
}
