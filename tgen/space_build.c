#include "tgen/space_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

/* Nibbles that the node above the root frees beyond those of the root, so that
 * even a single seed has a space around it: the low nibble of the subnet and
 * the last four of the interface identifier. */
#define ALWAYS_FREE (st_bit(15) | st_bit(28) | st_bit(29) | st_bit(30) | st_bit(31))

/* Seeds are not independent of each other: n with one value weigh n^0.7. */
#define DAMPING 0.7

static int grow(struct st_training *tr)
{
	struct space_model *m = tr->m;
	uint32_t cap = m->cap_nodes ? m->cap_nodes + m->cap_nodes / 2 : 64;
	size_t old = m->cap_nodes, more = cap - old;
	struct st_node *nodes = realloc(m->nodes, cap * sizeof(*nodes));
	struct st_local *local;

	if (!nodes)
		return -ENOMEM;
	m->nodes = nodes;
	for (unsigned k = 0; k < 2; k++) {
		uint32_t *p = realloc(tr->landed[k], cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		memset(p + old, 0, more * sizeof(*p));
		tr->landed[k] = p;
	}
	local = realloc(tr->local, cap * sizeof(*local));
	if (!local)
		return -ENOMEM;
	memset(local + old, 0, more * sizeof(*local));
	tr->local = local;
	m->cap_nodes = cap;
	return 0;
}

static int add_node(struct st_training *tr, struct st_node u)
{
	if (tr->m->n_nodes == tr->m->cap_nodes && grow(tr) < 0)
		return -ENOMEM;
	tr->m->nodes[tr->m->n_nodes++] = u;
	return 0;
}

static uint32_t free_dims(const struct addr128 *a, uint32_t n)
{
	struct addr128 x = { 0, 0 };
	uint32_t dims = st_bit(ST_LAST);

	for (uint32_t i = 1; i < n; i++) {
		x.hi |= a[i].hi ^ a[0].hi;
		x.lo |= a[i].lo ^ a[0].lo;
	}
	for (unsigned j = 0; j < ST_DIMS; j++)
		if (addr_nibble(x, j))
			dims |= st_bit(j);
	return dims;
}

/* One node and all below it.  The counts of its ancestors stay on the stack:
 * what a leaf's seeds teach depends on them.  Recursion is at most 32 deep. */
static int build(struct st_training *tr, uint32_t lo, uint32_t n, uint32_t parent)
{
	struct space_model *m = tr->m;
	struct st_frame *f = &tr->stack[tr->depth];
	struct st_node u = { .lo = lo, .n = n, .parent = parent };
	int rc;

	u.free = free_dims(m->seeds + lo, n);
	u.branch = (uint8_t)__builtin_ctz(u.free);
	st_count(&f->counts, m, &u, 1, ~UINT32_C(0));
	u.seen = st_values(f->counts.of[u.branch]);
	f->node = m->n_nodes;
	rc = add_node(tr, u);
	if (rc < 0)
		return rc;

	tr->depth++;
	if (u.branch == ST_LAST)
		st_learn_leaf(tr);
	for (unsigned v = 0; u.branch != ST_LAST && v < 16 && rc == 0; v++) {
		n = f->counts.of[u.branch][v];
		if (n > 0)
			rc = build(tr, lo, n, f->node);
		lo += n;
	}
	tr->depth--;
	return rc;
}

int space_model_train(struct space_model *m)
{
	struct st_training tr = { .m = m };
	struct st_node top = { .n = m->n_seeds, .branch = ST_NONE };
	int rc = -ENOMEM;

	for (unsigned i = 1; i < 2 * ST_SAMPLE; i++)
		m->damped[i] = (float)pow(i, DAMPING);
	m->tables = calloc(1, sizeof(*m->tables));
	tr.stack = malloc((ST_DIMS + 1) * sizeof(*tr.stack));
	if (!m->tables || !tr.stack)
		goto out;
	rc = add_node(&tr, top);
	if (rc == 0)
		rc = build(&tr, 0, m->n_seeds, 0);
	if (rc < 0)
		goto out;
	st_learn_end(m->tables);
	m->nodes[0].free = m->nodes[1].free | ALWAYS_FREE;
	rc = st_expect(&tr);
out:
	free(tr.stack);
	free(tr.landed[0]);
	free(tr.landed[1]);
	free(tr.local);
	return rc;
}

void space_model_fini(struct space_model *m)
{
	free(m->nodes);
	free(m->tables);
	free(m->regions);
	*m = (struct space_model){ 0 };
}

/* Among the seeds, one of those that share the longest prefix with a. */
static uint32_t closest_seed(const struct space_model *m, struct addr128 a)
{
	uint32_t lo = 0, hi = m->n_seeds;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(m->seeds[mid], a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == m->n_seeds)
		return lo - 1;
	if (lo == 0 ||
	    addr_common_bits(m->seeds[lo], a) >= addr_common_bits(m->seeds[lo - 1], a))
		return lo;
	return lo - 1;
}

/* In preorder, the last node whose seeds start at or before one is its leaf. */
static uint32_t leaf_of(const struct space_model *m, uint32_t seed)
{
	uint32_t lo = 1, hi = m->n_nodes;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->nodes[mid].lo <= seed)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static bool in_pattern(const struct space_model *m, uint32_t node, struct addr128 a)
{
	struct addr128 s = m->seeds[m->nodes[node].lo];

	for (uint32_t d = ~m->nodes[node].free; d; d &= d - 1) {
		unsigned j = (unsigned)__builtin_ctz(d);

		if (addr_nibble(a, j) != addr_nibble(s, j))
			return false;
	}
	return true;
}

static uint32_t region_index(const struct space_model *m, uint32_t id)
{
	uint32_t lo = 0, hi = m->n_regions;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->regions[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->n_regions && m->regions[lo].id == id ? lo : UINT32_MAX;
}

uint32_t space_model_locate(const struct space_model *m, struct addr128 a)
{
	uint32_t seed = closest_seed(m, a), u = leaf_of(m, seed), below = 0;

	if (addr_eq(m->seeds[seed], a))
		return UINT32_MAX;
	while (!in_pattern(m, u, a)) {
		if (u == 0)
			return UINT32_MAX;
		below = u;
		u = m->nodes[u].parent;
	}
	/* The closest seed goes a's way at u's branching nibble if any does. */
	if (u != 0 && !(m->nodes[u].seen >> addr_nibble(a, m->nodes[u].branch) & 1))
		return region_index(m, u * 2 + ST_NOVEL);
	return region_index(m, below * 2 + ST_DEVIANT);
}
