#include "probe/pace.h"

#define LAG_S    0.004 /* how much lateness is made up for */
#define JITTER_S 0.002 /* between our decision and the packet's departure */

/* Packets leave at most LAG_S + JITTER_S after they are due, so n of them within
 * a second were due within 1 + LAG_S + JITTER_S: n - 1 < mean times that. */
void pace_init(struct pace *p, double pps, unsigned most, uint64_t now_ns)
{
	double burst = pps / 2000;

	rate_init(&p->mean, pps / (1 + LAG_S + JITTER_S), 1, now_ns);
	p->mean.max_lag_ns = LAG_S * 1e9;
	rate_init(&p->burst, 1.5 * pps,
	          burst < 1            ? 1
	          : burst < UINT32_MAX ? (unsigned)burst
	                               : UINT32_MAX,
	          now_ns);
	p->batch = burst >= most ? most : burst >= 2 ? (unsigned)burst : 1;
}

unsigned pace_take(struct pace *p, uint64_t now_ns, uint64_t *wake_ns)
{
	uint64_t whole = (uint64_t)((p->batch - 1) * p->mean.ns_per_packet);
	unsigned may = rate_take(&p->mean, p->batch, now_ns, wake_ns), now;

	if (may == 0) {
		*wake_ns += whole;
		return 0;
	}
	now = rate_take(&p->burst, may, now_ns, wake_ns);
	rate_give_back(&p->mean, may - now);
	return now;
}

void pace_give_back(struct pace *p, unsigned n)
{
	rate_give_back(&p->mean, n);
	rate_give_back(&p->burst, n);
}
