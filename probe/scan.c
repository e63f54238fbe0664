/* The engine: the caller's thread, and others if there are to be more, send (send.c);
 * one of ours receives. */
#include "probe/scan.h"

#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/clock.h"
#include "probe/cap.h"
#include "probe/packet_text.h"
#include "probe/send.h"

#define NAP_NS   (100 * NS_PER_MS) /* the longest time not to look at ->stop */
#define DROPS_NS (200 * NS_PER_MS)

enum { RECEIVE_MS = 50, HELD = 32 };

struct listener {
	struct probe_scan *s;
	const struct probe_sink *sink;
	pthread_t thread;
	atomic_bool stop, failed;
	int rc;
	struct diag why;
	unsigned held; /* valid replies that are still to be delivered */
	struct observation reply[HELD];
};

/* --- receiving ----------------------------------------------------------- */

static void count_outcome(struct scan_counters *c, const struct observation *o)
{
	if (o->outcome == OBS_OPEN)
		count_add(&c->open, 1);
	else if (o->outcome == OBS_CLOSED)
		count_add(&c->closed, 1);
	else
		count_add(&c->errors, 1);
}

/* A validated reply: count it, and pass it on when it is new. */
static void deliver(struct listener *l, struct observation *o)
{
	struct probe_scan *s = l->s;
	struct scan_counters *c = &s->count;

	count_add(&c->valid, 1);
	o->vantage = s->cfg.vantage;
	o->cooldown = atomic_load_explicit(&c->cooling, memory_order_relaxed);
	if (s->dedup && dedup_seen(s->dedup, o)) {
		count_add(&c->repeats, 1);
		return;
	}
	if (!o->repeat)
		count_outcome(c, o);
	l->sink->observe(l->sink->ctx, o);
}

static void deliver_held(struct listener *l)
{
	for (unsigned i = 0; i < l->held; i++)
		deliver(l, &l->reply[i]);
	l->held = 0;
}

/* A few replies are held back: memory is slow, and what the set of those that were seen
 * needs of it comes while the next ones are looked at. */
static void on_packet(void *ctx, const uint8_t *bytes, size_t captured, uint64_t when_us)
{
	struct listener *l = ctx;
	struct probe_scan *s = l->s;
	struct observation *o = &l->reply[l->held];

	count_add(&s->count.received, 1);
	if (s->cfg.packet_trace)
		packet_trace("RCVD", wire_from(bytes, captured), s->receiver->l2);
	if (!reply_parse(&s->reply, wire_from(bytes, captured), s->receiver->l2, when_us,
	                 o)) {
		count_add(&s->count.invalid, 1);
		return;
	}
	if (s->dedup)
		dedup_prefetch(s->dedup, o);
	if (++l->held == HELD)
		deliver_held(l);
}

static void on_answer(void *ctx, const struct observation *o)
{
	struct listener *l = ctx;
	struct observation copy;

	count_add(&l->s->count.received, 1);
	if (!o) {
		count_add(&l->s->count.invalid, 1);
		return;
	}
	copy = *o;
	deliver(l, &copy);
}

/* What is not worth counting for every packet. */
static void look(struct probe_scan *s)
{
	struct scan_counters *c = &s->count;
	struct dedup_state state;

	count_set(&c->kernel_drops, s->receiver->ops->drops(s->receiver));
	if (!s->dedup)
		return;
	dedup_state(s->dedup, &state);
	count_set(&c->dedup_bytes, state.bytes);
	atomic_store(&c->dedup_forgot_v4, !state.exact_v4);
	atomic_store(&c->dedup_forgot, !state.exact_rest);
}

static void *listen_thread(void *arg)
{
	struct listener *l = arg;
	const struct receive_sink to = { on_packet, on_answer, l };
	struct receiver *r = l->s->receiver;
	uint64_t look_at = 0;
	bool last = false;
	int n = 0;

	(void)prctl(PR_SET_NAME, "receive");
	/* After the stop, what is in the buffer still counts. */
	while (n > 0 || !last) {
		last = atomic_load(&l->stop);
		n = r->ops->poll(r, last ? 0 : RECEIVE_MS, &to, &l->why);
		deliver_held(l);
		if (n < 0) {
			l->rc = n;
			atomic_store(&l->failed, true);
			break;
		}
		if (clock_mono_ns() >= look_at) {
			look(l->s);
			look_at = clock_mono_ns() + DROPS_NS;
		}
	}
	look(l->s);
	return NULL;
}

/* --- both ---------------------------------------------------------------- */

static int start_listener(struct listener *l, struct probe_scan *s,
                          const struct probe_sink *sink, struct diag *d)
{
	int rc;

	memset(l, 0, sizeof(*l));
	l->s = s;
	l->sink = sink;
	if (!s->receiver)
		return 0;
	rc = pthread_create(&l->thread, NULL, listen_thread, l);
	return rc ? diag_set(d, -rc, "cannot start a thread: %s", strerror(rc)) : 0;
}

/* Returns the listener's own failure, if any. */
static int stop_listener(struct listener *l, struct diag *d)
{
	if (!l->s->receiver)
		return 0;
	atomic_store(&l->stop, true);
	pthread_join(l->thread, NULL);
	if (l->rc < 0)
		return diag_set(d, l->rc, "%s", diag_str(&l->why, l->rc));
	return 0;
}

static void cool_down(struct probe_scan *s, const struct listener *l)
{
	uint64_t now = clock_mono_ns(), end = now + s->cfg.cooldown_ns;

	atomic_store(&s->count.cooling, true);
	while (s->receiver && now < end && !atomic_load(&l->failed)) {
		clock_sleep_until(end < now + NAP_NS ? end : now + NAP_NS);
		now = clock_mono_ns();
	}
}

int probe_run(struct probe_scan *s, const struct probe_source *src,
              const struct probe_sink *sink, struct diag *d)
{
	struct probe_source capped = { cap_next, s->cap };
	struct listener l;
	int rc, rx;

	if (!atomic_load(&s->scope))
		return diag_set(d, -EINVAL, "a scan needs a scope");
	rc = start_listener(&l, s, sink, d);
	if (rc < 0)
		return rc;
	atomic_store(&s->count.cooling, false);
	count_set(&s->count.ended_us, 0);
	count_set(&s->count.started_us, clock_wall_us());
	if (s->cap) {
		cap_begin(s->cap, src);
		src = &capped;
	}
	rc = send_run(s, src, &l.failed, d);
	cool_down(s, &l);
	rx = stop_listener(&l, d);
	rc = rc < 0 ? rc : rx;
	count_set(&s->count.ended_us, clock_wall_us());
	return rc;
}
