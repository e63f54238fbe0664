/* Raw captured bytes into the receive parser.  The first byte chooses the link
 * layer and the scan that they are for.  What is accepted must be consistent, and
 * must still be accepted when it is looked at again: the parser has no state. */
#include <stdlib.h>
#include <string.h>

#include "tests/probe/forge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct reply_context *c, const struct observation *o)
{
	bool mine = false;

	for (unsigned i = 0; i < c->n_lanes; i++)
		mine |= c->lanes[i].module->proto == o->proto &&
		        (o->port == 0 || c->lanes[i].module->has_port);
	if (!mine || o->outcome == OBS_SILENT || o->outcome >= OBS_OUTCOMES)
		abort();
	if (addr_is_v4(o->target) != addr_is_v4(o->from))
		abort();
}

static void add_lanes(struct reply_context *c, const struct probe_module *m,
                      const char *const *args, size_t n)
{
	struct opt_list list = { (const char **)args, n };
	bool used[4];
	void *state;

	if (module_state_new(&state, m, &list, used, NULL) < 0)
		abort();
	if (m->families & PROBE_V6)
		c->lanes[c->n_lanes++] = (struct reply_lane){ m, state, PROBE_V6, NULL };
	if (m->families & PROBE_V4)
		c->lanes[c->n_lanes++] = (struct reply_lane){ m, state, PROBE_V4, NULL };
}

enum { CONTEXTS = 8 };

/* The scans that bytes may be for: any module, with its usual options or as traced. */
static const struct reply_context *contexts(void)
{
	static const char *const trace[] = { "trace" },
				 *const dns[] = { "label=target", "nonexistent" },
				 *const fields[] = { "payload=text:${DADDR} ${COOKIE}" },
				 *const ni[] = { "query=addresses" };
	static struct reply_context c[CONTEXTS];

	if (c[0].n_lanes)
		return c;
	for (unsigned i = 0; i < CONTEXTS; i++) {
		forge_context(&c[i]);
		c[i].n_lanes = i ? 0 : c[i].n_lanes;
	}
	add_lanes(&c[0], &probe_udp, NULL, 0);
	add_lanes(&c[1], &probe_dns, NULL, 0);
	add_lanes(&c[1], &probe_icmp6_ni, NULL, 0);
	add_lanes(&c[2], &probe_dns, dns, 2);
	add_lanes(&c[2], &probe_icmp6_ni, ni, 1);
	add_lanes(&c[3], &probe_quic, NULL, 0);
	add_lanes(&c[3], &probe_tcp_ack, NULL, 0);
	add_lanes(&c[4], &probe_icmp6_echo, trace, 1);
	add_lanes(&c[4], &probe_icmp_echo, trace, 1);
	add_lanes(&c[4], &probe_udp, trace, 1);
	add_lanes(&c[5], &probe_tcp_syn, trace, 1);
	add_lanes(&c[5], &probe_quic, trace, 1);
	add_lanes(&c[6], &probe_tcp_synack, trace, 1);
	add_lanes(&c[6], &probe_udp, fields, 1);
	add_lanes(&c[7], &probe_icmp_time, NULL, 0);
	for (unsigned i = 4; i < 7; i++)
		c[i].scan.trace = true;
	return c;
}

/* Every field of what was accepted can be told. */
static void tell(const struct observation *o)
{
	char text[OBS_TEXT_MAX];
	uint64_t number;

	for (unsigned i = 0; obs_field_name(i); i++)
		(void)obs_field_value(i, o, &number, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct reply_context *c = contexts();
	struct observation o;
	struct packet p;

	if (size < 1)
		return 0;
	c += data[0] / 4 % CONTEXTS;
	if (reply_parse(c, wire_from(data + 1, size - 1), (enum packet_l2)(data[0] % 4),
	                1, &o)) {
		check(c, &o);
		tell(&o);
	}
	if (packet_parse(&p, wire_from(data + 1, size - 1), PACKET_QUOTED))
		(void)packet_checksum_ok(&p);
	return 0;
}
