#include "probe/packet_text.h"

#include <netinet/in.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/log.h"

static void put_end(char *buf, size_t cap, struct addr128 a, bool has_port, unsigned port)
{
	char text[ADDR_STRLEN];

	addr_format(text, a);
	if (!has_port)
		snprintf(buf, cap, "%s", text);
	else
		snprintf(buf, cap, addr_is_v4(a) ? "%s:%u" : "[%s]:%u", text, port);
}

static const char *tcp_flags(char out[8], struct wire w)
{
	static const char names[] = "FSRPAU";
	uint8_t flags;
	size_t n = 0;

	wire_skip(&w, 13);
	flags = wire_get8(&w);
	for (unsigned i = 0; i < 6 && !w.bad; i++)
		if (flags >> i & 1)
			out[n++] = names[i];
	out[n] = '\0';
	return out;
}

static void put_kind(char *buf, size_t cap, const struct packet *p)
{
	struct wire w = p->l4;
	unsigned type = wire_get8(&w), code = wire_get8(&w);
	char flags[8];

	switch (p->proto) {
	case IPPROTO_TCP: snprintf(buf, cap, "tcp %s", tcp_flags(flags, p->l4)); break;
	case IPPROTO_UDP: snprintf(buf, cap, "udp"); break;
	case IPPROTO_ICMP: snprintf(buf, cap, "icmp type %u code %u", type, code); break;
	case IPPROTO_ICMPV6:
		snprintf(buf, cap, "icmp6 type %u code %u", type, code);
		break;
	default: snprintf(buf, cap, "protocol %u", p->proto); break;
	}
}

const char *packet_text(char buf[PACKET_TEXT_MAX], struct wire w, enum packet_l2 l2)
{
	char src[ADDR_STRLEN + 9], dst[ADDR_STRLEN + 9], kind[32];
	size_t bytes = wire_left(&w);
	unsigned sport, dport;
	bool ports;
	struct packet p;

	if (!packet_strip(&w, l2) || !packet_parse(&p, w, PACKET_RECEIVED)) {
		snprintf(buf, PACKET_TEXT_MAX, "%zu bytes that are no packet of ours",
		         bytes);
		return buf;
	}
	put_kind(kind, sizeof(kind), &p);
	ports = (p.proto == IPPROTO_TCP || p.proto == IPPROTO_UDP) &&
	        wire_left(&p.l4) >= 4;
	sport = wire_get16(&p.l4);
	dport = wire_get16(&p.l4);
	put_end(src, sizeof(src), p.src, ports, sport);
	put_end(dst, sizeof(dst), p.dst, ports, dport);
	snprintf(buf, PACKET_TEXT_MAX, "%s %s > %s, %zu bytes, hop limit %u", kind, src,
	         dst, bytes, p.hop_limit);
	return buf;
}

void packet_trace(const char *what, struct wire w, enum packet_l2 l2)
{
	char text[PACKET_TEXT_MAX], when[32];

	log_raw("%s %s %s\n", clock_format_utc(when, clock_wall_us()), what,
	        packet_text(text, w, l2));
}
