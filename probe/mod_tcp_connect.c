/* TCP connections made by the kernel, for want of raw sockets.  What this module
 * lays out is no packet but an order to probe/link_sockets.c: the port, where a TCP
 * header has it, and the tag.  Who answered is known from the connection, so there
 * is neither a cookie nor anything to parse. */
#include <netinet/in.h>

#include "common/clock.h"
#include "probe/module.h"

enum { AT_PORT = 2, AT_TAG = 4, ORDER = 20 };

struct connect_state {
	uint64_t timeout_ns;
};

/* Below the second after which the kernel sends its SYN again. */
static const struct connect_state defaults = {
	.timeout_ns = 950 * NS_PER_MS,
};

static const struct opt opts[] = {
	OPT_DURATION("timeout", 0, struct connect_state, timeout_ns, "TIME",
	             "how long a connection may take, 10ms to 10m; from 1s on, the "
	             "kernel sends further SYNs of its own"),
	OPT_END,
};

static int check(const void *state, struct diag *d)
{
	const struct connect_state *s = state;

	if (s->timeout_ns >= 10 * NS_PER_MS && s->timeout_ns <= 600 * NS_PER_S)
		return 0;
	return diag_set(d, ERR_PARSE, "tcp-connect: timeout must be 10ms to 10m");
}

uint64_t module_connect_timeout(const void *state)
{
	return ((const struct connect_state *)state)->timeout_ns;
}

static void layout(const void *state, struct wire_out *w)
{
	(void)state;
	wire_put_zeros(w, ORDER);
}

static void fill(const void *state, const struct module_scan *scan,
                 const struct module_shot *shot, struct packet_fill *f)
{
	(void)state;
	(void)scan;
	fill_put16(f, AT_PORT, shot->flow.port);
	fill_put32(f, AT_TAG, shot->tag);
}

bool module_read_order(struct wire order, uint16_t *port, uint32_t *tag)
{
	wire_skip(&order, AT_PORT);
	*port = wire_get16(&order);
	*tag = wire_get32(&order);
	return !order.bad;
}

static bool no_packet(const void *state, const struct module_scan *scan,
                      struct probe_flow *flow, struct wire r, struct observation *o)
{
	(void)state;
	(void)scan;
	(void)flow;
	(void)r;
	(void)o;
	return false;
}

const struct probe_module probe_tcp_connect = {
	.name = "tcp-connect",
	.summary = "whole TCP connections: what tcp-syn is without privileges",
	.families = PROBE_V4 | PROBE_V6,
	.proto = OBS_TCP,
	.ip_proto = IPPROTO_TCP,
	.has_port = true,
	.checksum_at = 16,
	.sockets = MODULE_CONNECT,
	.opts = opts,
	.defaults = &defaults,
	.state_size = sizeof(struct connect_state),
	.check = check,
	.layout = layout,
	.fill = fill,
	.reply = no_packet,
	.quote = no_packet,
};
