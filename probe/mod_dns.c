/* DNS over UDP (RFC 1035): one question to every target.
 *
 *     UDP source port   15 bits of the flow's cookie
 *     ID                16 bits of the data cookie
 *     case of letters   one bit each of the same, up to 48 (draft-vixie-dnsext-
 *                       dns0x20: servers copy the question as it came)
 *     label, if asked   64 bits of it in hex: the name is then another one for each
 *                       target, and no cache has it
 *
 * An answer must bring the question back, letter for letter; without a question
 * (servers that refuse a format send a bare header) it must hold an error code and
 * nothing else.
 *
 * Whoever sits on the path can make such an answer, because it sees the question.
 * Such injectors give themselves away: an AAAA record within 2001::/32 (Teredo), a
 * record of the wrong family, addresses for a name that does not exist, several
 * different answers (for which see dedup.c).  These are the signals of an
 * observation. */
#include <string.h>

#include "common/addrset.h"
#include "probe/udp.h"

enum {
	DNS_HEADER = 12,
	AT_ID = UDP_HEADER,
	AT_NAME = UDP_HEADER + DNS_HEADER,
	NAME_MAX_WIRE = 255,
	LABEL_MAX = 63,
	TYPE_A = 1,
	TYPE_AAAA = 28,
	CLASS_IN = 1,
	FLAG_QR = 0x8000,
	FLAG_RD = 0x0100,
	OPCODE = 0x7800,
	RCODE = 15,
	RECORDS_MAX = 64, /* of an answer that are looked at */
	COOKIE_DIGITS = 16,
	TARGET_DIGITS = 32,
};

enum { LABEL_NONE, LABEL_COOKIE, LABEL_TARGET };

static const char *const labels[] = { "none", "cookie", "target", NULL };

/* In the order of type_numbers[]. */
static const char *const types[] = { "A",  "NS",  "CNAME", "SOA", "PTR",
	                             "MX", "TXT", "AAAA",  "ANY", NULL };
static const uint16_t type_numbers[] = { 1, 2, 5, 6, 12, 15, 16, 28, 255 };

enum { TYPE_CHOICE_AAAA = 7 };

struct dns_state {
	const char *name;
	unsigned type, label;
	bool nonexistent, no_recursion, no_case;
	uint8_t wire[NAME_MAX_WIRE + 1]; /* the name, with zeros in its label of ours */
	size_t n;                        /* bytes of it, with the root's */
	size_t label_n;                  /* digits of our label, or 0 */
};

static const struct dns_state defaults = {
	.name = "www.google.com",
	.type = TYPE_CHOICE_AAAA,
};

static const struct opt opts[] = {
	OPT_STR("name", 0, struct dns_state, name, "NAME",
	        "the name to ask for (default: www.google.com)"),
	OPT_ENUM(
		"type", 0, struct dns_state, type, types, "TYPE",
		"of the records: A, AAAA (default), NS, CNAME, SOA, PTR, MX, TXT or ANY"),
	OPT_ENUM(
		"label", 0, struct dns_state, label, labels, "LABEL",
		"before the name, for each target: 'cookie', 16 random digits; 'target', "
		"its address in 32 digits and those"),
	OPT_FLAG(
		"nonexistent", 0, struct dns_state, nonexistent,
		"the name does not exist: addresses in an answer are a sign of injection"),
	OPT_FLAG("no-recursion", 0, struct dns_state, no_recursion,
	         "do not ask for recursion"),
	OPT_FLAG("no-case", 0, struct dns_state, no_case,
	         "all letters as they are, for servers that do not keep the case"),
	OPT_END,
};

static bool put_labels(struct wire_out *w, const char *s)
{
	while (*s) {
		size_t n = strcspn(s, ".");

		if (n == 0 || n > LABEL_MAX)
			return false;
		for (size_t i = 0; i < n; i++)
			if (s[i] <= ' ' || s[i] > '~')
				return false;
		wire_put8(w, (uint8_t)n);
		wire_put(w, s, n);
		s += n;
		if (*s == '.')
			s++;
	}
	return true;
}

static int prepare(void *state, struct diag *d)
{
	struct dns_state *s = state;
	struct wire_out w = { s->wire, s->wire + NAME_MAX_WIRE, false };

	if (s->label == LABEL_COOKIE)
		s->label_n = COOKIE_DIGITS;
	if (s->label == LABEL_TARGET)
		s->label_n = TARGET_DIGITS + COOKIE_DIGITS;
	if (s->label_n) {
		wire_put8(&w, (uint8_t)s->label_n);
		wire_put_zeros(&w, s->label_n);
	}
	if (!put_labels(&w, strcmp(s->name, ".") ? s->name : ""))
		w.bad = true;
	wire_put8(&w, 0);
	s->n = (size_t)(w.at - s->wire);
	if (!w.bad)
		return 0;
	return diag_set(d, ERR_PARSE,
	                "'%.80s' is no domain name (labels of 1 to %d characters, %d "
	                "bytes in all)",
	                s->name, LABEL_MAX, NAME_MAX_WIRE);
}

static size_t payload_size(const struct dns_state *s)
{
	return DNS_HEADER + s->n + 4;
}

static uint16_t flags(const struct dns_state *s)
{
	return s->no_recursion ? 0 : FLAG_RD;
}

static void layout(const void *state, struct wire_out *w)
{
	const struct dns_state *s = state;
	size_t filled = s->n & ~(size_t)1;

	udp_layout(w, payload_size(s));
	wire_put16(w, 0);
	wire_put16(w, flags(s));
	wire_put16(w, 1);
	wire_put_zeros(w, 6);
	wire_put_zeros(w, filled);
	wire_put(w, s->wire + filled, s->n - filled);
	wire_put16(w, type_numbers[s->type]);
	wire_put16(w, CLASS_IN);
}

static uint64_t data_cookie(const struct module_scan *scan, const struct probe_flow *flow)
{
	return cookie_data(&scan->key, flow, 0, 0);
}

static uint8_t *put_digits(uint8_t *p, uint64_t v)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		*p++ = (uint8_t) "0123456789abcdef"[v >> shift & 15];
	return p;
}

/* The name that this flow asks for. */
static void make_name(uint8_t out[NAME_MAX_WIRE + 1], const struct dns_state *s,
                      const struct probe_flow *flow, uint64_t cookie)
{
	size_t first = s->label_n ? 1 + s->label_n : 0;
	uint8_t *p = out + 1;
	unsigned bit = 0;

	memcpy(out, s->wire, s->n);
	if (s->label == LABEL_TARGET)
		p = put_digits(put_digits(p, flow->dst.hi), flow->dst.lo);
	if (s->label_n)
		put_digits(p, cookie);
	if (s->no_case)
		return;
	for (size_t i = first; i < s->n && bit < 48; i++) {
		bool letter = (out[i] | 32) >= 'a' && (out[i] | 32) <= 'z';

		/* A length is at most 63, below every letter. */
		if (letter)
			out[i] = (uint8_t)((out[i] & ~32) | (cookie >> bit++ & 1) << 5);
	}
}

/* The second cookie is of the flow alone: there is no room for tag and time. */
static struct module_data data_of(const void *state, const struct module_shot *shot)
{
	(void)state;
	(void)shot;
	return (struct module_data){ 0, 0 };
}

static void fill(const void *state, const struct module_scan *scan,
                 const struct module_shot *shot, struct packet_fill *f)
{
	const struct dns_state *s = state;
	uint8_t name[NAME_MAX_WIRE + 1];

	fill_put16(f, 0, udp_source_port(scan, shot->cookie));
	fill_put16(f, 2, shot->flow.port);
	fill_put16(f, AT_ID, (uint16_t)(shot->data_cookie >> 48));
	make_name(name, s, &shot->flow, shot->data_cookie);
	for (size_t i = 0; i + 1 < s->n; i += 2)
		fill_put16(f, AT_NAME + i, (uint16_t)(name[i] << 8 | name[i + 1]));
}

/* Past a name, which may end in a pointer (RFC 1035 section 4.1.4). */
static void skip_name(struct wire *r)
{
	for (;;) {
		uint8_t n = wire_get8(r);

		if (n >= 0xc0)
			wire_skip(r, 1);
		if (n == 0 || n >= 0xc0)
			return;
		wire_skip(r, n); /* 0x40 and 0x80 are not in use: as good as any */
	}
}

static bool is_teredo(struct addr128 a)
{
	return a.hi >> 32 == 0x20010000;
}

static void add_address(struct observation *o, const struct dns_state *s, uint16_t type,
                        struct addr128 a)
{
	uint16_t asked = type_numbers[s->type];
	struct obs_dns *dns = &o->more.dns;

	if (dns->n < 2)
		dns->addr[dns->n] = a;
	if (dns->n < UINT8_MAX)
		dns->n++;
	dns->digest += (uint32_t)addr_hash(a, 0); /* in whatever order they come */
	if (type == TYPE_AAAA && is_teredo(a))
		o->signals |= OBS_SIGNAL_TEREDO;
	if ((asked == TYPE_A || asked == TYPE_AAAA) && type != asked)
		o->signals |= OBS_SIGNAL_FAMILY;
	if (s->nonexistent)
		o->signals |= OBS_SIGNAL_CONTROL;
}

/* What is cut short, or no record, ends it: the question has vouched for the answer,
 * and what could be read counts. */
static void read_answers(struct observation *o, const struct dns_state *s, struct wire r)
{
	unsigned n = o->more.dns.answers;

	for (unsigned i = 0; i < n && i < RECORDS_MAX && !r.bad; i++) {
		uint16_t type, class, length;
		struct wire data;

		skip_name(&r);
		type = wire_get16(&r);
		class = wire_get16(&r);
		wire_skip(&r, 4);
		length = wire_get16(&r);
		data = r;
		wire_skip(&r, length);
		if (r.bad || class != CLASS_IN)
			continue;
		if (type == TYPE_A && length == 4)
			add_address(o, s, type, wire_get_v4(&data));
		if (type == TYPE_AAAA && length == 16)
			add_address(o, s, type, wire_get_v6(&data));
	}
}

static bool has_question(const struct dns_state *s, const uint8_t *name, struct wire *r)
{
	const uint8_t *p = wire_take(r, s->n);
	uint16_t type = wire_get16(r), class = wire_get16(r);

	return !r->bad && !memcmp(p, name, s->n) && type == type_numbers[s->type] &&
	       class == CLASS_IN;
}

static bool reply(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	const struct dns_state *s = state;
	uint16_t id, head, questions, answers;
	uint8_t name[NAME_MAX_WIRE + 1];
	uint64_t cookie;

	if (!udp_reply(scan, flow, &r, o))
		return false;
	id = wire_get16(&r);
	head = wire_get16(&r);
	questions = wire_get16(&r);
	answers = wire_get16(&r);
	wire_skip(&r, 4);
	cookie = data_cookie(scan, flow);
	if (r.bad || id != (uint16_t)(cookie >> 48) ||
	    (head & (FLAG_QR | OPCODE)) != FLAG_QR)
		return false;
	make_name(name, s, flow, cookie);
	if (questions == 0) {
		if (wire_left(&r) || answers || !(head & RCODE))
			return false;
	} else if (questions != 1 || !has_question(s, name, &r)) {
		return false;
	}
	o->outcome = OBS_OPEN;
	o->detail = OBS_DNS;
	o->more.dns = (struct obs_dns){ .flags = head, .answers = answers };
	read_answers(o, s, r);
	return true;
}

/* The sum of the payload that this flow had. */
static uint64_t payload_sum(const struct dns_state *s, const struct probe_flow *flow,
                            uint64_t cookie)
{
	uint8_t payload[DNS_HEADER + NAME_MAX_WIRE + 1 + 4], name[NAME_MAX_WIRE + 1];
	struct wire_out w = { payload, payload + sizeof(payload), false };

	make_name(name, s, flow, cookie);
	wire_put16(&w, (uint16_t)(cookie >> 48));
	wire_put16(&w, flags(s));
	wire_put16(&w, 1);
	wire_put_zeros(&w, 6);
	wire_put(&w, name, s->n);
	wire_put16(&w, type_numbers[s->type]);
	wire_put16(&w, CLASS_IN);
	return inet_sum(0, payload, payload_size(s));
}

static bool quote(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	const struct dns_state *s = state;
	uint16_t sum;

	return udp_quote(scan, flow, &r, payload_size(s), &sum, o) &&
	       sum == udp_checksum(flow, o->sport,
	                           payload_sum(s, flow, data_cookie(scan, flow)),
	                           payload_size(s));
}

const struct probe_module probe_dns = {
	.name = "dns",
	.summary = "DNS question over UDP: an answer to it is open",
	.families = PROBE_V4 | PROBE_V6,
	.proto = OBS_UDP,
	.ip_proto = IPPROTO_UDP,
	.has_port = true,
	.usual_port = 53,
	.sockets = MODULE_UDP,
	.checksum_at = 6,
	.bpf_v4 = "udp",
	.bpf_v6 = "ip6[6] = 17",
	.opts = opts,
	.defaults = &defaults,
	.state_size = sizeof(struct dns_state),
	.prepare = prepare,
	.layout = layout,
	.data = data_of,
	.fill = fill,
	.reply = reply,
	.quote = quote,
};
