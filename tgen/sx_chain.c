/* Contexts whose path only one seed has: how that seed goes on is how they do.
 *
 * A chain is a context of the interface identifier at all its depths: what lies
 * under the /56, the /48, the /32, or anywhere, with the same identifier so far,
 * or the same shape of it. */
#include "tgen/sx_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SHAPES = 4 }; /* chains from here on go by shape */

static unsigned form(unsigned v)
{
	return (v != 0) + (v > 9);
}

struct sx_chains sx_chains_step(const struct sx_chains *c, const struct sx_model *m,
                                unsigned depth, unsigned v)
{
	struct sx_chains next = *c;

	if (depth < SX_SUBNET)
		return sx_chains_start();
	for (unsigned i = 0; i < SX_CHAINS; i++) {
		unsigned own;

		if (c->seed[i] >= SX_NOBODY)
			continue;
		own = addr_nibble(m->seeds[c->seed[i]], depth);
		if (i < SHAPES ? own != v : form(own) != form(v))
			next.seed[i] = SX_NOBODY;
	}
	return next;
}

struct entry {
	uint64_t key;
	uint32_t seed;
	uint32_t common; /* see sx_model.common */
};

static void sort_few(struct entry *e, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		struct entry x = e[i];
		uint32_t j = i;

		for (; j > 0 && e[j - 1].key > x.key; j--)
			e[j] = e[j - 1];
		e[j] = x;
	}
}

/* By key; least byte first, and only the bytes that differ. */
static void sort_entries(struct entry *e, struct entry *spare, uint32_t n)
{
	struct entry *from = e, *to = spare;
	uint64_t differ = 0;

	if (n <= 24) {
		sort_few(e, n);
		return;
	}
	for (uint32_t i = 1; i < n; i++)
		differ |= e[i].key ^ e[0].key;
	for (unsigned shift = 0; shift < 64; shift += 8) {
		uint32_t at[257] = { 0 };
		struct entry *swap = from;

		if (!(differ >> shift & 255))
			continue;
		for (uint32_t i = 0; i < n; i++)
			at[(from[i].key >> shift & 255) + 1]++;
		for (unsigned b = 0; b < 256; b++)
			at[b + 1] += at[b];
		for (uint32_t i = 0; i < n; i++)
			to[at[from[i].key >> shift & 255]++] = from[i];
		from = to;
		to = swap;
	}
	if (from != e)
		memcpy(e, from, n * sizeof(*e));
}

/* Each nibble's form as a nibble. */
static uint64_t shape_key(uint64_t iid)
{
	uint64_t key = 0;

	for (unsigned i = 0; i < 64; i += 4)
		key |= (uint64_t)form(iid >> i & 15) << i;
	return key;
}

/* Count what follows a path that entries e .. e + n - 1 share, and longer ones,
 * until each is one seed's.  A node of the seeds counts once, by its first. */
static void count_paths(struct sx_model *m, unsigned chain, const struct entry *e,
                        uint32_t n, unsigned depth)
{
	uint64_t hash = sx_chain_hash(chain, m->seeds[e->seed], depth);
	unsigned shift = 4 * (SX_NIBBLES - 1 - depth);
	uint32_t of[16] = { 0 };

	if (n == 1) {
		sx_counts_alone(&m->counts, hash, e->seed);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		of[m->seeds[e[i].seed].lo >> shift & 15] += e[i].common <= depth;
	sx_counts_set(&m->counts, hash, of);
	if (depth == SX_NIBBLES - 1)
		return;
	for (uint32_t lo = 0, hi; lo < n; lo = hi) {
		unsigned v = e[lo].key >> shift & 15;

		for (hi = lo + 1; hi < n && (e[hi].key >> shift & 15) == v;)
			hi++;
		count_paths(m, chain, e + lo, hi - lo, depth + 1);
	}
}

int sx_chains_build(struct sx_model *m)
{
	static const uint8_t under[SX_CHAINS] = { 56, 48, 32, 0, 0, 32 };
	struct entry *e = malloc(((size_t)m->n + 1) * 2 * sizeof(*e));

	if (!e)
		return -ENOMEM;
	for (unsigned c = 0; c < SX_CHAINS; c++) {
		unsigned drop = 64 - under[c];

		for (uint32_t lo = 0, hi; lo < m->n; lo = hi) {
			for (hi = lo; hi < m->n; hi++) {
				uint64_t iid = m->seeds[hi].lo;

				if (drop < 64 &&
				    (m->seeds[hi].hi ^ m->seeds[lo].hi) >> drop)
					break;
				e[hi - lo].seed = hi;
				e[hi - lo].common = m->common[hi];
				e[hi - lo].key = c < SHAPES ? iid : shape_key(iid);
			}
			sort_entries(e, e + m->n, hi - lo);
			count_paths(m, c, e, hi - lo, SX_SUBNET);
		}
	}
	free(e);
	return 0;
}
