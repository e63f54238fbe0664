#include "cli/discover.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cli/discover_impl.h"
#include "cli/interleave.h"
#include "common/clock.h"
#include "common/log.h"

enum {
	BATCH_ANSWERS = 2048,
	MARK_MAX = 256, /* targets journalled and handed over at a time */
};

/* How long a candidate may stay silent, once sent, before the generator is told
 * so.  An answer that comes later still counts. */
static const uint64_t answer_wait_ns = NS_PER_S;
static const uint64_t tick_ns = 5 * NS_PER_MS;

/* ---- the probe's side of the queues ------------------------------------ */

/* Journal as tried what is about to be sent: in this order, so that nothing is
 * ever probed without a trace, and here, at the last moment, so that a killed
 * run has hardly any candidates that are marked but were not sent. */
static int mark_tried(struct discover *x, const struct probe_target *t, size_t n)
{
	struct addr128 a[MARK_MAX];
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (t[i].tag != NO_REGION)
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

/* ---- answers ----------------------------------------------------------- */

static int prune(struct discover *x, struct prefix p)
{
	int rc = tgen_prune(x->tgen, p);

	return rc < 0 ? rc : ivtab_add(x->pruned, p, 1);
}

/* Answers of alias tests go to the guard.  Where its verdict is "not aliased" they
 * were hosts, so they are kept until the end.  Protocols without room for a tag
 * leave it 0; then any address under test counts as tested. */
static bool is_test_answer(struct discover *x, const struct observation *o)
{
	if (!x->guard || (o->tag != NO_REGION && o->tag != 0))
		return false;
	return guard_answer(x->guard, o->target);
}

/* Once all verdicts are there: what answered outside aliased prefixes. */
static int settle_test_answers(struct discover *x)
{
	int rc = 0;

	for (size_t i = 0; i < x->tested.n && rc >= 0; i++) {
		const struct observation *o = &x->tested.o[i];

		if (ivtab_covers(x->pruned_table, o->target) ||
		    addrset_has(x->forged, o->target))
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

/* An answer of the target itself. */
static int use_answer(struct discover *x, const struct observation *o)
{
	int rc = addrset_add(x->hits, o->target);

	if (rc <= 0)
		return rc;
	rc = keep_hit(x, o);
	if (rc < 0)
		return rc;
	x->st.hits++;
	rc = discover_result(x, o->target, o->tag, true);
	if (rc >= 0 && x->guard)
		rc = guard_hit(x->guard, o->target);
	return rc;
}

static int take_answer(struct discover *x, const struct observation *o)
{
	if (!obs_is_alive(o))
		return obs_is_name_answer(o) ? discover_take_name(x, o) : 0;
	if (is_test_answer(x, o))
		return obsvec_push(&x->tested, o);
	return obs_is_name_answer(o) ? discover_take_name(x, o) : use_answer(x, o);
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
		if (!addrset_has(x->hits, f.addr) && !addrset_has(x->names_held, f.addr))
			rc = discover_result(x, f.addr, f.region, false);
	return rc < 0 ? rc : discover_flush(x);
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
	return rc >= 0 && any ? discover_rebuild_pruned(x) : rc;
}

static int send_tests(struct discover *x, uint64_t now_ns, size_t *room)
{
	struct guard_probe p[256];
	struct probe_target t[256];
	size_t want = *room < 256 ? *room : 256, n, m = 0;

	n = want ? guard_next(x->guard, now_ns, p, want) : 0;
	for (size_t i = 0; i < n; i++)
		t[m++] = (struct probe_target){ p[i].addr, x->cfg.port, NO_REGION };
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
		rc = discover_release_names(x, now, false, use_answer);
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
	return rc < 0 ? rc : discover_release_names(x, 0, true, use_answer);
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
	x->st.forged = addrset_count(x->forged);
	if (rc >= 0)
		rc = settle_end(x, d);
	rc = close_journals(x, rc, d);
	if (rc >= 0 && x->probe_rc < 0 && x->probe_rc != ERR_STOPPED)
		rc = diag_set(d, x->probe_rc, "%s",
		              diag_str(&x->probe_diag, x->probe_rc));
	return rc;
}
