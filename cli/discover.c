#include "cli/discover.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cli/flights.h"
#include "cli/interleave.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/queue.h"
#include "common/rng.h"

enum {
	ANSWERS_MAX = 65536, /* answers that may wait for the main thread */
	BATCH_ANSWERS = 2048,
	WINDOW_MIN = 256, /* candidates asked of the generator at a time */
	WINDOW_MAX = 16384,
	FLUSH_RESULTS = 1024,
	MARK_MAX = 256, /* targets journalled and handed over at a time */
	QUEUE_MIN = 4,
	QUEUE_MAX = 65536,
	NO_REGION = TGEN_REGION_UNKNOWN,
};

/* How long a candidate may stay silent, once sent, before the generator is told
 * so.  An answer that comes later still counts. */
static const uint64_t answer_wait_ns = NS_PER_S;
/* Three of these, one after the other, decide that a test address is silent. */
static const uint64_t guard_wait_ns = 400 * NS_PER_MS;
static const uint64_t tick_ns = 5 * NS_PER_MS;
static const double lag_max_s = 3600;

enum phase {
	PHASE_RUN,     /* candidates go out */
	PHASE_FINISH,  /* only alias tests do; waiting for answers */
	PHASE_COOLDOWN /* nothing does */
};

struct discover {
	struct discover_config cfg;
	struct discover_stats st;
	struct hitlist *hitlist;
	struct probe_scan *scan;
	struct tgen *tgen;
	struct guard *guard;
	struct journal *found; /* answers: the main thread's */
	struct journal *tried; /* candidates: the sending thread's */
	struct queue *targets, *answers;
	struct addrset *hits, *tried_before;
	struct flights flights;
	struct obsvec tested;    /* answers of alias tests */
	struct obsvec waiting;   /* hits whose /64 has no verdict yet */
	struct addrset *decided; /* /64s that have one */
	struct waiting *waiting_file;
	bool fresh_verdicts;
	struct tgen_candidate *batch;
	size_t batch_n, batch_at, window, queue_cap;
	uint64_t lag_ns; /* from the queue to the wire, at most */
	struct tgen_result results[FLUSH_RESULTS];
	size_t results_n;
	/* Prefixes found aliased in this run: candidates already drawn from the
	 * generator are checked against these. */
	struct ivtab_builder *pruned;
	struct ivtab *pruned_table;
	enum phase phase;
	uint64_t start_ns;
	atomic_bool probe_done;
	uint64_t marked; /* candidates journalled by the sending thread */
	int probe_rc, tried_rc;
	struct diag probe_diag;
};

/* ---- the probe's side of the queues ------------------------------------ */

/* Journal as tried what is about to be sent: in this order, so that nothing is
 * ever probed without a trace, and here, at the last moment, so that a killed
 * run has hardly any candidates that are marked but were not sent. */
static int mark_tried(struct discover *x, const struct probe_target *t, size_t n)
{
	struct addr128 a[MARK_MAX];
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (t[i].tag != (uint32_t)NO_REGION)
			a[k++] = t[i].addr;
	x->marked += k;
	return k ? journal_tried(x->tried, a, k) : 0;
}

static int source_next(void *ctx, struct probe_target *out, size_t max)
{
	struct discover *x = ctx;
	size_t n = queue_pop(x->targets, out, max < MARK_MAX ? max : MARK_MAX,
	                     2 * NS_PER_MS);

	if (!n)
		return queue_is_closed(x->targets) ? PROBE_SOURCE_END : 0;
	x->tried_rc = mark_tried(x, out, n);
	return x->tried_rc < 0 ? PROBE_SOURCE_END : (int)n;
}

static void sink_observe(void *ctx, const struct observation *o)
{
	struct discover *x = ctx;

	queue_push(x->answers, o, 1, UINT64_MAX);
}

static void *probe_thread(void *ctx)
{
	struct discover *x = ctx;
	const struct probe_source src = { source_next, x };
	const struct probe_sink sink = { sink_observe, x };

	x->probe_rc = probe_run(x->scan, &src, &sink, &x->probe_diag);
	atomic_store(&x->probe_done, true);
	queue_close(x->targets); /* a failed probe takes no more */
	queue_close(x->answers);
	return NULL;
}

/* ---- set-up ------------------------------------------------------------ */

static bool already_tried(void *ctx, struct addr128 a)
{
	struct discover *x = ctx;

	if (x->tried_before && addrset_has(x->tried_before, a))
		return true;
	return hitlist_seen(x->hitlist, a, NULL) != 0;
}

static int prune(struct discover *x, struct prefix p)
{
	int rc = tgen_prune(x->tgen, p);

	return rc < 0 ? rc : ivtab_add(x->pruned, p, 1);
}

static int rebuild_pruned(struct discover *x)
{
	struct ivtab *t;
	int rc = ivtab_build(&t, x->pruned);

	if (rc < 0)
		return rc;
	ivtab_free(x->pruned_table);
	x->pruned_table = t;
	return 0;
}

static int flush_results(struct discover *x)
{
	int rc = 0;

	if (x->results_n)
		rc = tgen_feedback(x->tgen, x->results, x->results_n);
	x->results_n = 0;
	return rc;
}

static int add_result(struct discover *x, struct addr128 a, uint32_t region, bool alive)
{
	x->results[x->results_n++] = (struct tgen_result){ a, region, alive };
	return x->results_n == FLUSH_RESULTS ? flush_results(x) : 0;
}

static int replay_observed(void *ctx, const struct observation *o)
{
	struct discover *x = ctx;
	int rc;

	if (!obs_is_alive(o))
		return 0;
	rc = addrset_add(x->hits, o->target);
	return rc < 0 ? rc : 0;
}

static int replay_tried(void *ctx, struct addr128 a)
{
	struct discover *x = ctx;
	int rc = addrset_add(x->tried_before, a);

	return rc < 0 ? rc : 0;
}

static int replay_aliased(void *ctx, struct prefix p)
{
	return ivtab_add(((struct discover *)ctx)->pruned, p, 1);
}

/* Read what an interrupted run left: before training, so that nothing it tried
 * comes out again. */
static int load_interrupted(struct discover *x, struct diag *d)
{
	const struct journal_visitor v = { replay_observed, replay_tried, replay_aliased,
		                           x };
	int rc;

	x->tried_before = addrset_new(1024);
	if (!x->tried_before)
		return -ENOMEM;
	rc = hitlist_visit_journals(x->hitlist, &v, d);
	if (rc < 0)
		return rc;
	x->st.resumed = addrset_count(x->tried_before);
	x->st.candidates = x->st.resumed;
	return rebuild_pruned(x);
}

/* Teach the generator what the interrupted run learned, in address order so
 * that the outcome does not depend on a hash table's. */
static int replay_feedback(struct discover *x)
{
	struct addrvec v = { 0 };
	struct addr128 a;
	size_t pos = 0;
	int rc = addrvec_reserve(&v, addrset_count(x->tried_before));

	while (rc >= 0 && addrset_next(x->tried_before, &pos, &a))
		rc = addrvec_push(&v, a);
	if (rc >= 0)
		rc = addrvec_sort(&v);
	for (size_t i = 0; i < v.n && rc >= 0; i++)
		rc = add_result(x, v.a[i], (uint32_t)NO_REGION,
		                addrset_has(x->hits, v.a[i]));
	for (size_t i = 0; i < ivtab_count(x->pruned_table) && rc >= 0; i++) {
		struct ivtab_interval iv = ivtab_at(x->pruned_table, i);

		rc = tgen_prune(
			x->tgen,
			prefix_make(iv.first, addr_common_bits(iv.first, iv.last)));
	}
	addrvec_fini(&v);
	return rc < 0 ? rc : flush_results(x);
}

/* A hit of an earlier run that was cut short before its /64 had a verdict. */
static int replay_waiting(void *ctx, const struct observation *o)
{
	struct discover *x = ctx;
	int rc;

	if (ivtab_covers(x->pruned_table, o->target) ||
	    ivtab_covers(hitlist_aliased(x->hitlist), o->target))
		return 0;
	rc = addrset_add(x->hits, o->target);
	if (rc > 0)
		rc = obsvec_push(&x->waiting, o);
	return rc;
}

/* Without the guard there will be no verdict: they go on waiting. */
static int load_waiting(struct discover *x, struct diag *d)
{
	int rc = 0;

	if (!x->guard)
		return 0;
	rc = hitlist_visit_waiting(x->hitlist, replay_waiting, x, d);
	for (size_t i = 0; i < x->waiting.n && rc >= 0; i++)
		rc = guard_hit(x->guard, x->waiting.o[i].target);
	return rc;
}

static int train(struct discover *x, const struct addrvec *seeds, struct diag *d)
{
	const struct tgen_config c = {
		.algorithm = x->cfg.algorithm,
		.seed = x->cfg.seed,
		.budget = x->cfg.budget,
		.scope = x->cfg.scope,
		.aliased = hitlist_aliased(x->hitlist),
		.exclude = already_tried,
		.exclude_ctx = x,
		.limits = x->cfg.limits,
		.n_limits = x->cfg.n_limits,
	};

	return tgen_train(&x->tgen, seeds, &c, d);
}

/* The queue to the sender holds 50 ms: more would only delay what feedback and
 * alias tests decide.  At low rates even a few take their time, which is no
 * silence of theirs. */
static void size_queues(struct discover *x)
{
	double half = x->cfg.rate_pps / 2, twentieth = x->cfg.rate_pps / 20, lag;

	x->window = half < WINDOW_MIN   ? WINDOW_MIN
	            : half > WINDOW_MAX ? WINDOW_MAX
	                                : (size_t)half;
	x->queue_cap = twentieth < QUEUE_MIN   ? QUEUE_MIN
	               : twentieth > QUEUE_MAX ? QUEUE_MAX
	                                       : (size_t)twentieth;
	/* The queue, one packet in the sender's hands and one being paced. */
	lag = (double)(x->queue_cap + 2) * x->cfg.probes / x->cfg.rate_pps;
	x->lag_ns = (uint64_t)(fmin(lag, lag_max_s) * (double)NS_PER_S) +
	            (x->cfg.probes - 1) * x->cfg.probe_interval_ns;
}

static int allocate(struct discover *x)
{
	const struct guard_config g = {
		.seed = rng_mix(x->cfg.seed + clock_wall_us()),
		.timeout_ns = guard_wait_ns + x->lag_ns,
		.aliased = hitlist_aliased(x->hitlist),
	};

	x->targets = queue_new(sizeof(struct probe_target), x->queue_cap);
	x->answers = queue_new(sizeof(struct observation), ANSWERS_MAX);
	x->hits = addrset_new(4096);
	x->decided = addrset_new(4096);
	x->batch = calloc(x->window, sizeof(*x->batch));
	x->pruned = ivtab_builder_new();
	if (x->cfg.guard)
		x->guard = guard_new(&g);
	if (!x->targets || !x->answers || !x->hits || !x->decided || !x->batch ||
	    !x->pruned || (x->cfg.guard && !x->guard))
		return -ENOMEM;
	return rebuild_pruned(x);
}

int discover_open(struct discover **out, const struct discover_config *cfg,
                  const struct addrvec *seeds, struct hitlist *h, struct probe_scan *scan,
                  bool resume, struct diag *d)
{
	struct discover *x = calloc(1, sizeof(*x));
	int rc = -ENOMEM;

	if (!x)
		return rc;
	x->cfg = *cfg;
	x->hitlist = h;
	x->scan = scan;
	size_queues(x);
	rc = allocate(x);
	if (rc >= 0 && resume)
		rc = load_interrupted(x, d);
	if (rc >= 0)
		rc = load_waiting(x, d);
	if (rc >= 0 && resume)
		x->st.hits = addrset_count(x->hits);
	if (rc >= 0)
		rc = train(x, seeds, d);
	if (rc >= 0 && resume)
		rc = replay_feedback(x);
	/* Nothing has been written so far. */
	if (rc >= 0 && x->guard)
		rc = waiting_open(&x->waiting_file, h, d);
	if (rc >= 0)
		rc = journal_open(&x->tried, h, SOURCE_DISCOVER, d);
	if (rc >= 0)
		rc = journal_open(&x->found, h, SOURCE_DISCOVER, d);
	if (rc < 0) {
		discover_close(x);
		return rc;
	}
	*out = x;
	return 0;
}

void discover_close(struct discover *x)
{
	if (!x)
		return;
	journal_close(x->tried);
	journal_close(x->found);
	tgen_free(x->tgen);
	guard_free(x->guard);
	queue_free(x->targets);
	queue_free(x->answers);
	addrset_free(x->hits);
	addrset_free(x->tried_before);
	ivtab_builder_free(x->pruned);
	ivtab_free(x->pruned_table);
	flights_fini(&x->flights);
	obsvec_fini(&x->tested);
	obsvec_fini(&x->waiting);
	waiting_close(x->waiting_file);
	addrset_free(x->decided);
	free(x->batch);
	free(x);
}

void discover_stats(const struct discover *x, struct discover_stats *st)
{
	*st = x->st;
}

const struct addrset *discover_hits(const struct discover *x)
{
	return x->hits;
}

/* ---- answers ----------------------------------------------------------- */

/* Answers of alias tests go to the guard.  Where its verdict is "not aliased" they
 * were hosts, so they are kept until the end.  Protocols without room for a tag
 * leave it 0; then any address under test counts as tested. */
static bool is_test_answer(struct discover *x, const struct observation *o)
{
	if (!x->guard || (o->tag != (uint32_t)NO_REGION && o->tag != 0))
		return false;
	return guard_answer(x->guard, o->target);
}

/* Once all verdicts are there: what answered outside aliased prefixes. */
static int settle_test_answers(struct discover *x)
{
	int rc = 0;

	for (size_t i = 0; i < x->tested.n && rc >= 0; i++) {
		const struct observation *o = &x->tested.o[i];

		if (ivtab_covers(x->pruned_table, o->target))
			continue;
		rc = addrset_add(x->hits, o->target);
		if (rc > 0) {
			x->st.hits_by_tests++;
			rc = journal_append(x->found, o, 1);
		}
	}
	return rc;
}

static struct addr128 subnet_64(struct addr128 a)
{
	return (struct addr128){ a.hi, 0 };
}

/* Write a hit down: as found where its /64 has a verdict, else as waiting for
 * one, so that a run cut short leaves no untested host in the hitlist. */
static int keep_hit(struct discover *x, const struct observation *o)
{
	int rc;

	if (!x->guard || addrset_has(x->decided, subnet_64(o->target)))
		return journal_append(x->found, o, 1);
	rc = waiting_add(x->waiting_file, o);
	return rc < 0 ? rc : obsvec_push(&x->waiting, o);
}

/* Those whose /64 has a verdict by now become found, or are forgotten as
 * aliased; the others keep waiting. */
static int settle_waiting(struct discover *x)
{
	size_t kept = 0;
	int rc = 0;

	for (size_t i = 0; i < x->waiting.n; i++) {
		struct observation *o = &x->waiting.o[i];

		if (ivtab_covers(x->pruned_table, o->target) ||
		    ivtab_covers(hitlist_aliased(x->hitlist), o->target)) {
			x->st.hits_aliased++;
			continue;
		}
		if (rc >= 0 && addrset_has(x->decided, subnet_64(o->target)))
			rc = journal_append(x->found, o, 1);
		else
			x->waiting.o[kept++] = *o;
	}
	x->waiting.n = kept;
	x->fresh_verdicts = false;
	return rc;
}

static int take_answer(struct discover *x, const struct observation *o)
{
	int rc;

	if (!obs_is_alive(o))
		return 0;
	if (is_test_answer(x, o))
		return obsvec_push(&x->tested, o);
	rc = addrset_add(x->hits, o->target);
	if (rc <= 0)
		return rc;
	rc = keep_hit(x, o);
	if (rc < 0)
		return rc;
	x->st.hits++;
	rc = add_result(x, o->target, o->tag, true);
	if (rc >= 0 && x->guard)
		rc = guard_hit(x->guard, o->target);
	return rc;
}

static int take_answers(struct discover *x, uint64_t wait_ns)
{
	struct observation o[BATCH_ANSWERS];
	size_t n = queue_pop(x->answers, o, BATCH_ANSWERS, wait_ns);
	int rc = 0;

	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = take_answer(x, &o[i]);
	return rc < 0 ? rc : (int)n;
}

static int expire_flights(struct discover *x, uint64_t now_ns)
{
	struct flight f;
	int rc = 0;

	while (rc >= 0 && flights_pop_due(&x->flights, now_ns, &f))
		if (!addrset_has(x->hits, f.addr))
			rc = add_result(x, f.addr, f.region, false);
	return rc < 0 ? rc : flush_results(x);
}

/* ---- the guard --------------------------------------------------------- */

static int take_verdicts(struct discover *x, uint64_t now_ns)
{
	struct guard_verdict v[64];
	bool any = false;
	size_t n;
	int rc = 0;

	while (rc >= 0 && (n = guard_verdicts(x->guard, now_ns, v, 64)) > 0) {
		x->st.guard_tested += n;
		x->fresh_verdicts = true;
		for (size_t i = 0; i < n && rc >= 0; i++) {
			if (v[i].prefix.len == 64)
				rc = addrset_add(x->decided, v[i].prefix.addr);
			if (!v[i].aliased)
				continue;
			x->st.aliased++;
			any = true;
			rc = journal_aliased(x->found, v[i].prefix);
			if (rc >= 0)
				rc = prune(x, v[i].prefix);
		}
	}
	return rc >= 0 && any ? rebuild_pruned(x) : rc;
}

static int send_tests(struct discover *x, uint64_t now_ns, size_t *room)
{
	struct guard_probe p[256];
	struct probe_target t[256];
	size_t want = *room < 256 ? *room : 256, n, m = 0;

	n = want ? guard_next(x->guard, now_ns, p, want) : 0;
	for (size_t i = 0; i < n; i++)
		t[m++] = (struct probe_target){ p[i].addr, x->cfg.port,
			                        (uint32_t)NO_REGION };
	queue_push(x->targets, t, m, 0);
	x->st.guard_tests += m;
	*room -= m;
	return 0;
}

/* ---- candidates -------------------------------------------------------- */

/* Draw the next window, interleaved over sites.  0: the generator is empty. */
static int refill(struct discover *x)
{
	uint64_t left = x->cfg.budget - x->st.candidates;
	size_t want = left < x->window ? (size_t)left : x->window;
	int n = tgen_next(x->tgen, x->batch, want), rc;

	x->batch_at = 0;
	x->batch_n = n > 0 ? (size_t)n : 0;
	if (n <= 0)
		return n;
	rc = interleave(x->batch, x->batch_n);
	return rc < 0 ? rc : n;
}

/* Hand k candidates to the sender and expect their answers. */
static int launch(struct discover *x, const struct tgen_candidate *c, size_t k,
                  uint64_t now_ns)
{
	struct probe_target t[WINDOW_MIN];
	int rc = 0;

	for (size_t i = 0; i < k && rc >= 0; i++) {
		t[i] = (struct probe_target){ c[i].addr, x->cfg.port, c[i].region };
		rc = flights_push(&x->flights,
		                  (struct flight){ c[i].addr, c[i].region,
		                                   now_ns + answer_wait_ns + x->lag_ns });
		if (rc >= 0 && x->guard)
			rc = guard_probed(x->guard, c[i].addr);
	}
	if (rc < 0)
		return rc;
	queue_push(x->targets, t, k, 0);
	x->st.candidates += k;
	return 0;
}

static int send_candidates(struct discover *x, uint64_t now_ns, size_t room)
{
	struct tgen_candidate go[WINDOW_MIN];
	int rc = 0;

	while (room && x->phase == PHASE_RUN) {
		size_t k = 0;

		if (x->st.candidates >= x->cfg.budget) {
			x->phase = PHASE_FINISH;
			break;
		}
		if (x->batch_at == x->batch_n) {
			rc = refill(x);
			if (rc < 0)
				return rc;
			if (rc == 0) {
				x->st.exhausted = true;
				x->phase = PHASE_FINISH;
				break;
			}
		}
		while (k < WINDOW_MIN && k < room && x->batch_at < x->batch_n) {
			const struct tgen_candidate *c = &x->batch[x->batch_at++];

			if (ivtab_covers(x->pruned_table, c->addr))
				x->st.dropped++;
			else
				go[k++] = *c;
		}
		rc = k ? launch(x, go, k, now_ns) : 0;
		if (rc < 0)
			return rc;
		room -= k;
	}
	return 0;
}

/* ---- the loop ---------------------------------------------------------- */

static bool time_is_up(const struct discover *x, uint64_t now_ns)
{
	return x->cfg.max_runtime_ns && now_ns - x->start_ns >= x->cfg.max_runtime_ns;
}

/* When nothing more should go out, let the sender run dry and cool down. */
static void advance_phase(struct discover *x, uint64_t now_ns)
{
	bool stop = x->cfg.stop && atomic_load(x->cfg.stop);

	if (x->phase == PHASE_RUN && time_is_up(x, now_ns)) {
		x->st.stopped = true;
		x->phase = PHASE_FINISH;
	}
	if (x->phase != PHASE_COOLDOWN && stop) {
		x->st.stopped = true;
		x->phase = PHASE_COOLDOWN;
		queue_close(x->targets);
		log_info("stopping: no more probes, waiting for late answers");
		return;
	}
	if (x->phase != PHASE_FINISH)
		return;
	if (x->flights.n || (x->guard && guard_pending(x->guard)))
		return;
	x->phase = PHASE_COOLDOWN;
	queue_close(x->targets);
}

static void show_status(struct discover *x, struct probe_stats *before)
{
	struct probe_stats now;
	char line[256];

	probe_stats(x->scan, &now);
	probe_status_line(line, sizeof(line), &now, before, x->cfg.budget);
	if (!x->cfg.quiet)
		log_status("%s; tried %" PRIu64 "; found %" PRIu64 "; aliased %" PRIu64
		           "%s",
		           line, x->st.candidates, x->st.hits, x->st.aliased,
		           x->phase == PHASE_FINISH ? " (finishing alias tests)" : "");
	*before = now;
}

static int step(struct discover *x)
{
	uint64_t now = clock_mono_ns();
	size_t room;
	int rc = take_answers(x, tick_ns);

	while (rc == BATCH_ANSWERS)
		rc = take_answers(x, 0);
	if (rc >= 0)
		rc = expire_flights(x, now);
	if (rc >= 0 && x->guard)
		rc = take_verdicts(x, now);
	if (rc < 0)
		return rc;
	advance_phase(x, now);
	room = queue_count(x->targets);
	room = room < x->queue_cap ? x->queue_cap - room : 0;
	if (x->phase != PHASE_COOLDOWN && x->guard)
		rc = send_tests(x, now, &room);
	if (rc >= 0)
		rc = send_candidates(x, now, room);
	return rc;
}

static int sync_found(struct discover *x)
{
	int rc = journal_sync(x->found);

	return rc >= 0 && x->waiting_file ? waiting_sync(x->waiting_file) : rc;
}

static int loop(struct discover *x)
{
	struct probe_stats before = { 0 };
	uint64_t second = clock_mono_ns() + NS_PER_S;
	int rc = 0;

	while (rc >= 0 && !atomic_load(&x->probe_done)) {
		rc = step(x);
		if (rc >= 0 && clock_mono_ns() >= second) {
			show_status(x, &before);
			rc = x->fresh_verdicts ? settle_waiting(x) : 0;
			if (rc >= 0)
				rc = sync_found(x);
			second += NS_PER_S;
		}
	}
	queue_close(x->targets);
	/* The receiver may be waiting for room in a full queue: keep taking. */
	while (!queue_is_closed(x->answers)) {
		int n = take_answers(x, tick_ns);

		if (n < 0 && rc >= 0)
			rc = n;
	}
	return rc;
}

/* Make both journals last; the first error counts. */
static int close_journals(struct discover *x, int rc, struct diag *d)
{
	int found = journal_sync(x->found), tried = journal_sync(x->tried);

	if (rc >= 0)
		rc = found;
	if (rc < 0)
		diag_set(d, rc, "%s: %s", journal_path(x->found), err_str(rc));
	if (rc >= 0 && (x->tried_rc < 0 || tried < 0)) {
		rc = x->tried_rc < 0 ? x->tried_rc : tried;
		diag_set(d, rc, "%s: %s", journal_path(x->tried), err_str(rc));
	}
	journal_close(x->found);
	journal_close(x->tried);
	x->found = x->tried = NULL;
	return rc < 0 ? rc : 0;
}

/* After the last answer: hits with a verdict are found, and so are all when no
 * test is under way any more; the rest waits for the next run. */
static int settle_end(struct discover *x, struct diag *d)
{
	int rc = settle_waiting(x);

	if (!x->guard || rc < 0)
		return rc;
	x->st.untested = guard_pending(x->guard);
	if (!x->st.untested) {
		for (size_t i = 0; i < x->waiting.n && rc >= 0; i++)
			rc = journal_append(x->found, &x->waiting.o[i], 1);
		x->waiting.n = 0;
		if (rc >= 0)
			rc = settle_test_answers(x);
	}
	x->st.waiting = x->waiting.n;
	if (rc >= 0)
		rc = journal_sync(x->found);
	return rc < 0 ? rc
	              : waiting_replace(x->waiting_file, x->waiting.o, x->waiting.n, d);
}

int discover_run(struct discover *x, struct diag *d)
{
	pthread_t thread;
	int rc;

	x->start_ns = clock_mono_ns();
	rc = pthread_create(&thread, NULL, probe_thread, x);
	if (rc)
		return diag_set(d, -rc, "cannot start a thread: %s", strerror(rc));
	rc = loop(x);
	pthread_join(thread, NULL);
	/* What was handed over but not taken any more has not been tried. */
	x->st.candidates = x->st.resumed + x->marked;
	x->st.stopped |= x->probe_rc == ERR_STOPPED;
	if (rc >= 0)
		rc = settle_end(x, d);
	rc = close_journals(x, rc, d);
	if (rc >= 0 && x->probe_rc < 0 && x->probe_rc != ERR_STOPPED)
		rc = diag_set(d, x->probe_rc, "%s",
		              diag_str(&x->probe_diag, x->probe_rc));
	return rc;
}
