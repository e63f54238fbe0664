/* tgen/peer_range.h - sets of addresses with free nibbles; private to the peers.
 *
 * Bit j of a mask of nibbles stands for nibble j, counted from the top. */
#ifndef TGEN_PEER_RANGE_H
#define TGEN_PEER_RANGE_H

#include <math.h>

#include "common/addr.h"

__extension__ typedef unsigned __int128 peer_u128;

/* All addresses that are like base except in the free nibbles, which are 0 in
 * base. */
struct peer_range {
	struct addr128 base;
	uint32_t free;
};

static inline struct addr128 peer_mask(uint32_t nibbles)
{
	struct addr128 m = { 0, 0 };

	for (uint32_t left = nibbles; left; left &= left - 1)
		m = addr_set_nibble(m, (unsigned)__builtin_ctz(left), 15);
	return m;
}

static inline struct peer_range peer_range_of(struct addr128 a, uint32_t free)
{
	struct addr128 m = peer_mask(free);

	return (struct peer_range){ { a.hi & ~m.hi, a.lo & ~m.lo }, free };
}

static inline bool peer_range_has(struct peer_range r, struct addr128 a)
{
	struct addr128 m = peer_mask(r.free);

	return (a.hi & ~m.hi) == r.base.hi && (a.lo & ~m.lo) == r.base.lo;
}

static inline double peer_range_size(uint32_t free)
{
	return ldexp(1, 4 * __builtin_popcount(free));
}

/* The prefix that all of a range lies in. */
static inline struct prefix peer_range_prefix(struct peer_range r)
{
	return prefix_make(r.base, r.free ? 4u * (unsigned)__builtin_ctz(r.free) : 128);
}

/* The nibbles in which two addresses differ. */
static inline uint32_t peer_difference(struct addr128 a, struct addr128 b)
{
	uint64_t w[2] = { a.hi ^ b.hi, a.lo ^ b.lo };
	uint32_t diff = 0;

	for (unsigned k = 0; k < 2; k++) {
		uint64_t x = w[k];

		x |= x >> 1;
		x |= x >> 2;
		x &= UINT64_C(0x1111111111111111);
		for (; x; x &= x - 1)
			diff |= UINT32_C(1)
			        << (16 * k + 15 - (unsigned)__builtin_ctzll(x) / 4);
	}
	return diff;
}

/* The address after *a in the range, in ascending order; false: that was the
 * last.  The first one is the base. */
static inline bool peer_range_next(struct peer_range r, struct addr128 *a)
{
	struct addr128 m = peer_mask(r.free);
	peer_u128 mask = (peer_u128)m.hi << 64 | m.lo;
	peer_u128 x = (peer_u128)a->hi << 64 | a->lo;

	x = ((x | ~mask) + 1) & mask;
	if (x == 0)
		return false;
	*a = (struct addr128){ r.base.hi | (uint64_t)(x >> 64), r.base.lo | (uint64_t)x };
	return true;
}

#endif
