/* UDP: a request of the protocol that the port is known for.  The source port holds
 * 15 bits of the flow's cookie, and up to 64 more are in the payload, where the
 * protocol brings them back.  An answer is open; port unreachable from the target is
 * closed.
 *
 * If traced, a payload of one's own, or none, is followed by
 *
 *     offset 0   hop limit and send time, 8 bytes: module_time()
 *     offset 8   64-bit cookie over flow, tag and time
 *     offset 16  tag, 4 bytes
 *     offset 20  2 bytes by which the sum of all these is 16 bits of the flow's
 *                cookie: so the checksum of the datagram is the same for all hops
 */
#include <string.h>

#include "probe/fields.h"
#include "probe/payload.h"
#include "probe/udp.h"

enum {
	SEARCHED = 256, /* bytes of an answer in which the cookie may be anywhere */
	TRAILER = 22,
};

struct udp_state {
	const char *payload, *contact;
	bool trace;
	struct payload_fields fields; /* of a payload of one's own that has some */
	struct payload_table table;
};

/* Copied whole into each state, so no larger than needed: the table is filled by
 * prepare(). */
static const struct {
	const char *payload, *contact;
	bool trace;
} defaults;

static const struct opt opts[] = {
	OPT_STR("payload", 0, struct udp_state, payload, "hex:|text:|file:|template:",
	        "what to send to every port instead of the built-in payloads; a text, and "
	        "a template file, may have fields as ${DADDR}"),
	OPT_STR("contact", 0, struct udp_state, contact, "URI",
	        "who to ask about the probes: the payload of traced ones (RFC 9511)"),
	OPT_FLAG("trace", 0, struct udp_state, trace,
	         "tell hop limit and time; --hop-limit sets it"),
	OPT_END,
};

/* The trailer is at an even offset. */
static size_t trailer_at(const struct payload *p)
{
	return (p->len + 1u) & ~1u;
}

static size_t payload_size(const struct udp_state *s, const struct payload *p)
{
	return s->trace ? trailer_at(p) + TRAILER : p->len;
}

/* A text or template with fields: the template of its packets has the longest, in
 * zeros. */
static int prepare_own(struct udp_state *s, struct diag *d)
{
	struct payload *p = &s->table.payload[0];
	bool template = !strncmp(s->payload, "template:", 9);
	int rc = payload_load_own(&s->table, s->payload, d);

	if (rc < 0 || (!template && strncmp(s->payload, "text:", 5) != 0) ||
	    !memmem(p->bytes, p->len, "${", 2))
		return rc;
	if (s->trace)
		return diag_set(d, ERR_PARSE, "a payload with fields cannot trace");
	rc = fields_parse(&s->fields, (const char *)p->bytes, p->len, d);
	memset(p, 0, sizeof(*p));
	p->len = (uint16_t)s->fields.most;
	return rc;
}

static int prepare(void *state, struct diag *d)
{
	struct udp_state *s = state;

	if (s->payload)
		return prepare_own(s, d);
	if (s->trace)
		return payload_load_uri(&s->table, s->contact ? s->contact : "", d);
	return payload_load(&s->table, d);
}

static int check(const void *state, struct diag *d)
{
	const struct udp_state *s = state;

	if (payload_size(s, &s->table.payload[0]) <= PAYLOAD_MAX)
		return 0;
	return diag_set(d, ERR_PARSE, "to trace, a payload may have %d bytes",
	                PAYLOAD_MAX - TRAILER);
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

	wire_put_zeros(w, 4);
	wire_put16(w, s->fields.n ? 0 : (uint16_t)(UDP_HEADER + payload_size(s, p)));
	wire_put16(w, 0);
	wire_put(w, p->bytes, p->len);
	wire_put_zeros(w, payload_size(s, p) - p->len);
}

static void layout(const void *state, struct wire_out *w)
{
	layout_of(state, 0, w);
}

/* The second cookie is of the flow alone, but where there is a trailer. */
static struct module_data data_of(const void *state, const struct module_shot *shot)
{
	const struct udp_state *s = state;

	if (s->trace)
		return (struct module_data){ shot->tag, module_time(shot) };
	return (struct module_data){ 0, 0 };
}

static uint16_t balance(uint64_t cookie)
{
	return (uint16_t)(cookie >> 16);
}

static void fill_trailer(const struct payload *p, const struct module_shot *shot,
                         struct packet_fill *f)
{
	size_t at = UDP_HEADER + trailer_at(p);
	uint64_t before = f->sum;

	fill_put64(f, at, module_time(shot));
	fill_put64(f, at + 8, shot->data_cookie);
	fill_put32(f, at + 16, shot->tag);
	fill_balance(f, at + 20, before, balance(shot->cookie));
}

/* The first fill_len bytes of out. */
static void write_cookie(uint8_t out[PAYLOAD_FILL_MAX], const struct payload *p,
                         uint64_t cookie)
{
	for (unsigned i = 0; i < p->fill_len; i++)
		out[i] = p->digits ? (uint8_t) "0123456789abcdef"[cookie >> (60 - 4 * i) &
		                                                  15]
		                   : (uint8_t)(cookie >> (56 - 8 * i));
}

static uint64_t data_cookie(const struct module_scan *scan, const struct probe_flow *flow)
{
	return cookie_data(&scan->key, flow, 0, 0);
}

static void fill_fields(const struct udp_state *s, const struct module_scan *scan,
                        const struct module_shot *shot, struct packet_fill *f)
{
	uint8_t payload[PAYLOAD_MAX];
	size_t n = fields_expand(payload, &s->fields, &shot->flow,
	                         udp_source_port(scan, shot->cookie), shot->data_cookie);

	fill_put16(f, 4, (uint16_t)(UDP_HEADER + n));
	fill_put_bytes(f, UDP_HEADER, payload, n);
	packet_cut(f, UDP_HEADER + n);
}

static void fill(const void *state, const struct module_scan *scan,
                 const struct module_shot *shot, struct packet_fill *f)
{
	const struct udp_state *s = state;
	const struct payload *p = &s->table.payload[variant(s, shot->flow.port)];
	uint8_t cookie[PAYLOAD_FILL_MAX];

	fill_put16(f, 0, udp_source_port(scan, shot->cookie));
	fill_put16(f, 2, shot->flow.port);
	if (s->fields.n)
		fill_fields(s, scan, shot, f);
	if (s->trace)
		fill_trailer(p, shot, f);
	if (!p->fill_len)
		return;
	write_cookie(cookie, p, shot->data_cookie);
	for (unsigned i = 0; i < p->fill_len; i += 2)
		fill_put16(f, (size_t)UDP_HEADER + p->fill_at + i,
		           (uint16_t)(cookie[i] << 8 | cookie[i + 1]));
}

static bool has_cookie(const struct udp_state *s, const struct module_scan *scan,
                       const struct probe_flow *flow, struct wire r)
{
	const struct payload *p = &s->table.payload[variant(s, flow->port)];
	uint8_t cookie[PAYLOAD_FILL_MAX];
	size_t n = wire_left(&r);

	if (s->fields.n)
		return fields_echoed(&s->fields, r.at, n, data_cookie(scan, flow));
	if (!p->fill_len)
		return true;
	write_cookie(cookie, p, data_cookie(scan, flow));
	if (p->echo_at == PAYLOAD_ANYWHERE)
		return memmem(r.at, n < SEARCHED ? n : SEARCHED, cookie, p->fill_len);
	return n >= (size_t)p->echo_at + p->fill_len &&
	       !memcmp(r.at + p->echo_at, cookie, p->fill_len);
}

static bool reply(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	const struct udp_state *s = state;
	struct obs_datagram *u = &o->more.udp;
	size_t n;

	if (!udp_reply(scan, flow, &r, o) || !has_cookie(s, scan, flow, r))
		return false;
	n = wire_left(&r);
	o->outcome = OBS_OPEN;
	o->detail = OBS_DATAGRAM;
	u->length = (uint16_t)n;
	memset(u->bytes, 0, sizeof(u->bytes));
	memcpy(u->bytes, r.at, n < sizeof(u->bytes) ? n : sizeof(u->bytes));
	return true;
}

/* The sum of the payload that our probe of this flow had. */
static uint64_t payload_sum(const struct payload *p, const struct module_scan *scan,
                            const struct probe_flow *flow)
{
	uint64_t sum = p->sum;
	uint8_t cookie[PAYLOAD_FILL_MAX];

	if (p->fill_len)
		write_cookie(cookie, p, data_cookie(scan, flow));
	for (unsigned i = 0; i < p->fill_len; i += 2)
		sum += (uint64_t)cookie[i] << 8 | cookie[i + 1];
	return sum;
}

/* The trailer, if it is there: then it must be right. */
static bool read_trailer(const struct payload *p, const struct module_scan *scan,
                         const struct probe_flow *flow, struct wire r,
                         struct observation *o)
{
	uint64_t time, cookie;
	uint32_t tag;

	if (wire_left(&r) < trailer_at(p) + TRAILER)
		return true;
	wire_skip(&r, trailer_at(p));
	time = wire_get64(&r);
	cookie = wire_get64(&r);
	tag = wire_get32(&r);
	if (cookie != cookie_data(&scan->key, flow, tag, time))
		return false;
	o->tag = tag;
	module_read_time(o, time);
	return true;
}

static bool quote_fields(const struct udp_state *s, const struct module_scan *scan,
                         struct probe_flow *flow, struct wire r, struct observation *o)
{
	uint8_t payload[PAYLOAD_MAX];
	uint16_t ours = udp_source_port(scan, cookie_flow(&scan->key, flow)), sum;
	size_t n =
		fields_expand(payload, &s->fields, flow, ours, data_cookie(scan, flow));

	return udp_quote(scan, flow, &r, n, &sum, o) &&
	       sum == udp_checksum(flow, ours, inet_sum(0, payload, n), n);
}

static bool quote(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	const struct udp_state *s = state;
	const struct payload *p;
	struct wire ports = r;
	uint64_t expected;
	uint16_t sum;

	wire_skip(&ports, 2);
	flow->port = wire_get16(&ports);
	if (s->fields.n)
		return quote_fields(s, scan, flow, r, o);
	p = &s->table.payload[variant(s, flow->port)];
	if (!udp_quote(scan, flow, &r, payload_size(s, p), &sum, o))
		return false;
	expected = payload_sum(p, scan, flow);
	if (s->trace)
		expected += balance(cookie_flow(&scan->key, flow));
	return sum == udp_checksum(flow, o->sport, expected, payload_size(s, p)) &&
	       (!s->trace || read_trailer(p, scan, flow, r, o));
}

const struct probe_module probe_udp = {
	.name = "udp",
	.summary = "UDP with a payload for the port: an answer is open",
	.families = PROBE_V4 | PROBE_V6,
	.proto = OBS_UDP,
	.ip_proto = IPPROTO_UDP,
	.has_port = true,
	.sockets = MODULE_UDP,
	.traces = true,
	.checksum_at = 6,
	.bpf_v4 = "udp",
	.bpf_v6 = "ip6[6] = 17",
	.opts = opts,
	.defaults = &defaults,
	.defaults_size = sizeof(defaults),
	.state_size = sizeof(struct udp_state),
	.prepare = prepare,
	.check = check,
	.variants = variants,
	.variant = variant,
	.layout = layout,
	.layout_of = layout_of,
	.data = data_of,
	.fill = fill,
	.reply = reply,
	.quote = quote,
};
