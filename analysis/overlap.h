/* analysis/overlap.h - what several sets of addresses have in common. */
#ifndef ANALYSIS_OVERLAP_H
#define ANALYSIS_OVERLAP_H

#include "analysis/source.h"
#include "common/bgp.h"

enum { OVERLAP_SETS = 12 };
enum overlap_level {
	OVERLAP_128,
	OVERLAP_64,
	OVERLAP_48,
	OVERLAP_32,
	OVERLAP_AS,
	OVERLAP_LEVELS
};
const char *overlap_level_str(enum overlap_level l); /* "/128", "AS", ... */

/* counts[m]: members of exactly the sets in bit mask m (bit 0: the first). */
struct overlap {
	unsigned n;
	uint64_t *counts[OVERLAP_LEVELS]; /* [1 << n]; AS: NULL without bgp */
};

/* Reads n sources from their starts; 1 <= n <= OVERLAP_SETS. */
int overlap_make(struct overlap *out, struct source *const sets[], unsigned n,
                 const struct bgp *bgp, struct diag *d);
void overlap_fini(struct overlap *o);

uint64_t overlap_size(const struct overlap *o, enum overlap_level l, unsigned set);
/* Members of both, and of any of the two. */
uint64_t overlap_both(const struct overlap *o, enum overlap_level l, unsigned a,
                      unsigned b);
uint64_t overlap_any(const struct overlap *o, enum overlap_level l, unsigned a,
                     unsigned b);

#endif
