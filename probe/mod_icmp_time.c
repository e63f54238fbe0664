/* ICMP timestamp request (RFC 792), for hosts that answer it but no echo.
 *
 *     offset 4   identifier, sequence number: 32 bits of the flow's cookie
 *     offset 8   originate timestamp: the high bit, which says that it is none of
 *                milliseconds, and 31 bits of our time of sending in microseconds
 *
 * The answer brings all of it back. */
#include <netinet/in.h>

#include "probe/module.h"

enum {
	REQUEST = 13,
	REPLY = 14,
	LENGTH = 20,
};

#define NOT_STANDARD UINT32_C(0x80000000)

static void layout(const void *state, struct wire_out *w)
{
	(void)state;
	wire_put8(w, REQUEST);
	wire_put_zeros(w, LENGTH - 1);
}

static void fill(const void *state, const struct module_scan *scan,
                 const struct module_shot *shot, struct packet_fill *f)
{
	(void)state;
	(void)scan;
	fill_put32(f, 4, (uint32_t)shot->cookie);
	fill_put32(f, 8, NOT_STANDARD | (uint32_t)shot->now_us);
}

static bool is_ours(const struct module_scan *scan, struct probe_flow *flow,
                    struct wire *r, struct observation *o)
{
	uint32_t id = wire_get32(r);

	flow->port = 0;
	o->sport = (uint16_t)(id >> 16);
	return !r->bad && id == (uint32_t)cookie_flow(&scan->key, flow);
}

static bool reply(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	size_t n = wire_left(&r);
	uint8_t type = wire_get8(&r), code = wire_get8(&r);
	uint32_t sent;

	(void)state;
	wire_skip(&r, 2);
	if (n != LENGTH || type != REPLY || code != 0 || !is_ours(scan, flow, &r, o))
		return false;
	sent = wire_get32(&r);
	if (!(sent & NOT_STANDARD))
		return false;
	o->outcome = OBS_OPEN;
	o->rtt_us = ((uint32_t)o->when_us - sent) & ~NOT_STANDARD;
	o->icmp_type = type;
	o->icmp_code = code;
	return true;
}

static bool quote(const void *state, const struct module_scan *scan,
                  struct probe_flow *flow, struct wire r, struct observation *o)
{
	uint8_t type = wire_get8(&r), code = wire_get8(&r);

	(void)state;
	wire_skip(&r, 2);
	return type == REQUEST && code == 0 && is_ours(scan, flow, &r, o);
}

const struct probe_module probe_icmp_time = {
	.name = "icmp-time",
	.summary = "ICMP timestamp request (IPv4)",
	.families = PROBE_V4,
	.proto = OBS_ICMP,
	.ip_proto = IPPROTO_ICMP,
	.checksum_at = 2,
	.bpf_v4 = "icmp[0] = 14",
	.layout = layout,
	.fill = fill,
	.reply = reply,
	.quote = quote,
};
