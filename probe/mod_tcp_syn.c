/* TCP SYN (RFC 9293).  The sequence number is 32 bits of the flow's cookie, the
 * source port up to 12 more.  A SYN-ACK means open, a RST closed; both must
 * acknowledge exactly our SYN: section 3.10.7.1 has a closed port answer with
 * ACK = SEQ + 1, and 3.10.7.3 has the sender of a SYN ignore a RST without an
 * acceptable ACK.  For the timestamp option see tcp.h. */
#include <netinet/in.h>

#include "probe/tcp.h"

enum {
	AT_SPORT = 0,
	AT_DPORT = 2,
	AT_SEQ = 4,
	OPTIONS = 4, /* maximum segment size */
	WITH_TIME = OPTIONS + TCP_STAMP_LENGTH,
	AT_TIME = TCP_HEADER + OPTIONS + TCP_STAMP_AT,
};

struct syn_state {
	uint64_t mss, window;
	bool no_timestamp, trace;
};

static const struct syn_state defaults = {
	.mss = 1220, /* fits IPv6's minimum MTU */
	.window = 65535,
};

static const struct opt opts[] = {
	OPT_COUNT("mss", 0, struct syn_state, mss, "BYTES",
	          "maximum segment size that is announced, 1 to 65535"),
	OPT_COUNT("window", 0, struct syn_state, window, "BYTES",
	          "receive window that is announced, 0 to 65535"),
	OPT_FLAG("no-timestamp", 0, struct syn_state, no_timestamp,
	         "no timestamp option: neither round-trip times nor tags"),
	OPT_FLAG("trace", 0, struct syn_state, trace,
	         "tell hop limit and time; --hop-limit sets it"),
	OPT_END,
};

static int check(const void *state, struct diag *d)
{
	const struct syn_state *s = state;

	if (s->mss >= 1 && s->mss <= UINT16_MAX && s->window <= UINT16_MAX)
		return 0;
	return diag_set(d, ERR_PARSE, "mss and window must fit 16 bits, mss not 0");
}

static void layout(const void *state, struct wire_out *w)
{
	const struct syn_state *s = state;

	wire_put_zeros(w, 12);
	wire_put8(w, (uint8_t)((TCP_HEADER + (s->no_timestamp ? OPTIONS : WITH_TIME)) / 4
	                       << 4));
	wire_put8(w, TCP_SYN);
	wire_put16(w, (uint16_t)s->window);
	wire_put32(w, 0); /* checksum, urgent pointer */
	wire_put16(w, 0x0204);
	wire_put16(w, (uint16_t)s->mss);
	if (s->no_timestamp)
		return;
	tcp_put_stamp_option(w);
}

static struct module_data data_of(const void *state, const struct module_shot *shot)
{
	const struct syn_state *s = state;

	return (struct module_data){ tcp_stamp_data(shot, s->trace), TCP_STAMP_KIND };
}

static uint16_t source_port(const struct module_scan *scan, uint64_t cookie)
{
	return tcp_source_port(scan, cookie >> 32);
}

static void fill(const void *state, const struct module_scan *scan,
                 const struct module_shot *shot, struct packet_fill *f)
{
	const struct syn_state *s = state;

	fill_put16(f, AT_SPORT, source_port(scan, shot->cookie));
	fill_put16(f, AT_DPORT, shot->flow.port);
	fill_put32(f, AT_SEQ, (uint32_t)shot->cookie);
	if (!s->no_timestamp)
		fill_put32(f, AT_TIME,
		           tcp_stamp(shot->data_cookie, tcp_stamp_data(shot, s->trace)));
}

static bool reply(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	const struct obs_segment *t = &o->more.tcp;
	const struct syn_state *s = state;
	uint64_t cookie;
	uint8_t kind;

	if (!tcp_read(flow, r, o))
		return false;
	cookie = cookie_flow(&scan->key, flow);
	if (o->sport != source_port(scan, cookie) || t->ack != (uint32_t)cookie + 1)
		return false;
	kind = o->tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);
	if (kind != (TCP_SYN | TCP_ACK) && kind != (TCP_RST | TCP_ACK))
		return false;
	o->outcome = kind & TCP_SYN ? OBS_OPEN : OBS_CLOSED;
	if (t->options & OBS_TCP_TIME)
		tcp_read_stamp(scan, flow, t->ts_ecr, s->trace, o);
	return true;
}

static bool quote(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	uint16_t ours = wire_get16(&r), port = wire_get16(&r);
	uint32_t seq = wire_get32(&r), stamp;
	const struct syn_state *s = state;
	uint64_t cookie;

	flow->port = port;
	cookie = cookie_flow(&scan->key, flow);
	if (r.bad || ours != source_port(scan, cookie) || seq != (uint32_t)cookie)
		return false;
	o->port = port;
	o->sport = ours;
	wire_skip(&r, AT_TIME - 8);
	stamp = wire_get32(&r);
	if (!s->no_timestamp && !r.bad)
		tcp_read_stamp(scan, flow, stamp, s->trace, o);
	return true;
}

const struct probe_module probe_tcp_syn = {
	.name = "tcp-syn",
	.summary = "TCP SYN: SYN-ACK is open, RST is closed",
	.families = PROBE_V4 | PROBE_V6,
	.proto = OBS_TCP,
	.ip_proto = IPPROTO_TCP,
	.has_port = true,
	.traces = true,
	.checksum_at = 16,
	/* RST, or SYN and ACK; ip6[53] because libpcap's tcp[] is IPv4 only. */
	.bpf_v4 = "tcp[13] & 4 != 0 or tcp[13] & 18 = 18",
	.bpf_v6 = "ip6[6] = 6 and (ip6[53] & 4 != 0 or ip6[53] & 18 = 18)",
	.opts = opts,
	.defaults = &defaults,
	.state_size = sizeof(struct syn_state),
	.check = check,
	.layout = layout,
	.data = data_of,
	.fill = fill,
	.reply = reply,
	.quote = quote,
};
