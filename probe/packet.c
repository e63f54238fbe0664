#include "probe/packet.h"

#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum {
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_QINQ = 0x88a8,
	ETHERTYPE_V4 = 0x0800,
	ETHERTYPE_V6 = 0x86dd,
	V4_HEADER = 20,
	V6_HEADER = 40,
	EXT_MAX = 16, /* extension headers; the length bounds them too */
};

/* Header numbers that netinet/in.h lacks. */
enum { HEADER_MOBILITY = 135, HEADER_HIP = 139, HEADER_SHIM6 = 140 };

uint64_t inet_sum(uint64_t sum, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (; n >= 4; p += 4, n -= 4)
		sum += (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
		       p[3];
	if (n >= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	if (n % 2) /* padded with a zero byte, RFC 1071 */
		sum += (uint32_t)p[n - 1] << 8;
	return sum;
}

static bool has_pseudo_header(uint8_t proto)
{
	return proto != IPPROTO_ICMP;
}

static void put_ip_header(struct wire_out *w, const struct packet_plan *plan, size_t n)
{
	if (plan->v6) {
		wire_put32(w, UINT32_C(6) << 28);
		wire_put16(w, (uint16_t)n);
		wire_put8(w, plan->ip_proto);
		wire_put8(w, plan->hop_limit);
		wire_put_zeros(w, 32);
		return;
	}
	wire_put8(w, 0x45);
	wire_put8(w, 0);
	wire_put16(w, (uint16_t)(V4_HEADER + n));
	wire_put16(w, 0);      /* identification: atomic datagram, RFC 6864 */
	wire_put16(w, 0x4000); /* do not fragment */
	wire_put8(w, plan->hop_limit);
	wire_put8(w, plan->ip_proto);
	wire_put_zeros(w, 2 + 8);
}

int packet_template_init(struct packet_template *t, const struct packet_plan *plan,
                         const void *l4, size_t n)
{
	struct wire_out w = { t->bytes, t->bytes + sizeof(t->bytes), false };

	if (n > PACKET_L4_MAX || plan->checksum_at + 2u > n)
		return -EMSGSIZE;
	memset(t, 0, sizeof(*t));
	if (plan->ethernet) {
		wire_put(&w, plan->dst_mac, 6);
		wire_put(&w, plan->src_mac, 6);
		if (plan->vlan) {
			wire_put16(&w, ETHERTYPE_VLAN);
			wire_put16(&w, plan->vlan);
		}
		wire_put16(&w, plan->v6 ? ETHERTYPE_V6 : ETHERTYPE_V4);
	}
	t->ip_at = (uint16_t)(w.at - t->bytes);
	put_ip_header(&w, plan, n);
	t->l4_at = (uint16_t)(w.at - t->bytes);
	wire_put(&w, l4, n);
	if (w.bad)
		return -EMSGSIZE;
	t->len = (uint16_t)(w.at - t->bytes);
	t->checksum_at = plan->checksum_at;
	t->v6 = plan->v6;
	t->pseudo = has_pseudo_header(plan->ip_proto);
	t->udp = plan->ip_proto == IPPROTO_UDP;
	t->sum = inet_sum(0, l4, n);
	if (t->pseudo)
		t->sum += n + plan->ip_proto;
	if (!t->v6)
		t->ip_sum = inet_sum(0, t->bytes + t->ip_at, V4_HEADER);
	return 0;
}

static void store16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void store64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

/* Short ones, which most are, are copied in a few moves that need no length. */
static inline void copy_template(uint8_t *frame, const struct packet_template *t)
{
	enum { SHORT = 128 };

	_Static_assert((int)SHORT <= (int)PACKET_MAX, "templates and frames are as long");
	if (t->len <= SHORT)
		memcpy(frame, t->bytes, SHORT);
	else
		memcpy(frame, t->bytes, t->len);
}

void packet_start(struct packet_fill *f, const struct packet_template *t, uint8_t *frame,
                  struct addr128 src, struct addr128 dst)
{
	uint64_t addresses = inet_sum_addr(inet_sum_addr(0, src), dst);
	uint8_t *l4 = frame + t->l4_at;

	copy_template(frame, t);
	f->bad = addr_is_v4(src) == t->v6 || addr_is_v4(dst) == t->v6;
	if (t->v6) {
		store64(l4 - 32, src.hi);
		store64(l4 - 24, src.lo);
		store64(l4 - 16, dst.hi);
		store64(l4 - 8, dst.lo);
	} else {
		store64(l4 - 8, src.lo << 32 | (uint32_t)dst.lo);
		store16(frame + t->ip_at + 10,
		        (uint16_t)~inet_fold(t->ip_sum + addresses));
	}
	f->ip = frame + t->ip_at;
	f->l4 = l4;
	f->len = (size_t)(t->len - t->l4_at);
	f->sum = t->sum + (t->pseudo ? addresses : 0);
}

void packet_set_hop(const struct packet_template *t, uint8_t *frame, uint8_t hop,
                    uint16_t ident)
{
	uint8_t *ip = frame + t->ip_at;

	if (t->v6) {
		ip[7] = hop;
		return;
	}
	store16(ip + 4, ident);
	ip[8] = hop;
	store16(ip + 10, 0);
	store16(ip + 10, (uint16_t)~inet_fold(inet_sum(0, ip, V4_HEADER)));
}

void packet_cut(struct packet_fill *f, size_t n)
{
	bool v6 = *f->ip >> 4 == 6;
	uint8_t *ip = f->ip;

	if (n > f->len) {
		f->bad = true;
		return;
	}
	if (has_pseudo_header(ip[v6 ? 6 : 9]))
		f->sum += n + (uint16_t)~f->len;
	f->len = n;
	if (v6) {
		store16(ip + 4, (uint16_t)n);
		return;
	}
	store16(ip + 2, (uint16_t)(V4_HEADER + n));
	store16(ip + 10, 0);
	store16(ip + 10, (uint16_t)~inet_fold(inet_sum(0, ip, V4_HEADER)));
}

bool packet_finish(struct packet_fill *f, const struct packet_template *t)
{
	uint16_t sum = (uint16_t)~inet_fold(f->sum);

	store16(f->l4 + t->checksum_at, sum || !t->udp ? sum : 0xffff);
	return !f->bad;
}

bool packet_strip(struct wire *w, enum packet_l2 l2)
{
	uint16_t type = ETHERTYPE_V6;

	switch (l2) {
	case PACKET_L2_NONE: break;
	case PACKET_L2_ETHERNET:
		wire_skip(w, 12);
		type = wire_get16(w);
		for (int i = 0;
		     i < 2 && (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ); i++) {
			wire_skip(w, 2);
			type = wire_get16(w);
		}
		break;
	case PACKET_L2_SLL:
		wire_skip(w, 14);
		type = wire_get16(w);
		break;
	case PACKET_L2_SLL2:
		type = wire_get16(w);
		wire_skip(w, 18);
		break;
	}
	return !w->bad && (type == ETHERTYPE_V4 || type == ETHERTYPE_V6);
}

/* The fragment header is always 8 bytes, AH counts in words of 4 without 2 of
 * them, every other one in units of 8 without the first. */
static size_t extension_length(uint8_t type, uint8_t field)
{
	if (type == IPPROTO_FRAGMENT)
		return 8;
	if (type == IPPROTO_AH)
		return 4 * ((size_t)field + 2);
	return 8 * ((size_t)field + 1);
}

static bool is_extension(uint8_t type)
{
	switch (type) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
	case HEADER_MOBILITY:
	case HEADER_HIP:
	case HEADER_SHIM6: return true;
	}
	return false;
}

static bool skip_extensions(struct packet *p, struct wire *w)
{
	for (unsigned i = 0; is_extension(p->proto); i++) {
		uint8_t type = p->proto, next = wire_get8(w), field = wire_get8(w);
		uint16_t word = wire_get16(w);

		wire_skip(w, extension_length(type, field) - 4);
		if (w->bad || i == EXT_MAX)
			return false;
		if (type == IPPROTO_ROUTING && (word & 0xff) != 0)
			return false; /* segments left: not at its end point */
		if (type == IPPROTO_FRAGMENT && (word & 0xfff9) != 0)
			p->packed = true;
		if (type == IPPROTO_FRAGMENT && (word & 0xfff8) != 0)
			return false; /* not the first one: no upper-layer header */
		p->proto = next;
	}
	return true;
}

static bool parse_v6(struct packet *p, struct wire *w, enum packet_origin origin)
{
	uint16_t length;

	wire_skip(w, 4);
	length = wire_get16(w);
	p->proto = wire_get8(w);
	p->hop_limit = wire_get8(w);
	p->src = wire_get_v6(w);
	p->dst = wire_get_v6(w);
	if (w->bad || addr_is_v4(p->src) || addr_is_v4(p->dst))
		return false; /* a mapped address never travels, RFC 4291 2.5.5.2 */
	p->whole = wire_cut(w, length);
	if (!p->whole && origin == PACKET_RECEIVED)
		return false;
	return skip_extensions(p, w);
}

static bool parse_v4(struct packet *p, struct wire *w, enum packet_origin origin)
{
	const uint8_t *header = w->at;
	size_t header_length = 4 * (size_t)(wire_get8(w) & 15);
	uint16_t length, fragment;

	wire_skip(w, 1);
	length = wire_get16(w);
	p->ident = wire_get16(w);
	fragment = wire_get16(w);
	p->hop_limit = wire_get8(w);
	p->proto = wire_get8(w);
	wire_skip(w, 2);
	p->src = wire_get_v4(w);
	p->dst = wire_get_v4(w);
	if (header_length < V4_HEADER)
		return false;
	wire_skip(w, header_length - V4_HEADER);
	if (w->bad || (fragment & 0x1fff) != 0)
		return false;
	p->packed = (fragment & 0x2000) != 0;
	if (origin == PACKET_QUOTED) { /* stacks differ in what they leave there */
		p->whole = length >= header_length && wire_cut(w, length - header_length);
		return true;
	}
	p->whole = true;
	return length >= header_length && wire_cut(w, length - header_length) &&
	       inet_fold(inet_sum(0, header, header_length)) == 0xffff;
}

bool packet_parse(struct packet *p, struct wire w, enum packet_origin origin)
{
	uint8_t version = wire_left(&w) ? *w.at >> 4 : 0;

	memset(p, 0, sizeof(*p));
	p->v6 = version == 6;
	if (version != 4 && version != 6)
		return false;
	if (!(p->v6 ? parse_v6(p, &w, origin) : parse_v4(p, &w, origin)))
		return false;
	p->l4 = w;
	return true;
}

static size_t checksum_place(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: return 2;
	case IPPROTO_TCP: return 16;
	case IPPROTO_UDP: return 6;
	}
	return SIZE_MAX;
}

bool packet_checksum_ok(const struct packet *p)
{
	size_t n = wire_left(&p->l4), at = checksum_place(p->proto);
	const uint8_t *l4 = p->l4.at;
	uint64_t pseudo = 0;

	if (!p->whole || p->packed || at == SIZE_MAX || at + 2 > n)
		return false;
	if (has_pseudo_header(p->proto))
		pseudo = inet_sum_addr(inet_sum_addr(n + p->proto, p->src), p->dst);
	if (inet_fold(inet_sum(pseudo, l4, n)) == 0xffff)
		return true;
	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return false;
	if (p->proto == IPPROTO_UDP && !p->v6 && l4[at] == 0 && l4[at + 1] == 0)
		return true; /* RFC 768: none was computed */
	return (uint16_t)(l4[at] << 8 | l4[at + 1]) == inet_fold(pseudo);
}
