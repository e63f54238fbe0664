/* probe/udp.h - what the modules over UDP share (RFC 768).
 *
 * The source port holds 15 bits of the flow's cookie.  The part of a probe that an
 * ICMP error must quote, 8 bytes, ends with the checksum: over a payload with a
 * cookie of its own it depends on nothing that a forger knows. */
#ifndef PROBE_UDP_H
#define PROBE_UDP_H

#include <netinet/in.h>

#include "probe/module.h"

enum {
	UDP_HEADER = 8,
	UDP_PORT_FIRST = 32768,
	UDP_PORT_MASK = 32767,
};

static inline uint16_t udp_source_port(const struct module_scan *scan, uint64_t cookie)
{
	if (scan->source_port)
		return module_source_port(scan, cookie);
	return (uint16_t)(UDP_PORT_FIRST + (cookie & UDP_PORT_MASK));
}

/* The header of a probe with n bytes of payload; fill() writes ports and checksum. */
static inline void udp_layout(struct wire_out *w, size_t n)
{
	wire_put32(w, 0);
	wire_put16(w, (uint16_t)(UDP_HEADER + n));
	wire_put16(w, 0);
}

/* The header of an answer to the flow whose port it sets: r is then at the payload.
 * False: not an answer to one of our ports, or of the wrong length. */
static inline bool udp_reply(const struct module_scan *scan, struct probe_flow *flow,
                             struct wire *r, struct observation *o)
{
	size_t n = wire_left(r);
	uint16_t port = wire_get16(r), ours = wire_get16(r), length = wire_get16(r);

	wire_skip(r, 2);
	flow->port = port;
	if (r->bad || port == 0 || length != n ||
	    ours != udp_source_port(scan, cookie_flow(&scan->key, flow)))
		return false;
	o->port = port;
	o->sport = ours;
	return true;
}

/* The checksum of our probe, whose n bytes of payload have the given sum. */
static inline uint16_t udp_checksum(const struct probe_flow *flow, uint16_t ours,
                                    uint64_t payload, size_t n)
{
	uint64_t sum = payload + 2 * (UDP_HEADER + (uint64_t)n) + IPPROTO_UDP;
	uint16_t folded;

	sum = inet_sum_addr(inet_sum_addr(sum, flow->src), flow->dst);
	folded = (uint16_t)~inet_fold(sum + ours + flow->port);
	return folded ? folded : 0xffff;
}

/* The header of a quoted probe, of whose payload n bytes were sent: the checksum
 * that it had goes to *sum. */
static inline bool udp_quote(const struct module_scan *scan, struct probe_flow *flow,
                             struct wire *r, size_t n, uint16_t *sum,
                             struct observation *o)
{
	uint16_t ours = wire_get16(r), port = wire_get16(r), length = wire_get16(r);

	*sum = wire_get16(r);
	flow->port = port;
	if (r->bad || port == 0 || length != UDP_HEADER + n ||
	    ours != udp_source_port(scan, cookie_flow(&scan->key, flow)))
		return false;
	o->port = port;
	o->sport = ours;
	return true;
}

#endif
