/* Raw captured bytes into the receive parser.  The first byte chooses the link
 * layer.  What is accepted must be consistent, and must still be accepted when
 * it is looked at again: the parser has no state. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply_context c;
	struct observation o;
	struct packet p;

	if (size < 1)
		return 0;
	forge_context(&c);
	if (reply_parse(&c, wire_from(data + 1, size - 1), (enum packet_l2)(data[0] % 4),
	                1, &o))
		check(&c, &o);
	if (packet_parse(&p, wire_from(data + 1, size - 1), PACKET_QUOTED))
		(void)packet_checksum_ok(&p);
	return 0;
}
