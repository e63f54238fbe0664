#include "tgen/sx_model.h"

#include <string.h>

struct addr128 sx_prefix(struct addr128 a, unsigned depth)
{
	if (depth >= SX_NIBBLES)
		return a;
	if (depth >= 16)
		a.lo &= depth == 16 ? 0 : ~UINT64_C(0) << (128 - 4 * depth);
	else
		a = (struct addr128){ depth ? a.hi & ~UINT64_C(0) << (64 - 4 * depth) : 0,
			              0 };
	return a;
}

void sx_up_push(struct sx_up up[SX_UP], const struct sx_node *nd)
{
	memmove(&up[1], &up[0], (SX_UP - 1) * sizeof(*up));
	up[0] = (struct sx_up){ nd->n, nd->k, nd->singles };
}

/* The first of seeds lo .. hi - 1 whose nibble is above v. */
static uint32_t after_value(const struct addr128 *seeds, uint32_t lo, uint32_t hi,
                            unsigned depth, unsigned v)
{
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (addr_nibble(seeds[mid], depth) <= v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void sx_narrow(const struct sx_model *m, unsigned depth, unsigned v, uint32_t *lo,
               uint32_t *n)
{
	uint32_t hi = *lo + *n, from = *lo;

	if (v > 0)
		from = after_value(m->seeds, from, hi, depth, v - 1);
	*lo = from;
	*n = after_value(m->seeds, from, hi, depth, v) - from;
}

static void split(uint32_t at[17], const struct addr128 *seeds, uint32_t lo, uint32_t n,
                  unsigned depth)
{
	uint32_t hi = lo + n, i = lo;

	for (unsigned v = 0; v < 16; v++) {
		at[v] = i;
		if (i == hi || addr_nibble(seeds[i], depth) != v)
			continue;
		if (n > 24)
			i = after_value(seeds, i, hi, depth, v);
		else
			while (i < hi && addr_nibble(seeds[i], depth) == v)
				i++;
	}
	at[16] = hi;
}

static unsigned count_kinds(const struct addr128 *seeds, uint32_t lo, uint32_t n,
                            unsigned depth)
{
	uint32_t at[17];
	unsigned k = 0;

	if (n == 1)
		return 1;
	split(at, seeds, lo, n, depth);
	for (unsigned v = 0; v < 16; v++)
		k += at[v + 1] > at[v];
	return k;
}

void sx_node_init(struct sx_node *nd, const struct sx_model *m, struct addr128 prefix,
                  unsigned depth, uint32_t lo, uint32_t n)
{
	nd->prefix = prefix;
	nd->lo = lo;
	nd->n = n;
	nd->depth = (uint8_t)depth;
	nd->k = nd->singles = 0;
	nd->mask = 0;
	split(nd->at, m->seeds, lo, n, depth);
	for (unsigned v = 0; v < 16; v++) {
		uint32_t c = sx_node_count(nd, v);

		nd->kinds[v] = 0;
		if (c == 0)
			continue;
		nd->mask |= (uint16_t)(1u << v);
		nd->k++;
		nd->singles += c == 1;
		if (depth + 1 < SX_NIBBLES)
			nd->kinds[v] =
				(uint8_t)count_kinds(m->seeds, nd->at[v], c, depth + 1);
	}
}
