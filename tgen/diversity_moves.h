/* tgen/diversity_moves.h - from a seed to addresses near it, and how often those
 * are alive; private to the diversity layer.
 *
 * A network in which n seeds are known has others that are not.  What these are like
 * is seen in the networks with n + 1 seeds, each left out in turn: if a seed is as
 * likely to be known as not, as many unknown ones go with n known ones as there are
 * such seeds (Good and Turing).  So rates are kept by n. */
#ifndef TGEN_DIVERSITY_MOVES_H
#define TGEN_DIVERSITY_MOVES_H

#include "common/addrvec.h"

enum {
	DV_KINDS = 3,  /* of identifiers: below 2^16, with a MAC address, others */
	DV_SIZES = 6,  /* classes of numbers of seeds: 1, 2, 3, to 7, to 15, more */
	DV_IIDS = 16,  /* common identifiers */
	DV_SPOTS = 24, /* common places in a /32 */
	DV_BEST = 64,  /* moves that are worth trying, for each kind and size */
	DV_SAMPLE = 8  /* seeds of a network that are looked at */
};

struct dv_move {
	float rate;     /* how often it leads to a seed */
	uint8_t nibble; /* 32: another identifier */
	int8_t value;   /* what is added to the nibble, or which identifier */
};

struct dv_spot {
	struct addr128 offset; /* below the /32 */
	float rate[DV_SIZES];
};

struct dv_moves {
	struct dv_move best[DV_KINDS][DV_SIZES][DV_BEST]; /* descending */
	unsigned n[DV_KINDS][DV_SIZES];
	uint64_t iid[DV_IIDS];
	unsigned n_iids;
	struct dv_spot spot[DV_SPOTS];
	unsigned n_spots;
};

/* The seeds of one /32: lo .. lo + n - 1. */
struct dv_range {
	uint32_t lo, n;
};

/* 0 or -ENOMEM. */
int dv_learn(struct dv_moves *m, const struct addrvec *seeds, const struct dv_range *nets,
             uint32_t n_nets);

unsigned dv_kind(struct addr128 a);
unsigned dv_size(uint32_t n); /* from 1 */

/* Where a move leads from a; false: nowhere. */
bool dv_apply(const struct dv_moves *m, struct dv_move move, struct addr128 *a);

/* The k-th of at most DV_SAMPLE seeds of a network. */
static inline uint32_t dv_sample(struct dv_range r, uint32_t k)
{
	return r.lo + (r.n <= DV_SAMPLE ? k : (uint32_t)((uint64_t)k * r.n / DV_SAMPLE));
}

#endif
