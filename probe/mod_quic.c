/* QUIC (RFC 9000): a long header of a version that nobody has, 0x?a?a?a?a (section
 * 15), in a datagram of 1200 bytes, which a server must answer with the versions it
 * does have (sections 5.2.2 and 6).  Nothing is encrypted and no state is made.
 *
 *     offset 0   long header: form and fixed bit
 *     offset 1   version
 *     offset 5   length of the destination connection id: 9
 *     offset 6   64 bits of cookie over flow, tag and time; a zero byte
 *     offset 15  length of the source connection id: 12
 *     offset 16  tag, 4 bytes
 *     offset 20  hop limit and send time, 8 bytes: module_time()
 *     offset 28  two bytes by which the sum of the ids is 16 bits of the flow's cookie:
 *                so the checksum of the datagram is known without tag and time
 *
 * A Version Negotiation packet brings both ids back, exchanged (section 17.2.1). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/udp.h"

enum {
	LONG_HEADER = 0xc0,
	FORM = 0x80,
	DCID = 9, /* at least 8 (section 7.2); odd, so that the other id is at an even offset */
	SCID = 12,
	AT_DCID = UDP_HEADER + 6,
	AT_SCID = UDP_HEADER + 16,
	AT_BALANCE = AT_SCID + SCID,
	IDS = 28,        /* bytes of payload up to the end of the ids */
	SIZE_MIN = 1200, /* section 14.1 */
	SIZE_MAX_PAYLOAD = PACKET_L4_MAX - UDP_HEADER,
};

struct quic_state {
	const char *version_text;
	uint64_t size;
	uint32_t version;
	bool trace; /* it needs no other packet */
};

static const struct quic_state defaults = {
	.version_text = "1a2a3a4a",
	.size = SIZE_MIN,
};

static const struct opt opts[] = {
	OPT_STR("version", 0, struct quic_state, version_text, "HEX",
	        "the version to ask for, 8 digits of which each second one is an a "
	        "(default: 1a2a3a4a)"),
	OPT_COUNT("size", 0, struct quic_state, size, "BYTES",
	          "bytes of UDP payload, 1200 to 1272"),
	OPT_FLAG("trace", 0, struct quic_state, trace,
	         "tell hop limit and time; --hop-limit sets it"),
	OPT_END,
};

static int prepare(void *state, struct diag *d)
{
	struct quic_state *s = state;
	char *end;

	s->version = (uint32_t)strtoul(s->version_text, &end, 16);
	if (strlen(s->version_text) == 8 && !*end &&
	    (s->version & 0x0f0f0f0f) == 0x0a0a0a0a)
		return 0;
	return diag_set(d, ERR_PARSE,
	                "QUIC version '%.20s' is not reserved to force negotiation: "
	                "?a?a?a?a in hex",
	                s->version_text);
}

static int check(const void *state, struct diag *d)
{
	const struct quic_state *s = state;

	if (s->size >= SIZE_MIN && s->size <= SIZE_MAX_PAYLOAD)
		return 0;
	return diag_set(d, ERR_PARSE, "size %llu is not within %d and %d",
	                (unsigned long long)s->size, SIZE_MIN, SIZE_MAX_PAYLOAD);
}

static void layout(const void *state, struct wire_out *w)
{
	const struct quic_state *s = state;

	udp_layout(w, s->size);
	wire_put8(w, LONG_HEADER);
	wire_put32(w, s->version);
	wire_put8(w, DCID);
	wire_put_zeros(w, DCID);
	wire_put8(w, SCID);
	wire_put_zeros(w, s->size - 16);
}

static struct module_data data_of(const void *state, const struct module_shot *shot)
{
	(void)state;
	return (struct module_data){ shot->tag, module_time(shot) };
}

static uint16_t balance(uint64_t cookie)
{
	return (uint16_t)(cookie >> 16);
}

static void fill(const void *state, const struct module_scan *scan,
                 const struct module_shot *shot, struct packet_fill *f)
{
	uint64_t before;

	(void)state;
	fill_put16(f, 0, udp_source_port(scan, shot->cookie));
	fill_put16(f, 2, shot->flow.port);
	before = f->sum;
	fill_put64(f, AT_DCID, shot->data_cookie);
	fill_put32(f, AT_SCID, shot->tag);
	fill_put64(f, AT_SCID + 4, module_time(shot));
	fill_balance(f, AT_BALANCE, before, balance(shot->cookie));
}

/* Tag and time, and the cookie over them. */
static bool read_ids(const struct module_scan *scan, const struct probe_flow *flow,
                     struct wire scid, struct wire dcid, struct observation *o)
{
	uint32_t tag = wire_get32(&scid);
	uint64_t time = wire_get64(&scid), cookie = wire_get64(&dcid);

	if (scid.bad || dcid.bad || wire_get8(&dcid) != 0 || dcid.bad ||
	    cookie != cookie_data(&scan->key, flow, tag, time))
		return false;
	o->tag = tag;
	module_read_time(o, time);
	return true;
}

/* Our own version among them: not what a server sends (section 6.2). */
static bool read_versions(const struct quic_state *s, struct wire r,
                          struct observation *o)
{
	struct obs_quic *q = &o->more.quic;

	o->detail = OBS_QUIC;
	*q = (struct obs_quic){ .n = 0 };
	if (wire_left(&r) == 0 || wire_left(&r) % 4)
		return false;
	while (wire_left(&r)) {
		uint32_t version = wire_get32(&r);

		if (version == s->version)
			return false;
		if (q->n < sizeof(q->version) / sizeof(q->version[0]))
			q->version[q->n] = version;
		if (q->n < UINT8_MAX)
			q->n++;
	}
	return true;
}

static bool reply(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	struct wire scid, dcid;
	uint8_t first;
	uint32_t version;

	if (!udp_reply(scan, flow, &r, o))
		return false;
	first = wire_get8(&r);
	version = wire_get32(&r);
	if (!(first & FORM) || version != 0 || wire_get8(&r) != SCID)
		return false;
	scid = r;
	wire_skip(&r, SCID);
	if (wire_get8(&r) != DCID)
		return false;
	dcid = r;
	wire_skip(&r, DCID);
	if (r.bad || !read_ids(scan, flow, scid, dcid, o) || !read_versions(state, r, o))
		return false;
	o->outcome = OBS_OPEN;
	return true;
}

/* The sum of the payload of this flow's probe. */
static uint64_t payload_sum(const struct quic_state *s, uint64_t cookie)
{
	uint8_t head[16];
	struct wire_out w = { head, head + sizeof(head), false };

	wire_put8(&w, LONG_HEADER);
	wire_put32(&w, s->version);
	wire_put8(&w, DCID);
	wire_put_zeros(&w, DCID);
	wire_put8(&w, SCID);
	return inet_sum(balance(cookie), head, sizeof(head));
}

/* Where the ids are quoted, too, they must be right. */
static bool quote(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	const struct quic_state *s = state;
	struct wire scid, dcid;
	uint16_t sum;

	if (!udp_quote(scan, flow, &r, s->size, &sum, o) ||
	    sum != udp_checksum(flow, o->sport,
	                        payload_sum(s, cookie_flow(&scan->key, flow)), s->size))
		return false;
	if (wire_left(&r) < IDS)
		return true;
	if (wire_get8(&r) != LONG_HEADER || wire_get32(&r) != s->version ||
	    wire_get8(&r) != DCID)
		return false;
	dcid = r;
	wire_skip(&r, DCID);
	if (wire_get8(&r) != SCID)
		return false;
	scid = r;
	return read_ids(scan, flow, scid, dcid, o);
}

const struct probe_module probe_quic = {
	.name = "quic",
	.summary = "QUIC of a reserved version: version negotiation is open",
	.families = PROBE_V4 | PROBE_V6,
	.proto = OBS_UDP,
	.ip_proto = IPPROTO_UDP,
	.has_port = true,
	.usual_port = 443,
	.sockets = MODULE_UDP,
	.traces = true,
	.checksum_at = 6,
	.bpf_v4 = "udp",
	.bpf_v6 = "ip6[6] = 17",
	.opts = opts,
	.defaults = &defaults,
	.state_size = sizeof(struct quic_state),
	.prepare = prepare,
	.check = check,
	.layout = layout,
	.data = data_of,
	.fill = fill,
	.reply = reply,
	.quote = quote,
};
