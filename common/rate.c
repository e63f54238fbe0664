#include "common/rate.h"

#include <math.h>

/* A double counts nanoseconds exactly for months, but not the fractions of one
 * that a packet's interval has; so due_ns is kept below this by moving base_ns. */
#define REBASE_NS 0x1p40

/* Thirty years: slower rates than this mean "never again" and must not overflow. */
#define MAX_INTERVAL_NS 1e18

/* A lag of max_burst - 1 intervals lets max_burst packets go at once; then any
 * window of w seconds holds at most w * pps + max_burst of them.  The nanosecond
 * beyond makes up for wake times being whole ones: without it, due_ns would be
 * rounded up with every packet. */
void rate_init(struct rate *r, double pps, unsigned max_burst, uint64_t now_ns)
{
	*r = (struct rate){ .base_ns = now_ns };
	if (!(pps > 0))
		return;
	r->ns_per_packet = fmin(1e9 / pps, MAX_INTERVAL_NS);
	r->max_lag_ns = 1;
	if (max_burst > 1)
		r->max_lag_ns += (max_burst - 1) * r->ns_per_packet;
}

static double since_base(const struct rate *r, uint64_t now_ns)
{
	return now_ns >= r->base_ns ? (double)(now_ns - r->base_ns)
	                            : -(double)(r->base_ns - now_ns);
}

static void rebase(struct rate *r)
{
	double whole = floor(r->due_ns);

	if (whole < REBASE_NS)
		return;
	r->base_ns += (uint64_t)whole;
	r->due_ns -= whole;
}

unsigned rate_take(struct rate *r, unsigned want, uint64_t now_ns, uint64_t *wake_ns)
{
	double now = since_base(r, now_ns), ready;
	unsigned n = 0;

	*wake_ns = now_ns;
	if (r->ns_per_packet == 0)
		return want;
	if (r->due_ns < now - r->max_lag_ns)
		r->due_ns = now - r->max_lag_ns;
	if (r->due_ns <= now) {
		ready = floor((now - r->due_ns) / r->ns_per_packet) + 1;
		n = ready < want ? (unsigned)ready : want;
		r->due_ns += n * r->ns_per_packet;
	}
	rebase(r);
	if (r->due_ns > since_base(r, now_ns))
		*wake_ns = r->base_ns + (uint64_t)ceil(r->due_ns);
	return n;
}

void rate_give_back(struct rate *r, unsigned n)
{
	r->due_ns -= n * r->ns_per_packet;
}
