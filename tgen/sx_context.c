/* What a prediction depends on, as hashes: the tag says which kind. */
#include "tgen/sx_model.h"

#include <string.h>

enum {
	TAG_COUSIN = 1, /* and the next two: with 1 and 2 nibbles after a gap */
	TAG_SITE = 4,
	TAG_ORG,
	TAG_NET,
	TAG_ANY,
	TAG_SHAPE,
	TAG_NET_SHAPE,
	TAG_GAP,
	TAG_NET_GAP,
	TAG_ESCAPE
};

static uint64_t hash(struct addr128 a, uint64_t more, unsigned tag, unsigned depth)
{
	uint64_t h = (a.hi + UINT64_C(0x9e3779b97f4a7c15) * (tag * 64 + depth + 1)) *
	             UINT64_C(0xd6e8feb86659fd93);

	h ^= h >> 32;
	h = (h ^ a.lo) * UINT64_C(0x9fb21c651e98df25);
	h ^= h >> 32;
	h = (h ^ more) * UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return (h ^ h >> 29) | 1;
}

/* Nibbles from..to-1 as a number; at most 16 of them. */
static uint64_t nibbles(struct addr128 a, unsigned from, unsigned to)
{
	unsigned width = to - from, drop = 128 - 4 * to;
	uint64_t x;

	if (to <= from)
		return 0;
	if (drop >= 64)
		x = a.hi >> (drop - 64);
	else if (drop == 0)
		x = a.lo;
	else
		x = a.lo >> drop | a.hi << (64 - drop);
	return width >= 16 ? x : x & ((UINT64_C(1) << 4 * width) - 1);
}

/* Each nibble of at most 16 as zero, digit or letter: two bits for each. */
static uint64_t shape(struct addr128 a, unsigned from, unsigned to)
{
	const uint64_t each = UINT64_C(0x1111111111111111);
	uint64_t x = nibbles(a, from, to);
	uint64_t some = (x | x >> 1 | x >> 2 | x >> 3) & each;
	uint64_t letter = x >> 3 & (x >> 2 | x >> 1) & each;

	return some | letter << 1;
}

uint64_t sx_gap_hash(struct addr128 a, unsigned depth, uint16_t mask, bool local)
{
	if (local)
		return hash(sx_prefix(a, 8), mask, TAG_NET_GAP, depth);
	return hash((struct addr128){ 0, 0 }, mask, TAG_GAP,
	            depth >= 28 ? depth : depth / 4);
}

const uint8_t sx_chain_context[SX_CHAINS] = { 3, 6, 7, 8, 10, 11 };

uint64_t sx_chain_hash(unsigned chain, struct addr128 a, unsigned d)
{
	static const struct addr128 any = { 0, 0 };
	uint64_t part = nibbles(a, SX_SUBNET, d);

	switch (chain) {
	case 0: return hash(sx_prefix(a, 14), part, TAG_SITE, d);
	case 1: return hash(sx_prefix(a, 12), part, TAG_ORG, d);
	case 2: return hash(sx_prefix(a, 8), part, TAG_NET, d);
	case 3: return hash(any, part, TAG_ANY, d);
	case 4: return hash(any, shape(a, SX_SUBNET, d), TAG_SHAPE, d);
	default: return hash(sx_prefix(a, 8), shape(a, SX_SUBNET, d), TAG_NET_SHAPE, d);
	}
}

/* Similarly for subnets. */
static void subnet_hashes(struct addr128 a, unsigned d, uint64_t out[SX_CTX])
{
	static const struct addr128 any = { 0, 0 };
	unsigned from = d >= 12 ? 12 : 8, org = d >= 12 ? 8 : 4, net = d >= 12 ? 6 : 3;
	uint64_t part = nibbles(a, from, d), form = shape(a, 8, d);

	out[6] = hash(sx_prefix(a, org), part, TAG_ORG, d);
	out[7] = hash(sx_prefix(a, net), part, TAG_NET, d);
	out[8] = hash(any, part, TAG_ANY, d);
	out[10] = hash(any, form, TAG_SHAPE, d);
	out[11] = hash(sx_prefix(a, 8), form, TAG_NET_SHAPE, d);
}

void sx_context_hashes(const struct sx_place *pl, uint64_t out[SX_CTX])
{
	struct addr128 a = pl->a;
	unsigned d = pl->depth;
	bool tail = d >= SX_SUBNET && pl->leave < SX_SUBNET;

	memset(out, 0, SX_CTX * sizeof(*out));
	if (d >= SX_SUBNET) {
		for (unsigned c = tail ? pl->leave < 12 ? 2 : 1 : 0; c < SX_CHAINS; c++)
			if (pl->chains.seed[c] == SX_MIXED)
				out[sx_chain_context[c]] = sx_chain_hash(c, a, d);
	} else if (d >= 8) {
		subnet_hashes(a, d, out);
	}
	if (tail)
		return;
	/* Prefixes that seeds have, more than one. */
	for (unsigned j = d > pl->leave + 1 ? d - pl->leave - 1 : 0; j < 3; j++)
		if (d > j && d - 1 - j < pl->lone_from)
			out[j] = hash(sx_prefix(a, d - 1 - j), nibbles(a, d - j, d),
			              TAG_COUSIN + j, d);
	if (pl->node && d >= 8) {
		out[4] = sx_gap_hash(a, d, pl->node->mask, false);
		out[5] = sx_gap_hash(a, d, pl->node->mask, true);
	}
}

unsigned sx_class_seeds(uint32_t n)
{
	if (n <= 4)
		return n;
	return 5u + (n > 6) + (n > 8) + (n > 12) + (n > 16) + (n > 24) + (n > 32) +
	       (n > 64) + (n > 128) + (n > 256) + (n > 1024);
}

unsigned sx_class_pop(uint32_t n)
{
	return (n > 1) + (n > 3) + (n > 15);
}

unsigned sx_class_kinds(unsigned k)
{
	return (k > 1) + (k > 3) + (k > 7) + (k > 12);
}

unsigned sx_span(unsigned d)
{
	return d < 28 ? (d < 8 ? 0 : d / 4 - 1) : d < 31 ? 6 : 7;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned log2_floor(uint32_t n)
{
	return n ? 31 - (unsigned)__builtin_clz(n) : 0;
}

/* The states of an escape by where it is; those by numbers are below. */
static void local_states(struct addr128 a, unsigned d, uint64_t sig, uint64_t *out)
{
	static const struct addr128 any = { 0, 0 };
	uint64_t s;

	out[1] = hash(sx_prefix(a, least(8, d - 1)), sig, TAG_ESCAPE + 1, d);
	out[2] = hash(sx_prefix(a, least(12, d - 1)), sig, TAG_ESCAPE + 2, d);
	out[4] = hash(sx_prefix(a, d - 1), sig & 3, TAG_ESCAPE + 4, d);
	out[6] = hash(sx_prefix(a, d > 3 ? d - 3 : 0), sig, TAG_ESCAPE + 6, d);
	out[7] = hash(sx_prefix(a, d > 16  ? 16
	                           : d > 2 ? d - 2
	                                   : 0),
	              sig, TAG_ESCAPE + 7, d);
	if (d > 16) {
		s = nibbles(a, 16, d);
		out[10] =
			hash(sx_prefix(a, 8), s, TAG_ESCAPE + 10 + 8 * (unsigned)sig, d);
		out[11] = hash(any, s, TAG_ESCAPE + 11 + 8 * (unsigned)sig, d);
		out[12] =
			hash(sx_prefix(a, 12), s, TAG_ESCAPE + 12 + 8 * (unsigned)sig, d);
		return;
	}
	s = nibbles(a, 12, d);
	out[10] =
		d > 12 ? hash(sx_prefix(a, 8), s, TAG_ESCAPE + 10 + 8 * (unsigned)sig, d)
		       : 0;
	out[11] = d > 12 ? hash(any, s, TAG_ESCAPE + 11 + 8 * (unsigned)sig, d) : 0;
	out[12] = hash(any, shape(a, 8, d), TAG_ESCAPE + 12 + 8 * (unsigned)sig, d);
}

/* The two that depend on which values there are. */
void sx_escape_mask_hashes(const struct sx_place *pl, uint32_t n, unsigned k,
                           uint16_t mask, uint64_t out[SX_ESC])
{
	static const struct addr128 any = { 0, 0 };
	unsigned d = pl->depth;
	uint64_t pop = sx_class_pop(n), many = k > 1;

	out[SX_ESC_MASK] = hash(any, mask | pop << 16, TAG_ESCAPE + 3, d);
	out[SX_ESC_ZERO] = hash(any,
	                        nibbles(pl->a, d > 2 ? d - 2 : 0, d) | pop << 16 |
	                                (uint64_t)(mask & 1) << 24 | many << 25,
	                        TAG_ESCAPE + 5, d);
}

void sx_escape_hashes(const struct sx_place *pl, uint32_t n, unsigned k, uint16_t mask,
                      uint64_t out[SX_ESC])
{
	static const struct addr128 any = { 0, 0 };
	const struct sx_up *up = pl->up;
	struct addr128 a = pl->a;
	unsigned d = pl->depth;
	uint64_t pop = sx_class_pop(n), many = k > 1, sig = pop | many << 4;
	uint64_t own = sx_class_seeds(n), par = up[0].seeds;
	uint64_t grand = up[1].seeds, far = up[3].seeds;

	local_states(a, d, sig, out);
	out[0] = hash(any, log2_floor(n) << 16 | k << 8 | sx_class_kinds(up[0].k),
	              TAG_ESCAPE, d);
	sx_escape_mask_hashes(pl, n, k, mask, out);
	out[8] = hash(any, own | par << 4 | grand << 8 | many << 12, TAG_ESCAPE + 8, d);
	out[9] = hash(any,
	              k | (uint64_t)up[0].k << 5 | (uint64_t)up[0].singles << 10 |
	                      pop << 16 | grand << 20,
	              TAG_ESCAPE + 9, d);
	out[13] = hash(any, own | far << 4 | (uint64_t)k << 8 | par << 16,
	               TAG_ESCAPE + 13, d);
}
