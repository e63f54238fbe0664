/* IPv6 node information queries (RFC 4620): a host is asked for its name or its
 * addresses.  Most hosts do not answer; printers, routers and BSDs may.
 *
 *     offset 4   what is asked (Qtype), flags
 *     offset 8   nonce: 64 bits of cookie, which the answer brings back
 *     offset 16  subject: the target's address
 */
#include <netinet/in.h>
#include <string.h>

#include "probe/module.h"

enum {
	QUERY = 139,
	REPLY = 140,
	SUBJECT_V6 = 0, /* code of a query: the data are an IPv6 address */
	CODE_SUCCESS = 0,
	CODE_REFUSED = 1,
	CODE_UNKNOWN = 2,
	QTYPE_NOOP = 0,
	QTYPE_NAME = 2,
	QTYPE_ADDRESSES = 3,
	QTYPE_V4 = 4,
	ALL_UNICAST = 0x3e, /* section 6.3: global, site-, link-local, compatible, all */
	AT_NONCE = 8,
	AT_SUBJECT = 16,
	LENGTH = 32,
};

static const char *const queries[] = { "name", "addresses", "ipv4", "noop", NULL };
static const uint16_t qtypes[] = { QTYPE_NAME, QTYPE_ADDRESSES, QTYPE_V4, QTYPE_NOOP };

struct ni_state {
	unsigned query;
};

static const struct ni_state defaults = {
	.query = 0,
};

static const struct opt opts[] = {
	OPT_ENUM("query", 0, struct ni_state, query, queries, "WHAT",
	         "what to ask for: name (default), addresses, ipv4 or noop"),
	OPT_END,
};

static uint16_t flags_of(uint16_t qtype)
{
	if (qtype == QTYPE_ADDRESSES)
		return ALL_UNICAST;
	return qtype == QTYPE_V4 ? 2 : 0;
}

static void layout(const void *state, struct wire_out *w)
{
	const struct ni_state *s = state;

	wire_put8(w, QUERY);
	wire_put8(w, SUBJECT_V6);
	wire_put16(w, 0);
	wire_put16(w, qtypes[s->query]);
	wire_put16(w, flags_of(qtypes[s->query]));
	wire_put_zeros(w, LENGTH - 8);
}

static void fill(const void *state, const struct module_scan *scan,
                 const struct module_shot *shot, struct packet_fill *f)
{
	(void)state;
	(void)scan;
	fill_put64(f, AT_NONCE, shot->cookie);
	fill_put64(f, AT_SUBJECT, shot->flow.dst.hi);
	fill_put64(f, AT_SUBJECT + 8, shot->flow.dst.lo);
}

/* The name in DNS wire format, as text; one that is not whole is cut. */
static void read_name(struct wire r, struct obs_node *node)
{
	char *p = node->name, *end = node->name + sizeof(node->name) - 1;

	wire_skip(&r, 4); /* TTL */
	for (;;) {
		uint8_t n = wire_get8(&r);

		if (n == 0 || n > 63 || wire_left(&r) < n)
			break;
		if (p > node->name && p < end)
			*p++ = '.';
		for (; n; n--) {
			uint8_t c = wire_get8(&r);

			if (p < end)
				*p++ = c > ' ' && c <= '~' ? (char)c : '?';
		}
	}
	*p = '\0';
}

static void read_addresses(struct wire r, bool v4, struct obs_node *node)
{
	size_t each = v4 ? 8 : 20;

	while (wire_left(&r) >= each) {
		struct addr128 a;

		wire_skip(&r, 4);
		a = v4 ? wire_get_v4(&r) : wire_get_v6(&r);
		if (node->n < 2)
			node->addr[node->n] = a;
		if (node->n < UINT8_MAX)
			node->n++;
	}
}

static bool reply(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	const struct ni_state *s = state;
	uint16_t asked = qtypes[s->query], qtype;
	uint8_t type = wire_get8(&r), code = wire_get8(&r);
	uint64_t nonce;

	wire_skip(&r, 2);
	qtype = wire_get16(&r);
	wire_skip(&r, 2);
	nonce = wire_get64(&r);
	flow->port = 0;
	if (r.bad || type != REPLY || code > CODE_UNKNOWN || qtype != asked ||
	    nonce != cookie_flow(&scan->key, flow))
		return false;
	o->outcome = code == CODE_SUCCESS ? OBS_OPEN : OBS_CLOSED;
	o->icmp_type = type;
	o->icmp_code = code;
	o->detail = OBS_NODE;
	memset(&o->more, 0, sizeof(o->more));
	if (code == CODE_SUCCESS && qtype == QTYPE_NAME)
		read_name(r, &o->more.node);
	if (code == CODE_SUCCESS && (qtype == QTYPE_ADDRESSES || qtype == QTYPE_V4))
		read_addresses(r, qtype == QTYPE_V4, &o->more.node);
	return true;
}

/* The nonce must be there: routers quote as much as fits (RFC 4443 section 2.4). */
static bool quote(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	uint8_t type = wire_get8(&r), code = wire_get8(&r);

	(void)state;
	(void)o;
	wire_skip(&r, 6);
	flow->port = 0;
	return type == QUERY && code == SUBJECT_V6 &&
	       wire_get64(&r) == cookie_flow(&scan->key, flow) && !r.bad;
}

const struct probe_module probe_icmp6_ni = {
	.name = "icmp6-ni",
	.summary = "IPv6 node information query: names and addresses of hosts",
	.families = PROBE_V6,
	.proto = OBS_ICMP6,
	.ip_proto = IPPROTO_ICMPV6,
	.checksum_at = 2,
	.bpf_v6 = "ip6[6] = 58 and ip6[40] = 140",
	.opts = opts,
	.defaults = &defaults,
	.state_size = sizeof(struct ni_state),
	.layout = layout,
	.fill = fill,
	.reply = reply,
	.quote = quote,
};
