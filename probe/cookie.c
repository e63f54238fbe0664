#include "probe/cookie.h"

#include "probe/wire.h"

enum { FLOW_BYTES = 36, DATA_BYTES = FLOW_BYTES + 12 };

/* Always 16 bytes an address: an IPv4 flow is never the prefix of another. */
static void put_flow(struct wire_out *w, const struct probe_flow *f, uint8_t kind)
{
	wire_put64(w, f->src.hi);
	wire_put64(w, f->src.lo);
	wire_put64(w, f->dst.hi);
	wire_put64(w, f->dst.lo);
	wire_put16(w, f->port);
	wire_put8(w, f->proto);
	wire_put8(w, kind);
}

uint64_t cookie_flow(const struct mac_key *key, const struct probe_flow *f)
{
	uint8_t msg[FLOW_BYTES];
	struct wire_out w = { msg, msg + sizeof(msg), false };

	put_flow(&w, f, 0);
	return mac64(key, msg, sizeof(msg));
}

uint64_t cookie_data(const struct mac_key *key, const struct probe_flow *f, uint32_t tag,
                     uint64_t time_us)
{
	uint8_t msg[DATA_BYTES];
	struct wire_out w = { msg, msg + sizeof(msg), false };

	put_flow(&w, f, 1);
	wire_put32(&w, tag);
	wire_put64(&w, time_us);
	return mac64(key, msg, sizeof(msg));
}
