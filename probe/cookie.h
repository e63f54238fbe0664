/* probe/cookie.h - what tells our replies from everything else.
 *
 * SipHash-2-4 under the scan's secret key of who talks to whom: the same value
 * is computed when a probe is sent and from the addresses and port that its
 * reply, or the packet quoted in an ICMP error, claims.  The key is fresh for
 * each scan and independent of --seed, which people publish.
 *
 * A sender computes many at once: side by side in vector registers, a cookie
 * takes a fifth of the time (see cookie.c). */
#ifndef PROBE_COOKIE_H
#define PROBE_COOKIE_H

#include <stdint.h>

#include "common/addr.h"
#include "common/mac.h"

struct probe_flow {
	struct addr128 src, dst; /* ours, and the target */
	uint16_t port;           /* the target's; 0 for ICMP */
	uint8_t proto;           /* enum obs_proto */
};

uint64_t cookie_flow(const struct mac_key *key, const struct probe_flow *f);

/* A second cookie, over data that travels in the probe: a changed bit in the data
 * changes it.  The flow is in it by its own cookie. */
uint64_t cookie_data(const struct mac_key *key, const struct probe_flow *f, uint32_t tag,
                     uint64_t time_us);

/* The same, of a flow whose own cookie is known. */
uint64_t cookie_data_of(const struct mac_key *key, uint64_t flow_cookie, uint32_t tag,
                        uint64_t time_us);

enum {
	COOKIE_BATCH = 64, /* a multiple of the lanes of a vector */
	COOKIE_FLOW_WORDS = 5,
	COOKIE_DATA_WORDS = 3,
};

/* Flows side by side: word w of flow i is word[w][i]. */
struct cookie_batch {
	uint64_t word[COOKIE_FLOW_WORDS][COOKIE_BATCH];
	uint64_t data[2][COOKIE_BATCH]; /* tag, time_us */
	uint64_t flow_cookie[COOKIE_BATCH];
	uint64_t data_cookie[COOKIE_BATCH];
};

static inline void cookie_batch_set(struct cookie_batch *b, unsigned i,
                                    const struct probe_flow *f)
{
	b->word[0][i] = f->src.hi;
	b->word[1][i] = f->src.lo;
	b->word[2][i] = f->dst.hi;
	b->word[3][i] = f->dst.lo;
	b->word[4][i] = (uint64_t)f->port << 16 | (uint64_t)f->proto << 8;
}

/* The cookies of flows 0..n-1; then those of their data, which the caller has set.
 * What lies behind n is read, and computed in vain. */
void cookie_batch_flows(struct cookie_batch *b, const struct mac_key *key, unsigned n);
void cookie_batch_data(struct cookie_batch *b, const struct mac_key *key, unsigned n);

#endif
