#include "tgen/space_tree.h"

#include <stdlib.h>

#include "common/err.h"

/* How many hits to expect in a region, on the scale of a fresh sample as large
 * as the seeds.  Three sources, each the prior of the next:
 *
 *   its class      (kind, position, seeds, free dimensions, values seen): left-out
 *                  seeds that fell into regions of the class, per region;
 *   its network    the ancestors' regions of the same group: fell / expected,
 *                  shrunk towards the next ancestor's ratio;
 *   itself         the seeds that fell into it, against the class's mean.  (Not
 *                  to be had from the first source: a region that owes its being
 *                  to the seed left out never receives it.) */
#define CLASS_WEIGHT 16.0
#define LOCAL_WEIGHT 8.0
#define OWN_WEIGHT   2.0

unsigned st_group(enum st_kind kind, unsigned branch)
{
	unsigned at = branch < 16 || branch == ST_NONE ? 0
	              : branch < 28                    ? 1
	              : branch < ST_LAST               ? 2
	                                               : 3;

	return (unsigned)kind * (ST_GROUPS / 2) + at;
}

/* The dimensions in which DEVIANT of a node may leave its pattern. */
static uint32_t deviations(const struct space_model *m, uint32_t node)
{
	const struct st_node *p = &m->nodes[m->nodes[node].parent];

	return p->free & ~m->nodes[node].free & ~st_bit(p->branch);
}

bool st_region_exists(const struct space_model *m, uint32_t node, enum st_kind kind)
{
	if (node == 0)
		return false;
	if (kind == ST_NOVEL)
		return m->nodes[node].seen != 0xffff;
	return deviations(m, node) != 0;
}

/* The node whose branching nibble a region's addresses pass. */
static uint32_t region_at(const struct space_model *m, uint32_t node, enum st_kind kind)
{
	return kind == ST_NOVEL ? node : m->nodes[node].parent;
}

static struct st_class (*class_block(const struct space_model *m, uint32_t node,
                                     enum st_kind kind))[ST_COUNTS]
{
	unsigned branch = m->nodes[region_at(m, node, kind)].branch;
	unsigned pos = branch == ST_NONE ? 0 : st_pos_class(branch);

	return m->tables->region[kind][pos][st_count_class(m->nodes[node].n)];
}

static struct st_class *class_of(const struct space_model *m, uint32_t node,
                                 enum st_kind kind)
{
	const struct st_node *u = &m->nodes[node];
	unsigned width, x;

	if (kind == ST_NOVEL) {
		width = (unsigned)__builtin_popcount(u->free) - 1;
		x = st_kinds_class((unsigned)__builtin_popcount(u->seen));
	} else {
		width = (unsigned)__builtin_popcount(deviations(m, node));
		x = st_count_class(m->nodes[u->parent].n);
	}
	return &class_block(m, node, kind)[st_width_class(width)][x];
}

struct estimate {
	double hits, own; /* per region of the class */
};

/* A class borrows from those that differ from it only in the last two traits. */
static struct estimate estimate(const struct space_model *m, uint32_t node,
                                enum st_kind kind)
{
	struct st_class(*block)[ST_COUNTS] = class_block(m, node, kind);
	const struct st_class *c = class_of(m, node, kind);
	double hits = 0.01, regions = 1, own = 0.01;

	for (unsigned i = 0; i < ST_WIDTHS * ST_COUNTS; i++) {
		const struct st_class *b = &block[i / ST_COUNTS][i % ST_COUNTS];

		hits += b->hits;
		regions += b->regions;
		own += b->own;
	}
	return (struct estimate){
		(c->hits + CLASS_WEIGHT * hits / regions) / (c->regions + CLASS_WEIGHT),
		(c->own + CLASS_WEIGHT * own / regions) / (c->regions + CLASS_WEIGHT),
	};
}

/* From sums below each node to its ratio of what fell to what was expected,
 * which replaces .hits. */
static void settle_local(struct st_training *tr)
{
	struct st_local *l = tr->local;
	const struct st_node *nodes = tr->m->nodes;

	for (uint32_t i = tr->m->n_nodes; i-- > 1;) {
		for (unsigned g = 0; g < ST_GROUPS; g++) {
			l[nodes[i].parent].hits[g] += l[i].hits[g];
			l[nodes[i].parent].expected[g] += l[i].expected[g];
		}
	}
	for (uint32_t i = 0; i < tr->m->n_nodes; i++) {
		for (unsigned g = 0; g < ST_GROUPS; g++) {
			float above = i ? l[nodes[i].parent].hits[g] : 1;

			l[i].hits[g] = (l[i].hits[g] + (float)LOCAL_WEIGHT * above) /
			               (l[i].expected[g] + (float)LOCAL_WEIGHT);
		}
	}
}

static void expect_region(const struct st_training *tr, struct st_region *r)
{
	struct space_model *m = tr->m;
	uint32_t node = r->id / 2, at;
	enum st_kind kind = r->id % 2;
	struct estimate e = estimate(m, node, kind);
	double local;

	at = region_at(m, node, kind);
	local = tr->local[m->nodes[at].parent].hits[st_group(kind, m->nodes[at].branch)];
	r->expect = (float)(e.hits * (tr->landed[kind][node] + OWN_WEIGHT * local) /
	                    (e.own + OWN_WEIGHT));
}

int st_expect(struct st_training *tr)
{
	struct space_model *m = tr->m;
	uint32_t n = 0;

	for (uint32_t id = 0; id < 2 * m->n_nodes; id++)
		n += st_region_exists(m, id / 2, id % 2);
	m->regions = calloc(n ? n : 1, sizeof(*m->regions));
	if (!m->regions)
		return -ENOMEM;
	for (uint32_t id = 0; id < 2 * m->n_nodes; id++) {
		struct st_class *c;

		if (!st_region_exists(m, id / 2, id % 2))
			continue;
		m->regions[m->n_regions++].id = id;
		c = class_of(m, id / 2, id % 2);
		c->regions++;
		c->own += tr->landed[id % 2][id / 2];
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t node = m->regions[i].id / 2, at;
		enum st_kind kind = m->regions[i].id % 2;

		at = region_at(m, node, kind);
		tr->local[at].expected[st_group(kind, m->nodes[at].branch)] +=
			(float)estimate(m, node, kind).hits;
	}
	settle_local(tr);
	for (uint32_t i = 0; i < n; i++)
		expect_region(tr, &m->regions[i]);
	return 0;
}
