#include "probe/paths.h"

#include <inttypes.h>
#include <stdlib.h>

enum { HOPS = 256, ANSWERS = 4 };

struct hop {
	unsigned n;
	struct observation answer[ANSWERS];
};

struct path {
	struct writer *w;
	struct observation target; /* an answer of it; valid when any */
	bool any;
	struct hop hop[HOPS];
};

static bool is_same(const struct observation *a, const struct observation *b)
{
	return addr_eq(a->target, b->target) && a->proto == b->proto &&
	       a->port == b->port;
}

static void write_answer(struct writer *w, const struct observation *o)
{
	char a[ADDR_STRLEN];

	addr_format(a, o->from);
	writer_printf(w, "  %s", a);
	if (o->rtt_us)
		writer_printf(w, "  %" PRIu32 ".%03" PRIu32 " ms", o->rtt_us / 1000,
		              o->rtt_us % 1000);
	if (o->outcome != OBS_TIME_EXCEEDED)
		writer_printf(w, "  %s", obs_outcome_str((enum obs_outcome)o->outcome));
}

/* True: the target is reached. */
static bool write_hop(struct writer *w, unsigned number, const struct hop *h)
{
	bool reached = false;

	writer_printf(w, "%3u%s", number, h->n ? "" : "  *");
	for (unsigned i = 0; i < h->n; i++) {
		write_answer(w, &h->answer[i]);
		reached |= addr_eq(h->answer[i].from, h->answer[i].target);
	}
	writer_write(w, "\n", 1);
	return reached;
}

static void write_path(struct path *p)
{
	unsigned last = HOPS - 1;
	char a[ADDR_STRLEN];

	if (!p->any)
		return;
	while (last > 0 && p->hop[last].n == 0)
		last--;
	addr_format(a, p->target.target);
	writer_printf(p->w, "%s %s", a, obs_proto_str((enum obs_proto)p->target.proto));
	if (p->target.port)
		writer_printf(p->w, " %u", p->target.port);
	writer_write(p->w, "\n", 1);
	for (unsigned i = 1; i <= last; i++)
		if (write_hop(p->w, i, &p->hop[i]))
			break;
}

/* Retries, and answers that came twice, are one. */
static void add(struct hop *h, const struct observation *o)
{
	for (unsigned i = 0; i < h->n; i++)
		if (addr_eq(h->answer[i].from, o->from) &&
		    h->answer[i].outcome == o->outcome)
			return;
	if (h->n < ANSWERS)
		h->answer[h->n++] = *o;
}

static void take(void *ctx, const struct observation *o)
{
	struct path *p = ctx;

	if (o->hop == 0)
		return;
	if (!p->any || !is_same(&p->target, o)) {
		write_path(p);
		for (unsigned i = 0; i < HOPS; i++)
			p->hop[i].n = 0;
		p->target = *o;
		p->any = true;
	}
	add(&p->hop[o->hop], o);
}

int paths_write(struct hosts *h, struct writer *w, struct diag *d)
{
	struct path *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	p->w = w;
	rc = hosts_each(h, take, p, d);
	if (rc == 0)
		write_path(p);
	free(p);
	return rc;
}
