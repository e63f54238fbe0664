#include "tgen/space_tree.h"

#include <string.h>

enum { SURROUNDINGS = 32 };

unsigned st_pos_class(unsigned nibble)
{
	return nibble == ST_LAST ? ST_POS - 1 : nibble / 4;
}

unsigned st_kinds_class(unsigned values)
{
	static const uint8_t map[17] = {
		0, 0, 1, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6
	};

	return map[values];
}

unsigned st_count_class(uint32_t n)
{
	static const uint32_t below[ST_COUNTS - 1] = { 2, 3, 5, 9, 17, 65, 257 };
	unsigned k = 0;

	while (k < ST_COUNTS - 1 && n >= below[k])
		k++;
	return k;
}

unsigned st_width_class(unsigned dims)
{
	static const uint8_t map[9] = { 0, 0, 1, 2, 2, 3, 3, 3, 3 };

	return dims < 9 ? map[dims] : dims < 17 ? 4 : 5;
}

/* Addresses are handed out in sequence and in round numbers: the next one up is
 * likelier than the next one down, a gap of one likelier still, and digits are
 * likelier than letters. */
unsigned st_rel_class(uint16_t seen, unsigned v)
{
	bool below = v > 0 && seen >> (v - 1) & 1, above = seen >> (v + 1) & 1;

	if (below || above)
		return below && above ? 0 : below ? 1 : 2;
	if ((v > 1 && seen >> (v - 2) & 1) || seen >> (v + 2) & 1)
		return 3;
	if (v == 0)
		return 4;
	return v < 10 ? 5 : 6;
}

uint64_t st_unseen(const uint32_t *around, uint16_t seen)
{
	uint64_t sum = 0;

	for (unsigned v = 0; around && v < 16; v++)
		if (!(seen >> v & 1))
			sum += around[v];
	return sum;
}

unsigned st_pop_class(const uint32_t *around, uint64_t unseen, unsigned v)
{
	if (!around)
		return 0;
	if (!around[v])
		return 1;
	if (unseen > 16 * (uint64_t)around[v])
		return 2;
	return unseen > 4 * (uint64_t)around[v] ? 3 : 4;
}

uint32_t st_surroundings(const struct space_model *m, uint32_t node)
{
	uint32_t p = m->nodes[node].parent;

	while (p > 1 && m->nodes[p].n < SURROUNDINGS)
		p = m->nodes[p].parent;
	return p;
}

uint16_t st_values(const uint32_t of[16])
{
	uint16_t set = 0;

	for (unsigned v = 0; v < 16; v++)
		set |= (uint16_t)((of[v] > 0) << v);
	return set;
}

void st_count(struct st_counts *c, const struct space_model *m, const struct st_node *u,
              uint32_t step, uint32_t dims)
{
	for (uint32_t d = dims; d; d &= d - 1)
		memset(c->of[__builtin_ctz(d)], 0, sizeof(c->of[0]));
	for (uint32_t i = 0; i < u->n; i += step) {
		struct addr128 a = m->seeds[u->lo + i];

		for (uint32_t d = dims; d; d &= d - 1) {
			unsigned j = (unsigned)__builtin_ctz(d);

			c->of[j][addr_nibble(a, j)]++;
		}
	}
}
