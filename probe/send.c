/* Sending goes in batches of a millisecond's worth of packets, or as many as the link
 * takes at most: a thread sleeps until a whole batch is due, so that at 10,000 pps it
 * wakes 1,000 times a second.
 * The pace counts every packet that leaves, retries included.
 *
 * Within a batch, packets are made by the volley: targets are taken, asked about and
 * sorted out one by one, then all their cookies are computed side by side, then the
 * packets are written into the link's frames. */
#include "probe/send.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/addrset.h"
#include "common/clock.h"
#include "probe/lanes.h"
#include "probe/pace.h"
#include "probe/packet_text.h"
#include "probe/ring.h"

#define NAP_NS  (100 * NS_PER_MS) /* the longest time not to look at ->stop */
#define IDLE_NS (1 * NS_PER_MS)   /* between two questions to an empty source */

#define EARLY_MAX_NS  (20 * NS_PER_US)
#define EARLY_STEP_NS (NS_PER_US / 8)
#define PROMPT_NS     (50 * NS_PER_US) /* from the pace's leave to a batch's, */
#define PACKET_NS     (1 * NS_PER_US)  /* and as much for each packet */

enum {
	VOLLEY = COOKIE_BATCH,
	REFUSALS_MAX = 16384, /* in one batch, before ->stop is looked at again */
	RING_MAX = 4 << 20,   /* of all threads */
};

/* What the threads share. */
struct team {
	struct probe_scan *s;
	const struct probe_source *src;
	const atomic_bool *halt; /* the receiver has failed */
	atomic_bool failed;      /* one of the team */
	pthread_mutex_t turn;    /* to send: who has it may sleep */
	struct pace pace;        /* of whose turn it is */
	double rate_pps;         /* its rate */
	uint64_t early_ns;       /* before a packet is due: when to ask to be woken */
	unsigned batch;          /* the links' */
	uint64_t left;           /* packets that may still go, of ->max_packets */
	pthread_mutex_t door;    /* of the source */
	atomic_bool ended;       /* it has no more */
};

/* Packets that are made together. */
struct volley {
	unsigned n;
	struct ring_item item[VOLLEY];
	const struct scan_lane *lane[VOLLEY];
	struct module_shot shot[VOLLEY];
	struct cookie_batch cookies;
};

struct sender {
	struct team *team;
	struct probe_scan *s;
	struct scan_sender *own; /* links and counters */
	struct ring ring;        /* only with several probes per target; */
	size_t waiting;          /* of those in it, how many are of this batch */
	uint64_t completed; /* 1 + the number of the last target that was, in order */
	const struct scan_lane *lane; /* of the last target, */
	uint32_t port;                /* and of this port */
	struct volley volley;
	pthread_t thread;
	bool started;
	int rc;
	struct diag why;
};

/* --- which packet ---------------------------------------------------------- */

/* The last one is the first guess. */
static const struct scan_lane *find_lane(struct sender *x, const struct probe_target *t)
{
	const struct probe_scan *s = x->s;
	unsigned family = addr_is_v4(t->addr) ? PROBE_V4 : PROBE_V6;

	if (x->lane && x->lane->reply.family == family && x->port == t->port)
		return x->lane;
	x->port = t->port;
	for (unsigned i = 0; i < s->n_lanes; i++)
		if (s->lanes[i].reply.family == family &&
		    lane_fits(&s->lanes[i].reply, t->port))
			return x->lane = &s->lanes[i];
	return x->lane = NULL;
}

/* An address of a source prefix, of which so many bits are free: by the scan's key, so
 * that nobody knows which target has which.  No cookie is over as many words. */
static struct addr128 source_within(const struct probe_scan *s, struct addr128 a,
                                    unsigned bits, struct addr128 target)
{
	uint64_t words[4] = { target.hi, target.lo }, hash[2];

	for (unsigned i = 0; i < 2; i++) {
		words[2] = i;
		hash[i] = mac64(&s->reply.scan.key, words, sizeof(words));
	}
	a.lo |= bits >= 64 ? hash[0] : hash[0] & ((UINT64_C(1) << bits) - 1);
	if (bits > 64)
		a.hi |= hash[1] & (UINT64_MAX >> (128 - bits));
	return a;
}

static struct addr128 source_for(const struct probe_scan *s, struct addr128 target)
{
	int v6 = !addr_is_v4(target);
	unsigned n = s->sources[v6].n;
	uint64_t i = s->sources[v6].first;

	if (n > 1)
		i += addr_hash(target, s->cfg.seed) % n;
	if (s->reply.source_bits[i])
		return source_within(s, s->reply.sources[i], s->reply.source_bits[i],
		                     target);
	return s->reply.sources[i];
}

static void place(struct volley *v, const struct scan_lane *lane,
                  const struct ring_item *item, struct addr128 src, uint64_t now_us)
{
	struct module_shot *shot = &v->shot[v->n];
	struct ring_item *own = &v->item[v->n];

	/* Word by word: gcc copies a struct by way of vectors, which have to wait for the
	 * words that were written just before.  That is half of the time of all this. */
	own->target.addr.hi = shot->flow.dst.hi = item->target.addr.hi;
	own->target.addr.lo = shot->flow.dst.lo = item->target.addr.lo;
	own->target.port = item->target.port;
	own->target.tag = shot->tag = item->target.tag;
	own->left = item->left;
	own->number = item->number;
	shot->flow.src.hi = src.hi;
	shot->flow.src.lo = src.lo;
	shot->flow.port = (uint16_t)item->target.port;
	shot->flow.proto = lane->reply.module->proto;
	shot->hop = (uint8_t)(item->target.port >> PROBE_HOP_SHIFT);
	shot->now_us = now_us;
	cookie_batch_set(&v->cookies, v->n, &shot->flow);
	v->lane[v->n++] = lane;
}

/* Take a target into the volley.  The last look at the scope is here: whatever path
 * a target came by, it is asked about just before its packet is made. */
static bool enlist(struct sender *x, const struct ring_item *item, bool first,
                   const struct scope *scope, uint64_t now_us)
{
	const struct scan_lane *lane = find_lane(x, &item->target);

	if (!lane || scope_check(scope, item->target.addr) != SCOPE_OK) {
		if (first)
			count_add(lane ? &x->own->refused_scope : &x->own->refused_family,
			          1);
		return false;
	}
	place(&x->volley, lane, item, source_for(x->s, item->target.addr), now_us);
	return true;
}

/* --- making packets -------------------------------------------------------- */

static void make_cookies(struct volley *v, const struct mac_key *key)
{
	struct cookie_batch *b = &v->cookies;
	bool any = false;

	cookie_batch_flows(b, key, v->n);
	for (unsigned i = 0; i < v->n; i++) {
		const struct reply_lane *l = &v->lane[i]->reply;
		struct module_data data = { 0, 0 };

		v->shot[i].cookie = b->flow_cookie[i];
		if (l->module->data) {
			data = l->module->data(l->state, &v->shot[i]);
			any = true;
		}
		b->data[0][i] = data.tag;
		b->data[1][i] = data.time_us;
	}
	if (!any)
		return;
	cookie_batch_data(b, key, v->n);
	for (unsigned i = 0; i < v->n; i++)
		v->shot[i].data_cookie = b->data_cookie[i];
}

static int make_packet(struct sender *x, const struct scan_lane *lane,
                       const struct module_shot *shot, struct diag *d)
{
	const struct probe_module *m = lane->reply.module;
	const struct packet_template *template = lane->templates;
	struct link *link = x->own->links[lane->reply.family == PROBE_V6];
	struct packet_fill fill;
	uint8_t *frame;
	int rc;

	if (m->variant)
		template += m->variant(lane->reply.state, shot->flow.port);
	frame = link->ops->reserve(link);
	if (!frame) {
		rc = link->ops->submit(link, d);
		frame = rc < 0 ? NULL : link->ops->reserve(link);
		if (!frame)
			return rc < 0 ? rc : -ENOBUFS;
	}
	packet_start(&fill, template, frame, shot->flow.src, shot->flow.dst);
	if (shot->hop)
		packet_set_hop(template, frame, shot->hop,
		               reply_ident(shot->hop, shot->now_us));
	m->fill(lane->reply.state, &x->s->reply.scan, shot, &fill);
	if (!packet_finish(&fill, template))
		return diag_set(d, -EMSGSIZE, "%s: a field lies outside its packet",
		                m->name);
	if (x->s->cfg.packet_trace)
		packet_trace("SENT", wire_from(frame, template->l4_at + fill.len),
		             link->ethernet ? PACKET_L2_ETHERNET : PACKET_L2_NONE);
	link->ops->commit(link, (uint16_t)(template->l4_at + fill.len));
	return 0;
}

/* A target has had its last packet.  All wait equally long, so those of one thread
 * are completed in the order in which they came, but for those that are refused. */
static void complete(struct sender *x, const struct ring_item *item)
{
	if (x->completed <= item->number)
		x->completed = item->number + 1;
}

/* Make the packets of the volley, and put those targets in the ring that are to get
 * more. */
static int fire(struct sender *x, uint64_t now_ns, struct diag *d)
{
	struct volley *v = &x->volley;

	make_cookies(v, &x->s->reply.scan.key);
	for (unsigned i = 0; i < v->n; i++) {
		struct ring_item *item = &v->item[i];
		int rc = make_packet(x, v->lane[i], &v->shot[i], d);

		if (rc < 0)
			return rc;
		if (item->left == 0) {
			complete(x, item);
			continue;
		}
		item->due_ns = now_ns + x->s->cfg.probe_interval_ns;
		ring_push(&x->ring, item);
		x->waiting++;
	}
	return (int)v->n;
}

/* --- targets ---------------------------------------------------------------- */

/* What is taken is not done before oldest says so: it has to be set before the count
 * of targets is (see probe_stats()). */
static unsigned fetch(struct sender *x, struct probe_target *out, unsigned max,
                      uint64_t *number)
{
	struct team *team = x->team;
	int n = 0;

	pthread_mutex_lock(&team->door);
	*number = atomic_load_explicit(&x->s->count.targets, memory_order_relaxed);
	if (!atomic_load_explicit(&team->ended, memory_order_relaxed))
		n = team->src->next(team->src->ctx, out, max);
	if (n < 0)
		atomic_store(&team->ended, true);
	if (n > 0) {
		if (atomic_load_explicit(&x->own->oldest, memory_order_relaxed) ==
		    UINT64_MAX)
			count_set(&x->own->oldest, *number);
		atomic_store_explicit(&x->s->count.targets, *number + (unsigned)n,
		                      memory_order_release);
	}
	pthread_mutex_unlock(&team->door);
	return n > 0 ? (unsigned)n : 0;
}

struct batch_state {
	uint64_t now_ns, now_us;
	const struct scope *scope;
	unsigned refused;
};

/* Those whose turn it is to get another packet. */
static void enlist_waiting(struct sender *x, unsigned want, struct batch_state *b)
{
	const struct ring_item *waiting;

	while (x->volley.n < want && (waiting = ring_first(&x->ring)) &&
	       waiting->due_ns <= b->now_ns) {
		struct ring_item item = ring_pop(&x->ring);

		item.left--;
		b->refused += !enlist(x, &item, false, b->scope, b->now_us);
	}
}

static void enlist_new(struct sender *x, unsigned want, struct batch_state *b)
{
	struct probe_target t[VOLLEY];
	unsigned n = want - x->volley.n;
	size_t room = x->ring.cap - x->ring.n - x->volley.n;
	struct ring_item item = { .left = x->s->cfg.probes - 1 };

	if (item.left && n > room)
		n = (unsigned)room;
	if (n == 0)
		return;
	n = fetch(x, t, n, &item.number);
	for (unsigned i = 0; i < n; i++, item.number++) {
		item.target.addr.hi = t[i].addr.hi;
		item.target.addr.lo = t[i].addr.lo;
		item.target.port = t[i].port;
		item.target.tag = t[i].tag;
		b->refused += !enlist(x, &item, true, b->scope, b->now_us);
	}
}

/* Up to want packets into the links; how many, -EAGAIN when there is nothing to send,
 * or what failed. */
static int fill_batch(struct sender *x, unsigned want, struct diag *d)
{
	struct batch_state b = {
		.now_ns = clock_mono_ns(),
		.now_us = clock_wall_us(),
		.scope = atomic_load_explicit(&x->s->scope, memory_order_acquire),
	};
	unsigned n = 0, before;
	int rc;

	x->waiting = 0;
	while (n < want && b.refused < REFUSALS_MAX) {
		unsigned now = want - n < VOLLEY ? want - n : VOLLEY;

		before = b.refused;
		x->volley.n = 0;
		enlist_waiting(x, now, &b);
		if (x->volley.n < now)
			enlist_new(x, now, &b);
		if (x->volley.n == 0 && b.refused == before)
			break;
		rc = fire(x, b.now_ns, d);
		if (rc < 0)
			return rc;
		n += (unsigned)rc;
	}
	/* Busy refusing is not idle: the caller must come back at once. */
	return n == 0 && b.refused ? 0 : n ? (int)n : -EAGAIN;
}

static int submit_all(struct sender *x, struct diag *d)
{
	int rc = 0;

	for (int v6 = 0; v6 < 2 && rc == 0; v6++) {
		struct link *l = x->own->links[v6];

		if (l && !(v6 && l == x->own->links[0]))
			rc = l->ops->submit(l, d);
	}
	return rc;
}

/* --- the loop ---------------------------------------------------------------- */

static void nap(uint64_t until, uint64_t now)
{
	clock_sleep_until(until < now + NAP_NS ? until : now + NAP_NS);
}

static bool must_end(const struct team *t)
{
	return atomic_load_explicit(t->halt, memory_order_relaxed) ||
	       atomic_load_explicit(&t->failed, memory_order_relaxed);
}

static bool asked_to_stop(const struct probe_scan *s)
{
	return s->cfg.stop && atomic_load_explicit(s->cfg.stop, memory_order_relaxed);
}

/* Nothing to send: wait for the source, or for the next retry.  True: the end. */
static bool idle(struct sender *x)
{
	const struct ring_item *waiting = ring_first(&x->ring);
	uint64_t now = clock_mono_ns(), until = now + IDLE_NS;
	bool ended = atomic_load(&x->team->ended);

	if (ended && !waiting)
		return true;
	if (waiting && (ended || ring_full(&x->ring) || waiting->due_ns < until))
		until = waiting->due_ns;
	nap(until, now);
	return false;
}

/* A wake-up is late, by some 10 us as a rule, and that every time: so sleep as much less
 * as three of four are late, and spend what is left of it, if anything, awake. */
static void sleep_until_due(struct team *t, uint64_t due, uint64_t now)
{
	uint64_t until = due - t->early_ns;

	if (until > now) {
		nap(until, now);
		now = clock_mono_ns();
		if (now < until)
			return; /* a signal, or a long way to go */
		if (now > due)
			t->early_ns += t->early_ns < EARLY_MAX_NS ? EARLY_STEP_NS : 0;
		else
			t->early_ns -= t->early_ns > 3 * EARLY_STEP_NS ? 3 * EARLY_STEP_NS
			                                               : t->early_ns;
	}
	while (now < due)
		now = clock_mono_ns();
}

/* probe_set_rate() was called. */
static void follow_rate(struct team *t, uint64_t now)
{
	double pps = atomic_load_explicit(&t->s->rate_pps, memory_order_relaxed);

	if (pps == t->rate_pps)
		return;
	t->rate_pps = pps;
	pace_init(&t->pace, pps, t->batch, now);
}

/* Wait in turn: those behind wait for the turn, and none of them for the pace.
 * *spent: as many packets as there may be are gone, or another thread has the last. */
static unsigned take_pace(struct team *t, struct pace_turn *turn, bool *spent)
{
	unsigned may = 0;
	uint64_t now;

	pthread_mutex_lock(&t->turn);
	*spent = t->left == 0;
	if (!*spent && !must_end(t) && !asked_to_stop(t->s)) {
		now = clock_mono_ns();
		follow_rate(t, now);
		may = pace_take(&t->pace, now, turn);
		if (may == 0)
			sleep_until_due(t, turn->at_ns, now);
		if (may > t->left) {
			pace_give_back(&t->pace, may - (unsigned)t->left);
			may = (unsigned)t->left;
		}
		t->left -= may;
	}
	pthread_mutex_unlock(&t->turn);
	return may;
}

static void give_back(struct team *t, unsigned n)
{
	if (n == 0)
		return;
	pthread_mutex_lock(&t->turn);
	pace_give_back(&t->pace, n);
	t->left += n;
	pthread_mutex_unlock(&t->turn);
}

static void leave(struct team *t, const struct pace_turn *turn, uint64_t now)
{
	pthread_mutex_lock(&t->turn);
	pace_leave(&t->pace, turn, now);
	pthread_mutex_unlock(&t->turn);
}

/* The batch is ready, perhaps a microsecond too early. */
static uint64_t wait_to_leave(struct team *t, const struct pace_turn *turn)
{
	uint64_t now = clock_mono_ns();

	while (now < turn->at_ns)
		now = clock_mono_ns();
	if (t->pace.per_ms)
		leave(t, turn, now);
	return now;
}

/* If it took long, because the machine did something else in between, neither the next
 * packets nor those to the same targets may be close behind. */
static void note_departure(struct sender *x, const struct pace_turn *turn, uint64_t since)
{
	struct team *t = x->team;
	uint64_t now = clock_mono_ns();

	if (now - since < PROMPT_NS + PACKET_NS * t->pace.batch)
		return;
	ring_delay(&x->ring, x->waiting, now + x->s->cfg.probe_interval_ns);
	leave(t, turn, now);
}

/* What was submitted is done.  An empty ring leaves nothing to be done. */
static void settle(struct sender *x)
{
	if (!ring_first(&x->ring))
		count_set(&x->own->oldest, UINT64_MAX);
	else if (x->completed >
	         atomic_load_explicit(&x->own->oldest, memory_order_relaxed))
		count_set(&x->own->oldest, x->completed);
}

static int send_loop(struct sender *x, struct diag *d)
{
	/* The kernel may wake us late by this, and by 50 us if nothing is said. */
	(void)prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
	while (!must_end(x->team)) {
		struct pace_turn turn;
		uint64_t since = 0;
		unsigned may;
		bool spent;
		int n, rc;

		if (asked_to_stop(x->s))
			return ERR_STOPPED;
		may = take_pace(x->team, &turn, &spent);
		if (spent)
			return ERR_STOPPED;
		if (may == 0)
			continue;
		n = fill_batch(x, may, d);
		if (n < 0 && n != -EAGAIN)
			return n;
		if (n > 0)
			since = wait_to_leave(x->team, &turn);
		rc = n > 0 ? submit_all(x, d) : 0;
		if (rc < 0)
			return rc;
		if (n > 0)
			note_departure(x, &turn, since);
		settle(x);
		give_back(x->team, may - (n > 0 ? (unsigned)n : 0));
		if (n == -EAGAIN && idle(x))
			return 0;
	}
	return 0;
}

/* --- threads ----------------------------------------------------------------- */

/* Pinned for the time of sending; the receiver goes where it likes. */
static int pin(struct sender *x, cpu_set_t *former)
{
	const struct probe_scan *s = x->s;
	unsigned n = s->cfg.n_cores;
	cpu_set_t set;

	if (n == 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(s->cfg.cores[(size_t)(x->own - s->senders) % n], &set);
	if (former)
		pthread_getaffinity_np(pthread_self(), sizeof(*former), former);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0)
		return 0;
	return diag_set(&x->why, -EINVAL, "cannot run on core %u",
	                s->cfg.cores[(size_t)(x->own - s->senders) % n]);
}

static void *send_thread(void *arg)
{
	struct sender *x = arg;

	x->rc = pin(x, NULL);
	if (x->rc == 0)
		x->rc = send_loop(x, &x->why);
	if (x->rc < 0 && x->rc != ERR_STOPPED)
		atomic_store(&x->team->failed, true);
	return NULL;
}

static int sender_init(struct sender *x, struct team *team, unsigned i)
{
	const struct probe_config *cfg = &team->s->cfg;
	unsigned n = team->s->n_senders;
	double waiting;

	x->team = team;
	x->s = team->s;
	x->own = &team->s->senders[i];
	count_set(&x->own->oldest, UINT64_MAX);
	if (cfg->probes == 1)
		return 0;
	/* Which thread gets how many of the targets is not known. */
	waiting = probe_rate(team->s) *
	                  ((double)cfg->probe_interval_ns / (double)NS_PER_S) +
	          1024;
	return ring_init(&x->ring,
	                 waiting < RING_MAX / n ? (size_t)waiting : RING_MAX / n);
}

static unsigned batch_of(const struct probe_scan *s)
{
	unsigned most = 1;

	for (int v6 = 0; v6 < 2; v6++) {
		const struct link *l = s->senders[0].links[v6];

		if (l && l->batch > most)
			most = l->batch;
	}
	return most;
}

static int run_team(struct sender *x, struct team *t, struct diag *d)
{
	unsigned n = t->s->n_senders;
	int rc = 0;
	cpu_set_t former;

	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = sender_init(&x[i], t, i);
	for (unsigned i = 1; rc == 0 && i < n; i++) {
		rc = -pthread_create(&x[i].thread, NULL, send_thread, &x[i]);
		x[i].started = rc == 0;
		if (rc < 0)
			diag_set(d, rc, "cannot start a thread: %s", strerror(-rc));
	}
	if (rc == 0) {
		x[0].rc = pin(&x[0], &former);
		if (x[0].rc == 0)
			x[0].rc = send_loop(&x[0], &x[0].why);
		if (t->s->cfg.n_cores)
			pthread_setaffinity_np(pthread_self(), sizeof(former), &former);
	}
	if (rc < 0 || (x[0].rc < 0 && x[0].rc != ERR_STOPPED))
		atomic_store(&t->failed, true);
	for (unsigned i = 1; i < n; i++)
		if (x[i].started)
			pthread_join(x[i].thread, NULL);
	/* What failed says more than that others were stopped. */
	for (unsigned i = 0; i < n; i++)
		if (x[i].rc < 0 && (rc == 0 || rc == ERR_STOPPED)) {
			rc = x[i].rc;
			*d = x[i].why;
		}
	return rc;
}

int send_run(struct probe_scan *s, const struct probe_source *src,
             const atomic_bool *halt, struct diag *d)
{
	struct team t = { .s = s, .src = src, .halt = halt };
	struct sender *x = calloc(s->n_senders, sizeof(*x));
	struct diag why = { "" };
	int rc;

	if (!x)
		return -ENOMEM;
	pthread_mutex_init(&t.turn, NULL);
	pthread_mutex_init(&t.door, NULL);
	t.rate_pps = probe_rate(s);
	t.batch = batch_of(s);
	t.left = s->cfg.max_packets ? s->cfg.max_packets : UINT64_MAX / 2;
	pace_init(&t.pace, t.rate_pps, t.batch, clock_mono_ns());
	rc = run_team(x, &t, &why);
	if (rc < 0 && why.text[0])
		diag_set(d, rc, "%s", why.text);
	for (unsigned i = 0; i < s->n_senders; i++)
		ring_fini(&x[i].ring);
	free(x);
	pthread_mutex_destroy(&t.turn);
	pthread_mutex_destroy(&t.door);
	return rc;
}
