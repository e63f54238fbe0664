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
		return scan->source_port;
	return (uint16_t)(TCP_PORT_FIRST + (bits & TCP_PORT_MASK));
}

/* Take a segment apart: ports into flow and o, the rest into o->more.tcp.  False: it
 * is no segment.  Options end at the first that is damaged; those before it count. */
bool tcp_read(struct probe_flow *flow, struct wire r, struct observation *o);

#endif
