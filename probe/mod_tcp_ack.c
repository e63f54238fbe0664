/* TCP ACK and SYN-ACK out of the blue (RFC 9293 section 3.10.7.1): a host without
 * such a connection answers with a RST whose sequence number is our acknowledgement
 * number, whether the port is open or not.  That it is there is all one learns, but
 * filters that stop a SYN may let these through.
 *
 * Sequence and acknowledgement number hold 64 bits of cookie, the source port 12.  If
 * traced, a timestamp option (tcp.h) comes back in what routers quote. */
#include <netinet/in.h>

#include "probe/tcp.h"

enum { AT_TIME = TCP_HEADER + TCP_STAMP_AT };

struct ack_state {
	bool trace;
};

static const struct ack_state defaults = {
	.trace = false,
};

static const struct opt opts[] = {
	OPT_FLAG("trace", 0, struct ack_state, trace,
	         "tell hop limit and time; --hop-limit sets it"),
	OPT_END,
};

static void layout(const struct ack_state *s, struct wire_out *w, uint8_t flags)
{
	unsigned header = TCP_HEADER + (s->trace ? TCP_STAMP_LENGTH : 0);

	wire_put_zeros(w, 12);
	wire_put8(w, (uint8_t)(header / 4 << 4));
	wire_put8(w, flags);
	wire_put16(w, 65535);
	wire_put32(w, 0);
	if (s->trace)
		tcp_put_stamp_option(w);
}

static void layout_ack(const void *state, struct wire_out *w)
{
	layout(state, w, TCP_ACK);
}

static void layout_synack(const void *state, struct wire_out *w)
{
	layout(state, w, TCP_SYN | TCP_ACK);
}

static uint32_t acknowledgement(const struct module_scan *scan,
                                const struct probe_flow *flow)
{
	return (uint32_t)cookie_flow(&scan->key, flow);
}

/* Of its own hash: who sees one of the numbers learns nothing of the other. */
static uint64_t rest(const struct module_scan *scan, const struct probe_flow *flow)
{
	return cookie_data(&scan->key, flow, 0, 0);
}

static struct module_data data_of(const void *state, const struct module_shot *shot)
{
	(void)state;
	(void)shot;
	return (struct module_data){ 0, 0 };
}

static void fill(const void *state, const struct module_scan *scan,
                 const struct module_shot *shot, struct packet_fill *f)
{
	uint64_t more = shot->data_cookie;
	const struct ack_state *s = state;
	uint32_t data;

	fill_put16(f, 0, tcp_source_port(scan, more));
	fill_put16(f, 2, shot->flow.port);
	fill_put32(f, 4, (uint32_t)(more >> 32));
	fill_put32(f, 8, (uint32_t)shot->cookie);
	if (!s->trace)
		return;
	data = tcp_stamp_data(shot, true);
	fill_put32(f, AT_TIME,
	           tcp_stamp(cookie_data(&scan->key, &shot->flow, data, TCP_STAMP_KIND),
	                     data));
}

static bool reply(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	(void)state;
	if (!tcp_read(flow, r, o) || (o->tcp_flags & (TCP_RST | TCP_SYN)) != TCP_RST ||
	    o->more.tcp.seq != acknowledgement(scan, flow) ||
	    o->sport != tcp_source_port(scan, rest(scan, flow)))
		return false;
	o->outcome = OBS_CLOSED;
	return true;
}

static bool quote(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	uint16_t ours = wire_get16(&r), port = wire_get16(&r);
	uint32_t seq = wire_get32(&r), stamp;
	const struct ack_state *s = state;
	uint64_t more;

	flow->port = port;
	more = rest(scan, flow);
	if (r.bad || ours != tcp_source_port(scan, more) || seq != (uint32_t)(more >> 32))
		return false;
	o->port = port;
	o->sport = ours;
	wire_skip(&r, AT_TIME - 8);
	stamp = wire_get32(&r);
	if (s->trace && !r.bad)
		tcp_read_stamp(scan, flow, stamp, true, o);
	return true;
}

const struct probe_module probe_tcp_ack = {
	.name = "tcp-ack",
	.summary = "TCP ACK: a RST says that the host is there",
	.families = PROBE_V4 | PROBE_V6,
	.proto = OBS_TCP,
	.ip_proto = IPPROTO_TCP,
	.has_port = true,
	.traces = true,
	.checksum_at = 16,
	.bpf_v4 = "tcp[13] & 4 != 0",
	.bpf_v6 = "ip6[6] = 6 and ip6[53] & 4 != 0",
	.opts = opts,
	.defaults = &defaults,
	.state_size = sizeof(struct ack_state),
	.layout = layout_ack,
	.data = data_of,
	.fill = fill,
	.reply = reply,
	.quote = quote,
};

const struct probe_module probe_tcp_synack = {
	.name = "tcp-synack",
	.summary = "TCP SYN-ACK: a RST says that the host is there",
	.families = PROBE_V4 | PROBE_V6,
	.proto = OBS_TCP,
	.ip_proto = IPPROTO_TCP,
	.has_port = true,
	.traces = true,
	.checksum_at = 16,
	.bpf_v4 = "tcp[13] & 4 != 0",
	.bpf_v6 = "ip6[6] = 6 and ip6[53] & 4 != 0",
	.opts = opts,
	.defaults = &defaults,
	.state_size = sizeof(struct ack_state),
	.layout = layout_synack,
	.data = data_of,
	.fill = fill,
	.reply = reply,
	.quote = quote,
};
