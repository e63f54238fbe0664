/* UDP (RFC 768).  The source port holds 15 bits of the flow's cookie, and up to
 * 64 more are in the payload, where the protocol brings them back.  An answer is
 * open; port unreachable from the target is closed.  The part of a probe that an
 * ICMP error must quote ends with the checksum, which depends on the cookie in the
 * payload, and so on nothing that a forger knows. */
#include <netinet/in.h>

#include "probe/module.h"
#include "probe/payload.h"

enum {
	PORT_FIRST = 32768,
	PORT_MASK = 32767,
	HEADER = 8,
	SEARCHED = 256, /* bytes of an answer in which the cookie may be anywhere */
};

struct udp_state {
	const char *payload;
	struct payload_table table;
};

/* Copied whole into each state, so no larger than needed: the table is filled by
 * prepare(). */
static const struct {
	const char *payload;
} defaults;

static const struct opt opts[] = {
	OPT_STR("payload", 0, struct udp_state, payload, "hex:|text:|file:",
	        "what to send to every port instead of the built-in payloads"),
	OPT_END,
};

static int prepare(void *state, struct diag *d)
{
	struct udp_state *s = state;

	if (s->payload)
		return payload_load_own(&s->table, s->payload, d);
	return payload_load(&s->table, d);
}

static unsigned variants(const void *state)
{
	const struct udp_state *s = state;

	return s->table.n;
}

static unsigned variant(const void *state, uint16_t port)
{
	const struct udp_state *s = state;

	return s->table.of_port[port];
}

static void layout_of(const void *state, unsigned v, struct wire_out *w)
{
	const struct udp_state *s = state;
	const struct payload *p = &s->table.payload[v];

	wire_put32(w, 0);
	wire_put16(w, (uint16_t)(HEADER + p->len));
	wire_put16(w, 0);
	wire_put(w, p->bytes, p->len);
}

static void layout(const void *state, struct wire_out *w)
{
	layout_of(state, 0, w);
}

static uint16_t source_port(const struct module_scan *scan, uint64_t cookie)
{
	if (scan->source_port)
		return scan->source_port;
	return (uint16_t)(PORT_FIRST + (cookie & PORT_MASK));
}

static void write_cookie(uint8_t out[8], const struct module_scan *scan,
                         const struct probe_flow *flow)
{
	struct wire_out w = { out, out + 8, false };

	wire_put64(&w, cookie_data(&scan->key, flow, 0, 0));
}

static void fill(const void *state, const struct module_scan *scan,
                 const struct module_shot *shot, struct packet_fill *f)
{
	const struct udp_state *s = state;
	const struct payload *p = &s->table.payload[variant(s, shot->flow.port)];
	uint8_t cookie[8];

	fill_put16(f, 0, source_port(scan, shot->cookie));
	fill_put16(f, 2, shot->flow.port);
	if (!p->fill_len)
		return;
	write_cookie(cookie, scan, &shot->flow);
	for (unsigned i = 0; i < p->fill_len; i += 2)
		fill_put16(f, (size_t)HEADER + p->fill_at + i,
		           (uint16_t)(cookie[i] << 8 | cookie[i + 1]));
}

static bool has_cookie(const struct payload *p, const struct module_scan *scan,
                       const struct probe_flow *flow, struct wire r)
{
	size_t n = wire_left(&r);
	uint8_t cookie[8];

	if (!p->fill_len)
		return true;
	write_cookie(cookie, scan, flow);
	if (p->echo_at == PAYLOAD_ANYWHERE)
		return memmem(r.at, n < SEARCHED ? n : SEARCHED, cookie, p->fill_len);
	return n >= (size_t)p->echo_at + p->fill_len &&
	       !memcmp(r.at + p->echo_at, cookie, p->fill_len);
}

static bool reply(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	const struct udp_state *s = state;
	size_t n = wire_left(&r);
	uint16_t port = wire_get16(&r), ours = wire_get16(&r), length = wire_get16(&r);

	wire_skip(&r, 2);
	flow->port = port;
	if (r.bad || port == 0 || length != n ||
	    ours != source_port(scan, cookie_flow(&scan->key, flow)) ||
	    !has_cookie(&s->table.payload[variant(s, port)], scan, flow, r))
		return false;
	o->outcome = OBS_OPEN;
	o->port = port;
	o->sport = ours;
	return true;
}

/* The checksum that our probe of this flow had. */
static uint16_t checksum(const struct payload *p, const struct module_scan *scan,
                         const struct probe_flow *flow, uint16_t ours)
{
	uint64_t sum = p->sum + 2 * (HEADER + (uint64_t)p->len) + IPPROTO_UDP;
	uint8_t cookie[8];
	uint16_t folded;

	sum = inet_sum_addr(inet_sum_addr(sum, flow->src), flow->dst);
	sum += (uint64_t)ours + flow->port;
	write_cookie(cookie, scan, flow);
	for (unsigned i = 0; i < p->fill_len; i += 2)
		sum += (uint64_t)cookie[i] << 8 | cookie[i + 1];
	folded = (uint16_t)~inet_fold(sum);
	return folded ? folded : 0xffff;
}

static bool quote(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	const struct udp_state *s = state;
	uint16_t ours = wire_get16(&r), port = wire_get16(&r), length = wire_get16(&r);
	uint16_t sum = wire_get16(&r);
	const struct payload *p = &s->table.payload[variant(s, port)];

	flow->port = port;
	if (r.bad || port == 0 || length != HEADER + p->len ||
	    ours != source_port(scan, cookie_flow(&scan->key, flow)) ||
	    sum != checksum(p, scan, flow, ours))
		return false;
	o->port = port;
	o->sport = ours;
	return true;
}

const struct probe_module probe_udp = {
	.name = "udp",
	.summary = "UDP with a payload for the port: an answer is open",
	.families = PROBE_V4 | PROBE_V6,
	.proto = OBS_UDP,
	.ip_proto = IPPROTO_UDP,
	.has_port = true,
	.checksum_at = 6,
	.bpf_v4 = "udp",
	.bpf_v6 = "ip6[6] = 17",
	.opts = opts,
	.defaults = &defaults,
	.defaults_size = sizeof(defaults),
	.state_size = sizeof(struct udp_state),
	.prepare = prepare,
	.variants = variants,
	.variant = variant,
	.layout = layout,
	.layout_of = layout_of,
	.fill = fill,
	.reply = reply,
	.quote = quote,
};
