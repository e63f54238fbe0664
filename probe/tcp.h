/* probe/tcp.h - what the modules over TCP share (RFC 9293). */
#ifndef PROBE_TCP_H
#define PROBE_TCP_H

#include "probe/module.h"

enum {
	/* Above Linux's default ip_local_port_range: the kernel's own connections
	 * do not use them. */
	TCP_PORT_FIRST = 61440,
	TCP_PORT_MASK = 4095,
	TCP_HEADER = 20,
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_ACK = 16,
};

/* 12 bits of a cookie, or the port that was asked for. */
static inline uint16_t tcp_source_port(const struct module_scan *scan, uint64_t bits)
{
	if (scan->source_port)
		return module_source_port(scan, bits);
	return (uint16_t)(TCP_PORT_FIRST + (bits & TCP_PORT_MASK));
}

/* Take a segment apart: ports into flow and o, the rest into o->more.tcp.  False: it
 * is no segment.  Options end at the first that is damaged; those before it count. */
bool tcp_read(struct probe_flow *flow, struct wire r, struct observation *o);

/* The timestamp option (RFC 7323) of our probes: 32 bits, which most hosts bring back
 * in a SYN-ACK and most routers quote.  Eight are of a cookie over the other 24, which
 * are
 *
 *     traced      hop limit, 6 bits, and the time of sending in 16 us, 18 bits
 *     else        1 and the tag, where it has one that fits 23 bits
 *     else        0 and the time of sending in us, 23 bits
 *
 * What fails the check is not believed; the answer counts all the same. */
uint32_t tcp_stamp_data(const struct module_shot *shot, bool trace);

static inline uint32_t tcp_stamp(uint64_t cookie, uint32_t data)
{
	return (uint32_t)cookie << 24 | data;
}

enum { TCP_STAMP_KIND = 1 }; /* the second word of its cookie_data() */

void tcp_read_stamp(const struct module_scan *scan, const struct probe_flow *flow,
                    uint32_t stamp, bool trace, struct observation *o);

/* Bytes of the option, and where the stamp is within them. */
enum { TCP_STAMP_LENGTH = 12, TCP_STAMP_AT = 4 };
void tcp_put_stamp_option(struct wire_out *w); /* zeros in its place */

#endif
