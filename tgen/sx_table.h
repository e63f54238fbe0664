/* tgen/sx_table.h - the two hash tables of the "sextant" model; private to it.
 *
 * Both are keyed by 32 bits of a hash and compare nothing else: with n entries
 * a context never seen is mistaken for another one with probability n / 2^32,
 * which the weights, trained with that noise, allow for.
 *
 * Running out of memory sets .failed and ignores what is added from then on:
 * whoever fills a table asks once, at the end. */
#ifndef TGEN_SX_TABLE_H
#define TGEN_SX_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How often each nibble value followed a context.  Most contexts are followed
 * by one value only: those take 8 bytes, the others 16 more. */
struct sx_counts {
	uint64_t *slot; /* key, then value and count, or an index into many */
	uint8_t (*many)[16];
	size_t used, n_many, cap_many;
	unsigned bits;
	bool failed;
};

struct sx_hist {
	uint8_t of[16]; /* saturates at 255 */
};

/* How often something happened in a state, and how often not. */
struct sx_event {
	uint32_t key;
	float yes, no;
};

struct sx_events {
	struct sx_event *slot;
	size_t used;
	unsigned bits;
	bool failed;
};

/* hash 0 stands for "this context does not apply": adding is ignored, and
 * nothing is found. */
void sx_counts_fini(struct sx_counts *t);
void sx_counts_add(struct sx_counts *t, uint64_t hash, unsigned value);
bool sx_counts_get(const struct sx_counts *t, uint64_t hash, struct sx_hist *out);

void sx_events_fini(struct sx_events *t);
void sx_events_add(struct sx_events *t, uint64_t hash, float yes, float no);
const struct sx_event *sx_events_get(const struct sx_events *t, uint64_t hash);

static inline uint32_t sx_key(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

static inline void sx_counts_prefetch(const struct sx_counts *t, uint64_t hash)
{
	if (t->slot)
		__builtin_prefetch(&t->slot[sx_key(hash) >> (32 - t->bits)]);
}

static inline void sx_events_prefetch(const struct sx_events *t, uint64_t hash)
{
	if (t->slot)
		__builtin_prefetch(&t->slot[sx_key(hash) >> (32 - t->bits)]);
}

#endif
