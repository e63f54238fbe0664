#include "cli/refresh.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/addrset.h"
#include "common/clock.h"

enum {
	CHUNK = 1024,    /* hosts judged together */
	EXPECT_MIN = 64, /* so many should answer before silence is suspect */
};

struct refresh {
	const struct refresh_config *cfg;
	const struct addrvec *hosts;
	struct hitlist *hitlist;
	struct refresh_stats st;
	/* The sender's. */
	size_t host;       /* the next one to be probed */
	unsigned service;  /* with this */
	bool down;         /* our network, as of the last chunk that tells */
	size_t judged;     /* chunks */
	uint64_t *sent_ns; /* when the last packet to each chunk went out */
	uint64_t start_ns;
	/* Both threads'; under the lock. */
	pthread_mutex_t lock;
	struct journal *journal;
	struct addrset *answered;
	struct addrset *forged;   /* somebody answered DNS in their place */
	struct addrset *dns;      /* who has answers that wait */
	struct observation *held; /* these */
	size_t n_held, cap_held;
	uint64_t answers;
	int rc; /* the first error */
};

static int hold(struct refresh *x, const struct observation *o)
{
	if (x->n_held == x->cap_held) {
		size_t cap = x->cap_held ? 2 * x->cap_held : 256;
		struct observation *held = realloc(x->held, cap * sizeof(*held));

		if (!held)
			return -ENOMEM;
		x->held = held;
		x->cap_held = cap;
	}
	x->held[x->n_held++] = *o;
	return addrset_add(x->dns, o->target);
}

static int take(struct refresh *x, const struct observation *o)
{
	int rc;

	if (obs_is_name_answer(o) && !obs_is_injected(o))
		return hold(x, o);
	rc = addrset_add(obs_is_injected(o) ? x->forged : x->answered, o->target);
	return rc < 0 ? rc : journal_append(x->journal, o, 1);
}

/* The receiver's side: who answered what. */
static void observe(void *ctx, const struct observation *o)
{
	struct refresh *x = ctx;
	int rc;

	if (!obs_is_alive(o) && !(obs_is_name_answer(o) && obs_is_injected(o)))
		return;
	pthread_mutex_lock(&x->lock);
	rc = take(x, o);
	x->answers += rc >= 0;
	if (rc < 0 && x->rc == 0)
		x->rc = rc;
	pthread_mutex_unlock(&x->lock);
}

static size_t chunk_end(const struct refresh *x, size_t c)
{
	size_t end = (c + 1) * CHUNK;

	return end < x->hosts->n ? end : x->hosts->n;
}

/* The silent hosts of a chunk, as observations; how many of all hosts answered
 * last time, and how many of those did so now. */
struct verdict {
	struct observation silent[CHUNK];
	size_t n, alive, expected, confirmed, injected;
};

static int examine(struct refresh *x, size_t c, struct verdict *v)
{
	uint64_t now = clock_wall_us();

	v->n = v->alive = v->expected = v->confirmed = v->injected = 0;
	for (size_t i = c * CHUNK; i < chunk_end(x, c); i++) {
		struct addr128 a = x->hosts->a[i];
		struct host_record r;
		int rc = hitlist_lookup(x->hitlist, a, &r, NULL);
		bool expected = rc > 0 && r.last_seen && !r.fail_streak;
		bool alive, forged;

		if (rc < 0)
			return rc;
		pthread_mutex_lock(&x->lock);
		alive = addrset_remove(x->answered, a);
		forged = addrset_has(x->forged, a);
		if (addrset_remove(x->dns, a))
			alive |= !forged;
		pthread_mutex_unlock(&x->lock);
		v->injected += forged;
		v->alive += alive;
		v->expected += expected;
		v->confirmed += expected && alive;
		if (!alive && rc > 0)
			observation_of_silence(&v->silent[v->n++], &r, now);
	}
	return 0;
}

/* The answers that wait no longer: those of hosts that have been judged, or all. */
static int release(struct refresh *x, bool all)
{
	size_t kept = 0;
	int rc = 0;

	for (size_t i = 0; i < x->n_held; i++) {
		const struct observation *o = &x->held[i];

		if (!all && addrset_has(x->dns, o->target))
			x->held[kept++] = *o;
		else if (rc == 0 && !addrset_has(x->forged, o->target))
			rc = journal_append(x->journal, o, 1);
	}
	x->n_held = kept;
	return rc;
}

static int judge(struct refresh *x, size_t c)
{
	struct verdict *v = malloc(sizeof(*v));
	int rc = v ? examine(x, c, v) : -ENOMEM;

	pthread_mutex_lock(&x->lock);
	if (rc == 0)
		rc = release(x, false);
	for (size_t i = c * CHUNK; i < chunk_end(x, c); i++)
		addrset_remove(x->forged, x->hosts->a[i]);
	pthread_mutex_unlock(&x->lock);

	/* A chunk without any answer, and too few to expect one of: as before. */
	if (rc == 0 && v->alive)
		x->down = v->expected >= EXPECT_MIN && !v->confirmed;
	else if (rc == 0 && v->expected >= EXPECT_MIN)
		x->down = true;
	if (rc == 0 && x->down) {
		x->st.unjudged += chunk_end(x, c) - c * CHUNK;
	} else if (rc == 0) {
		pthread_mutex_lock(&x->lock);
		rc = v->n ? journal_append(x->journal, v->silent, v->n) : 0;
		pthread_mutex_unlock(&x->lock);
		x->st.alive += v->alive;
		x->st.silent += v->n;
		x->st.injected += v->injected;
	}
	free(v);
	return rc;
}

/* Chunks to whose hosts every packet has been handed out. */
static size_t whole_chunks(const struct refresh *x)
{
	return x->host == x->hosts->n ? (x->host + CHUNK - 1) / CHUNK : x->host / CHUNK;
}

/* Chunks whose time has come. */
static int judge_due(struct refresh *x, uint64_t now)
{
	int rc = 0;

	while (rc == 0 && x->judged < whole_chunks(x)) {
		if (now - x->sent_ns[x->judged] < x->cfg->wait_ns)
			break;
		rc = judge(x, x->judged++);
	}
	return rc;
}

static void fail(struct refresh *x, int rc)
{
	pthread_mutex_lock(&x->lock);
	if (rc < 0 && x->rc == 0)
		x->rc = rc;
	pthread_mutex_unlock(&x->lock);
}

static bool failed(struct refresh *x)
{
	bool is;

	pthread_mutex_lock(&x->lock);
	is = x->rc < 0;
	pthread_mutex_unlock(&x->lock);
	return is;
}

static int next(void *ctx, struct probe_target *out, size_t max)
{
	struct refresh *x = ctx;
	uint64_t now = clock_mono_ns();
	size_t n = 0;

	if (x->cfg->max_runtime_ns && now - x->start_ns >= x->cfg->max_runtime_ns) {
		x->st.stopped = true;
		return PROBE_SOURCE_END;
	}
	fail(x, judge_due(x, now));
	if (failed(x) || x->host == x->hosts->n)
		return PROBE_SOURCE_END;
	while (n < max && x->host < x->hosts->n) {
		out[n++] = (struct probe_target){ x->hosts->a[x->host],
			                          x->cfg->ports[x->service], 0 };
		if (++x->service < x->cfg->services)
			continue;
		x->service = 0;
		x->sent_ns[x->host / CHUNK] = now;
		x->host++;
	}
	return (int)n;
}

static int set_up(struct refresh *x, struct diag *d)
{
	x->sent_ns = calloc(x->hosts->n / CHUNK + 1, sizeof(*x->sent_ns));
	x->answered = addrset_new(4 * CHUNK);
	x->forged = addrset_new(0);
	x->dns = addrset_new(0);
	if (!x->sent_ns || !x->answered || !x->forged || !x->dns)
		return -ENOMEM;
	x->start_ns = clock_mono_ns();
	return journal_open(&x->journal, x->hitlist, SOURCE_SCAN, d);
}

/* What has not been judged while sending.  A stop may leave the last targets
 * handed out unsent: then the last chunk stays due. */
static int wind_up(struct refresh *x, int rc, struct diag *d)
{
	if (rc == ERR_STOPPED) {
		x->st.stopped = true;
		x->host -= x->host ? (x->host - 1) % CHUNK + 1 : 0;
		rc = 0;
	}
	if (rc == 0)
		rc = x->rc;
	while (rc == 0 && x->judged < whole_chunks(x))
		rc = judge(x, x->judged++);
	if (rc == 0) /* late ones */
		rc = release(x, true);
	if (rc == 0)
		rc = journal_sync(x->journal);
	if (rc < 0)
		diag_set(d, rc, "%s: %s", journal_path(x->journal), err_str(rc));
	return rc;
}

int refresh_run(const struct refresh_config *cfg, const struct addrvec *hosts,
                struct hitlist *h, struct probe_scan *scan, struct refresh_stats *st,
                struct diag *d)
{
	struct refresh x = {
		.cfg = cfg,
		.hosts = hosts,
		.hitlist = h,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	const struct probe_source source = { next, &x };
	const struct probe_sink sink = { observe, &x };
	int rc = set_up(&x, d);

	if (rc == 0) {
		rc = probe_run(scan, &source, &sink, d);
		rc = wind_up(&x, rc < 0 ? rc : 0, d);
	}
	x.st.hosts = x.host;
	x.st.answers = x.answers;
	*st = x.st;
	journal_close(x.journal);
	addrset_free(x.answered);
	addrset_free(x.forged);
	addrset_free(x.dns);
	free(x.held);
	free(x.sent_ns);
	return rc;
}
