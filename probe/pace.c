#include "probe/pace.h"

#include <math.h>

#include "common/clock.h"

#define LAG_S        0.006 /* how much lateness is made up for */
#define JITTER_S     0.002 /* between our decision and the packet's departure */
#define LATE_NS      (2 * NS_PER_MS)
#define LATE_GATE_NS (NS_PER_MS * 9 / 10) /* where a tenth of a batch is no packet */
#define GATE_NS      (NS_PER_MS + 1000)   /* give or take how long a system call takes */
#define LEAD_NS      1000                 /* to make a batch takes at least this, */
#define PACKET_NS    60                   /* and this for each packet of it */

/* Packets leave at most LAG_S + JITTER_S after they are due, so n of them within
 * a second were due within 1 + LAG_S + JITTER_S: n - 1 < mean times that.
 *
 * A millisecond of traffic goes in as few batches as the sender can, of equal size;
 * and a batch waits until the one that is so many before it is a millisecond old.  So
 * each batch is a millisecond after its forerunner, whatever the others are late.  What
 * counts is when they leave, not when they were allowed. */
void pace_init(struct pace *p, double pps, unsigned most, uint64_t now_ns)
{
	double ms = pps / 1000, batches = ceil(1.1 * ms / most); /* with ->extra */

	*p = (struct pace){ .batch = most };
	rate_init(&p->mean, pps / (1 + LAG_S + JITTER_S), 1, now_ns);
	p->mean.max_lag_ns = LAG_S * 1e9;
	if (!(pps > 0) || batches > PACE_BATCHES)
		return; /* a burst is what the sender takes at once */
	p->per_ms = batches > 1 ? (unsigned)batches : 1;
	p->batch = ms > 1 ? (unsigned)ceil(ms / p->per_ms) : 1;
	p->extra = p->batch / 10;
}

/* When the batch before lets the next one go, and how large that may be. */
static uint64_t gate(const struct pace *p, double now, unsigned *most)
{
	bool late = now - p->mean.due_ns > LATE_NS;
	uint64_t before = p->per_ms ? p->gone_ns[p->at] : 0;

	*most = p->batch + (late ? p->extra : 0);
	if (before == 0)
		return 0;
	return before + (late && !p->extra ? LATE_GATE_NS : GATE_NS);
}

unsigned pace_take(struct pace *p, uint64_t now_ns, struct pace_turn *turn)
{
	uint64_t lead = LEAD_NS + PACKET_NS * p->batch;
	double now = (double)(int64_t)(now_ns + lead - p->mean.base_ns);
	double last = p->mean.due_ns + (p->batch - 1) * p->mean.ns_per_packet;
	uint64_t whole = last > 0 ? p->mean.base_ns + (uint64_t)ceil(last) : 0, wake;
	unsigned most, n;

	*turn = (struct pace_turn){ gate(p, now, &most), p->at };
	if (turn->at_ns < whole)
		turn->at_ns = whole;
	if (now_ns + lead < turn->at_ns) {
		turn->at_ns -= lead;
		return 0;
	}
	n = rate_take(&p->mean, most, now_ns + lead, &wake);
	if (p->per_ms) {
		p->gone_ns[p->at] = now_ns + lead;
		p->at = (p->at + 1) % p->per_ms;
	}
	return n;
}

void pace_leave(struct pace *p, const struct pace_turn *turn, uint64_t now_ns)
{
	if (p->per_ms)
		p->gone_ns[turn->slot] = now_ns;
}

void pace_give_back(struct pace *p, unsigned n)
{
	rate_give_back(&p->mean, n);
}
