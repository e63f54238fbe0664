#include "probe/tcp.h"

/* Kinds of options: RFC 9293 section 3.2, RFC 7323, RFC 2018. */
enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_WSCALE = 3,
	OPTION_SACK = 4,
	OPTION_TIME = 8,
};

static void read_option(uint8_t kind, struct wire *r, struct obs_segment *t)
{
	size_t n = wire_left(r);

	if (kind == OPTION_MSS && n == 2) {
		t->mss = wire_get16(r);
		t->options |= OBS_TCP_MSS;
	} else if (kind == OPTION_WSCALE && n == 1) {
		t->wscale = wire_get8(r);
		t->options |= OBS_TCP_WSCALE;
	} else if (kind == OPTION_SACK && n == 0) {
		t->options |= OBS_TCP_SACK;
	} else if (kind == OPTION_TIME && n == 8) {
		t->ts_val = wire_get32(r);
		t->ts_ecr = wire_get32(r);
		t->options |= OBS_TCP_TIME;
	}
}

static void read_options(struct wire r, struct obs_segment *t)
{
	while (wire_left(&r)) {
		uint8_t kind = wire_get8(&r), length;
		struct wire value;

		if (kind == OPTION_NOP)
			continue;
		length = kind == OPTION_END ? 0 : wire_get8(&r);
		if (length < 2)
			return;
		value = r;
		wire_skip(&r, length - 2u);
		if (!wire_cut(&value, length - 2u))
			return;
		read_option(kind, &value, t);
	}
}

bool tcp_read(struct probe_flow *flow, struct wire r, struct observation *o)
{
	size_t n = wire_left(&r), header;

	o->more.tcp = (struct obs_segment){ .seq = 0 };
	flow->port = o->port = wire_get16(&r);
	o->sport = wire_get16(&r);
	o->more.tcp.seq = wire_get32(&r);
	o->more.tcp.ack = wire_get32(&r);
	header = 4u * (wire_get8(&r) >> 4);
	o->tcp_flags = wire_get8(&r);
	o->more.tcp.window = wire_get16(&r);
	wire_skip(&r, 4);
	if (r.bad || header < TCP_HEADER || header > n ||
	    !wire_cut(&r, header - TCP_HEADER))
		return false;
	o->detail = OBS_SEGMENT;
	read_options(r, &o->more.tcp);
	return true;
}

enum {
	TAG_BITS = 23,
	TRACE_TIME_BITS = 18,
	TRACE_UNIT_BITS = 4, /* of the time: 16 us */
	DATA_BITS = 24,
};

#define LOW(bits)       ((UINT32_C(1) << (bits)) - 1)
#define IS_TAG          (UINT32_C(1) << TAG_BITS)
#define OPTION_TIME_LEN 10

uint32_t tcp_stamp_data(const struct module_shot *shot, bool trace)
{
	if (trace)
		return (uint32_t)(shot->hop & MODULE_HOP_MAX) << TRACE_TIME_BITS |
		       ((uint32_t)(shot->now_us >> TRACE_UNIT_BITS) &
		        LOW(TRACE_TIME_BITS));
	if (shot->tag && shot->tag <= LOW(TAG_BITS))
		return IS_TAG | shot->tag;
	return (uint32_t)shot->now_us & LOW(TAG_BITS);
}

static uint32_t trace_rtt(uint64_t now_us, uint32_t data)
{
	uint32_t units =
		((uint32_t)(now_us >> TRACE_UNIT_BITS) - data) & LOW(TRACE_TIME_BITS);

	return units ? units << TRACE_UNIT_BITS : 1;
}

void tcp_read_stamp(const struct module_scan *scan, const struct probe_flow *flow,
                    uint32_t stamp, bool trace, struct observation *o)
{
	uint32_t data = stamp & LOW(DATA_BITS);

	if (stamp != tcp_stamp(cookie_data(&scan->key, flow, data, TCP_STAMP_KIND), data))
		return;
	if (trace) {
		o->hop = (uint8_t)(data >> TRACE_TIME_BITS);
		o->rtt_us = trace_rtt(o->when_us, data);
	} else if (data & IS_TAG) {
		o->tag = data & LOW(TAG_BITS);
	} else {
		o->rtt_us = ((uint32_t)o->when_us - data) & LOW(TAG_BITS);
	}
}

void tcp_put_stamp_option(struct wire_out *w)
{
	wire_put8(w, OPTION_NOP);
	wire_put8(w, OPTION_NOP);
	wire_put8(w, OPTION_TIME);
	wire_put8(w, OPTION_TIME_LEN);
	wire_put_zeros(w, 8);
}
