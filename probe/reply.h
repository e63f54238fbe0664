/* probe/reply.h - from received bytes to a validated observation.
 *
 * The one place where bytes from the network are judged.  A reply is accepted
 * when the cookie of the flow that it claims is in it; an ICMP error when it is
 * in the packet that the error quotes.  Not relied on, because routers and
 * hosts may change them: hop limits, traffic class and flow label, IP options,
 * and in quotes every length and checksum.  Pure: no state is kept. */
#ifndef PROBE_REPLY_H
#define PROBE_REPLY_H

#include "probe/module.h"

enum {
	REPLY_LANES = 16,   /* family x (ICMP, TCP, UDP), or more where ports choose */
	REPLY_SOURCES = 64, /* our own addresses, both families */
};

struct reply_lane {
	const struct probe_module *module;
	const void *state;
	unsigned family; /* PROBE_V4 or PROBE_V6 */
	/* Where several modules have one protocol: a bit for each port of its own,
	 * REPLY_PORT_BYTES; NULL: all ports. */
	const uint8_t *ports;
};

enum { REPLY_PORT_BYTES = 65536 / 8 };

static inline bool reply_lane_has(const struct reply_lane *l, uint16_t port)
{
	return !l->ports || (l->ports[port / 8] >> port % 8 & 1);
}

struct reply_context {
	struct module_scan scan;
	struct reply_lane lanes[REPLY_LANES];
	unsigned n_lanes;
	struct addr128 sources[REPLY_SOURCES];
	uint8_t source_bits[REPLY_SOURCES]; /* of the address, below its prefix */
	unsigned n_sources;
};

/* w: the captured bytes, from the link layer on.  True: *o is the observation
 * (vantage, repeat and cooldown are the caller's to set); false: not an answer
 * to one of our probes, or damaged. */
bool reply_parse(const struct reply_context *c, struct wire w, enum packet_l2 l2,
                 uint64_t when_us, struct observation *o);

/* The rest is for those to whom the kernel gives less than a packet.  Whether
 * one of our addresses is a. */
bool reply_is_ours(const struct reply_context *c, struct addr128 a);

/* Whose a packet of this IP protocol is, from or to this port of a target (0 where there
 * are none); NULL: nobody's. */
const struct reply_lane *reply_find_lane(const struct reply_context *c, unsigned family,
                                         uint8_t ip_proto, uint16_t port);

/* A packet that is no ICMP error, its checksum verified.  *o has from, when_us
 * and hop_limit; the rest is set, as above. */
bool reply_judge(const struct reply_context *c, const struct packet *p,
                 struct observation *o);

/* What an ICMP error quotes.  *o has icmp_type and icmp_code as well. */
bool reply_judge_quote(const struct reply_context *c, const struct packet *inner,
                       struct observation *o);

/* The IPv4 identification of a traced probe: its hop limit, and the time of sending in
 * units of 8192 us, modulo 2 s.  It is there even where only 8 bytes behind the IP
 * header are quoted. */
static inline uint16_t reply_ident(uint8_t hop, uint64_t now_us)
{
	return (uint16_t)(hop << 8 | (now_us >> 13 & 0xff));
}

/* What an ICMP error means: *o has target, from, icmp_type and icmp_code. */
enum obs_outcome reply_outcome(const struct observation *o);

#endif
