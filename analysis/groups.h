/* analysis/groups.h - how addresses are spread over announced prefixes and
 * networks. */
#ifndef ANALYSIS_GROUPS_H
#define ANALYSIS_GROUPS_H

#include "analysis/tally.h"
#include "common/bgp.h"

struct groups {
	const struct bgp *bgp;
	uint64_t *by_prefix; /* addresses of each bgp entry (most specific counts) */
	uint64_t *by_as;
	uint64_t unrouted;
	struct tally prefixes, ases; /* of those that have any; after groups_finish() */
};

int groups_init(struct groups *g, const struct bgp *bgp); /* borrowed; 0 or -ENOMEM */
void groups_fini(struct groups *g);
void groups_feed(struct groups *g, const struct addr128 *a, size_t n);
int groups_finish(struct groups *g);

/* The indexes of the largest counts, largest first; at most max; n of them. */
size_t groups_top(const uint64_t *counts, size_t n, size_t *out, size_t max);

#endif
