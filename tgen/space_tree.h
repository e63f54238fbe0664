/* tgen/space_tree.h - what the files of the space tree share; private to them.
 *
 * The tree is a path-compressed nibble trie over the sorted seeds.  Its leaves
 * are the /124s that hold seeds (so the last nibble is a free dimension of
 * every node), and an inner node branches at the leftmost nibble in which its
 * seeds differ.  The pattern of a node is what its seeds have in common, with a
 * wildcard in each nibble that varies among them: its free dimensions.
 *
 * Patterns nest: a child's lies inside its parent's.  Two kinds of regions cut
 * the outermost one into disjoint pieces that hold no seed:
 *
 *   NOVEL(u)    the part of pattern(u) whose value at u's branching nibble is
 *               one that no seed under u has;
 *   DEVIANT(c)  the part of pattern(parent of c) that goes c's way at the
 *               parent's branching nibble, and lies outside pattern(c).
 *
 * Whatever lies in pattern(u) is in NOVEL(u), or in DEVIANT(c) or pattern(c) of
 * exactly one child c, and so on downwards; the pattern of a leaf is its seeds
 * and its NOVEL.  Hence no set of emitted addresses is needed: an address
 * belongs to one region, and a region emits each of its own once. */
#ifndef TGEN_SPACE_TREE_H
#define TGEN_SPACE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"

enum {
	ST_DIMS = 32,  /* nibbles of an address */
	ST_LAST = 31,  /* the branching nibble of a leaf */
	ST_NONE = 255, /* that of the node above the root: it has one child only */

	/* Classes: of positions, of how many values are seen, of seed counts, of
	 * how many dimensions, of how a value relates to those seen, and of how
	 * common it is in the surroundings. */
	ST_POS = 9,
	ST_KINDS = 7,
	ST_COUNTS = 8,
	ST_WIDTHS = 6,
	ST_RELS = 7,
	ST_POPS = 5,

	ST_GROUPS = 8,   /* kinds of regions whose luck is shared by a network */
	ST_SAMPLE = 256, /* about so many seeds suffice for a distribution */
};

#define ST_NO_COST  UINT32_MAX
#define ST_COST_BIT 256 /* costs are -log2 of probabilities, in 1/256 bits */

struct st_node {
	uint32_t lo, n;  /* its seeds: lo .. lo + n - 1 */
	uint32_t parent; /* lower than its own index; the top is its own */
	uint32_t free;   /* bit j: nibble j is a free dimension */
	uint16_t seen;   /* values that occur at the branching nibble */
	uint8_t branch;  /* the branching nibble */
};

enum st_kind { ST_NOVEL, ST_DEVIANT };

struct st_region {
	uint32_t id;   /* node * 2 + kind; ascending over the regions */
	float expect;  /* hits expected in the whole of it */
	uint32_t from; /* what costs less has come out */
	uint32_t next; /* the cheapest left; 0: not known yet; ST_NO_COST: none left */
	uint32_t emitted, fed, alive;
	float mass; /* sum of what was predicted for those emitted */
};

/* How often something happened to a seed that was left out, and how often it
 * could have happened and did not. */
struct st_tally {
	uint32_t yes, no;
};

struct st_class {
	uint32_t hits;    /* left-out seeds that fell into a region of this class */
	uint32_t regions; /* how many such regions there are */
	uint32_t own;     /* seeds that, left out, would fall into one of them */
};

struct st_tables {
	/* A value that the node's other seeds do not have. */
	struct st_tally novel[ST_POS][ST_KINDS][ST_COUNTS];
	/* Of the values not seen, this one; the last column counts all. */
	struct st_tally rel[ST_POS][ST_RELS][ST_POPS + 1];
	float rel_weight[ST_POS][ST_RELS][ST_POPS]; /* what that comes to */
	/* The value on which all of a child's seeds agree. */
	struct st_tally keep[ST_POS][ST_KINDS][ST_COUNTS];
	struct st_class region[2][ST_POS][ST_COUNTS][ST_WIDTHS][ST_COUNTS];
};

struct st_counts {
	uint32_t of[ST_DIMS][16];
};

/* The trained part: everything here follows from the seeds alone. */
struct space_model {
	const struct addr128 *seeds;
	uint32_t n_seeds;
	struct st_node *nodes; /* 0: above the root, 1: the root, then preorder */
	uint32_t n_nodes, cap_nodes;
	struct st_tables *tables;
	float damped[2 * ST_SAMPLE]; /* the weight of so many seeds with one value */
	struct st_region *regions;   /* in order of id */
	uint32_t n_regions;
};

/* What only training needs. */
struct st_frame {
	uint32_t node;
	struct st_counts counts;
};

struct st_local {
	float hits[ST_GROUPS], expected[ST_GROUPS];
};

struct st_training {
	struct space_model *m;
	struct st_frame *stack; /* the path from the root down */
	unsigned depth;
	uint32_t *landed[2];    /* per node and kind: seeds that fell into it */
	struct st_local *local; /* per node: what fell into the regions below it */
};

/* space_build.c: nodes, tables and regions from m->seeds (sorted, unique, at
 * least one).  0 or -ENOMEM; space_model_fini() frees in either case. */
int space_model_train(struct space_model *m);
void space_model_fini(struct space_model *m);

/* space_learn.c: where each seed of the leaf on top of the stack would be found
 * by the tree of all the others. */
void st_learn_leaf(struct st_training *tr);
void st_learn_end(struct st_tables *tb); /* after the last leaf */

/* A tally as a probability, shrunk towards a prior. */
static inline double st_share(struct st_tally t, double prior)
{
	return (t.yes + 4 * prior) / ((double)t.yes + t.no + 4);
}

/* space_expect.c: make the regions, and say what to expect in each. */
int st_expect(struct st_training *tr);
bool st_region_exists(const struct space_model *m, uint32_t node, enum st_kind kind);
unsigned st_group(enum st_kind kind, unsigned branch);

/* The region that a belongs to; UINT32_MAX: none (or it is a seed). */
uint32_t space_model_locate(const struct space_model *m, struct addr128 a);

/* space_class.c */
unsigned st_pos_class(unsigned nibble);
unsigned st_kinds_class(unsigned values); /* 1..16 */
unsigned st_count_class(uint32_t n);      /* from 1 */
unsigned st_width_class(unsigned dims);

/* A value that is not in seen.  around: value counts in the surroundings, or
 * NULL; unseen: their sum over the values that are not in seen. */
unsigned st_rel_class(uint16_t seen, unsigned value);
unsigned st_pop_class(const uint32_t *around, uint64_t unseen, unsigned value);
uint64_t st_unseen(const uint32_t *around, uint16_t seen);

/* The closest node above that has seeds enough to show what is common around
 * here; 0: there is none. */
uint32_t st_surroundings(const struct space_model *m, uint32_t node);

uint16_t st_values(const uint32_t of[16]); /* which counts are not zero */

/* Count the values of the nibbles in dims, over every step-th seed. */
void st_count(struct st_counts *c, const struct space_model *m, const struct st_node *u,
              uint32_t step, uint32_t dims);

static inline uint32_t st_bit(unsigned nibble)
{
	return nibble < ST_DIMS ? UINT32_C(1) << nibble : 0;
}

#endif
