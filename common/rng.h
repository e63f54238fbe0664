/* common/rng.h - seeded random numbers: the same seed, the same sequence.
 *
 * xoshiro256** (Blackman and Vigna), seeded through SplitMix64.  Not for
 * secrets: those come from rng_secret(). */
#ifndef COMMON_RNG_H
#define COMMON_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

struct rng {
	uint64_t s[4];
};

void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* uniform in [0, n); n > 0 */
double rng_double(struct rng *r);              /* uniform in [0, 1) */
struct addr128 rng_addr_in(struct rng *r, struct prefix p);

/* One step of SplitMix64: a good mixer for seeds and small keys. */
uint64_t rng_mix(uint64_t x);

/* Unpredictable bytes from the kernel. */
void rng_secret(void *buf, size_t n);

#endif
