#include "common/perm.h"

#include <stdbool.h>

#include "common/rng.h"

/* Below 8 bits a Feistel network has too few round functions to choose from;
 * walking out of 256 values costs such a small domain nothing. */
enum { MIN_HALF = 4 };

static unsigned bits_of(u128 x)
{
	uint64_t hi = (uint64_t)(x >> 64), lo = (uint64_t)x;

	if (hi)
		return 128 - (unsigned)__builtin_clzll(hi);
	return lo ? 64 - (unsigned)__builtin_clzll(lo) : 0;
}

void perm_init(struct perm *p, u128 n, uint64_t seed)
{
	uint64_t s = rng_mix(seed);

	p->n = n;
	p->half = (bits_of(n - 1) + 1) / 2;
	if (p->half < MIN_HALF)
		p->half = MIN_HALF;
	for (unsigned r = 0; r < PERM_ROUNDS; r++)
		p->key[r] = rng_mix(s + r * UINT64_C(0x9e3779b97f4a7c15));
}

/* Two multiplications with a fold between them; the top bits of a product
 * depend on all bits of its factors. */
static inline uint64_t round_fn(uint64_t x, uint64_t key, unsigned half)
{
	x = (x ^ key) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 32) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x >> (64 - half);
}

struct halves {
	uint64_t l, r;
};

static inline struct halves forward(const struct perm *p, struct halves h)
{
	for (unsigned i = 0; i < PERM_ROUNDS; i++)
		h = (struct halves){ h.r, h.l ^ round_fn(h.r, p->key[i], p->half) };
	return h;
}

static inline struct halves backward(const struct perm *p, struct halves h)
{
	for (unsigned i = PERM_ROUNDS; i-- > 0;)
		h = (struct halves){ h.r ^ round_fn(h.l, p->key[i], p->half), h.l };
	return h;
}

/* Domains of at most 64 bits: all in machine words. */
static inline uint64_t walk_narrow(const struct perm *p, uint64_t x, bool inverse)
{
	uint64_t last = (uint64_t)(p->n - 1), mask = (UINT64_C(1) << p->half) - 1;

	do {
		struct halves h = { x >> p->half, x & mask };

		h = inverse ? backward(p, h) : forward(p, h);
		x = h.l << p->half | h.r;
	} while (x > last);
	return x;
}

static u128 walk_wide(const struct perm *p, u128 x, bool inverse)
{
	u128 mask = ((u128)1 << p->half) - 1;

	do {
		struct halves h = { (uint64_t)(x >> p->half), (uint64_t)(x & mask) };

		h = inverse ? backward(p, h) : forward(p, h);
		x = (u128)h.l << p->half | h.r;
	} while (x >= p->n);
	return x;
}

u128 perm_at(const struct perm *p, u128 i)
{
	return p->half <= 32 ? walk_narrow(p, (uint64_t)i, false)
	                     : walk_wide(p, i, false);
}

u128 perm_find(const struct perm *p, u128 x)
{
	return p->half <= 32 ? walk_narrow(p, (uint64_t)x, true) : walk_wide(p, x, true);
}

u128 shard_size(struct shard s, u128 n)
{
	return n <= s.index ? 0 : (n - 1 - s.index) / s.count + 1;
}
