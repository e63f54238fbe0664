/* analysis/lifetimes.h - how hosts of a hitlist came and went: what each day changed, and
 * for how long hosts stay up.
 *
 * A spell is the time from a transition to "up" (or from when the host was new, if it
 * answered then) to the next one to "down".  What share of spells lasts for so many days
 * is estimated by Kaplan and Meier's product-limit method (JASA 53, 1958), since many
 * have not ended yet. */
#ifndef ANALYSIS_LIFETIMES_H
#define ANALYSIS_LIFETIMES_H

#include "common/markup.h"
#include "common/table.h"
#include "hitlist/hitlist.h"

enum { LIFETIMES_DAYS = 366, LIFETIMES_MAX = 4096 };

struct lifetimes {
	uint32_t
		latest; /* day since 1970 that is day 0 of the following: the latest one */
	unsigned days;  /* that have anything, LIFETIMES_DAYS at most */
	/* By days before the latest: hosts new in the hitlist, that came up, that went
	 * down, and that were up at the end of the day. */
	uint64_t fresh[LIFETIMES_DAYS], came[LIFETIMES_DAYS], went[LIFETIMES_DAYS];
	uint64_t up[LIFETIMES_DAYS];
	/* Spells by how many days they lasted, or have lasted so far. */
	uint64_t ended[LIFETIMES_MAX], open[LIFETIMES_MAX];
	uint64_t spells, up_now;
};

/* latest: when anything was last probed or answered (see stability.h), in seconds. */
int lifetimes_read(struct lifetimes *l, const struct hitlist *h, uint32_t latest,
                   struct diag *d);

/* The share of spells that last for at least so many days; *known: how many have been
 * watched for so long, and are what it is estimated from. */
double lifetimes_survival(const struct lifetimes *l, unsigned days, uint64_t *known);

void fill_lifetimes(struct doc *doc, const struct lifetimes *l);
/* Hosts that were up, by day. */
void chart_up(struct markup *m, const struct lifetimes *l, bool standalone);

#endif
