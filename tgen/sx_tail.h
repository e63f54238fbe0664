/* tgen/sx_tail.h - the interface identifiers of novel subnets, likeliest first;
 * private to the "sextant" algorithm.
 *
 * The model predicts them from the /48 when that has seeds, else from the /32,
 * so that one list serves all novel subnets of it. */
#ifndef TGEN_SX_TAIL_H
#define TGEN_SX_TAIL_H

#include "tgen/sx_model.h"

/* Costs are -log2 of probabilities, in units of 1/SX_OCTAVE. */
enum { SX_OCTAVE = 256 };

struct sx_tail {
	uint64_t iid;
	int32_t cost;
};

struct sx_tails;

struct sx_tails *sx_tails_new(const struct sx_model *m); /* NULL: out of memory */
void sx_tails_free(struct sx_tails *t);

/* The list for novel subnets of a that leave the seeds at depth leave; negative:
 * out of memory. */
int sx_tails_find(struct sx_tails *t, struct addr128 a, unsigned leave);

/* About what its likeliest costs. */
int32_t sx_tails_head(const struct sx_tails *t, int list);

/* The i-th likeliest: 1, or 0 when there are no more worth listing, or -ENOMEM. */
int sx_tails_at(struct sx_tails *t, int list, uint32_t i, struct sx_tail *out);

/* What one of the first n of a list costs; -1 when it is none of them. */
int32_t sx_tails_cost(struct sx_tails *t, int list, uint32_t n, uint64_t iid);

int32_t sx_cost(float p);

#endif
