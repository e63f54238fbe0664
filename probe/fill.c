#include "probe/fill.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/queue.h"

enum { ROOM = 1 << 16 };

#define QUIET_NS (2 * NS_PER_S) /* no router takes longer */

struct fill {
	struct queue *queue;
	unsigned from, to;
	atomic_uint_fast64_t last_ns, dropped;
};

struct fill *fill_new(unsigned from, unsigned to)
{
	struct fill *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->from = from;
	f->to = to;
	f->queue = queue_new(sizeof(struct probe_target), ROOM);
	if (!f->queue) {
		free(f);
		return NULL;
	}
	return f;
}

void fill_free(struct fill *f)
{
	if (!f)
		return;
	queue_free(f->queue);
	free(f);
}

/* As the port of a target says of which protocol it is. */
static uint32_t port_of(const struct observation *o)
{
	switch (o->proto) {
	case OBS_TCP: return PROBE_TCP | o->port;
	case OBS_UDP: return PROBE_UDP | o->port;
	}
	return 0;
}

void fill_offer(struct fill *f, const struct observation *o, uint64_t now_ns)
{
	struct probe_target t = { .addr = o->target };

	if (o->outcome != OBS_TIME_EXCEEDED || o->repeat || o->hop < f->from ||
	    o->hop >= f->to)
		return;
	t.port = port_of(o) | PROBE_HOP(o->hop + 1u);
	atomic_store(&f->last_ns, now_ns);
	if (queue_push(f->queue, &t, 1, 0) == 0)
		atomic_fetch_add(&f->dropped, 1);
}

size_t fill_next(struct fill *f, struct probe_target *out, size_t max)
{
	return queue_pop(f->queue, out, max, 0);
}

bool fill_is_over(struct fill *f, uint64_t now_ns)
{
	uint64_t none = 0;

	(void)atomic_compare_exchange_strong(&f->last_ns, &none, now_ns);
	return queue_count(f->queue) == 0 && now_ns > atomic_load(&f->last_ns) + QUIET_NS;
}

uint64_t fill_dropped(const struct fill *f)
{
	return atomic_load(&f->dropped);
}
