#include "hitlist/hitlist.h"

#include "common/clock.h"

static const char *const service_names[SERVICES] = {
	[SERVICE_ICMP] = "icmp",     [SERVICE_TCP80] = "tcp80",
	[SERVICE_TCP443] = "tcp443", [SERVICE_UDP53] = "udp53",
	[SERVICE_UDP443] = "udp443", [SERVICE_TCP_OTHER] = "tcp",
	[SERVICE_UDP_OTHER] = "udp",
};

static const char *const source_names[SOURCES] = {
	[SOURCE_IMPORT] = "import", [SOURCE_DISCOVER] = "discover",
	[SOURCE_SCAN] = "scan",     [SOURCE_DNS] = "dns",
	[SOURCE_BGP] = "bgp",
};

const char *hitlist_service_str(enum hitlist_service s)
{
	return (unsigned)s < SERVICES ? service_names[s] : "?";
}

const char *hitlist_source_str(enum hitlist_source s)
{
	return (unsigned)s < SOURCES ? source_names[s] : "?";
}

static uint32_t later(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* 0 is "never", which is later than any time when the first one is wanted. */
static uint32_t earlier(uint32_t a, uint32_t b)
{
	return a - 1 < b - 1 ? a : b;
}

void host_record_normalise(struct host_record *r)
{
	r->services = 0;
	if (r->service_seen[SERVICE_UDP53] <= r->injected)
		r->service_seen[SERVICE_UDP53] = 0;
	for (unsigned s = 0; s < SERVICES; s++) {
		if (!r->service_seen[s])
			continue;
		r->services |= (uint8_t)(1 << s);
		r->last_seen = later(r->last_seen, r->service_seen[s]);
	}
	if (r->last_seen >= r->last_probed)
		r->fail_streak = 0;
}

/* Every field is a join in a semilattice, except fail_streak.  The pair
 * (last_probed, fail_streak) in lexicographic order is one too; forcing the
 * streak to 0 afterwards loses nothing that a later merge could want: while
 * last_probed stays, last_seen can only grow, so it would be forced again, and
 * once last_probed grows the other record's streak is taken.  In the same way a
 * service_seen that `injected` has overtaken may go: injected stays or grows. */
void host_record_merge(struct host_record *dst, const struct host_record *src)
{
	if (src->last_probed > dst->last_probed)
		dst->fail_streak = src->fail_streak;
	else if (src->last_probed == dst->last_probed &&
	         src->fail_streak > dst->fail_streak)
		dst->fail_streak = src->fail_streak;
	dst->first_seen = earlier(dst->first_seen, src->first_seen);
	dst->last_seen = later(dst->last_seen, src->last_seen);
	dst->last_probed = later(dst->last_probed, src->last_probed);
	for (unsigned s = 0; s < SERVICES; s++)
		dst->service_seen[s] = later(dst->service_seen[s], src->service_seen[s]);
	dst->injected = later(dst->injected, src->injected);
	dst->sources |= src->sources;
	dst->policy |= src->policy;
	host_record_normalise(dst);
}

static enum hitlist_service service_of(const struct observation *o)
{
	switch (o->proto) {
	case OBS_TCP:
		if (o->port == 80)
			return SERVICE_TCP80;
		return o->port == 443 ? SERVICE_TCP443 : SERVICE_TCP_OTHER;
	case OBS_UDP:
		if (o->port == 53)
			return SERVICE_UDP53;
		return o->port == 443 ? SERVICE_UDP443 : SERVICE_UDP_OTHER;
	default: return SERVICE_ICMP;
	}
}

/* A refusal (RST, port unreachable) shows a live host, but no service. */
bool host_record_from_observation(struct host_record *out, const struct observation *o,
                                  enum hitlist_source source)
{
	uint64_t s = o->when_us / (NS_PER_S / NS_PER_US);
	uint32_t when = s > UINT32_MAX ? UINT32_MAX : s ? (uint32_t)s : 1;

	if (o->proto >= OBS_PROTOS)
		return false;
	if (obs_is_injected(o)) {
		*out = (struct host_record){ .addr = o->target, .injected = when };
		return service_of(o) == SERVICE_UDP53;
	}
	if (!obs_is_alive(o))
		return false;
	*out = (struct host_record){
		.addr = o->target,
		.first_seen = when,
		.last_seen = when,
		.last_probed = when,
		.sources = (uint16_t)(1U << source),
	};
	if (o->outcome == OBS_OPEN)
		out->service_seen[service_of(o)] = when;
	host_record_normalise(out);
	return true;
}
