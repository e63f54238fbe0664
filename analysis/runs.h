/* analysis/runs.h - consecutive addresses, chains of near ones, and prefixes
 * that hide their members among at least k.
 *
 * Addresses are fed in ascending order, each once. */
#ifndef ANALYSIS_RUNS_H
#define ANALYSIS_RUNS_H

#include "analysis/tally.h"
#include "common/addr.h"
#include "common/err.h"

/* A row of addresses whose neighbours are at most a gap apart: gap 1 is a run
 * of consecutive ones. */
struct chain {
	struct addr128 first, last;
	uint64_t n;
};

struct chains {
	uint64_t gap, min;
	struct tally tally; /* of all chains, by length */
	struct chain *kept; /* those of at least min addresses, in order */
	size_t n_kept, cap;
	struct chain open;
	int rc;
};
void chains_init(struct chains *c, uint64_t gap, uint64_t min);
void chains_fini(struct chains *c);
void chains_feed(struct chains *c, const struct addr128 *a, size_t n);
int chains_finish(struct chains *c); /* 0 or -ENOMEM */

/* kIP(k), Plonka and Berger, "kIP: a Measured Approach to IPv6 Address
 * Anonymization" (2017): prefixes that each cover at least k addresses which no
 * longer chosen prefix covers; what is left over is to be suppressed.  k >= 2. */
struct kip_prefix {
	struct prefix prefix;
	uint64_t n; /* addresses of its own */
};
struct kip_node {
	uint64_t left;
	struct addr128 addr;
	uint8_t depth;
};
struct kip {
	uint64_t k, uncovered;
	struct kip_prefix *p; /* sorted at the end: address, then length */
	size_t n, cap;
	struct kip_node stack[130]; /* the path to the last address */
	unsigned top;
	struct addr128 last;
	bool any;
	int rc;
};
void kip_init(struct kip *s, uint64_t k);
void kip_fini(struct kip *s);
void kip_feed(struct kip *s, const struct addr128 *a, size_t n);
int kip_finish(struct kip *s); /* 0 or -ENOMEM */

#endif
