/* probe/pace.h - when how many packets may go.
 *
 * Three promises, for the rate r that was asked for:
 *   no second, wherever it begins, holds more than r packets;
 *   no burst is larger than a millisecond of traffic (rounded up to a packet), nor
 *   does any millisecond hold more; a tenth more while lateness is caught up that is
 *   itself more than a millisecond;
 *   the mean is r / 1.008 as long as wake-ups are at most 5 ms late.
 * What is later than that is forfeited.  Time is an argument; nothing sleeps here. */
#ifndef PROBE_PACE_H
#define PROBE_PACE_H

#include <stdbool.h>

#include "common/rate.h"

enum { PACE_BATCHES = 64 };

struct pace {
	struct rate mean;
	unsigned batch; /* what a wake-up should be worth */
	unsigned extra; /* more than that, to catch up */
	unsigned per_ms, at;
	uint64_t gone_ns[PACE_BATCHES]; /* when the last per_ms batches went */
};

/* most: packets at a time, for whoever sends them. */
void pace_init(struct pace *p, double pps, unsigned most, uint64_t now_ns);

/* When the batch may leave, or, if there is none, when to ask again. */
struct pace_turn {
	uint64_t at_ns; /* 0: at once */
	unsigned slot;
};

/* How many packets may be made now, at most p->batch + p->extra; they are counted as
 * gone.  The time that it takes to make them is allowed for: they may have to wait. */
unsigned pace_take(struct pace *p, uint64_t now_ns, struct pace_turn *turn);

/* They leave now. */
void pace_leave(struct pace *p, const struct pace_turn *turn, uint64_t now_ns);
void pace_give_back(struct pace *p, unsigned n); /* taken but not sent */

#endif
