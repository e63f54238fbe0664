#include "common/rng.h"

#include <sodium.h>

__extension__ typedef unsigned __int128 wide;

static uint64_t rotl(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

uint64_t rng_mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The four words are successive outputs of SplitMix64, whose state advances
 * by the golden-ratio constant; they cannot all be zero. */
void rng_init(struct rng *r, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		r->s[i] = rng_mix(seed + i * UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t rng_next(struct rng *r)
{
	uint64_t result = rotl(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = rotl(r->s[3], 45);
	return result;
}

/* Lemire, "Fast Random Integer Generation in an Interval" (2019): the high word
 * of a product, where the few low words that would bias it are drawn again. */
uint64_t rng_below(struct rng *r, uint64_t n)
{
	wide m = (wide)rng_next(r) * n;

	if ((uint64_t)m < n) {
		uint64_t least = -n % n;

		while ((uint64_t)m < least)
			m = (wide)rng_next(r) * n;
	}
	return (uint64_t)(m >> 64);
}

double rng_double(struct rng *r)
{
	return (double)(rng_next(r) >> 11) * 0x1.0p-53;
}

/* Two draws whatever the length, so that the sequence does not depend on it. */
struct addr128 rng_addr_in(struct rng *r, struct prefix p)
{
	uint64_t hi = rng_next(r), lo = rng_next(r);
	struct addr128 last = prefix_last(p);

	return (struct addr128){
		.hi = p.addr.hi | (hi & (last.hi ^ p.addr.hi)),
		.lo = p.addr.lo | (lo & (last.lo ^ p.addr.lo)),
	};
}

/* libsodium does not return without having filled the buffer: a process that
 * cannot get secrets must not go on with guessable ones. */
void rng_secret(void *buf, size_t n)
{
	(void)!sodium_init();
	randombytes_buf(buf, n);
}
