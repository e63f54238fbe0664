/* probe/cookie.h - what tells our replies from everything else.
 *
 * SipHash-2-4 under the scan's secret key of who talks to whom: the same value
 * is computed when a probe is sent and from the addresses and port that its
 * reply, or the packet quoted in an ICMP error, claims.  The key is fresh for
 * each scan and independent of --seed, which people publish. */
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

/* The same, with data that travels in the probe: a changed bit in the data
 * changes the cookie. */
uint64_t cookie_data(const struct mac_key *key, const struct probe_flow *f, uint32_t tag,
                     uint64_t time_us);

#endif
