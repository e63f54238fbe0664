#include "tgen/peer_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tgen/peer_range.h"

enum { NIBBLES = 32 };

uint32_t peer_varying(const struct addr128 *a, uint32_t n)
{
	struct addr128 x = { 0, 0 };
	const struct addr128 zero = { 0, 0 };

	for (uint32_t i = 1; i < n; i++) {
		x.hi |= a[i].hi ^ a[0].hi;
		x.lo |= a[i].lo ^ a[0].lo;
	}
	return peer_difference(x, zero);
}

static void count_values(uint32_t of[16], const struct addr128 *a, uint32_t n,
                         unsigned nibble)
{
	memset(of, 0, 16 * sizeof(*of));
	for (uint32_t i = 0; i < n; i++)
		of[addr_nibble(a[i], nibble)]++;
}

double peer_entropy_of(const struct addr128 *a, uint32_t n, unsigned nibble)
{
	uint32_t of[16];
	double h = 0;

	count_values(of, a, n, nibble);
	for (unsigned v = 0; v < 16; v++)
		if (of[v])
			h -= of[v] / (double)n * log2(of[v] / (double)n);
	return h;
}

/* How good a nibble is for a split, the greater the better. */
static double merit(enum peer_split rule, const struct addr128 *a, uint32_t n,
                    unsigned nibble)
{
	uint32_t of[16], shared = 0;

	if (rule == PEER_MIN_ENTROPY)
		return -peer_entropy_of(a, n, nibble);
	if (rule == PEER_LEFTMOST)
		return -(double)nibble;
	count_values(of, a, n, nibble);
	for (unsigned v = 0; v < 16; v++)
		shared += of[v] > 1 ? of[v] : 0;
	return shared;
}

static uint8_t choose(enum peer_split rule, const struct addr128 *a, uint32_t n,
                      uint32_t vary)
{
	double best = -INFINITY;
	uint8_t split = PEER_LEAF;

	if (rule == PEER_LEFTMOST)
		return (uint8_t)__builtin_ctz(vary);
	for (unsigned j = 0; j < NIBBLES; j++) {
		double m;

		if (!(vary >> j & 1))
			continue;
		m = merit(rule, a, n, j);
		/* Entropies of equal counts in another order differ a little. */
		if (m > best + 1e-9) {
			best = m;
			split = (uint8_t)j;
		}
	}
	return split;
}

static int add_node(struct peer_tree *t, struct peer_node u)
{
	if (t->n_nodes == t->cap_nodes) {
		uint32_t cap = t->cap_nodes ? 2 * t->cap_nodes : 256;
		struct peer_node *q = realloc(t->nodes, cap * sizeof(*q));

		if (!q)
			return -ENOMEM;
		t->nodes = q;
		t->cap_nodes = cap;
	}
	t->nodes[t->n_nodes++] = u;
	return 0;
}

/* Order the seeds of a node by one nibble, stably; scratch holds as many. */
static void part(struct addr128 *a, struct addr128 *scratch, uint32_t n, unsigned nibble,
                 uint32_t of[16])
{
	uint32_t at[16], sum = 0;

	count_values(of, a, n, nibble);
	for (unsigned v = 0; v < 16; v++) {
		at[v] = sum;
		sum += of[v];
	}
	for (uint32_t i = 0; i < n; i++)
		scratch[at[addr_nibble(a[i], nibble)]++] = a[i];
	memcpy(a, scratch, n * sizeof(*a));
}

/* Nodes are split in the order in which they were made, so that the list is its
 * own queue. */
static int split_all(struct peer_tree *t, struct addr128 *scratch, enum peer_split rule,
                     uint32_t leaf)
{
	int rc = 0;

	for (uint32_t i = 0; i < t->n_nodes && rc == 0; i++) {
		struct peer_node u = t->nodes[i];
		uint32_t of[16], lo = u.lo;

		t->nodes[i].vary = u.vary = peer_varying(t->a + u.lo, u.n);
		t->nodes[i].split = PEER_LEAF;
		if (u.n <= leaf)
			continue;
		u.split = choose(rule, t->a + u.lo, u.n, u.vary);
		t->nodes[i].split = u.split;
		part(t->a + u.lo, scratch, u.n, u.split, of);
		for (unsigned v = 0; v < 16 && rc == 0; v++) {
			if (of[v])
				rc = add_node(t, (struct peer_node){ .lo = lo,
				                                     .n = of[v],
				                                     .parent = i });
			lo += of[v];
		}
	}
	return rc;
}

int peer_tree_build(struct peer_tree *t, const struct addrvec *seeds,
                    enum peer_split rule, uint32_t leaf)
{
	struct addr128 *scratch = malloc(seeds->n * sizeof(*scratch));
	int rc = -ENOMEM;

	*t = (struct peer_tree){ 0 };
	t->a = malloc(seeds->n * sizeof(*t->a));
	if (scratch && t->a) {
		memcpy(t->a, seeds->a, seeds->n * sizeof(*t->a));
		rc = add_node(t, (struct peer_node){ .n = (uint32_t)seeds->n });
	}
	if (rc == 0)
		rc = split_all(t, scratch, rule, leaf);
	free(scratch);
	return rc;
}

void peer_tree_fini(struct peer_tree *t)
{
	free(t->a);
	free(t->nodes);
	*t = (struct peer_tree){ 0 };
}
