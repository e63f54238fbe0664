/* tgen/peer_tree.h - divisive hierarchical clustering of seeds; private to the
 * peers that begin with it.
 *
 * A node with more seeds than a leaf may hold is split by the value of one
 * nibble, chosen among those in which its seeds differ.  The choice is what tells
 * the trees of 6Tree, DET and 6Forest apart. */
#ifndef TGEN_PEER_TREE_H
#define TGEN_PEER_TREE_H

#include "common/addrvec.h"

enum peer_split {
	PEER_LEFTMOST,     /* 6Tree, 6Graph */
	PEER_MIN_ENTROPY,  /* DET; leftmost of equals */
	PEER_MAX_COVERING, /* 6Forest: most seeds that share their value with another */
};

struct peer_node {
	uint32_t lo, n;  /* its seeds: tree->a[lo .. lo + n) */
	uint32_t parent; /* that of the root, node 0, is itself */
	uint32_t vary;   /* the nibbles in which they differ */
	uint8_t split;   /* PEER_LEAF: none */
};
#define PEER_LEAF 255

struct peer_tree {
	struct addr128 *a;       /* the seeds, each node's together */
	struct peer_node *nodes; /* parents first */
	uint32_t n_nodes, cap_nodes;
};

/* seeds: unique, at least one, fewer than 2^30.  Leaves have at most leaf seeds.
 * 0 or -ENOMEM; fini in either case. */
int peer_tree_build(struct peer_tree *t, const struct addrvec *seeds,
                    enum peer_split rule, uint32_t leaf);
void peer_tree_fini(struct peer_tree *t);

/* The entropy, in bits, of a nibble over some addresses. */
double peer_entropy_of(const struct addr128 *a, uint32_t n, unsigned nibble);

/* The nibbles in which some addresses differ. */
uint32_t peer_varying(const struct addr128 *a, uint32_t n);

#endif
