/* common/rate.h - token bucket with absolute deadlines.
 *
 * Packet k of a stream is due at start + k / pps; what was missed (the process
 * slept too long) may be caught up by at most max_burst packets, and the rest
 * is forfeited, so the rate is never exceeded.  Time is an argument. */
#ifndef COMMON_RATE_H
#define COMMON_RATE_H

#include <stdint.h>

struct rate {
	double ns_per_packet; /* 0: unlimited */
	double due_ns;        /* when the next packet may go, counted from base_ns */
	double max_lag_ns;    /* how far due_ns may lie in the past */
	uint64_t base_ns;     /* moves on with time, so that due_ns stays exact */
};

/* pps <= 0 means unlimited.  max_burst >= 1 packets. */
void rate_init(struct rate *r, double pps, unsigned max_burst, uint64_t now_ns);

/* How many of want packets may go now; they are counted as gone.  When none,
 * *wake_ns is when the next one is due. */
unsigned rate_take(struct rate *r, unsigned want, uint64_t now_ns, uint64_t *wake_ns);
void rate_give_back(struct rate *r, unsigned n); /* taken but not sent */

#endif
