/* probe/dedup_v4.h - an exact set of (IPv4 address, what), for deduplication.
 *
 * A hash table of 64-bit maps, one for each 64 neighbouring addresses with the same
 * `what`: 16 bytes, whether one of them answered or all.  So it takes memory as
 * answers come, 22 to 43 bytes for each of hosts that are far apart, less than one
 * where all answer, and at most DEDUP_V4_SLOTS * 16.  Not safe for concurrent use. */
#ifndef PROBE_DEDUP_V4_H
#define PROBE_DEDUP_V4_H

#include <stddef.h>
#include <stdint.h>

enum {
	DEDUP_V4_WHAT_BITS = 36,
	DEDUP_V4_SLOTS = 1 << 26, /* 1 GiB; three quarters are used */
};

struct dedup_v4;

/* seed: secret, so that nobody can make answers that collide.  max_slots: at most so
 * many, a power of 2.  NULL: out of memory. */
struct dedup_v4 *dedup_v4_new(uint64_t seed, size_t max_slots);
void dedup_v4_free(struct dedup_v4 *t);

/* Add it: 1 it was there, 0 it was not, -ENOMEM no room for it. */
int dedup_v4_add(struct dedup_v4 *t, uint32_t addr, uint64_t what);

/* That will be asked about soon. */
void dedup_v4_prefetch(const struct dedup_v4 *t, uint32_t addr, uint64_t what);

void dedup_v4_clear(struct dedup_v4 *t);
size_t dedup_v4_bytes(const struct dedup_v4 *t);

#endif
