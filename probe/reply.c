#include "probe/reply.h"

#include <netinet/in.h>

/* RFC 4443 section 3, RFC 792. */
enum {
	V6_UNREACHABLE = 1,
	V6_TOO_BIG = 2,
	V6_TIME_EXCEEDED = 3,
	V6_PARAMETER = 4,
	V6_CODE_PORT = 4,
	V4_UNREACHABLE = 3,
	V4_SOURCE_QUENCH = 4,
	V4_TIME_EXCEEDED = 11,
	V4_PARAMETER = 12,
	V4_CODE_PROTOCOL = 2,
	V4_CODE_PORT = 3,
	V4_CODE_TOO_BIG = 4,
};

const struct reply_lane *reply_find_lane(const struct reply_context *c, unsigned family,
                                         uint8_t ip_proto, uint16_t port)
{
	for (unsigned i = 0; i < c->n_lanes; i++)
		if (c->lanes[i].family == family &&
		    c->lanes[i].module->ip_proto == ip_proto &&
		    reply_lane_has(&c->lanes[i], port))
			return &c->lanes[i];
	return NULL;
}

/* The target's port is the source of a reply, and the destination in a quote. */
static const struct reply_lane *find_lane(const struct reply_context *c,
                                          const struct packet *p, bool quoted)
{
	struct wire ports = p->l4;
	uint16_t port;

	if (quoted)
		wire_skip(&ports, 2);
	port = wire_get16(&ports);
	return reply_find_lane(c, p->v6 ? PROBE_V6 : PROBE_V4, p->proto,
	                       ports.bad ? 0 : port);
}

bool reply_is_ours(const struct reply_context *c, struct addr128 a)
{
	for (unsigned i = 0; i < c->n_sources; i++)
		if (addr_eq(c->sources[i], a) ||
		    (c->source_bits[i] &&
		     addr_common_bits(c->sources[i], a) + c->source_bits[i] >= 128))
			return true;
	return false;
}

static bool is_error(const struct packet *p)
{
	uint8_t type = wire_left(&p->l4) ? *p->l4.at : 0;

	if (p->v6)
		return p->proto == IPPROTO_ICMPV6 && type >= V6_UNREACHABLE &&
		       type <= V6_PARAMETER;
	return p->proto == IPPROTO_ICMP &&
	       (type == V4_UNREACHABLE || type == V4_SOURCE_QUENCH ||
	        type == V4_TIME_EXCEEDED || type == V4_PARAMETER);
}

static enum obs_outcome outcome_v6(const struct observation *o)
{
	switch (o->icmp_type) {
	case V6_UNREACHABLE:
		if (o->icmp_code == V6_CODE_PORT && addr_eq(o->from, o->target))
			return OBS_CLOSED;
		return OBS_UNREACHABLE;
	case V6_TIME_EXCEEDED: return OBS_TIME_EXCEEDED;
	}
	return OBS_OTHER_ERROR;
}

/* A host that has no such protocol says "protocol unreachable" in IPv4. */
static enum obs_outcome outcome_v4(const struct observation *o)
{
	switch (o->icmp_type) {
	case V4_UNREACHABLE:
		if (o->icmp_code == V4_CODE_TOO_BIG)
			return OBS_OTHER_ERROR;
		if ((o->icmp_code == V4_CODE_PORT || o->icmp_code == V4_CODE_PROTOCOL) &&
		    addr_eq(o->from, o->target))
			return OBS_CLOSED;
		return OBS_UNREACHABLE;
	case V4_TIME_EXCEEDED: return OBS_TIME_EXCEEDED;
	}
	return OBS_OTHER_ERROR;
}

enum obs_outcome reply_outcome(const struct observation *o)
{
	return addr_is_v4(o->target) ? outcome_v4(o) : outcome_v6(o);
}

static void read_ident(uint16_t ident, struct observation *o)
{
	uint8_t units = (uint8_t)((o->when_us >> 13) - ident);

	if (ident >> 8 == 0 || ident >> 8 > MODULE_HOP_MAX)
		return; /* not as we sent it */
	o->hop = (uint8_t)(ident >> 8);
	o->rtt_us = units ? (uint32_t)units << 13 : 1 << 12; /* give or take one */
}

bool reply_judge_quote(const struct reply_context *c, const struct packet *inner,
                       struct observation *o)
{
	const struct reply_lane *lane = find_lane(c, inner, true);
	struct probe_flow flow;

	if (!lane)
		return false;
	flow = (struct probe_flow){ .src = inner->src,
		                    .dst = inner->dst,
		                    .proto = lane->module->proto };
	o->target = inner->dst;
	o->proto = lane->module->proto;
	o->outcome = (uint8_t)reply_outcome(o);
	if (!lane->module->quote(lane->state, &c->scan, &flow, inner->l4, o))
		return false;
	if (c->scan.trace && !inner->v6 && !o->hop)
		read_ident(inner->ident, o);
	return true;
}

/* What RFC 4884 puts behind the quote, MPLS labels and the like, is none of it.  The
 * length of the quote is in words of 4 bytes, in IPv6 of 8, and at least 128 bytes;
 * routers that know nothing of it leave zeros there. */
static void cut_extension(const struct packet *p, uint8_t type, uint32_t rest,
                          struct wire *r)
{
	bool may = p->v6 ? type == V6_UNREACHABLE || type == V6_TIME_EXCEEDED
	                 : type == V4_UNREACHABLE || type == V4_TIME_EXCEEDED ||
	                           type == V4_PARAMETER;
	size_t n = p->v6 ? (size_t)(rest >> 24) * 8 : (size_t)(rest >> 16 & 0xff) * 4;

	if (may && n >= 128)
		(void)wire_cut(r, n);
}

/* An error about an error is never ours: what we send is no error, and the
 * module that is asked about the quote says so. */
static bool parse_error(const struct reply_context *c, const struct packet *p,
                        struct observation *o)
{
	struct wire r = p->l4;
	struct packet inner;
	uint32_t rest;

	o->icmp_type = wire_get8(&r);
	o->icmp_code = wire_get8(&r);
	wire_skip(&r, 2);
	rest = wire_get32(&r);
	cut_extension(p, o->icmp_type, rest, &r);
	if (r.bad || !packet_parse(&inner, r, PACKET_QUOTED))
		return false;
	o->has_quoted = true;
	o->quoted = inner.hop_limit;
	return inner.v6 == p->v6 && addr_eq(inner.src, p->dst) &&
	       reply_judge_quote(c, &inner, o);
}

bool reply_judge(const struct reply_context *c, const struct packet *p,
                 struct observation *o)
{
	const struct reply_lane *lane = find_lane(c, p, false);
	struct probe_flow flow;

	if (!lane)
		return false;
	flow = (struct probe_flow){ .src = p->dst,
		                    .dst = p->src,
		                    .proto = lane->module->proto };
	o->target = p->src;
	o->proto = lane->module->proto;
	return lane->module->reply(lane->state, &c->scan, &flow, p->l4, o);
}

bool reply_parse(const struct reply_context *c, struct wire w, enum packet_l2 l2,
                 uint64_t when_us, struct observation *o)
{
	struct packet p;

	if (!packet_strip(&w, l2) || !packet_parse(&p, w, PACKET_RECEIVED))
		return false;
	if (!reply_is_ours(c, p.dst) || !packet_checksum_ok(&p))
		return false;
	*o = (struct observation){
		.from = p.src,
		.to = p.dst,
		.when_us = when_us,
		.hop_limit = p.hop_limit,
	};
	return is_error(&p) ? parse_error(c, &p, o) : reply_judge(c, &p, o);
}
