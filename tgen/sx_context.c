/* What a prediction depends on, as hashes: the tag says which kind. */
#include "tgen/sx_model.h"

enum {
	TAG_COUSIN = 1, /* and the next two: with 1 and 2 nibbles after a gap */
	TAG_SITE = 4,
	TAG_ORG,
	TAG_NET,
	TAG_ANY,
	TAG_SUFFIX,
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

/* Each nibble as zero, digit or letter. */
static uint64_t shape(struct addr128 a, unsigned from, unsigned to)
{
	uint64_t s = 1;

	for (unsigned i = from; i < to; i++) {
		unsigned v = addr_nibble(a, i);

		s = 3 * s + (v != 0) + (v > 9);
	}
	return s;
}

uint64_t sx_gap_hash(struct addr128 a, unsigned depth, uint16_t mask, bool local)
{
	if (local)
		return hash(sx_prefix(a, 8), mask, TAG_NET_GAP, depth);
	return hash((struct addr128){ 0, 0 }, mask, TAG_GAP,
	            depth >= 28 ? depth : depth / 4);
}

/* Those that hold wherever in the address, and whatever the subnet. */
static void shared_hashes(struct addr128 a, unsigned d, uint64_t out[SX_CTX])
{
	static const struct addr128 any = { 0, 0 };
	unsigned from = d >= 16 ? 16 : d >= 12 ? 12 : 8;
	unsigned org = d >= 16   ? 12
	               : d >= 12 ? 8
	                         : 4,
		 net = d >= 16   ? 8
	               : d >= 12 ? 6
	                         : 3;
	uint64_t part = nibbles(a, from, d), form = shape(a, d >= 16 ? 16 : 8, d);

	out[6] = hash(sx_prefix(a, org), part, TAG_ORG, d);
	out[7] = hash(sx_prefix(a, net), part, TAG_NET, d);
	out[8] = hash(any, part, TAG_ANY, d);
	out[10] = hash(any, form, TAG_SHAPE, d);
	out[11] = hash(sx_prefix(a, 8), form, TAG_NET_SHAPE, d);
}

void sx_context_hashes(const struct sx_place *pl, uint64_t out[SX_CTX])
{
	static const struct addr128 any = { 0, 0 };
	struct addr128 a = pl->a;
	unsigned d = pl->depth;
	bool tail = d >= SX_SUBNET && pl->leave < SX_SUBNET;

	for (unsigned j = 0; j < SX_CTX; j++)
		out[j] = 0;
	if (d >= 8)
		shared_hashes(a, d, out);
	if (d >= 2 && (!tail || d >= SX_SUBNET + 2))
		out[9] = hash(any, nibbles(a, d - 2, d), TAG_SUFFIX, d);
	if (tail && pl->leave < 12)
		out[6] = 0; /* a /48 without seeds */
	if (tail)
		return;
	for (unsigned j = 0; j < 3; j++)
		if (d > j)
			out[j] = hash(sx_prefix(a, d - 1 - j), nibbles(a, d - j, d),
			              TAG_COUSIN + j, d);
	if (d >= SX_SUBNET)
		out[3] = hash(sx_prefix(a, 14), nibbles(a, 16, d), TAG_SITE, d);
	if (pl->node && d >= 8) {
		out[4] = sx_gap_hash(a, d, pl->node->mask, false);
		out[5] = sx_gap_hash(a, d, pl->node->mask, true);
	}
}

unsigned sx_class_seeds(uint32_t n)
{
	static const uint32_t above[] = { 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 1024 };
	unsigned c = 4;

	if (n <= 4)
		return n;
	for (unsigned i = 0; i < sizeof(above) / sizeof(above[0]); i++)
		c += n > above[i];
	return c;
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

void sx_escape_hashes(const struct sx_place *pl, uint32_t n, unsigned k, uint16_t mask,
                      uint64_t out[SX_ESC])
{
	static const struct addr128 any = { 0, 0 };
	const struct sx_up *up = pl->up;
	struct addr128 a = pl->a;
	unsigned d = pl->depth;
	uint64_t pop = sx_class_pop(n), many = k > 1, sig = pop | many << 4;
	uint64_t own = sx_class_seeds(n), par = sx_class_seeds(up[0].n);
	uint64_t grand = sx_class_seeds(up[1].n), far = sx_class_seeds(up[3].n);

	local_states(a, d, sig, out);
	out[0] = hash(any, log2_floor(n) << 16 | k << 8 | sx_class_kinds(up[0].k),
	              TAG_ESCAPE, d);
	out[3] = hash(any, mask | pop << 16, TAG_ESCAPE + 3, d);
	out[5] = hash(any,
	              nibbles(a, d > 2 ? d - 2 : 0, d) | pop << 16 |
	                      (uint64_t)(mask & 1) << 24 | many << 25,
	              TAG_ESCAPE + 5, d);
	out[8] = hash(any, own | par << 4 | grand << 8 | many << 12, TAG_ESCAPE + 8, d);
	out[9] = hash(any,
	              k | (uint64_t)up[0].k << 5 | (uint64_t)up[0].singles << 10 |
	                      pop << 16 | grand << 20,
	              TAG_ESCAPE + 9, d);
	out[13] = hash(any, own | far << 4 | (uint64_t)k << 8 | par << 16,
	               TAG_ESCAPE + 13, d);
}
