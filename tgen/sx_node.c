#include "tgen/sx_model.h"

#include <string.h>

void sx_up_push(struct sx_up up[SX_UP], const struct sx_node *nd)
{
	memmove(&up[1], &up[0], (SX_UP - 1) * sizeof(*up));
	up[0] = (struct sx_up){ (uint8_t)sx_class_seeds(nd->n), nd->k, nd->singles };
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

	if (*n == 1)
		return;
	if (v > 0)
		from = after_value(m->seeds, from, hi, depth, v - 1);
	*lo = from;
	*n = after_value(m->seeds, from, hi, depth, v) - from;
}

static void split(uint32_t at[17], const struct sx_model *m, uint32_t lo, uint32_t n,
                  unsigned depth)
{
	uint32_t hi = lo + n, i = lo;

	for (unsigned v = 0; v < 16; v++) {
		at[v] = i;
		if (i == hi || addr_nibble(m->seeds[i], depth) != v)
			continue;
		if (n > 64)
			i = after_value(m->seeds, i, hi, depth, v);
		else
			for (i++; i < hi && m->common[i] != depth;)
				i++;
	}
	at[16] = hi;
}

static unsigned count_kinds(const struct sx_model *m, uint32_t lo, uint32_t hi,
                            unsigned depth)
{
	uint32_t k = 1;

	for (uint32_t i = lo + 1; i < hi; i++)
		k += m->common[i] == depth;
	return k;
}

static void init_lone(struct sx_node *nd, const struct sx_model *m)
{
	unsigned v = addr_nibble(m->seeds[nd->lo], nd->depth);

	for (unsigned i = 0; i < 16; i++)
		nd->at[i] = nd->lo + (i > v);
	nd->at[16] = nd->lo + 1;
	nd->mask = (uint16_t)(1u << v);
	nd->kinds[v] = nd->depth + 1 < SX_NIBBLES;
	nd->k = nd->singles = 1;
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
	memset(nd->kinds, 0, sizeof(nd->kinds));
	if (n == 1) {
		init_lone(nd, m);
		return;
	}
	split(nd->at, m, lo, n, depth);
	for (unsigned v = 0; v < 16; v++) {
		uint32_t c = sx_node_count(nd, v);

		if (c == 0)
			continue;
		nd->mask |= (uint16_t)(1u << v);
		nd->k++;
		nd->singles += c == 1;
		if (depth + 1 < SX_NIBBLES)
			nd->kinds[v] = (uint8_t)count_kinds(m, nd->at[v], nd->at[v + 1],
			                                    depth + 1);
	}
}
