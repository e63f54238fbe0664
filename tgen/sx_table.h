/* tgen/sx_table.h - the two hash tables of the "sextant" model; private to it.
 *
 * Both are keyed by 32 bits of a hash and compare nothing else: with n entries
 * a context never seen is mistaken for another one with probability n / 2^32,
 * which the weights, trained with that noise, allow for.
 *
 * A slot is 8 bytes, key first.  Slots are in the order of their keys, but for
 * what collisions displace, so that a table grows in place, a quarter at a time.
 *
 * Running out of memory sets .failed and ignores what is added from then on:
 * whoever fills a table asks once, at the end. */
#ifndef TGEN_SX_TABLE_H
#define TGEN_SX_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sx_slots {
	uint64_t *slot;
	size_t size, used;
	bool failed;
};

/* How often each nibble value followed a context.  Most contexts are followed
 * by one value only: those take 8 bytes, the others 16 more.  What only one seed
 * has takes 8 bytes for all depths: the seed knows how it goes on. */
struct sx_counts {
	struct sx_slots s;
	uint8_t (*many)[16];
	size_t n_many, cap_many;
};

enum sx_found { SX_ABSENT, SX_ONE, SX_MANY, SX_ALONE };

/* Counts saturate at 255. */
struct sx_hist {
	enum sx_found found;
	uint32_t seed;        /* SX_ALONE: the only one */
	uint8_t value, count; /* SX_ONE */
	const uint8_t *of;    /* SX_MANY: of each value; until the next add */
};

/* How often something happened in a state, and how often not: whole numbers. */
struct sx_events {
	struct sx_slots s;
	struct sx_event *many; /* those that do not fit a slot */
	size_t n_many, cap_many;
};

struct sx_event {
	float yes, no;
};

/* hash 0 stands for "this context does not apply": adding is ignored, and
 * nothing is found.
 * set: all at once, of a context not added to. */
void sx_counts_fini(struct sx_counts *t);
void sx_counts_add(struct sx_counts *t, uint64_t hash, unsigned value);
void sx_counts_set(struct sx_counts *t, uint64_t hash, const uint32_t of[16]);
void sx_counts_alone(struct sx_counts *t, uint64_t hash, uint32_t seed);
struct sx_hist sx_counts_get(const struct sx_counts *t, uint64_t hash);
void sx_counts_prefetch_many(const struct sx_counts *t, uint64_t hash);
enum { SX_MAX_SEEDS = 1 << 30 }; /* below: an index of a seed */

void sx_events_fini(struct sx_events *t);
void sx_events_add(struct sx_events *t, uint64_t hash, unsigned yes, unsigned no);
struct sx_event sx_events_get(const struct sx_events *t, uint64_t hash);

/* Large areas that are read at random are read faster in large pages. */
void sx_large_pages(void *p, size_t bytes);

static inline uint32_t sx_key(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

static inline void sx_prefetch(const struct sx_slots *t, uint64_t hash)
{
	if (t->slot)
		__builtin_prefetch(&t->slot[sx_key(hash) * (uint64_t)t->size >> 32]);
}

#endif
