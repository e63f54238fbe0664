/* tgen/space_walk.h - enumerating a region in bands of cost; private to the
 * space tree.
 *
 * The model of a region gives each value of each of its free dimensions a cost;
 * an address costs the sum.  A walk visits, depth first, the addresses that
 * cost at least .from and at most .limit, and finds what the cheapest one
 * beyond the limit costs, all without a heap or a set. */
#ifndef TGEN_SPACE_WALK_H
#define TGEN_SPACE_WALK_H

#include "tgen/space_tree.h"

struct st_dim {
	uint8_t nibble;
	uint8_t n;    /* values, cheapest first */
	uint8_t keep; /* this one does not count as a deviation; 16: each does */
	uint8_t value[16];
	uint16_t cost[16];
};

struct st_walk {
	uint32_t from, limit;
	uint32_t next; /* after the end: the lowest cost beyond the limit */
	struct addr128 at;
	unsigned n;
	struct st_dim dim[ST_DIMS];
	/* Of completing an address from a level on: the cheapest, the cheapest
	 * that deviates somewhere, and the dearest. */
	uint32_t low[ST_DIMS + 1], low_dev[ST_DIMS + 1], high[ST_DIMS + 1];
	int level; /* the path so far */
	uint8_t index[ST_DIMS];
	uint32_t cost[ST_DIMS + 1];
	bool deviates[ST_DIMS + 1];
};

/* Set up for a region; .next is then what its cheapest address costs. */
void st_walk_model(struct st_walk *w, const struct space_model *m,
                   const struct st_region *r);

/* Begin at the region's .from. */
void st_walk_start(struct st_walk *w, const struct st_region *r, uint32_t limit);

/* The next address and its cost; false: no more up to the limit. */
bool st_walk_next(struct st_walk *w, struct addr128 *a, uint32_t *cost);

/* After model and start: go on where a walk was when it had these values of
 * .next, .level and .index.  false: no walk of this region can have them. */
bool st_walk_resume(struct st_walk *w, uint32_t next, uint32_t level,
                    const uint8_t index[static ST_DIMS]);

#endif
