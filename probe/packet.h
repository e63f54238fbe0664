/* probe/packet.h - frames: templates for sending, dissection for receiving.
 *
 * Sending: a template holds every byte that is the same in all packets of one
 * module and family, and their checksum.  A packet is a copy in which the
 * addresses and the module's own fields are patched; each patch adds to the
 * sum, so that no packet is ever summed as a whole (RFC 1624's arithmetic).
 *
 * Receiving: packet_parse() takes an IP packet apart, whether it came from the
 * network or is quoted inside an ICMP error.  Nothing here allocates. */
#ifndef PROBE_PACKET_H
#define PROBE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "probe/wire.h"

enum {
	PACKET_ETHERNET = 14, /* bytes of an Ethernet header */
	PACKET_VLAN = 4,      /* of a tag in it */
	PACKET_L4_MAX = 1280, /* of a probe, without its IP header */
	PACKET_MAX = PACKET_ETHERNET + PACKET_VLAN + 40 + PACKET_L4_MAX,
};

/* One's-complement arithmetic (RFC 1071): sums are folded only at the end. */
uint64_t inet_sum(uint64_t sum, const void *bytes, size_t n); /* any n */
static inline uint64_t inet_sum_addr(uint64_t sum, struct addr128 a)
{
	if (addr_is_v4(a))
		return sum + (uint32_t)a.lo;
	return sum + (a.hi >> 32) + (uint32_t)a.hi + (a.lo >> 32) + (uint32_t)a.lo;
}
static inline uint16_t inet_fold(uint64_t sum)
{
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

struct packet_plan {
	bool ethernet; /* else the frame starts with the IP header */
	uint8_t src_mac[6], dst_mac[6];
	uint16_t vlan; /* 802.1Q identifier; 0: no tag */
	bool v6;
	uint8_t ip_proto, hop_limit;
	uint16_t checksum_at; /* of the upper layer, within it */
};

struct packet_template {
	uint8_t bytes[PACKET_MAX];
	uint16_t len, ip_at, l4_at, checksum_at;
	bool v6, pseudo; /* pseudo: the checksum covers the addresses */
	bool udp;        /* a checksum of 0 would mean none */
	uint64_t sum;    /* upper layer and the constant part of its pseudo header */
	uint64_t ip_sum; /* of the IPv4 header without its addresses */
};

/* l4 is what the module writes, with zeros where it will patch.  0, or
 * -EMSGSIZE. */
int packet_template_init(struct packet_template *t, const struct packet_plan *plan,
                         const void *l4, size_t n);

/* The module's view of a packet being made: fields at even offsets of the
 * upper layer.  A field that does not fit sets ->bad. */
struct packet_fill {
	uint8_t *ip, *l4;
	size_t len;
	uint64_t sum;
	bool bad;
};

static inline void fill_put16(struct packet_fill *f, size_t at, uint16_t v)
{
	if (at + 2 > f->len || at % 2) {
		f->bad = true;
		return;
	}
	f->l4[at] = (uint8_t)(v >> 8);
	f->l4[at + 1] = (uint8_t)v;
	f->sum += v;
}

static inline void fill_put32(struct packet_fill *f, size_t at, uint32_t v)
{
	fill_put16(f, at, (uint16_t)(v >> 16));
	fill_put16(f, at + 2, (uint16_t)v);
}

static inline void fill_put64(struct packet_fill *f, size_t at, uint64_t v)
{
	fill_put32(f, at, (uint32_t)(v >> 32));
	fill_put32(f, at + 4, (uint32_t)v);
}

/* Choose the two bytes at an offset so that all that was put in since the sum was
 * before adds up to sum: then the checksum does not depend on it. */
static inline void fill_balance(struct packet_fill *f, size_t at, uint64_t before,
                                uint16_t sum)
{
	uint16_t put = inet_fold(f->sum - before);

	fill_put16(f, at, inet_fold((uint64_t)sum + (uint16_t)~put));
}

/* Bytes at an even offset. */
static inline void fill_put_bytes(struct packet_fill *f, size_t at, const void *bytes,
                                  size_t n)
{
	if (at > f->len || n > f->len - at || at % 2) {
		f->bad = true;
		return;
	}
	memcpy(f->l4 + at, bytes, n);
	f->sum += inet_sum(0, bytes, n);
}

/* Start a packet in frame (room for PACKET_MAX, some of which behind the packet may be
 * written to): template and addresses.  Then the module fills, then packet_finish()
 * writes the checksum; false: a field did not fit, do not send. */
void packet_start(struct packet_fill *f, const struct packet_template *t, uint8_t *frame,
                  struct addr128 src, struct addr128 dst);
bool packet_finish(struct packet_fill *f, const struct packet_template *t);

/* Another hop limit than the template's, and an IPv4 identification, for which an IPv6
 * header has no place.  After packet_start(). */
void packet_set_hop(const struct packet_template *t, uint8_t *frame, uint8_t hop,
                    uint16_t ident);

/* Leave off the template's last bytes, zeros as yet, so that n of its upper layer are
 * left; before packet_finish().  The length of the frame is l4_at + ->len then. */
void packet_cut(struct packet_fill *f, size_t n);

/* What precedes the IP header in captured bytes. */
enum packet_l2 {
	PACKET_L2_NONE,
	PACKET_L2_ETHERNET, /* with VLAN tags, or without */
	PACKET_L2_SLL,      /* Linux cooked capture, as libpcap makes it for PPP */
	PACKET_L2_SLL2,
};

/* Move w to the IP header; false: no IP inside. */
bool packet_strip(struct wire *w, enum packet_l2 l2);

/* An IP packet taken apart. */
struct packet {
	struct addr128 src, dst;
	struct wire l4; /* the upper layer, as much as there is */
	uint8_t proto, hop_limit;
	uint16_t ident; /* IPv4 */
	bool v6;
	bool whole;  /* the upper layer is here to its last byte */
	bool packed; /* a fragment: its upper layer is only a part */
};

enum packet_origin {
	PACKET_RECEIVED, /* must be consistent in every length */
	PACKET_QUOTED,   /* may end anywhere after the addresses and protocol */
};

/* Walks IPv6 extension headers (RFC 8200 section 4; AH, RFC 4302; mobility, HIP
 * and shim6, RFC 7045) to the first other header, and IPv4 options.  The IPv4
 * header checksum is verified in received packets only: routers change it in
 * what they quote.  false: not an IP packet, damaged, or not at its end point
 * (a routing header with segments left). */
bool packet_parse(struct packet *p, struct wire w, enum packet_origin origin);

/* Whether the upper-layer checksum of a whole packet holds.  For TCP and UDP it
 * also holds when it is the bare sum of the pseudo header: that is how a sender
 * on the same machine (veth, virtio) leaves it to hardware that is not there. */
bool packet_checksum_ok(const struct packet *p);

#endif
