#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "probe/cap.h"
#include "probe/scan.h"

static uint64_t load(const atomic_uint_fast64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static void add_links(struct probe_stats *st, struct link *const links[2])
{
	for (int v6 = 0; v6 < 2; v6++) {
		const struct link *l = links[v6];

		if (!l || (v6 && l == links[0]))
			continue;
		st->sent += load(&l->sent);
		st->send_errors += load(&l->errors);
	}
}

/* A sender says what is its oldest target before it counts the targets it takes, so
 * here the count comes first. */
void probe_stats(const struct probe_scan *s, struct probe_stats *st)
{
	const struct scan_counters *c = &s->count;
	uint64_t targets = atomic_load_explicit(&c->targets, memory_order_acquire);

	*st = (struct probe_stats){
		.targets = targets,
		.done = targets,
		.received = load(&c->received),
		.valid = load(&c->valid),
		.open = load(&c->open),
		.closed = load(&c->closed),
		.errors = load(&c->errors),
		.repeats = load(&c->repeats),
		.invalid = load(&c->invalid),
		.kernel_drops = load(&c->kernel_drops),
		.dedup_bytes = load(&c->dedup_bytes),
		.dedup_forgot_v4 = atomic_load(&c->dedup_forgot_v4),
		.dedup_forgot = atomic_load(&c->dedup_forgot),
		.started_us = load(&c->started_us),
		.ended_us = load(&c->ended_us),
		.cooling = atomic_load(&c->cooling),
	};
	for (unsigned i = 0; i < s->n_senders; i++) {
		const struct scan_sender *x = &s->senders[i];
		uint64_t oldest = load(&x->oldest);

		if (oldest < st->done)
			st->done = oldest;
		st->refused_scope += load(&x->refused_scope);
		st->refused_family += load(&x->refused_family);
		add_links(st, x->links);
	}
	if (s->cap)
		st->done = cap_done(s->cap, st->done);
}

struct text {
	char s[24];
};

/* Three significant digits and a unit, as ZMap prints rates. */
static struct text per_second(double v)
{
	static const struct {
		double from;
		const char *unit;
	} scales[] = { { 1e9, "G" }, { 1e6, "M" }, { 1e3, "K" }, { 1, "" } };
	struct text t;
	size_t i = 0;

	while (i < 3 && v < scales[i].from)
		i++;
	v /= scales[i].from;
	snprintf(t.s, sizeof(t.s), "%.*f %sp/s",
	         i == 3 || v >= 100 ? 0
	         : v >= 10          ? 1
	                            : 2,
	         v, scales[i].unit);
	return t;
}

static struct text duration(double seconds)
{
	unsigned long long n = seconds < 1e9 ? (unsigned long long)seconds : 999999999;
	struct text t;

	if (n >= 86400)
		snprintf(t.s, sizeof(t.s), "%llud%02lluh", n / 86400, n / 3600 % 24);
	else if (n >= 3600)
		snprintf(t.s, sizeof(t.s), "%llu:%02llu:%02llu", n / 3600, n / 60 % 60,
		         n % 60);
	else
		snprintf(t.s, sizeof(t.s), "%llu:%02llu", n / 60, n % 60);
	return t;
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

void probe_status_line(char *buf, size_t cap, const struct probe_stats *now,
                       const struct probe_stats *before, uint64_t total_targets)
{
	uint64_t until = now->ended_us ? now->ended_us : clock_wall_us();
	double elapsed = now->started_us && until > now->started_us
	                         ? (double)(until - now->started_us) / 1e6
	                         : 0;
	double done =
		total_targets ? ratio((double)now->targets, (double)total_targets) : 0;
	char progress[64] = "";

	if (now->cooling)
		snprintf(progress, sizeof(progress), "(cooling down)");
	else if (done > 0 && done <= 1)
		snprintf(progress, sizeof(progress), "%.0f%% (%s left)", done * 100,
		         duration(elapsed / done - elapsed).s);
	snprintf(buf, cap,
	         "%s %s%ssend: %" PRIu64 " %s (%s avg); recv: %" PRIu64
	         " %s (%s avg); drops: %" PRIu64 "; hitrate: %.2f%%",
	         duration(elapsed).s, progress, progress[0] ? "; " : "", now->sent,
	         per_second((double)(now->sent - before->sent)).s,
	         per_second(ratio((double)now->sent, elapsed)).s, now->open + now->closed,
	         per_second((double)(now->open + now->closed - before->open -
	                             before->closed))
	                 .s,
	         per_second(ratio((double)(now->open + now->closed), elapsed)).s,
	         now->kernel_drops,
	         100 * ratio((double)(now->open + now->closed), (double)now->sent));
}
