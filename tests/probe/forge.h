/* tests/probe/forge.h - frames for tests: our probes, and what others make of
 * them.  Checksums here are summed the slow and obvious way, on purpose. */
#ifndef TESTS_PROBE_FORGE_H
#define TESTS_PROBE_FORGE_H

#include "probe/module.h"
#include "probe/reply.h"

enum { FORGE_MAX = 2048, ETH = 14 };

struct frame {
	uint8_t b[FORGE_MAX];
	size_t n;
};

static inline struct addr128 forge_addr(const char *text)
{
	struct addr128 a = { 0, 0 };

	if (!addr_parse(&a, text))
		abort();
	return a;
}

/* The scan that everything here belongs to: a fixed key, two own addresses. */
static inline void forge_context(struct reply_context *c)
{
	memset(c, 0, sizeof(*c));
	for (unsigned i = 0; i < 16; i++)
		c->scan.key.k[i] = (uint8_t)(17 * i + 3);
	c->lanes[0] = (struct reply_lane){ &probe_icmp6_echo, probe_icmp6_echo.defaults,
		                           PROBE_V6, NULL };
	c->lanes[1] = (struct reply_lane){ &probe_icmp_echo, probe_icmp_echo.defaults,
		                           PROBE_V4, NULL };
	c->lanes[2] = (struct reply_lane){ &probe_tcp_syn, probe_tcp_syn.defaults,
		                           PROBE_V6, NULL };
	c->lanes[3] = (struct reply_lane){ &probe_tcp_syn, probe_tcp_syn.defaults,
		                           PROBE_V4, NULL };
	c->n_lanes = 4;
	c->sources[0] = forge_addr("2001:db8:aaaa::1");
	c->sources[1] = forge_addr("192.0.2.1");
	c->n_sources = 2;
}

static inline uint16_t forge_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void forge_put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline uint32_t forge_sum(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline bool forge_is_v6(const struct frame *f)
{
	return f->b[ETH] >> 4 == 6;
}

static inline size_t forge_l4(const struct frame *f)
{
	return forge_is_v6(f) ? ETH + 40 : ETH + 4u * (f->b[ETH] & 15);
}

static inline uint8_t forge_proto(const struct frame *f)
{
	return f->b[forge_is_v6(f) ? ETH + 6 : ETH + 9];
}

static inline size_t forge_checksum_at(uint8_t proto)
{
	return proto == 6 ? 16 : proto == 17 ? 6 : 2;
}

/* The checksum that belongs into an upper layer of n bytes at l4. */
static inline uint16_t forge_l4_checksum(const struct frame *f, size_t l4, size_t n,
                                         uint8_t proto)
{
	size_t at = l4 + forge_checksum_at(proto);
	struct frame copy = *f;
	uint32_t sum = 0;

	forge_put16(copy.b + at, 0);
	if (proto != 1) {
		uint8_t tail[4] = { 0, proto, (uint8_t)(n >> 8), (uint8_t)n };

		sum = forge_is_v6(f) ? forge_sum(0, f->b + ETH + 8, 32)
		                     : forge_sum(0, f->b + ETH + 12, 8);
		sum = forge_sum(sum, tail, 4);
	}
	sum = forge_sum(sum, copy.b + l4, n);
	return (uint16_t)~sum;
}

/* Make every checksum right again, as far as lengths in the frame allow. */
static inline void forge_fix(struct frame *f)
{
	bool v6 = forge_is_v6(f);
	size_t l4 = forge_l4(f), end;
	uint8_t proto = forge_proto(f);

	if (!v6 && l4 <= f->n && l4 >= ETH + 20) {
		forge_put16(f->b + ETH + 10, 0);
		forge_put16(f->b + ETH + 10,
		            (uint16_t)~forge_sum(0, f->b + ETH, l4 - ETH));
	}
	end = v6 ? l4 + forge_get16(f->b + ETH + 4)
	         : (size_t)ETH + forge_get16(f->b + ETH + 2);
	if (end > f->n || end < l4 + forge_checksum_at(proto) + 2)
		return;
	forge_put16(f->b + l4 + forge_checksum_at(proto),
	            forge_l4_checksum(f, l4, end - l4, proto));
}

/* One of our probes, made by the module and the template as in a scan. */
static inline void forge_probe(struct frame *f, const struct reply_context *c,
                               unsigned lane, const struct module_shot *what)
{
	const struct reply_lane *l = &c->lanes[lane];
	static const uint8_t us[6] = { 2, 0, 0, 0, 0, 1 }, gw[6] = { 2, 0, 0, 0, 0, 2 };
	struct packet_plan plan = { .ethernet = true,
		                    .v6 = l->family == PROBE_V6,
		                    .ip_proto = l->module->ip_proto,
		                    .hop_limit = 64,
		                    .checksum_at = l->module->checksum_at };
	struct packet_template t;
	uint8_t l4[PACKET_L4_MAX];
	struct wire_out w = { l4, l4 + sizeof(l4), false };
	struct packet_fill fill;
	struct module_shot shot = *what;

	memcpy(plan.src_mac, us, 6);
	memcpy(plan.dst_mac, gw, 6);
	if (l->module->layout_of)
		l->module->layout_of(l->state,
		                     l->module->variant(l->state, what->flow.port), &w);
	else
		l->module->layout(l->state, &w);
	if (w.bad || packet_template_init(&t, &plan, l4, (size_t)(w.at - l4)) < 0)
		abort();
	memset(f, 0, sizeof(*f));
	packet_start(&fill, &t, f->b, what->flow.src, what->flow.dst);
	module_shot_cookies(&shot, l->module, l->state, &c->scan);
	l->module->fill(l->state, &c->scan, &shot, &fill);
	if (!packet_finish(&fill, &t))
		abort();
	f->n = t.l4_at + fill.len;
}

static inline struct module_shot forge_shot(const struct reply_context *c, unsigned lane,
                                            const char *target, uint16_t port)
{
	const struct reply_lane *l = &c->lanes[lane];

	return (struct module_shot){
		.flow = { .src = c->sources[l->family == PROBE_V6 ? 0 : 1],
		          .dst = forge_addr(target),
		          .port = port,
		          .proto = l->module->proto },
		.tag = 0xdeadbeef,
		.now_us = UINT64_C(1700000000123456),
	};
}

static inline void forge_swap(uint8_t *a, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

static inline void forge_swap_ends(struct frame *f)
{
	forge_swap(f->b, f->b + 6, 6);
	if (forge_is_v6(f))
		forge_swap(f->b + ETH + 8, f->b + ETH + 24, 16);
	else
		forge_swap(f->b + ETH + 12, f->b + ETH + 16, 4);
}

/* What a host answers to the probe. */
static inline struct frame forge_echo_reply(const struct frame *probe)
{
	struct frame f = *probe;

	forge_swap_ends(&f);
	f.b[forge_l4(&f)] = forge_is_v6(&f) ? 129 : 0;
	forge_fix(&f);
	return f;
}

static inline struct frame forge_tcp_reply(const struct frame *probe, uint8_t flags,
                                           uint32_t ack_more)
{
	struct frame f = *probe;
	uint8_t *t = f.b + forge_l4(&f);
	uint32_t ack = (uint32_t)forge_get16(t + 4) << 16 | forge_get16(t + 6);

	forge_swap_ends(&f);
	forge_swap(t, t + 2, 2);
	ack += ack_more;
	forge_put16(t + 8, ack >> 16);
	forge_put16(t + 10, ack & 0xffff);
	memcpy(t + 4, "\x12\x34\x56\x78", 4);
	t[13] = flags;
	forge_fix(&f);
	return f;
}

/* An ICMP error from someone that quotes the first quoted bytes of packet n. */
static inline struct frame forge_error(const uint8_t *packet, size_t quoted,
                                       struct addr128 from, struct addr128 to,
                                       uint8_t type, uint8_t code)
{
	bool v6 = !addr_is_v4(from);
	struct frame f = { .n = 0 };
	struct wire_out w = { f.b, f.b + sizeof(f.b), false };

	wire_put(&w, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
	wire_put16(&w, v6 ? 0x86dd : 0x0800);
	if (v6) {
		wire_put32(&w, 0x60000000);
		wire_put16(&w, (uint16_t)(8 + quoted));
		wire_put16(&w, 58 << 8 | 250);
	} else {
		wire_put16(&w, 0x4500);
		wire_put16(&w, (uint16_t)(28 + quoted));
		wire_put32(&w, 0);
		wire_put16(&w, 250 << 8 | 1);
		wire_put16(&w, 0);
	}
	wire_put_addr(&w, from);
	wire_put_addr(&w, to);
	wire_put8(&w, type);
	wire_put8(&w, code);
	wire_put_zeros(&w, 6);
	wire_put(&w, packet, quoted);
	f.n = (size_t)(w.at - f.b);
	forge_fix(&f);
	return f;
}

/* The same frame with extension bytes between the IPv6 header and the rest;
 * the last next-header field of ext must be what the packet had. */
static inline struct frame forge_extend(const struct frame *in, uint8_t first,
                                        const uint8_t *ext, size_t n)
{
	struct frame f = *in;

	memmove(f.b + ETH + 40 + n, f.b + ETH + 40, f.n - ETH - 40);
	memcpy(f.b + ETH + 40, ext, n);
	f.b[ETH + 6] = first;
	forge_put16(f.b + ETH + 4, forge_get16(f.b + ETH + 4) + (unsigned)n);
	f.n += n;
	return f;
}

static inline bool forge_accept(const struct reply_context *c, const struct frame *f,
                                struct observation *o)
{
	/* An exact-size copy: a sanitizer sees every read beyond the capture. */
	uint8_t *copy = malloc(f->n ? f->n : 1);
	bool ok;

	if (!copy)
		abort();
	memcpy(copy, f->b, f->n);
	ok = reply_parse(c, wire_from(copy, f->n), PACKET_L2_ETHERNET,
	                 UINT64_C(1700000000125000), o);
	free(copy);
	return ok;
}

#endif
