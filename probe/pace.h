/* probe/pace.h - when how many packets may go.
 *
 * Three promises, for the rate r that was asked for:
 *   no second, wherever it begins, holds more than r packets;
 *   no burst is larger than half a millisecond of traffic (or one packet), and
 *   no millisecond holds more than two;
 *   the mean is r / 1.006 as long as wake-ups are at most 4 ms late.
 * What is late by up to 4 ms is caught up at 1.5 times the rate, and the rest is
 * forfeited.  Time is an argument; nothing sleeps here. */
#ifndef PROBE_PACE_H
#define PROBE_PACE_H

#include "common/rate.h"

struct pace {
	struct rate mean, burst;
	unsigned batch; /* what a wake-up should be worth */
};

/* most: packets at a time, for whoever sends them. */
void pace_init(struct pace *p, double pps, unsigned most, uint64_t now_ns);

/* How many packets may go now, at most p->batch; they are counted as gone.
 * When none, *wake_ns is when to ask again. */
unsigned pace_take(struct pace *p, uint64_t now_ns, uint64_t *wake_ns);
void pace_give_back(struct pace *p, unsigned n); /* taken but not sent */

#endif
