/* The engine.  Two threads: the caller's sends, one of ours receives.
 *
 * Sending goes in batches of about half a millisecond's worth of packets (1 to
 * 64): the thread sleeps until a whole batch is due, so that at 10,000 pps it
 * wakes 2,000 times a second, and at any rate there is no spinning.  The pace
 * counts every packet that leaves, retries included. */
#include "probe/scan.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/addrset.h"
#include "common/clock.h"
#include "probe/pace.h"
#include "probe/ring.h"

#define NAP_NS   (100 * NS_PER_MS) /* the longest time not to look at ->stop */
#define IDLE_NS  (1 * NS_PER_MS)   /* between two questions to an empty source */
#define DROPS_NS (200 * NS_PER_MS)

enum {
	REFUSALS_MAX = 16384, /* in one batch, before ->stop is looked at again */
	RING_MAX = 4 << 20,
	RECEIVE_MS = 20,
};

struct sender {
	struct probe_scan *s;
	const struct probe_source *src;
	struct pace pace;
	struct ring ring; /* only with several probes per target */
	struct probe_target fetched[LINK_BATCH];
	unsigned at, n;
	bool ended;           /* the source has no more */
	uint64_t taken, done; /* targets; once the batch is submitted, of the latter */
};

struct listener {
	struct probe_scan *s;
	const struct probe_sink *sink;
	pthread_t thread;
	atomic_bool stop, failed;
	int rc;
	struct diag why;
};

static void count_set(atomic_uint_fast64_t *c, uint64_t v)
{
	atomic_store_explicit(c, v, memory_order_relaxed);
}

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
	count_outcome(c, o);
	l->sink->observe(l->sink->ctx, o);
}

static void on_packet(void *ctx, const uint8_t *bytes, size_t captured, uint64_t when_us)
{
	struct listener *l = ctx;
	struct probe_scan *s = l->s;
	struct observation o;

	count_add(&s->count.received, 1);
	if (reply_parse(&s->reply, wire_from(bytes, captured), s->receiver->l2, when_us,
	                &o))
		deliver(l, &o);
	else
		count_add(&s->count.invalid, 1);
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

static void *listen_thread(void *arg)
{
	struct listener *l = arg;
	const struct receive_sink to = { on_packet, on_answer, l };
	struct receiver *r = l->s->receiver;
	uint64_t look_at = 0;
	bool last = false;
	int n = 0;

	/* After the stop, what is in the buffer still counts. */
	while (n > 0 || !last) {
		last = atomic_load(&l->stop);
		n = r->ops->poll(r, last ? 0 : RECEIVE_MS, &to, &l->why);
		if (n < 0) {
			l->rc = n;
			atomic_store(&l->failed, true);
			break;
		}
		if (clock_mono_ns() >= look_at) {
			count_set(&l->s->count.kernel_drops, r->ops->drops(r));
			look_at = clock_mono_ns() + DROPS_NS;
		}
	}
	count_set(&l->s->count.kernel_drops, r->ops->drops(r));
	return NULL;
}

/* --- sending ------------------------------------------------------------- */

static bool fits(const struct probe_module *m, uint32_t port)
{
	if (m->has_port != (port != 0))
		return false;
	return port <= UINT16_MAX || m->proto == (port & PROBE_UDP ? OBS_UDP : OBS_TCP);
}

static const struct scan_lane *find_lane(const struct probe_scan *s,
                                         const struct probe_target *t)
{
	unsigned family = addr_is_v4(t->addr) ? PROBE_V4 : PROBE_V6;

	for (unsigned i = 0; i < s->n_lanes; i++)
		if (s->lanes[i].reply.family == family &&
		    fits(s->lanes[i].reply.module, t->port))
			return &s->lanes[i];
	return NULL;
}

static struct addr128 source_for(const struct probe_scan *s, struct addr128 target)
{
	int v6 = !addr_is_v4(target);
	unsigned n = s->sources[v6].n;
	uint64_t i = n > 1 ? addr_hash(target, s->cfg.seed) % n : 0;

	return s->reply.sources[s->sources[v6].first + i];
}

/* Put one packet into the lane's link.  The last look at the scope is here:
 * whatever path a target came by, it is asked about just before it is built. */
static int shoot(struct probe_scan *s, const struct probe_target *t, uint64_t now_us,
                 bool first, struct diag *d)
{
	const struct scan_lane *lane = find_lane(s, t);
	const struct scope *scope = atomic_load_explicit(&s->scope, memory_order_acquire);
	struct module_shot shot = { .tag = t->tag, .now_us = now_us };
	const struct probe_module *m;
	const struct packet_template *template;
	struct packet_fill fill;
	uint8_t *frame;
	int rc;

	if (!lane || scope_check(scope, t->addr) != SCOPE_OK) {
		if (first)
			count_add(lane ? &s->count.refused_scope
			               : &s->count.refused_family,
			          1);
		return 0;
	}
	m = lane->reply.module;
	template = lane->templates;
	if (m->variant)
		template += m->variant(lane->reply.state, (uint16_t)t->port);
	frame = lane->link->ops->reserve(lane->link);
	if (!frame) {
		rc = lane->link->ops->submit(lane->link, d);
		frame = rc < 0 ? NULL : lane->link->ops->reserve(lane->link);
		if (!frame)
			return rc < 0 ? rc : -ENOBUFS;
	}
	shot.flow = (struct probe_flow){ .src = source_for(s, t->addr),
		                         .dst = t->addr,
		                         .port = (uint16_t)t->port,
		                         .proto = m->proto };
	packet_start(&fill, template, frame, shot.flow.src, t->addr);
	m->fill(lane->reply.state, &s->reply.scan, &shot, &fill);
	if (!packet_finish(&fill, template))
		return diag_set(d, -EMSGSIZE, "%s: a field lies outside its packet",
		                m->name);
	lane->link->ops->commit(lane->link, template->len);
	return 1;
}

static bool fetch(struct sender *x)
{
	int n;

	if (x->at < x->n)
		return true;
	if (x->ended)
		return false;
	n = x->src->next(x->src->ctx, x->fetched, x->pace.batch);
	if (n < 0)
		x->ended = true;
	x->at = 0;
	x->n = n > 0 ? (unsigned)n : 0;
	return n > 0;
}

/* The target whose turn it is, and how many more packets it is to get. */
static bool next_shot(struct sender *x, uint64_t now_ns, struct ring_item *item)
{
	const struct ring_item *waiting = ring_first(&x->ring);

	if (waiting && waiting->due_ns <= now_ns) {
		*item = ring_pop(&x->ring);
		item->left--;
		return true;
	}
	if ((x->s->cfg.probes > 1 && ring_full(&x->ring)) || !fetch(x))
		return false;
	item->target = x->fetched[x->at++];
	item->number = x->taken++;
	count_add(&x->s->count.targets, 1);
	item->left = x->s->cfg.probes - 1;
	return true;
}

/* A target has had its last packet.  All wait equally long, so they are completed
 * in the order in which they came, but for those that are refused. */
static void complete(struct sender *x, const struct ring_item *item, bool refused)
{
	if (!ring_first(&x->ring))
		x->done = x->taken;
	else if (!refused)
		x->done = item->number + 1;
}

/* Up to want packets into the links; how many, or negative. */
static int fill_batch(struct sender *x, unsigned want, struct diag *d)
{
	uint64_t now_ns = clock_mono_ns(), now_us = clock_wall_us();
	struct probe_scan *s = x->s;
	unsigned n = 0, refused = 0;
	struct ring_item item;

	while (n < want && refused < REFUSALS_MAX && next_shot(x, now_ns, &item)) {
		bool first = item.left + 1 == s->cfg.probes;
		int rc = shoot(s, &item.target, now_us, first, d);

		if (rc < 0)
			return rc;
		if (rc == 0) {
			refused++;
			complete(x, &item, true);
			continue;
		}
		n++;
		if (item.left == 0) {
			complete(x, &item, false);
			continue;
		}
		item.due_ns = now_ns + s->cfg.probe_interval_ns;
		ring_push(&x->ring, &item);
	}
	/* Busy refusing is not idle: the caller must come back at once. */
	return n == 0 && refused ? 0 : n ? (int)n : -EAGAIN;
}

static int submit_all(struct probe_scan *s, struct diag *d)
{
	int rc = 0;

	for (int v6 = 0; v6 < 2 && rc == 0; v6++) {
		struct link *l = s->links[v6];

		if (l && !(v6 && l == s->links[0]))
			rc = l->ops->submit(l, d);
	}
	return rc;
}

static void nap(uint64_t until, uint64_t now)
{
	clock_sleep_until(until < now + NAP_NS ? until : now + NAP_NS);
}

/* Nothing to send: wait for the source, or for the next retry.  True: the end. */
static bool idle(struct sender *x, uint64_t now)
{
	const struct ring_item *waiting = ring_first(&x->ring);
	uint64_t until = now + IDLE_NS;

	if (x->ended && !waiting)
		return true;
	if (waiting && (x->ended || ring_full(&x->ring) || waiting->due_ns < until))
		until = waiting->due_ns;
	nap(until, now);
	return false;
}

static bool asked_to_stop(const struct probe_scan *s)
{
	return s->cfg.stop && atomic_load_explicit(s->cfg.stop, memory_order_relaxed);
}

static int send_loop(struct sender *x, const struct listener *l, struct diag *d)
{
	struct probe_scan *s = x->s;

	/* The kernel may wake us late by this: 50 us is half of a batch. */
	(void)prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
	while (!atomic_load_explicit(&l->failed, memory_order_relaxed)) {
		uint64_t now = clock_mono_ns(), wake;
		unsigned may;
		int n, rc;

		if (asked_to_stop(s))
			return ERR_STOPPED;
		may = pace_take(&x->pace, now, &wake);
		if (may == 0) {
			nap(wake, now);
			continue;
		}
		n = fill_batch(x, may, d);
		if (n < 0 && n != -EAGAIN)
			return n;
		pace_give_back(&x->pace, may - (n > 0 ? (unsigned)n : 0));
		if (n == -EAGAIN && idle(x, now))
			return 0;
		rc = n > 0 ? submit_all(s, d) : 0;
		if (rc < 0)
			return rc;
		count_set(&s->count.done, x->done);
	}
	return 0;
}

static int sender_init(struct sender *x, struct probe_scan *s,
                       const struct probe_source *src)
{
	double rate = s->cfg.rate_pps, waiting;

	memset(x, 0, sizeof(*x));
	x->s = s;
	x->src = src;
	pace_init(&x->pace, rate, clock_mono_ns());
	if (s->cfg.probes == 1)
		return 0;
	waiting = rate * ((double)s->cfg.probe_interval_ns / (double)NS_PER_S) + 1024;
	return ring_init(&x->ring, waiting < RING_MAX ? (size_t)waiting : RING_MAX);
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
		nap(end, now);
		now = clock_mono_ns();
	}
}

int probe_run(struct probe_scan *s, const struct probe_source *src,
              const struct probe_sink *sink, struct diag *d)
{
	struct sender *x = malloc(sizeof(*x));
	struct listener l;
	int rc, rx;

	if (!x)
		return -ENOMEM;
	if (!atomic_load(&s->scope)) {
		free(x);
		return diag_set(d, -EINVAL, "a scan needs a scope");
	}
	rc = sender_init(x, s, src);
	if (rc == 0)
		rc = start_listener(&l, s, sink, d);
	if (rc == 0) {
		atomic_store(&s->count.cooling, false);
		count_set(&s->count.ended_us, 0);
		count_set(&s->count.started_us, clock_wall_us());
		rc = send_loop(x, &l, d);
		cool_down(s, &l);
		rx = stop_listener(&l, d);
		rc = rc < 0 ? rc : rx;
		count_set(&s->count.ended_us, clock_wall_us());
	}
	ring_fini(&x->ring);
	free(x);
	return rc;
}
