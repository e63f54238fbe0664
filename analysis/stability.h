/* analysis/stability.h - what a hitlist's history tells: for how long hosts
 * answer, how long ago, and which services go together. */
#ifndef ANALYSIS_STABILITY_H
#define ANALYSIS_STABILITY_H

#include "common/markup.h"
#include "common/table.h"
#include "hitlist/hitlist.h"

enum { STABILITY_SPANS = 9 };

struct stability {
	uint64_t hosts, answered, probed, failing; /* failing: answered, not any more */
	uint64_t nets;                             /* /64s with an answer */
	uint64_t stable[STABILITY_SPANS], stable_nets[STABILITY_SPANS];
	uint64_t age[STABILITY_SPANS + 1]; /* days since the last answer, at most */
	uint64_t streak[8];                /* tries without an answer in a row */
	uint64_t both[SERVICES][SERVICES]; /* hosts that have answered on both */
	uint64_t silent[SERVICES];         /* hosts that later answered on others alone */
	uint64_t sources[SOURCES];
	uint32_t latest; /* the last time anything was probed or answered */
	struct {
		uint64_t hi;
		uint32_t first, last;
		bool any;
	} net; /* the /64 that is open */
};

/* Two passes over the hosts: the first finds the latest time. */
int stability_read(struct stability *s, const struct hitlist *h, struct diag *d);

void fill_stability(struct doc *doc, const struct stability *s);
/* Which share of the hosts that answer on one service answers on another. */
void chart_services(struct markup *m, const struct stability *s, bool standalone);

#endif
