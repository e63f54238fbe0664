#include "common/addrset.h"

#include <stdint.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Linear probing in a power-of-two table; the zero address marks an empty slot,
 * so its own membership is a flag.
 *
 * The hash is seeded with the capacity.  With one seed for all tables, filling
 * a small table in the order of a larger one would put the first members into
 * neighbouring slots and degrade to quadratic time; this way the order is the
 * same in every run and still unrelated between sizes. */
struct addrset {
	struct addr128 *slot;
	size_t mask, used; /* used: without the zero address */
	bool has_zero;
};

enum { MIN_SLOTS = 16 };

uint64_t addr_hash(struct addr128 a, uint64_t seed)
{
	return XXH3_64bits_withSeed(&a, sizeof(a), seed);
}

static bool is_zero(struct addr128 a)
{
	return (a.hi | a.lo) == 0;
}

static size_t home(size_t mask, struct addr128 a)
{
	return addr_hash(a, mask) & mask;
}

/* The slot that holds a, or the empty one where it belongs. */
static size_t find(const struct addr128 *slot, size_t mask, struct addr128 a)
{
	size_t i = home(mask, a);

	while (!is_zero(slot[i]) && !addr_eq(slot[i], a))
		i = (i + 1) & mask;
	return i;
}

struct addrset *addrset_new(size_t expected)
{
	struct addrset *s;
	size_t slots = MIN_SLOTS;

	if (expected > SIZE_MAX / 4 / sizeof(*s->slot))
		return NULL;
	while (slots / 4 * 3 < expected)
		slots *= 2;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->slot = calloc(slots, sizeof(*s->slot));
	if (!s->slot) {
		free(s);
		return NULL;
	}
	s->mask = slots - 1;
	return s;
}

void addrset_free(struct addrset *s)
{
	if (s)
		free(s->slot);
	free(s);
}

static int grow(struct addrset *s)
{
	size_t slots = (s->mask + 1) * 2;
	struct addr128 *slot = calloc(slots, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	for (size_t i = 0; i <= s->mask; i++)
		if (!is_zero(s->slot[i]))
			slot[find(slot, slots - 1, s->slot[i])] = s->slot[i];
	free(s->slot);
	s->slot = slot;
	s->mask = slots - 1;
	return 0;
}

int addrset_add(struct addrset *s, struct addr128 a)
{
	size_t i;

	if (is_zero(a)) {
		bool is_new = !s->has_zero;

		s->has_zero = true;
		return is_new;
	}
	i = find(s->slot, s->mask, a);
	if (!is_zero(s->slot[i]))
		return 0;
	if (s->used >= (s->mask + 1) / 4 * 3) {
		if (grow(s) < 0)
			return -ENOMEM;
		i = find(s->slot, s->mask, a);
	}
	s->slot[i] = a;
	s->used++;
	return 1;
}

bool addrset_has(const struct addrset *s, struct addr128 a)
{
	if (is_zero(a))
		return s->has_zero;
	return !is_zero(s->slot[find(s->slot, s->mask, a)]);
}

/* Knuth, TAOCP 6.4, algorithm R: close the hole with a later member of the
 * cluster that the hole lies on the path of, and go on with the hole it leaves.
 * So there are no tombstones, and lookups never slow down. */
bool addrset_remove(struct addrset *s, struct addr128 a)
{
	size_t hole, i;

	if (is_zero(a)) {
		bool was = s->has_zero;

		s->has_zero = false;
		return was;
	}
	hole = find(s->slot, s->mask, a);
	if (is_zero(s->slot[hole]))
		return false;
	for (i = (hole + 1) & s->mask; !is_zero(s->slot[i]); i = (i + 1) & s->mask) {
		size_t probed = (i - home(s->mask, s->slot[i])) & s->mask;

		if (probed >= ((i - hole) & s->mask)) {
			s->slot[hole] = s->slot[i];
			hole = i;
		}
	}
	s->slot[hole] = (struct addr128){ 0, 0 };
	s->used--;
	return true;
}

size_t addrset_count(const struct addrset *s)
{
	return s->used + s->has_zero;
}

size_t addrset_bytes(const struct addrset *s)
{
	return (s->mask + 1) * sizeof(*s->slot);
}

bool addrset_next(const struct addrset *s, size_t *pos, struct addr128 *a)
{
	while (*pos <= s->mask) {
		*a = s->slot[(*pos)++];
		if (!is_zero(*a))
			return true;
	}
	*a = (struct addr128){ 0, 0 };
	return (*pos)++ == s->mask + 1 && s->has_zero;
}
