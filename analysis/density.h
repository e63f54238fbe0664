/* analysis/density.h - how densely prefixes of every length are populated.
 *
 * Kohler et al., "Observed Structure of Addresses in IP Traffic" (2002), and
 * Plonka and Berger, "Temporal and Spatial Classification of Active IPv6
 * Addresses" (IMC 2015).  Addresses are fed in ascending order, each once. */
#ifndef ANALYSIS_DENSITY_H
#define ANALYSIS_DENSITY_H

#include "analysis/tally.h"
#include "common/addr.h"

enum { DENSITY_LENGTHS = 48, DENSITY_TOP = 1000 };

struct top_prefix {
	struct prefix prefix;
	uint64_t count;
};

/* The prefixes of one length. */
struct density_level {
	uint8_t len;
	uint64_t start; /* addresses before the prefix that is open */
	struct tally tally;
	struct top_prefix *top; /* heap, smallest count first; sorted at the end */
	size_t n_top, max_top;
};

struct density {
	uint64_t n;                   /* addresses */
	uint64_t shared[129];         /* neighbours that share so many bits */
	uint64_t prefixes[129];       /* n_p; filled at the end */
	struct density_level *levels; /* ascending lengths */
	size_t n_levels;
	struct addr128 last;
	int rc;
};

/* Lengths: 0..128, any order, repeats allowed, n <= DENSITY_LENGTHS; top: how
 * many of the largest prefixes of each to keep (at most DENSITY_TOP).
 * 0 or -ENOMEM. */
int density_init(struct density *d, const uint8_t *lengths, size_t n, size_t top);
void density_fini(struct density *d);
void density_feed(struct density *d, const struct addr128 *a, size_t n);
int density_finish(struct density *d); /* 0 or -ENOMEM */

const struct density_level *density_level(const struct density *d, unsigned len);

/* n_{p+k} / n_p, in [1, 2^k]; p + k <= 128.  0 for an empty set. */
double density_mra(const struct density *d, unsigned p, unsigned k);
/* (n_{p+4} / n_p - 1) / 15, in [0, 1]: the aggregate count ratio of a nibble. */
double density_acr(const struct density *d, unsigned p);

#endif
