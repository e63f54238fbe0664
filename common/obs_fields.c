#include "common/obs_value.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

static void set_uint(struct obs_value *v, uint64_t u)
{
	v->kind = VALUE_UINT;
	v->u = u;
}

static void set_text(struct obs_value *v, const char *text)
{
	v->kind = VALUE_TEXT;
	v->text = text;
}

static void set_addr(struct obs_value *v, struct addr128 a)
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

static const char *classify_open(const struct observation *o)
{
	if (obs_is_injected(o))
		return "injected";
	switch ((enum obs_detail)o->detail) {
	case OBS_DNS: return "dns";
	case OBS_QUIC: return "quic";
	case OBS_NODE: return "nodeinfo";
	default: break;
	}
	if (is_ping(o))
		return o->icmp_type == 14 ? "timestampreply" : "echoreply";
	return o->proto == OBS_TCP ? "synack" : "udp";
}

/* ZMap's words, whatever the probe. */
static const char *classify(const struct observation *o)
{
	switch ((enum obs_outcome)o->outcome) {
	case OBS_SILENT: return "silent";
	case OBS_OPEN: return classify_open(o);
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

/* What ICMP messages are called: RFC 792 and RFC 4443, as far as we may meet them. */
static const char *type_str(const struct observation *o)
{
	static const struct {
		uint8_t v4, v6;
		const char *name;
	} names[] = {
		{ 0, 129, "echo reply" },     { 3, 1, "destination unreachable" },
		{ 4, 0, "source quench" },    { 0, 2, "packet too big" },
		{ 11, 3, "time exceeded" },   { 12, 4, "parameter problem" },
		{ 14, 0, "timestamp reply" }, { 0, 140, "node information response" },
	};
	bool v4 = addr_is_v4(o->from);

	if (!is_icmp(o))
		return NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (o->icmp_type == (v4 ? names[i].v4 : names[i].v6))
			return names[i].name;
	return "unknown";
}

static void get_target(struct obs_value *v, const struct observation *o)
{
	set_addr(v, o->target);
}

static void get_saddr(struct obs_value *v, const struct observation *o)
{
	set_addr(v, o->from);
}

static void get_proto(struct obs_value *v, const struct observation *o)
{
	set_text(v, obs_proto_str((enum obs_proto)o->proto));
}

static void get_port(struct obs_value *v, const struct observation *o)
{
	if (!is_ping(o))
		set_uint(v, o->port);
}

static void get_outcome(struct obs_value *v, const struct observation *o)
{
	set_text(v, obs_outcome_str((enum obs_outcome)o->outcome));
}

static void get_success(struct obs_value *v, const struct observation *o)
{
	set_uint(v, o->outcome == OBS_OPEN && !obs_is_injected(o));
}

static void get_ttl(struct obs_value *v, const struct observation *o)
{
	set_uint(v, o->hop_limit);
}

static void get_rtt_us(struct obs_value *v, const struct observation *o)
{
	if (o->rtt_us)
		set_uint(v, o->rtt_us);
}

static void get_timestamp_ts(struct obs_value *v, const struct observation *o)
{
	set_uint(v, o->when_us / 1000000);
}

static void get_timestamp_us(struct obs_value *v, const struct observation *o)
{
	set_uint(v, o->when_us % 1000000);
}

static void get_timestamp_str(struct obs_value *v, const struct observation *o)
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

static void get_dport(struct obs_value *v, const struct observation *o)
{
	if (!is_ping(o))
		set_uint(v, o->sport);
}

static void get_icmp_id(struct obs_value *v, const struct observation *o)
{
	if (is_ping(o))
		set_uint(v, o->sport);
}

static void get_classification(struct obs_value *v, const struct observation *o)
{
	set_text(v, classify(o));
}

static void get_tcp_flags(struct obs_value *v, const struct observation *o)
{
	if (o->proto == OBS_TCP && o->tcp_flags)
		set_uint(v, o->tcp_flags);
}

static void get_icmp_responder(struct obs_value *v, const struct observation *o)
{
	if (is_icmp_error(o))
		set_addr(v, o->from);
}

static void get_icmp_type(struct obs_value *v, const struct observation *o)
{
	if (is_icmp(o))
		set_uint(v, o->icmp_type);
}

static void get_icmp_code(struct obs_value *v, const struct observation *o)
{
	if (is_icmp(o))
		set_uint(v, o->icmp_code);
}

static void get_icmp_unreach_str(struct obs_value *v, const struct observation *o)
{
	const char *text = unreach_str(o);

	if (text)
		set_text(v, text);
}

static void get_repeat(struct obs_value *v, const struct observation *o)
{
	set_uint(v, o->repeat);
}

static void get_cooldown(struct obs_value *v, const struct observation *o)
{
	set_uint(v, o->cooldown);
}

static void get_tag(struct obs_value *v, const struct observation *o)
{
	set_uint(v, o->tag);
}

static void get_vantage(struct obs_value *v, const struct observation *o)
{
	set_uint(v, o->vantage);
}

static void get_daddr(struct obs_value *v, const struct observation *o)
{
	if (o->to.hi | o->to.lo)
		set_addr(v, o->to);
}

static void get_icmp_type_str(struct obs_value *v, const struct observation *o)
{
	const char *text = type_str(o);

	if (text)
		set_text(v, text);
}

static void get_hop(struct obs_value *v, const struct observation *o)
{
	if (o->hop)
		set_uint(v, o->hop);
}

static void get_quoted_ttl(struct obs_value *v, const struct observation *o)
{
	if (o->has_quoted)
		set_uint(v, o->quoted);
}

static const struct obs_segment *segment(const struct observation *o)
{
	return o->detail == OBS_SEGMENT ? &o->more.tcp : NULL;
}

static void get_seqnum(struct obs_value *v, const struct observation *o)
{
	if (segment(o))
		set_uint(v, o->more.tcp.seq);
}

static void get_acknum(struct obs_value *v, const struct observation *o)
{
	if (segment(o))
		set_uint(v, o->more.tcp.ack);
}

static void get_window(struct obs_value *v, const struct observation *o)
{
	if (segment(o))
		set_uint(v, o->more.tcp.window);
}

static bool has_option(const struct observation *o, unsigned bit)
{
	return segment(o) && o->more.tcp.options & bit;
}

static void get_mss(struct obs_value *v, const struct observation *o)
{
	if (has_option(o, OBS_TCP_MSS))
		set_uint(v, o->more.tcp.mss);
}

static void get_wscale(struct obs_value *v, const struct observation *o)
{
	if (has_option(o, OBS_TCP_WSCALE))
		set_uint(v, o->more.tcp.wscale);
}

static void get_sack_perm(struct obs_value *v, const struct observation *o)
{
	if (segment(o))
		set_uint(v, has_option(o, OBS_TCP_SACK));
}

static void get_ts_val(struct obs_value *v, const struct observation *o)
{
	if (has_option(o, OBS_TCP_TIME))
		set_uint(v, o->more.tcp.ts_val);
}

static void get_ts_ecr(struct obs_value *v, const struct observation *o)
{
	if (has_option(o, OBS_TCP_TIME))
		set_uint(v, o->more.tcp.ts_ecr);
}

static void get_udp_size(struct obs_value *v, const struct observation *o)
{
	if (o->detail == OBS_DATAGRAM)
		set_uint(v, o->more.udp.length + 8u);
}

static void get_data(struct obs_value *v, const struct observation *o)
{
	static const char hex[] = "0123456789abcdef";
	const struct obs_datagram *u = &o->more.udp;
	char *p = v->buf;

	if (o->detail != OBS_DATAGRAM)
		return;
	for (size_t i = 0; i < sizeof(u->bytes) && i < u->length; i++) {
		*p++ = hex[u->bytes[i] >> 4];
		*p++ = hex[u->bytes[i] & 15];
	}
	*p = '\0';
	set_text(v, v->buf);
}

/* Words with a space between. */
static void put_word(struct obs_value *v, const char *word)
{
	size_t n = strlen(v->buf);

	snprintf(v->buf + n, sizeof(v->buf) - n, "%s%s", n ? " " : "", word);
}

static void get_dns_rcode(struct obs_value *v, const struct observation *o)
{
	static const char *const names[] = {
		"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",  "REFUSED",
		"YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE",
	};
	unsigned rcode = o->more.dns.flags & 15;

	if (o->detail != OBS_DNS)
		return;
	snprintf(v->buf, sizeof(v->buf), "RCODE%u", rcode);
	set_text(v, rcode < sizeof(names) / sizeof(names[0]) ? names[rcode] : v->buf);
}

static void get_dns_flags(struct obs_value *v, const struct observation *o)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} names[] = { { 0x8000, "qr" }, { 0x0400, "aa" }, { 0x0200, "tc" },
		      { 0x0100, "rd" }, { 0x0080, "ra" }, { 0x0020, "ad" },
		      { 0x0010, "cd" } };

	if (o->detail != OBS_DNS)
		return;
	v->buf[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (o->more.dns.flags & names[i].bit)
			put_word(v, names[i].name);
	set_text(v, v->buf);
}

static void get_dns_answers(struct obs_value *v, const struct observation *o)
{
	if (o->detail == OBS_DNS)
		set_uint(v, o->more.dns.answers);
}

static void put_addresses(struct obs_value *v, unsigned n, const struct addr128 a[2])
{
	v->buf[0] = '\0';
	for (unsigned i = 0; i < n && i < 2; i++) {
		char text[ADDR_STRLEN];

		addr_format(text, a[i]);
		put_word(v, text);
	}
	if (n > 2)
		put_word(v, "...");
	set_text(v, v->buf);
}

static void get_dns_addrs(struct obs_value *v, const struct observation *o)
{
	if (o->detail == OBS_DNS)
		put_addresses(v, o->more.dns.n, o->more.dns.addr);
}

static void get_signals(struct obs_value *v, const struct observation *o)
{
	static const struct {
		uint8_t bit;
		const char *name;
	} names[] = { { OBS_SIGNAL_TEREDO, "teredo" },
		      { OBS_SIGNAL_FAMILY, "family" },
		      { OBS_SIGNAL_CONTROL, "control" },
		      { OBS_SIGNAL_DIFFERS, "differs" } };

	if (!o->signals)
		return;
	v->buf[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (o->signals & names[i].bit)
			put_word(v, names[i].name);
	set_text(v, v->buf);
}

static void get_quic_versions(struct obs_value *v, const struct observation *o)
{
	const struct obs_quic *q = &o->more.quic;
	const unsigned room = sizeof(q->version) / sizeof(q->version[0]);

	if (o->detail != OBS_QUIC)
		return;
	v->buf[0] = '\0';
	for (unsigned i = 0; i < q->n && i < room; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%08x", q->version[i]);
		put_word(v, text);
	}
	if (q->n > room)
		put_word(v, "...");
	set_text(v, v->buf);
}

static void get_ni_name(struct obs_value *v, const struct observation *o)
{
	if (o->detail != OBS_NODE || o->more.node.n)
		return;
	snprintf(v->buf, sizeof(v->buf), "%.*s", (int)sizeof(o->more.node.name),
	         o->more.node.name);
	set_text(v, v->buf);
}

static void get_ni_addrs(struct obs_value *v, const struct observation *o)
{
	if (o->detail == OBS_NODE && o->more.node.n)
		put_addresses(v, o->more.node.n, o->more.node.addr);
}

/* The order is the order of "*"; the default set is what comes before the first
 * row that is not in it. */
static const struct obs_field fields[] = {
	{ "target", "address that was probed (default)", get_target },
	{ "saddr", "address that answered: a router, for ICMP errors (default)",
	  get_saddr },
	{ "proto", "icmp, icmp6, tcp or udp (default)", get_proto },
	{ "port", "port that was probed; none for ICMP (default)", get_port },
	{ "outcome", "open, closed, unreachable, time_exceeded or other_error (default)",
	  get_outcome },
	{ "success", "1 when the outcome is open and not injected, else 0 (default)",
	  get_success },
	{ "ttl", "TTL or hop limit of the answer (default)", get_ttl },
	{ "rtt_us", "round-trip time in microseconds, when known (default)", get_rtt_us },
	{ "timestamp_ts", "arrival, seconds since 1970 (default)", get_timestamp_ts },
	{ "timestamp_us", "arrival, microseconds of that second", get_timestamp_us },
	{ "timestamp_str", "arrival, ISO 8601 in UTC", get_timestamp_str },
	{ "sport", "source port of the answer: the port that was probed", get_port },
	{ "dport", "destination port of the answer: ours", get_dport },
	{ "icmp_id", "identifier of the echo request", get_icmp_id },
	{ "classification",
	  "echoreply, timestampreply, nodeinfo, synack, rst, udp, dns, quic, injected, "
	  "unreach, timxceed or other",
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
	{ "daddr", "our address, to which the answer came", get_daddr },
	{ "icmp_type_str", "the type of an ICMP answer, in words", get_icmp_type_str },
	{ "outersaddr", "as icmp_responder; ZMapv6's name", get_icmp_responder },
	{ "hop", "hop limit that the probe was sent with (--hop-limit)", get_hop },
	{ "quoted_ttl", "what was left of it in the probe that an ICMP error quotes",
	  get_quoted_ttl },
	{ "seqnum", "TCP sequence number", get_seqnum },
	{ "acknum", "TCP acknowledgement number", get_acknum },
	{ "window", "TCP window, not scaled", get_window },
	{ "tcpopt_mss", "TCP maximum segment size option", get_mss },
	{ "tcpopt_wscale", "TCP window scale option", get_wscale },
	{ "tcpopt_sack_perm", "1 with the TCP SACK-permitted option, else 0",
	  get_sack_perm },
	{ "tcpopt_ts_val", "TCP timestamp option, the sender's", get_ts_val },
	{ "tcpopt_ts_ecr", "TCP timestamp option, echoed", get_ts_ecr },
	{ "udp_pkt_size", "length of a UDP answer, header included", get_udp_size },
	{ "data", "the first 46 bytes of its payload, in hex", get_data },
	{ "dns_rcode", "response code of a DNS answer: NOERROR, NXDOMAIN, ...",
	  get_dns_rcode },
	{ "dns_flags", "its header bits: qr aa tc rd ra ad cd", get_dns_flags },
	{ "dns_answers", "records in its answer section", get_dns_answers },
	{ "dns_addrs", "the first two addresses among them", get_dns_addrs },
	{ "signals", "why a DNS answer may be injected: teredo family control differs",
	  get_signals },
	{ "quic_versions", "QUIC versions that a server offers, in hex",
	  get_quic_versions },
	{ "ni_name", "name that a node information reply gives", get_ni_name },
	{ "ni_addrs", "the first two addresses that one gives", get_ni_addrs },
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

_Static_assert((int)FIELDS <= (int)OBS_FIELDS_MAX, "struct obs_fields holds them all");

const struct obs_field *obs_field_at(unsigned i)
{
	return i < FIELDS ? &fields[i] : NULL;
}
