#include "common/perm.h"

#include <stdbool.h>

#include "common/rng.h"

/* Below 8 bits a Feistel network has too few round functions to choose from;
 * walking out of 256 values costs such a small domain nothing. */
enum { MIN_BITS = 8 };

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
	unsigned bits = bits_of(n - 1);

	if (bits < MIN_BITS)
		bits = MIN_BITS;
	p->n = n;
	p->left = bits / 2;
	p->right = bits - p->left;
	for (unsigned r = 0; r < PERM_ROUNDS; r++)
		p->key[r] = rng_mix(s + r * UINT64_C(0x9e3779b97f4a7c15));
}

/* Two multiplications with a fold between them; the top bits of a product
 * depend on all bits of its factors.  One multiplication is faster by a quarter,
 * but does not mix halves of eight bits. */
static inline uint64_t round_fn(uint64_t x, uint64_t key, unsigned bits)
{
	x = (x ^ key) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 32) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x >> (64 - bits);
}

/* The halves take turns instead of changing places, so that they may differ in
 * size: with even sizes only, a walk would take up to four steps, not two. */
struct halves {
	uint64_t l, r;
};

static inline struct halves forward(const struct perm *p, struct halves h)
{
	for (unsigned i = 0; i < PERM_ROUNDS; i += 2) {
		h.l ^= round_fn(h.r, p->key[i], p->left);
		h.r ^= round_fn(h.l, p->key[i + 1], p->right);
	}
	return h;
}

static inline struct halves backward(const struct perm *p, struct halves h)
{
	for (unsigned i = PERM_ROUNDS; i > 0; i -= 2) {
		h.r ^= round_fn(h.l, p->key[i - 1], p->right);
		h.l ^= round_fn(h.r, p->key[i - 2], p->left);
	}
	return h;
}

_Static_assert(PERM_ROUNDS % 2 == 0, "rounds come in pairs");

/* Domains of at most 64 bits: all in machine words. */
static inline uint64_t walk_narrow(const struct perm *p, uint64_t x, bool inverse)
{
	uint64_t last = (uint64_t)(p->n - 1), mask = (UINT64_C(1) << p->right) - 1;

	do {
		struct halves h = { x >> p->right, x & mask };

		h = inverse ? backward(p, h) : forward(p, h);
		x = h.l << p->right | h.r;
	} while (x > last);
	return x;
}

/* Halves of up to 64 bits each, put together only at the end. */
static inline u128 walk_wide(const struct perm *p, u128 x, bool inverse)
{
	uint64_t mask = UINT64_MAX >> (64 - p->right);
	u128 last = p->n - 1;
	struct halves end = { (uint64_t)(last >> p->right), (uint64_t)last & mask };
	struct halves h = { (uint64_t)(x >> p->right), (uint64_t)x & mask };

	do {
		h = inverse ? backward(p, h) : forward(p, h);
	} while (h.l > end.l || (h.l == end.l && h.r > end.r));
	return (u128)h.l << p->right | h.r;
}

u128 perm_at(const struct perm *p, u128 i)
{
	return p->right <= 32 ? walk_narrow(p, (uint64_t)i, false)
	                      : walk_wide(p, i, false);
}

/* In loops of their own: the processor then has several walks under way at once. */
void perm_run(const struct perm *p, u128 i, uint32_t step, u128 *out, size_t n)
{
	if (p->right <= 32) {
		for (size_t k = 0; k < n; k++, i += step)
			out[k] = walk_narrow(p, (uint64_t)i, false);
		return;
	}
	for (size_t k = 0; k < n; k++, i += step)
		out[k] = walk_wide(p, i, false);
}

u128 perm_find(const struct perm *p, u128 x)
{
	return p->right <= 32 ? walk_narrow(p, (uint64_t)x, true) : walk_wide(p, x, true);
}

u128 shard_size(struct shard s, u128 n)
{
	return n <= s.index ? 0 : (n - 1 - s.index) / s.count + 1;
}
