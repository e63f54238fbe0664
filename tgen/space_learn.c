#include "tgen/space_tree.h"

#include <string.h>

/* Leave-one-out: the tree of all seeds but one is the full tree with one less
 * in the counts along that seed's path, so nothing has to be rebuilt.  Going up
 * from its leaf, the first ancestor whose pattern (without the seed) still
 * holds the seed is where it would be found. */

/* The values at nibble j of f's node, with one seed of value v left out. */
static uint16_t values_without(const struct st_frame *f, unsigned j, unsigned v)
{
	uint16_t set = st_values(f->counts.of[j]);

	return f->counts.of[j][v] == 1 ? (uint16_t)(set & ~(1u << v)) : set;
}

static bool is_single(uint16_t set)
{
	return (set & (set - 1)) == 0;
}

static bool inside_without(const struct space_model *m, const struct st_frame *f,
                           struct addr128 a)
{
	const struct st_node *u = &m->nodes[f->node];

	if (u->n < 2)
		return false;
	for (uint32_t d = u->free & ~st_bit(ST_LAST); d; d &= d - 1) {
		unsigned j = (unsigned)__builtin_ctz(d), v = addr_nibble(a, j);

		if (f->counts.of[j][v] == 1 && is_single(values_without(f, j, v)))
			return false;
	}
	return true;
}

static void tally(struct st_tally *t, bool yes)
{
	t->yes += yes;
	t->no += !yes;
}

/* The frame above f that serves as its surroundings; NULL: none. */
static const struct st_frame *surroundings(const struct st_training *tr,
                                           const struct st_frame *f)
{
	uint32_t node = st_surroundings(tr->m, f->node);

	if (node == 0)
		return NULL;
	while (f->node != node)
		f--;
	return f;
}

static void learn_rel(struct st_tables *tb, unsigned j, uint16_t seen, unsigned v,
                      const struct st_frame *around)
{
	uint32_t counts[16], *of = NULL;
	uint64_t unseen;

	if (around) {
		of = memcpy(counts, around->counts.of[j], sizeof(counts));
		of[v]--;
	}
	unseen = st_unseen(of, seen);
	for (unsigned w = 0; w < 16; w++) {
		struct st_tally *t = tb->rel[st_pos_class(j)][st_rel_class(seen, w)];

		if (seen >> w & 1)
			continue;
		tally(&t[st_pop_class(of, unseen, w)], w == v);
		tally(&t[ST_POPS], w == v);
	}
}

static void learn_dim(struct st_tables *tb, const struct st_frame *f, uint32_t n,
                      unsigned j, unsigned v, const struct st_frame *around)
{
	uint16_t seen = values_without(f, j, v);
	unsigned k = (unsigned)__builtin_popcount(seen);
	bool novel = !(seen >> v & 1);

	if (k == 16)
		return;
	tally(&tb->novel[st_pos_class(j)][st_kinds_class(k)][st_count_class(n)], novel);
	if (novel)
		learn_rel(tb, j, seen, v, around);
}

/* Seed a would be found in NOVEL of f's node. */
static void learn_novel(struct st_training *tr, const struct st_frame *f,
                        struct addr128 a)
{
	struct st_tables *tb = tr->m->tables;
	const struct st_node *u = &tr->m->nodes[f->node];
	const struct st_frame *around = surroundings(tr, f);
	uint32_t dims = u->free & ~st_bit(u->branch);
	unsigned v = addr_nibble(a, u->branch);
	uint16_t seen = values_without(f, u->branch, v);
	unsigned width = (unsigned)__builtin_popcount(dims);
	unsigned kinds = (unsigned)__builtin_popcount(seen);

	tr->landed[ST_NOVEL][f->node]++;
	tr->local[f->node].hits[st_group(ST_NOVEL, u->branch)]++;
	tb->region[ST_NOVEL][st_pos_class(u->branch)][st_count_class(u->n - 1)]
		  [st_width_class(width)][st_kinds_class(kinds)]
			  .hits++;
	learn_rel(tb, u->branch, seen, v, around);
	for (; dims; dims &= dims - 1) {
		unsigned j = (unsigned)__builtin_ctz(dims);

		learn_dim(tb, f, u->n - 1, j, addr_nibble(a, j), around);
	}
}

/* Seed a would be found in DEVIANT of c's node, a child of f's node. */
static void learn_deviant(struct st_training *tr, const struct st_frame *f,
                          const struct st_frame *c, struct addr128 a)
{
	struct st_tables *tb = tr->m->tables;
	const struct st_node *u = &tr->m->nodes[f->node];
	unsigned width = 0, n = tr->m->nodes[c->node].n - 1;

	for (uint32_t d = u->free & ~st_bit(u->branch); d; d &= d - 1) {
		unsigned j = (unsigned)__builtin_ctz(d), v = addr_nibble(a, j), k;
		uint16_t seen = values_without(c, j, v);

		if (j == ST_LAST || !is_single(seen)) {
			learn_dim(tb, c, n, j, v, f);
			continue;
		}
		width++;
		k = (unsigned)__builtin_popcount(values_without(f, j, v));
		tally(&tb->keep[st_pos_class(j)][st_kinds_class(k)][st_count_class(n)],
		      seen >> v & 1);
		if (!(seen >> v & 1))
			learn_dim(tb, f, u->n - 1, j, v, NULL);
	}
	tr->landed[ST_DEVIANT][c->node]++;
	tr->local[f->node].hits[st_group(ST_DEVIANT, u->branch)]++;
	tb->region[ST_DEVIANT][st_pos_class(u->branch)][st_count_class(n)]
		  [st_width_class(width)][st_count_class(u->n - 1)]
			  .hits++;
}

void st_learn_leaf(struct st_training *tr)
{
	const struct st_frame *top = &tr->stack[tr->depth - 1];
	const struct st_node *leaf = &tr->m->nodes[top->node];

	for (uint32_t i = 0; i < leaf->n; i++) {
		struct addr128 a = tr->m->seeds[leaf->lo + i];
		const struct st_frame *f = top;

		while (f > tr->stack && !inside_without(tr->m, f, a))
			f--;
		if (!inside_without(tr->m, f, a))
			continue;
		/* A child that had no other seed is gone, and its value with it. */
		if (f == top || tr->m->nodes[f[1].node].n == 1)
			learn_novel(tr, f, a);
		else
			learn_deviant(tr, f, f + 1, a);
	}
}

void st_learn_end(struct st_tables *tb)
{
	for (unsigned i = 0; i < ST_POS * ST_RELS; i++) {
		const struct st_tally *t = tb->rel[i / ST_RELS][i % ST_RELS];
		double prior = (t[ST_POPS].yes + 0.5) /
		               ((double)t[ST_POPS].yes + t[ST_POPS].no + 5.0);

		for (unsigned p = 0; p < ST_POPS; p++)
			tb->rel_weight[i / ST_RELS][i % ST_RELS][p] =
				(float)st_share(t[p], prior);
	}
}
