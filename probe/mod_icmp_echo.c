/* ICMP echo: RFC 792 and RFC 4443 section 4, told apart by the type numbers.
 *
 *     offset 4   identifier, sequence number: 32 bits of the flow's cookie
 *     offset 8   tag, 4 bytes
 *     offset 12  hop limit, if traced, and send time: module_time()
 *     offset 20  64-bit cookie over flow, tag and time
 *     offset 28  if traced, 2 bytes that take out of the checksum what the others put
 *                in: load balancers look at it, and are to see one flow (Augustin et
 *                al., "Avoiding traceroute anomalies with Paris traceroute", 2006)
 *     behind it  zeros up to the size that was asked for
 *
 * With a contact, its URI comes before the tag (RFC 9511: from the first byte of
 * the data on, ended by a zero byte), and all that follows is that much later.
 *
 * A forged reply needs 96 bits.  An ICMP error need quote no more than 8 bytes,
 * which hold the first 32 of them. */
#include <netinet/in.h>

#include "probe/module.h"

enum {
	ECHO_REPLY_V4 = 0,
	ECHO_REQUEST_V4 = 8,
	ECHO_REQUEST_V6 = 128,
	ECHO_REPLY_V6 = 129,
	AT_ID = 4,
	AT_TAG = 8,
	AT_TIME = 12,
	AT_COOKIE = 20,
	BALANCE = 2,
	OURS = 28, /* header and the data that we read back */
	DATA_MIN = OURS - 8,
	DATA_MAX = PACKET_L4_MAX - 8,
	CONTACT_MAX = 255,
};

struct echo_state {
	uint64_t data_size;
	const char *contact;
	bool trace;
	char uri[CONTACT_MAX + 2]; /* zeros behind it */
	size_t base;               /* bytes that it takes, even */
};

static const struct echo_state defaults = {
	.data_size = DATA_MIN,
};

static const struct opt opts[] = {
	OPT_COUNT("data-size", 0, struct echo_state, data_size, "BYTES",
	          "bytes of echo data, 20 to 1272"),
	OPT_STR("contact", 0, struct echo_state, contact, "URI",
	        "who to ask about the probes, at the start of the data (RFC 9511)"),
	OPT_FLAG("trace", 0, struct echo_state, trace,
	         "tell hop limit and time; --hop-limit sets it"),
	OPT_END,
};

/* Bytes of data that we read back, behind the URI. */
static size_t read_back(const struct echo_state *s)
{
	return DATA_MIN + (s->trace ? BALANCE : 0);
}

/* A URI has a scheme, and nothing that is not printable (RFC 3986). */
static int prepare_uri(struct echo_state *s, struct diag *d)
{
	size_t n = strlen(s->contact);

	for (size_t i = 0; i < n; i++)
		if (s->contact[i] <= ' ' || s->contact[i] > '~')
			n = 0;
	if (n == 0 || n > CONTACT_MAX || !memchr(s->contact, ':', n))
		return diag_set(d, ERR_PARSE,
		                "contact '%.80s' is no URI of at most %d characters "
		                "(mailto:..., https://...)",
		                s->contact, CONTACT_MAX);
	memcpy(s->uri, s->contact, n);
	s->base = (n + 2) & ~(size_t)1;
	return 0;
}

static int prepare(void *state, struct diag *d)
{
	struct echo_state *s = state;
	int rc = s->contact ? prepare_uri(s, d) : 0;

	if ((s->contact || s->trace) && s->data_size < read_back(s) + s->base)
		s->data_size = read_back(s) + s->base;
	return rc;
}

static int check(const void *state, struct diag *d)
{
	const struct echo_state *s = state;

	if (s->data_size >= DATA_MIN && s->data_size <= DATA_MAX)
		return 0;
	return diag_set(d, ERR_PARSE, "data-size %llu is not within %d and %d",
	                (unsigned long long)s->data_size, DATA_MIN, DATA_MAX);
}

static void layout_v4(const void *state, struct wire_out *w)
{
	const struct echo_state *s = state;

	wire_put8(w, ECHO_REQUEST_V4);
	wire_put_zeros(w, 7);
	wire_put(w, s->uri, s->base);
	wire_put_zeros(w, s->data_size - s->base);
}

static void layout_v6(const void *state, struct wire_out *w)
{
	const struct echo_state *s = state;

	wire_put8(w, ECHO_REQUEST_V6);
	wire_put_zeros(w, 7);
	wire_put(w, s->uri, s->base);
	wire_put_zeros(w, s->data_size - s->base);
}

static struct module_data data_of(const void *state, const struct module_shot *shot)
{
	(void)state;
	return (struct module_data){ shot->tag, module_time(shot) };
}

static void fill(const void *state, const struct module_scan *scan,
                 const struct module_shot *shot, struct packet_fill *f)
{
	const struct echo_state *s = state;
	uint64_t before;

	(void)scan;
	fill_put32(f, AT_ID, (uint32_t)shot->cookie);
	before = f->sum;
	fill_put32(f, s->base + AT_TAG, shot->tag);
	fill_put64(f, s->base + AT_TIME, module_time(shot));
	fill_put64(f, s->base + AT_COOKIE, shot->data_cookie);
	if (s->trace)
		fill_balance(f, s->base + AT_COOKIE + 8, before, 0);
}

/* The data of one of our probes, complete; r is behind the sequence number. */
static bool read_data(const struct echo_state *s, const struct module_scan *scan,
                      uint64_t flow_cookie, struct wire *r, struct observation *o)
{
	const uint8_t *uri = wire_take(r, s->base), *data = r->at;
	uint32_t tag = wire_get32(r);
	uint64_t time = wire_get64(r), cookie = wire_get64(r);

	if (s->trace)
		wire_skip(r, BALANCE);
	if (r->bad || memcmp(uri, s->uri, s->base) != 0 ||
	    cookie != cookie_data_of(&scan->key, flow_cookie, tag, time) ||
	    (s->trace && inet_fold(inet_sum(0, data, read_back(s))) != 0xffff))
		return false;
	for (uint64_t i = read_back(s) + s->base; i < s->data_size; i++)
		if (wire_get8(r) != 0)
			return false;
	if (r->bad)
		return false;
	o->tag = tag;
	module_read_time(o, time);
	return true;
}

/* Without privileges, the upper half is the kernel's. */
static bool is_id(const struct module_scan *scan, uint64_t flow_cookie, uint32_t id)
{
	uint32_t ours = scan->kernel_id ? UINT16_MAX : UINT32_MAX;

	return ((id ^ (uint32_t)flow_cookie) & ours) == 0;
}

static bool reply(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	uint8_t type = wire_get8(&r), code = wire_get8(&r);
	uint64_t flow_cookie;
	uint32_t id;

	wire_skip(&r, 2);
	id = wire_get32(&r);
	flow->port = 0;
	if (type != (addr_is_v4(flow->dst) ? ECHO_REPLY_V4 : ECHO_REPLY_V6) ||
	    code != 0 || r.bad)
		return false;
	flow_cookie = cookie_flow(&scan->key, flow);
	if (!is_id(scan, flow_cookie, id))
		return false;
	if (!read_data(state, scan, flow_cookie, &r, o) || wire_left(&r) != 0)
		return false;
	o->outcome = OBS_OPEN;
	o->sport = (uint16_t)(id >> 16);
	o->icmp_type = type;
	o->icmp_code = code;
	return true;
}

/* What is quoted must be right as far as it goes; data that is cut short has
 * lost the cookie that vouches for it, and is not looked at. */
static bool quote(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	const struct echo_state *s = state;
	uint8_t type = wire_get8(&r), code = wire_get8(&r);
	uint64_t flow_cookie;
	uint32_t id;

	wire_skip(&r, 2);
	id = wire_get32(&r);
	flow->port = 0;
	if (type != (addr_is_v4(flow->dst) ? ECHO_REQUEST_V4 : ECHO_REQUEST_V6) ||
	    code != 0 || r.bad)
		return false;
	flow_cookie = cookie_flow(&scan->key, flow);
	if (!is_id(scan, flow_cookie, id))
		return false;
	o->sport = (uint16_t)(id >> 16);
	return wire_left(&r) < s->data_size || read_data(s, scan, flow_cookie, &r, o);
}

/* Error types 1 to 4 of ICMPv6; 3, 4, 11 and 12 of ICMP. */
const struct probe_module probe_icmp6_echo = {
	.name = "icmp6-echo",
	.summary = "ICMPv6 echo request",
	.families = PROBE_V6,
	.proto = OBS_ICMP6,
	.ip_proto = IPPROTO_ICMPV6,
	.sockets = MODULE_PING,
	.traces = true,
	.checksum_at = 2,
	.bpf_v6 = "ip6[6] = 58 and ip6[40] = 129",
	.opts = opts,
	.defaults = &defaults,
	.state_size = sizeof(struct echo_state),
	.prepare = prepare,
	.check = check,
	.layout = layout_v6,
	.data = data_of,
	.fill = fill,
	.reply = reply,
	.quote = quote,
};

const struct probe_module probe_icmp_echo = {
	.name = "icmp-echo",
	.summary = "ICMP echo request (IPv4)",
	.families = PROBE_V4,
	.proto = OBS_ICMP,
	.ip_proto = IPPROTO_ICMP,
	.sockets = MODULE_PING,
	.traces = true,
	.checksum_at = 2,
	.bpf_v4 = "icmp[0] = 0",
	.opts = opts,
	.defaults = &defaults,
	.state_size = sizeof(struct echo_state),
	.prepare = prepare,
	.check = check,
	.layout = layout_v4,
	.data = data_of,
	.fill = fill,
	.reply = reply,
	.quote = quote,
};
