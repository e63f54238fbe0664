#include "probe/dedup_v4.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/rng.h"
#include "probe/keyset.h"

enum { FIRST_SLOTS = 1024, GROUP_BITS = 6 };

/* Which addresses of a group of 64 are there; none: the slot is empty. */
struct group {
	uint64_t key, map;
};

struct dedup_v4 {
	struct group *slot;
	size_t mask, used, max_slots;
	uint64_t seed;
};

struct dedup_v4 *dedup_v4_new(uint64_t seed, size_t max_slots)
{
	struct dedup_v4 *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->seed = seed;
	t->max_slots = max_slots;
	t->mask = (max_slots < FIRST_SLOTS ? max_slots : FIRST_SLOTS) - 1;
	t->slot = keyset_alloc(t->mask + 1, sizeof(*t->slot));
	if (!t->slot) {
		free(t);
		return NULL;
	}
	return t;
}

void dedup_v4_free(struct dedup_v4 *t)
{
	if (t)
		free(t->slot);
	free(t);
}

/* By the highest bits of a hash: growing goes through memory in order. */
static size_t home_of(const struct dedup_v4 *t, uint64_t key)
{
	return t->mask ? (size_t)(rng_mix(key ^ t->seed) >> __builtin_clzll(t->mask)) : 0;
}

/* The slot of the group, or the empty one where it belongs. */
static struct group *find_group(const struct dedup_v4 *t, uint64_t key)
{
	size_t i = home_of(t, key);

	while (t->slot[i].map && t->slot[i].key != key)
		i = (i + 1) & t->mask;
	return &t->slot[i];
}

static int grow_groups(struct dedup_v4 *t)
{
	struct dedup_v4 larger = *t;

	if (t->mask + 1 >= t->max_slots)
		return -ENOMEM;
	larger.mask = 2 * t->mask + 1;
	larger.slot = keyset_alloc(larger.mask + 1, sizeof(*larger.slot));
	if (!larger.slot)
		return -ENOMEM;
	for (size_t i = 0; i <= t->mask; i++)
		if (t->slot[i].map)
			*find_group(&larger, t->slot[i].key) = t->slot[i];
	free(t->slot);
	*t = larger;
	return 0;
}

static uint64_t group_key(uint32_t addr, uint64_t what)
{
	return what << (32 - GROUP_BITS) | addr >> GROUP_BITS;
}

int dedup_v4_add(struct dedup_v4 *t, uint32_t addr, uint64_t what)
{
	uint64_t key = group_key(addr, what);
	uint64_t bit = UINT64_C(1) << (addr & ((1 << GROUP_BITS) - 1));
	struct group *g = find_group(t, key);
	bool there = g->map & bit;

	if (!g->map) {
		if (t->used >= (t->mask + 1) / 4 * 3) {
			if (grow_groups(t) < 0)
				return -ENOMEM;
			g = find_group(t, key);
		}
		g->key = key;
		t->used++;
	}
	g->map |= bit;
	return there;
}

void dedup_v4_prefetch(const struct dedup_v4 *t, uint32_t addr, uint64_t what)
{
	__builtin_prefetch(&t->slot[home_of(t, group_key(addr, what))], 1);
}

void dedup_v4_clear(struct dedup_v4 *t)
{
	struct dedup_v4 *fresh = dedup_v4_new(t->seed, t->max_slots);

	if (fresh) {
		free(t->slot);
		*t = *fresh;
		free(fresh);
		return;
	}
	for (size_t i = 0; i <= t->mask; i++)
		t->slot[i].map = 0;
	t->used = 0;
}

size_t dedup_v4_bytes(const struct dedup_v4 *t)
{
	return (t->mask + 1) * sizeof(*t->slot);
}
