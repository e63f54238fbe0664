#include "common/observation.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "common/checksum.h"
#include "common/clock.h"

const char *obs_proto_str(enum obs_proto p)
{
	static const char *const names[OBS_PROTOS] = {
		[OBS_ICMP] = "icmp",
		[OBS_ICMP6] = "icmp6",
		[OBS_TCP] = "tcp",
		[OBS_UDP] = "udp",
	};

	return (unsigned)p < OBS_PROTOS ? names[p] : "unknown";
}

const char *obs_outcome_str(enum obs_outcome o)
{
	static const char *const names[OBS_OUTCOMES] = {
		[OBS_SILENT] = "silent",
		[OBS_OPEN] = "open",
		[OBS_CLOSED] = "closed",
		[OBS_UNREACHABLE] = "unreachable",
		[OBS_TIME_EXCEEDED] = "time_exceeded",
		[OBS_OTHER_ERROR] = "other_error",
	};

	return (unsigned)o < OBS_OUTCOMES ? names[o] : "unknown";
}

/* What a field is in one observation: an empty CSV field or null where it means
 * nothing (a port of a ping, an RTT that is not known). */
struct value {
	enum { VALUE_NONE, VALUE_UINT, VALUE_TEXT, VALUE_ADDR } kind;
	uint64_t u;
	const char *text; /* at most VALUE_TEXT_MAX bytes; may point to buf */
	struct addr128 addr;
	char buf[32];
};

enum { VALUE_TEXT_MAX = 64 };

static void set_uint(struct value *v, uint64_t u)
{
	v->kind = VALUE_UINT;
	v->u = u;
}

static void set_text(struct value *v, const char *text)
{
	v->kind = VALUE_TEXT;
	v->text = text;
}

static void set_addr(struct value *v, struct addr128 a)
{
	v->kind = VALUE_ADDR;
	v->addr = a;
}

static bool is_ping(const struct observation *o)
{
	return o->proto == OBS_ICMP || o->proto == OBS_ICMP6;
}

/* The answer was an ICMP message: of TCP's own answers each has a flag. */
static bool is_icmp(const struct observation *o)
{
	if (o->outcome == OBS_SILENT)
		return false;
	return is_ping(o) ||
	       (o->proto == OBS_TCP ? o->tcp_flags == 0 : o->outcome != OBS_OPEN);
}

static bool is_icmp_error(const struct observation *o)
{
	return is_icmp(o) && o->outcome != OBS_OPEN;
}

/* ZMap's words, whatever the probe. */
static const char *classify(const struct observation *o)
{
	switch ((enum obs_outcome)o->outcome) {
	case OBS_SILENT: return "silent";
	case OBS_OPEN:
		return is_ping(o) ? "echoreply" : o->proto == OBS_TCP ? "synack" : "udp";
	case OBS_CLOSED: return is_icmp(o) ? "unreach" : "rst";
	case OBS_UNREACHABLE: return "unreach";
	case OBS_TIME_EXCEEDED: return "timxceed";
	default: return "other";
	}
}

/* Destination Unreachable: RFC 792 and RFC 1812 section 5.2.7.1. */
static const char *const unreach_v4[] = {
	"network unreachable",
	"host unreachable",
	"protocol unreachable",
	"port unreachable",
	"fragmentation needed",
	"source route failed",
	"network unknown",
	"host unknown",
	"source host isolated",
	"network administratively prohibited",
	"host administratively prohibited",
	"network unreachable for TOS",
	"host unreachable for TOS",
	"communication administratively prohibited",
	"host precedence violation",
	"precedence cutoff in effect",
};

/* RFC 4443 section 3.1; code 7 is RFC 6550 section 20.18, 8 is RFC 8883. */
static const char *const unreach_v6[] = {
	"no route to destination",
	"communication administratively prohibited",
	"beyond scope of source address",
	"address unreachable",
	"port unreachable",
	"source address failed policy",
	"reject route to destination",
	"error in source routing header",
	"headers too long",
};

static const char *unreach_str(const struct observation *o)
{
	bool v4 = addr_is_v4(o->from);
	size_t n = v4 ? sizeof(unreach_v4) / sizeof(unreach_v4[0])
	              : sizeof(unreach_v6) / sizeof(unreach_v6[0]);

	if (!is_icmp_error(o) || o->icmp_type != (v4 ? 3 : 1))
		return NULL;
	if (o->icmp_code >= n)
		return "unknown";
	return v4 ? unreach_v4[o->icmp_code] : unreach_v6[o->icmp_code];
}

static void get_target(struct value *v, const struct observation *o)
{
	set_addr(v, o->target);
}

static void get_saddr(struct value *v, const struct observation *o)
{
	set_addr(v, o->from);
}

static void get_proto(struct value *v, const struct observation *o)
{
	set_text(v, obs_proto_str((enum obs_proto)o->proto));
}

static void get_port(struct value *v, const struct observation *o)
{
	if (!is_ping(o))
		set_uint(v, o->port);
}

static void get_outcome(struct value *v, const struct observation *o)
{
	set_text(v, obs_outcome_str((enum obs_outcome)o->outcome));
}

static void get_success(struct value *v, const struct observation *o)
{
	set_uint(v, o->outcome == OBS_OPEN);
}

static void get_ttl(struct value *v, const struct observation *o)
{
	set_uint(v, o->hop_limit);
}

static void get_rtt_us(struct value *v, const struct observation *o)
{
	if (o->rtt_us)
		set_uint(v, o->rtt_us);
}

static void get_timestamp_ts(struct value *v, const struct observation *o)
{
	set_uint(v, o->when_us / 1000000);
}

static void get_timestamp_us(struct value *v, const struct observation *o)
{
	set_uint(v, o->when_us % 1000000);
}

static void get_timestamp_str(struct value *v, const struct observation *o)
{
	unsigned ms = (unsigned)(o->when_us / 1000 % 1000);
	char *end;

	/* "...:00Z" becomes "...:00.000Z". */
	clock_format_utc(v->buf, o->when_us);
	end = strchr(v->buf, 'Z');
	if (end && end - v->buf < (int)sizeof(v->buf) - 5) {
		char tail[] = { '.',
			        (char)('0' + ms / 100),
			        (char)('0' + ms / 10 % 10),
			        (char)('0' + ms % 10),
			        'Z',
			        '\0' };

		memcpy(end, tail, sizeof(tail));
	}
	set_text(v, v->buf);
}

static void get_dport(struct value *v, const struct observation *o)
{
	if (!is_ping(o))
		set_uint(v, o->sport);
}

static void get_icmp_id(struct value *v, const struct observation *o)
{
	if (is_ping(o))
		set_uint(v, o->sport);
}

static void get_classification(struct value *v, const struct observation *o)
{
	set_text(v, classify(o));
}

static void get_tcp_flags(struct value *v, const struct observation *o)
{
	if (o->proto == OBS_TCP && o->tcp_flags)
		set_uint(v, o->tcp_flags);
}

static void get_icmp_responder(struct value *v, const struct observation *o)
{
	if (is_icmp_error(o))
		set_addr(v, o->from);
}

static void get_icmp_type(struct value *v, const struct observation *o)
{
	if (is_icmp(o))
		set_uint(v, o->icmp_type);
}

static void get_icmp_code(struct value *v, const struct observation *o)
{
	if (is_icmp(o))
		set_uint(v, o->icmp_code);
}

static void get_icmp_unreach_str(struct value *v, const struct observation *o)
{
	const char *text = unreach_str(o);

	if (text)
		set_text(v, text);
}

static void get_repeat(struct value *v, const struct observation *o)
{
	set_uint(v, o->repeat);
}

static void get_cooldown(struct value *v, const struct observation *o)
{
	set_uint(v, o->cooldown);
}

static void get_tag(struct value *v, const struct observation *o)
{
	set_uint(v, o->tag);
}

static void get_vantage(struct value *v, const struct observation *o)
{
	set_uint(v, o->vantage);
}

/* The order is the order of "*"; the default set is what comes before the first
 * row that is not in it. */
static const struct field {
	const char *name, *help;
	void (*get)(struct value *v, const struct observation *o);
} fields[] = {
	{ "target", "address that was probed (default)", get_target },
	{ "saddr", "address that answered: a router, for ICMP errors (default)",
	  get_saddr },
	{ "proto", "icmp, icmp6, tcp or udp (default)", get_proto },
	{ "port", "port that was probed; none for ICMP (default)", get_port },
	{ "outcome", "open, closed, unreachable, time_exceeded or other_error (default)",
	  get_outcome },
	{ "success", "1 when the outcome is open, else 0 (default)", get_success },
	{ "ttl", "TTL or hop limit of the answer (default)", get_ttl },
	{ "rtt_us", "round-trip time in microseconds, when known (default)", get_rtt_us },
	{ "timestamp_ts", "arrival, seconds since 1970 (default)", get_timestamp_ts },
	{ "timestamp_us", "arrival, microseconds of that second", get_timestamp_us },
	{ "timestamp_str", "arrival, ISO 8601 in UTC", get_timestamp_str },
	{ "sport", "source port of the answer: the port that was probed", get_port },
	{ "dport", "destination port of the answer: ours", get_dport },
	{ "icmp_id", "identifier of the echo request", get_icmp_id },
	{ "classification", "echoreply, synack, rst, udp, unreach, timxceed or other",
	  get_classification },
	{ "tcp_flags", "flags of a TCP answer, as a number", get_tcp_flags },
	{ "icmp_responder", "address that sent an ICMP error", get_icmp_responder },
	{ "icmp_type", "type of an ICMP answer", get_icmp_type },
	{ "icmp_code", "code of an ICMP answer", get_icmp_code },
	{ "icmp_unreach_str", "the code of an ICMP unreachable error, in words",
	  get_icmp_unreach_str },
	{ "repeat", "1 when this answer had been seen before", get_repeat },
	{ "cooldown", "1 when it came after sending had ended", get_cooldown },
	{ "tag", "tag of the probe: the generator's region", get_tag },
	{ "vantage", "number of the node that saw it", get_vantage },
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]), FIELDS_DEFAULT = 9 };

_Static_assert((int)FIELDS <= (int)OBS_FIELDS_MAX, "struct obs_fields holds them all");

const char *obs_field_name(unsigned i)
{
	return i < FIELDS ? fields[i].name : NULL;
}

const char *obs_field_help(unsigned i)
{
	return i < FIELDS ? fields[i].help : NULL;
}

enum obs_kind obs_field_value(unsigned i, const struct observation *o, uint64_t *number,
                              char text[static OBS_TEXT_MAX])
{
	struct value v;

	v.kind = VALUE_NONE;
	if (i < FIELDS)
		fields[i].get(&v, o);
	switch (v.kind) {
	case VALUE_NONE: break;
	case VALUE_UINT: *number = v.u; return OBS_NUMBER;
	case VALUE_TEXT: snprintf(text, OBS_TEXT_MAX, "%s", v.text); return OBS_TEXT;
	case VALUE_ADDR: addr_format(text, v.addr); return OBS_TEXT;
	}
	return OBS_NOTHING;
}

static int field_find(const char *name, size_t len)
{
	for (int i = 0; i < (int)FIELDS; i++)
		if (strlen(fields[i].name) == len && !memcmp(fields[i].name, name, len))
			return i;
	return -1;
}

int obs_fields_parse(struct obs_fields *f, const char *text, struct diag *d)
{
	struct obs_fields x = { .n = 0 };

	if (!text || strcmp(text, "*") == 0) {
		x.n = text ? FIELDS : FIELDS_DEFAULT;
		for (unsigned i = 0; i < x.n; i++)
			x.index[i] = (uint8_t)i;
		*f = x;
		return 0;
	}
	for (;;) {
		size_t len = strcspn(text, ",");
		int i = field_find(text, len);

		if (i < 0)
			return diag_set(d, ERR_PARSE, "unknown output field '%.*s'",
			                len < 64 ? (int)len : 64, text);
		if (x.n == OBS_FIELDS_MAX)
			return diag_set(d, ERR_PARSE, "more than %d output fields",
			                OBS_FIELDS_MAX);
		x.index[x.n++] = (uint8_t)i;
		if (!text[len])
			break;
		text += len + 1;
	}
	*f = x;
	return 0;
}

static char *put_uint(char *p, uint64_t u)
{
	char digits[20];
	unsigned n = 0;

	do
		digits[n++] = (char)('0' + u % 10);
	while (u /= 10);
	while (n)
		*p++ = digits[--n];
	return p;
}

/* RFC 4180 section 2: quotes around a comma, a quote or a line end. */
static char *put_csv_text(char *p, const char *s)
{
	if (!s[strcspn(s, ",\"\r\n")])
		return stpcpy(p, s);
	*p++ = '"';
	for (; *s; s++) {
		if (*s == '"')
			*p++ = '"';
		*p++ = *s;
	}
	*p++ = '"';
	return p;
}

/* RFC 8259 section 7. */
static char *put_json_text(char *p, const char *s)
{
	static const char hex[] = "0123456789abcdef";

	*p++ = '"';
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20) {
			p = stpcpy(p, "\\u00");
			*p++ = hex[c >> 4];
			*p++ = hex[c & 15];
			continue;
		}
		if (c == '"' || c == '\\')
			*p++ = '\\';
		*p++ = *s;
	}
	*p++ = '"';
	return p;
}

/* A line fits: no text is longer than VALUE_TEXT_MAX, and escaping makes at most
 * six bytes of one. */
enum { LINE_SIZE = OBS_FIELDS_MAX * (VALUE_TEXT_MAX * 6 + 32) };

void obs_write_csv_header(struct writer *w, const struct obs_fields *f)
{
	char line[LINE_SIZE], *p = line;

	for (unsigned i = 0; i < f->n; i++) {
		if (i)
			*p++ = ',';
		p = put_csv_text(p, fields[f->index[i]].name);
	}
	*p++ = '\n';
	writer_write(w, line, (size_t)(p - line));
}

void obs_write_csv(struct writer *w, const struct obs_fields *f,
                   const struct observation *o)
{
	char line[LINE_SIZE], *p = line;

	for (unsigned i = 0; i < f->n; i++) {
		struct value v;

		if (i)
			*p++ = ',';
		v.kind = VALUE_NONE;
		fields[f->index[i]].get(&v, o);
		switch (v.kind) {
		case VALUE_NONE: break;
		case VALUE_UINT: p = put_uint(p, v.u); break;
		case VALUE_TEXT: p = put_csv_text(p, v.text); break;
		case VALUE_ADDR: p += addr_format(p, v.addr); break;
		}
	}
	*p++ = '\n';
	writer_write(w, line, (size_t)(p - line));
}

void obs_write_json(struct writer *w, const struct obs_fields *f,
                    const struct observation *o)
{
	char line[LINE_SIZE], *p = line;

	*p++ = '{';
	for (unsigned i = 0; i < f->n; i++) {
		const struct field *field = &fields[f->index[i]];
		struct value v;

		if (i)
			*p++ = ',';
		p = put_json_text(p, field->name);
		*p++ = ':';
		v.kind = VALUE_NONE;
		field->get(&v, o);
		switch (v.kind) {
		case VALUE_NONE: p = stpcpy(p, "null"); break;
		case VALUE_UINT: p = put_uint(p, v.u); break;
		case VALUE_TEXT: p = put_json_text(p, v.text); break;
		case VALUE_ADDR:
			*p++ = '"';
			p += addr_format(p, v.addr);
			*p++ = '"';
			break;
		}
	}
	*p++ = '}';
	*p++ = '\n';
	writer_write(w, line, (size_t)(p - line));
}

/* The record.  Addresses are two 64-bit words, the high one first. */
enum {
	AT_MAGIC = 0,
	AT_VERSION = 1,
	AT_PROTO = 2,
	AT_OUTCOME = 3,
	AT_HOP_LIMIT = 4,
	AT_ICMP_TYPE = 5,
	AT_ICMP_CODE = 6,
	AT_TCP_FLAGS = 7,
	AT_TARGET = 8,
	AT_FROM = 24,
	AT_WHEN = 40,
	AT_RTT = 48,
	AT_TAG = 52,
	AT_PORT = 56,
	AT_SPORT = 58,
	AT_VANTAGE = 60,
	AT_BITS = 62,  /* one byte */
	AT_ZERO = 63,  /* five bytes for later versions */
	AT_CHECK = 68, /* low half of XXH3-64 of all that comes before */

	RECORD_MAGIC = 0xb5,
	RECORD_VERSION = 1,
	BIT_REPEAT = 1,
	BIT_COOLDOWN = 2,
};

static void put16(uint8_t *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static void put64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

void obs_encode(uint8_t out[static OBS_RECORD_SIZE], const struct observation *o)
{
	memset(out + AT_ZERO, 0, AT_CHECK - AT_ZERO);
	out[AT_MAGIC] = RECORD_MAGIC;
	out[AT_VERSION] = RECORD_VERSION;
	out[AT_PROTO] = o->proto;
	out[AT_OUTCOME] = o->outcome;
	out[AT_HOP_LIMIT] = o->hop_limit;
	out[AT_ICMP_TYPE] = o->icmp_type;
	out[AT_ICMP_CODE] = o->icmp_code;
	out[AT_TCP_FLAGS] = o->tcp_flags;
	put64(out + AT_TARGET, o->target.hi);
	put64(out + AT_TARGET + 8, o->target.lo);
	put64(out + AT_FROM, o->from.hi);
	put64(out + AT_FROM + 8, o->from.lo);
	put64(out + AT_WHEN, o->when_us);
	put32(out + AT_RTT, o->rtt_us);
	put32(out + AT_TAG, o->tag);
	put16(out + AT_PORT, o->port);
	put16(out + AT_SPORT, o->sport);
	put16(out + AT_VANTAGE, o->vantage);
	out[AT_BITS] = (uint8_t)((o->repeat ? BIT_REPEAT : 0) |
	                         (o->cooldown ? BIT_COOLDOWN : 0));
	put32(out + AT_CHECK, (uint32_t)checksum64(out, AT_CHECK, 0));
}

/* What obs_encode() never writes, though the check value be right. */
static bool is_foreign(const uint8_t *in)
{
	static const uint8_t zero[AT_CHECK - AT_ZERO];

	return in[AT_PROTO] >= OBS_PROTOS || in[AT_OUTCOME] >= OBS_OUTCOMES ||
	       in[AT_BITS] & ~(BIT_REPEAT | BIT_COOLDOWN) ||
	       memcmp(in + AT_ZERO, zero, sizeof(zero)) != 0;
}

int obs_decode(struct observation *o, const uint8_t in[static OBS_RECORD_SIZE])
{
	if (get32(in + AT_CHECK) != (uint32_t)checksum64(in, AT_CHECK, 0))
		return ERR_CHECKSUM;
	if (in[AT_MAGIC] != RECORD_MAGIC)
		return ERR_FORMAT;
	if (in[AT_VERSION] != RECORD_VERSION)
		return ERR_VERSION;
	if (is_foreign(in))
		return ERR_FORMAT;
	*o = (struct observation){
		.target = { get64(in + AT_TARGET), get64(in + AT_TARGET + 8) },
		.from = { get64(in + AT_FROM), get64(in + AT_FROM + 8) },
		.when_us = get64(in + AT_WHEN),
		.rtt_us = get32(in + AT_RTT),
		.tag = get32(in + AT_TAG),
		.port = get16(in + AT_PORT),
		.sport = get16(in + AT_SPORT),
		.vantage = get16(in + AT_VANTAGE),
		.proto = in[AT_PROTO],
		.outcome = in[AT_OUTCOME],
		.hop_limit = in[AT_HOP_LIMIT],
		.icmp_type = in[AT_ICMP_TYPE],
		.icmp_code = in[AT_ICMP_CODE],
		.tcp_flags = in[AT_TCP_FLAGS],
		.repeat = in[AT_BITS] & BIT_REPEAT,
		.cooldown = in[AT_BITS] & BIT_COOLDOWN,
	};
	return 0;
}
