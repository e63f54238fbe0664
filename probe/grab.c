/* The loop: targets in, connections up to the bounds, results out. */
#include "probe/grab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/rate.h"
#include "probe/grab_caps.h"
#include "probe/grab_conn.h"
#include "probe/scan.h"
#include "probe/window.h"

enum {
	SLOTS = 512, /* of the timer wheel */
	EVENTS = 256,
	FETCH = 64,
	WAITING = 16384, /* targets whose host or network is busy */
	SPARE_FDS = 64,
	LAG = 1 << 20, /* targets that may be begun while an earlier one is not done */
	CONTACT_MAX = 200,
};

#define SLOT_NS (16 * NS_PER_MS)
#define IDLE_MS 2 /* between two questions to a source that had nothing */
#define STOP_NS (2 * NS_PER_S)

struct again {
	struct probe_target target;
	bool second;
};

struct grab {
	struct grab_config cfg;
	struct conn_shared shared;
	struct service_probes *probes;
	struct services *names;
	struct service_probe only_tls;
	struct caps *caps;
	struct conn *conns, *free;
	struct conn slots[SLOTS]; /* heads of rings */
	uint64_t tick;            /* slots up to this one have been looked at */
	struct rate rate;
	struct probe_target fetched[FETCH];
	unsigned at, n_fetched;
	bool ended;          /* the source has no more */
	struct again *ready; /* a ring: these are counted in caps already */
	unsigned ready_at, n_ready;
	unsigned n_active;
	uint32_t taken;       /* targets so far: the tag of each is its number */
	struct window window; /* of those that are done */
	int epoll;
	_Atomic(const struct scope *) scope;
	const struct grab_sink *sink;
	struct {
		atomic_uint_fast64_t targets, refused_scope, connections, results,
			status[GRAB_STATUSES], handshakes, certificates, unfinished,
			active, waiting, started_us, ended_us, done;
	} count;
};

const struct grab_config grab_defaults = {
	.concurrency = 1000,
	.per_host = 2,
	.per_net = 32,
	.rate = 1000,
	.connect_ns = 5 * NS_PER_S,
	.read_ns = 5 * NS_PER_S,
	.banner_ns = 1500 * NS_PER_MS,
	.max_bytes = 8192,
	.tls_config = { .max_bytes = 65536 },
};

const char *grab_status_str(enum grab_status s)
{
	static const char *const names[GRAB_STATUSES] = {
		[GRAB_OK] = "ok",
		[GRAB_TIMEOUT] = "timeout",
		[GRAB_REFUSED] = "refused",
		[GRAB_UNREACHABLE] = "unreachable",
		[GRAB_RESET] = "reset",
		[GRAB_CLOSED] = "closed",
		[GRAB_SILENT] = "silent",
		[GRAB_NOT_TLS] = "not-tls",
		[GRAB_TLS_ALERT] = "tls-alert",
		[GRAB_TLS_ERROR] = "tls-error",
		[GRAB_TOO_LARGE] = "too-large",
		[GRAB_LOCAL] = "local-error",
	};

	return (unsigned)s < GRAB_STATUSES ? names[s] : "unknown";
}

/* --- making one -------------------------------------------------------------- */

/* Who we are: only what cannot end a header line goes into a request. */
static int introduce(struct conn_shared *s, const char *contact, struct diag *d)
{
	size_t n = contact ? strlen(contact) : 0;
	const char *host;

	for (size_t i = 0; i < n; i++)
		if (contact[i] <= ' ' || contact[i] > '~')
			n = 0;
	if (contact && (n == 0 || n > CONTACT_MAX || !strchr(contact, ':')))
		return diag_set(d, ERR_PARSE,
		                "contact '%.80s' is no URI of at most %d characters "
		                "(mailto:..., https://...)",
		                contact, CONTACT_MAX);
	snprintf(s->agent, sizeof(s->agent), contact ? "sextant (+%s)" : "sextant",
	         contact);
	host = contact ? strchr(contact, '@') : NULL;
	if (!host && contact)
		host = strstr(contact, "//");
	host = !host ? "localhost" : *host == '@' ? host + 1 : host + 2;
	snprintf(s->me, sizeof(s->me), "%.*s", (int)strcspn(host, "/?#:@ "), host);
	return 0;
}

/* As many descriptors as we may have. */
static void raise_limit(struct grab_config *cfg)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	if (l.rlim_cur < l.rlim_max && l.rlim_cur < cfg->concurrency + SPARE_FDS) {
		l.rlim_cur = l.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &l) < 0)
			(void)getrlimit(RLIMIT_NOFILE, &l);
	}
	if (l.rlim_cur >= cfg->concurrency + SPARE_FDS)
		return;
	cfg->concurrency = l.rlim_cur > 2 * SPARE_FDS ? (unsigned)l.rlim_cur - SPARE_FDS
	                                              : SPARE_FDS / 2;
	log_warn("only %u connections at once: more would need more file descriptors "
	         "(ulimit -n)",
	         cfg->concurrency);
}

static int load_tables(struct grab *g, struct diag *d)
{
	struct service_probes *t = calloc(1, sizeof(*t));
	int rc = t ? service_probes_load(t, d) : -ENOMEM;

	g->probes = t;
	if (rc == 0)
		rc = services_load(&g->names, d);
	if (rc < 0)
		return rc;
	snprintf(g->only_tls.name, sizeof(g->only_tls.name), "tls");
	g->only_tls.steps[0].kind = SERVICE_TLS;
	g->shared.probes = t;
	g->shared.names = g->names;
	g->shared.only_tls = g->shared.then_tls = &g->only_tls;
	for (unsigned i = 0; i < t->n; i++)
		if (!strcmp(t->probe[i].name, "https"))
			g->shared.then_tls = &t->probe[i];
	return 0;
}

static int check_config(const struct grab_config *cfg, struct diag *d)
{
	if (cfg->concurrency < 1 || cfg->concurrency > 1000000)
		return diag_set(d, ERR_PARSE, "--concurrency must be 1 to 1000000");
	if (cfg->max_bytes < 1 || cfg->max_bytes > 1 << 24)
		return diag_set(d, ERR_PARSE, "--max-bytes must be 1 to 16777216");
	if (!cfg->connect_ns || !cfg->read_ns || !cfg->banner_ns)
		return diag_set(d, ERR_PARSE, "a timeout must be more than 0");
	return 0;
}

static int make_pools(struct grab *g)
{
	unsigned n = g->cfg.concurrency;

	g->caps = caps_new(g->cfg.per_host, g->cfg.per_net, n, WAITING);
	g->conns = calloc(n, sizeof(*g->conns));
	g->ready = calloc(n, sizeof(*g->ready));
	g->shared.scratch = malloc(CONN_SCRATCH);
	if (g->cfg.count_done && window_init(&g->window, LAG) < 0)
		return -ENOMEM;
	if (!g->caps || !g->conns || !g->ready || !g->shared.scratch)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		g->conns[i].next = g->free;
		g->free = &g->conns[i];
	}
	for (unsigned i = 0; i < SLOTS; i++)
		g->slots[i].prev = g->slots[i].next = &g->slots[i];
	return 0;
}

int grab_new(struct grab **out, const struct grab_config *cfg, struct diag *d)
{
	struct grab *g;
	int rc = check_config(cfg, d);

	if (rc < 0)
		return rc;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->cfg = *cfg;
	g->cfg.banner |= !cfg->tls;
	g->shared.cfg = &g->cfg;
	atomic_init(&g->scope, cfg->scope);
	raise_limit(&g->cfg);
	g->epoll = epoll_create1(EPOLL_CLOEXEC);
	rc = g->epoll < 0 ? -errno : introduce(&g->shared, cfg->contact, d);
	if (rc == 0)
		rc = load_tables(g, d);
	if (rc == 0)
		rc = tls_client_new(&g->shared.tls, &cfg->tls_config, d);
	if (rc == 0)
		rc = make_pools(g);
	if (rc < 0) {
		grab_free(g);
		return rc;
	}
	*out = g;
	return 0;
}

void grab_free(struct grab *g)
{
	if (!g)
		return;
	if (g->epoll >= 0)
		close(g->epoll);
	tls_client_free(g->shared.tls);
	caps_free(g->caps);
	services_free(g->names);
	free(g->probes);
	free(g->conns);
	free(g->ready);
	free(g->shared.scratch);
	window_fini(&g->window);
	free(g);
}

void grab_set_scope(struct grab *g, const struct scope *scope)
{
	atomic_store(&g->scope, scope);
}

/* --- timers ------------------------------------------------------------------ */

static void unlink_conn(struct conn *c)
{
	if (!c->next)
		return;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	c->prev = c->next = NULL;
}

/* Behind its deadline, or, where that is too far away, as late as possible. */
static void schedule(struct grab *g, struct conn *c)
{
	uint64_t tick = c->deadline_ns / SLOT_NS + 1;
	struct conn *head;

	if (tick <= g->tick)
		tick = g->tick + 1;
	if (tick >= g->tick + SLOTS)
		tick = g->tick + SLOTS - 1;
	head = &g->slots[tick % SLOTS];
	unlink_conn(c);
	c->prev = head->prev;
	c->next = head;
	head->prev->next = c;
	head->prev = c;
}

/* --- connections ------------------------------------------------------------- */

static void push_ready(struct grab *g, const struct probe_target *t, bool second)
{
	unsigned i = (g->ready_at + g->n_ready++) % g->cfg.concurrency;

	g->ready[i] = (struct again){ *t, second };
}

/* Its place at the host is free: for the next in line. */
static void give_place(struct grab *g, struct addr128 addr)
{
	struct probe_target next;

	if (caps_give(g->caps, addr, &next))
		push_ready(g, &next, false);
}

static void set_done(struct grab *g, uint32_t number)
{
	if (!g->cfg.count_done)
		return;
	window_done(&g->window, number);
	atomic_store_explicit(&g->count.done, g->window.base, memory_order_relaxed);
}

static void report(struct grab *g, const struct conn *c)
{
	const struct grab_result *r = &c->r;

	count_add(&g->count.results, 1);
	count_add(&g->count.status[r->status], 1);
	if (r->tls && c->inside)
		count_add(&g->count.handshakes, 1);
	if (r->info.chain)
		count_add(&g->count.certificates, 1);
	g->sink->result(g->sink->ctx, r);
	set_done(g, c->number);
}

static void put_back(struct grab *g, struct conn *c)
{
	unlink_conn(c);
	conn_close(c);
	c->next = g->free;
	g->free = c;
	g->n_active--;
}

static void drive(struct grab *g, struct conn *c, uint32_t events, uint64_t now_ns)
{
	struct probe_target t = { .addr = c->r.addr,
		                  .port = c->r.port,
		                  .tag = c->number };

	switch (conn_drive(c, &g->shared, events, now_ns)) {
	case CONN_GOES_ON: schedule(g, c); return;
	case CONN_AGAIN:
		put_back(g, c);
		push_ready(g, &t, true);
		return;
	case CONN_OVER:
		report(g, c);
		put_back(g, c);
		give_place(g, t.addr);
	}
}

static void open_one(struct grab *g, const struct probe_target *t, bool second,
                     uint64_t now_ns)
{
	const struct scope *scope = atomic_load_explicit(&g->scope, memory_order_acquire);
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	struct conn *c = g->free;
	int rc;

	/* The last look at the scope, whatever way the target came by. */
	if (scope_check(scope, t->addr) != SCOPE_OK) {
		count_add(&g->count.refused_scope, 1);
		set_done(g, t->tag);
		give_place(g, t->addr);
		return;
	}
	g->free = c->next;
	g->n_active++;
	count_add(&g->count.connections, 1);
	rc = conn_open(c, &g->shared, t, second, now_ns);
	c->number = t->tag;
	e.data.ptr = c;
	if (rc == 0 && epoll_ctl(g->epoll, EPOLL_CTL_ADD, c->fd, &e) < 0) {
		c->r.status = GRAB_LOCAL;
		rc = -errno;
	}
	if (rc == 0) {
		schedule(g, c);
		return;
	}
	report(g, c);
	put_back(g, c);
	give_place(g, t->addr);
}

/* --- targets ----------------------------------------------------------------- */

/* True: one that may go is in *out, and counted in caps. */
static bool next_target(struct grab *g, const struct probe_source *src, struct again *out)
{
	if (g->n_ready) {
		*out = g->ready[g->ready_at];
		g->ready_at = (g->ready_at + 1) % g->cfg.concurrency;
		g->n_ready--;
		return true;
	}
	while (!caps_full(g->caps) &&
	       (!g->cfg.count_done || window_has_room(&g->window, g->taken))) {
		if (g->at == g->n_fetched) {
			int n = g->ended ? 0 : src->next(src->ctx, g->fetched, FETCH);

			g->ended |= n < 0;
			g->at = 0;
			g->n_fetched = n > 0 ? (unsigned)n : 0;
			if (n <= 0)
				return false;
		}
		*out = (struct again){ g->fetched[g->at++], false };
		out->target.port &= UINT16_MAX;
		out->target.tag = g->taken++;
		count_add(&g->count.targets, 1);
		if (caps_take(g->caps, &out->target))
			return true;
	}
	return false;
}

/* As many as may be; when to come back at the latest. */
static uint64_t start(struct grab *g, const struct probe_source *src, uint64_t now_ns)
{
	struct again a;
	uint64_t wake;

	while (g->free) {
		if (!rate_take(&g->rate, 1, now_ns, &wake))
			return wake;
		if (!next_target(g, src, &a)) {
			rate_give_back(&g->rate, 1);
			return g->ended ? UINT64_MAX : now_ns + IDLE_MS * NS_PER_MS;
		}
		open_one(g, &a.target, a.second, now_ns);
	}
	return UINT64_MAX;
}

/* --- the loop ---------------------------------------------------------------- */

/* Those whose time has come. */
static void expire(struct grab *g, uint64_t now_ns)
{
	uint64_t until = now_ns / SLOT_NS;

	/* Once around is enough, however long we have slept. */
	if (until > g->tick + SLOTS)
		g->tick = until - SLOTS;
	while (g->tick < until) {
		struct conn *head = &g->slots[++g->tick % SLOTS], *c = head->next;
		struct conn mine = { .next = NULL };

		/* The slot is taken as it is, since driving may fill it again. */
		if (c == head)
			continue;
		mine.next = c;
		mine.prev = head->prev;
		mine.next->prev = mine.prev->next = &mine;
		head->prev = head->next = head;
		while ((c = mine.next) != &mine) {
			if (c->deadline_ns <= now_ns)
				drive(g, c, 0, now_ns);
			else
				schedule(g, c);
		}
	}
}

static void abandon(struct grab *g)
{
	count_add(&g->count.unfinished, g->n_active + g->n_ready + caps_waiting(g->caps));
	for (unsigned i = 0; i < g->cfg.concurrency; i++)
		if (g->conns[i].fd >= 0 && g->conns[i].prev)
			put_back(g, &g->conns[i]);
	g->n_ready = 0;
}

static bool asked_to_stop(const struct grab *g)
{
	return g->cfg.stop && atomic_load_explicit(g->cfg.stop, memory_order_relaxed);
}

static int wait_ms(uint64_t wake_ns, uint64_t now_ns)
{
	uint64_t until = now_ns + SLOT_NS;

	if (wake_ns < until)
		until = wake_ns;
	return until <= now_ns ? 0 : (int)((until - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void show_counts(struct grab *g)
{
	atomic_store_explicit(&g->count.active, g->n_active, memory_order_relaxed);
	atomic_store_explicit(&g->count.waiting, caps_waiting(g->caps) + g->n_ready,
	                      memory_order_relaxed);
}

static int loop(struct grab *g, const struct probe_source *src, struct diag *d)
{
	struct epoll_event events[EVENTS];
	uint64_t stop_ns = 0;

	for (;;) {
		uint64_t now = clock_mono_ns(), wake = UINT64_MAX;
		int n;

		expire(g, now);
		if (!stop_ns && asked_to_stop(g))
			stop_ns = now + STOP_NS;
		if (!stop_ns)
			wake = start(g, src, now);
		show_counts(g);
		if (g->n_active == 0 &&
		    (stop_ns || (g->ended && g->n_ready == 0 && g->at == g->n_fetched &&
		                 caps_waiting(g->caps) == 0)))
			break;
		if (stop_ns && now >= stop_ns)
			break;
		n = epoll_wait(g->epoll, events, EVENTS, wait_ms(wake, now));
		if (n < 0 && errno != EINTR)
			return diag_set(d, -errno, "epoll: %s", strerror(errno));
		now = clock_mono_ns();
		for (int i = 0; i < n; i++)
			drive(g, events[i].data.ptr, events[i].events, now);
	}
	abandon(g);
	show_counts(g);
	return stop_ns ? ERR_STOPPED : 0;
}

int grab_run(struct grab *g, const struct probe_source *source,
             const struct grab_sink *sink, struct diag *d)
{
	uint64_t now = clock_mono_ns();
	double burst = g->cfg.rate / 100;
	int rc;

	if (!atomic_load(&g->scope))
		return diag_set(d, -EINVAL, "grabbing needs a scope");
	g->sink = sink;
	g->tick = now / SLOT_NS;
	rate_init(&g->rate, g->cfg.rate, burst > 1 ? (unsigned)burst : 1, now);
	atomic_store(&g->count.started_us, clock_wall_us());
	rc = loop(g, source, d);
	atomic_store(&g->count.ended_us, clock_wall_us());
	return rc;
}

void grab_stats(const struct grab *g, struct grab_stats *s)
{
	*s = (struct grab_stats){
		.targets = atomic_load(&g->count.targets),
		.refused_scope = atomic_load(&g->count.refused_scope),
		.connections = atomic_load(&g->count.connections),
		.results = atomic_load(&g->count.results),
		.handshakes = atomic_load(&g->count.handshakes),
		.certificates = atomic_load(&g->count.certificates),
		.unfinished = atomic_load(&g->count.unfinished),
		.active = atomic_load(&g->count.active),
		.waiting = atomic_load(&g->count.waiting),
		.done = atomic_load(&g->count.done),
		.started_us = atomic_load(&g->count.started_us),
		.ended_us = atomic_load(&g->count.ended_us),
	};
	for (unsigned i = 0; i < GRAB_STATUSES; i++)
		s->status[i] = atomic_load(&g->count.status[i]);
}
