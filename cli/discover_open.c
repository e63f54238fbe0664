#include <math.h>
#include <stdlib.h>

#include "cli/discover_impl.h"
#include "common/clock.h"
#include "common/rng.h"

enum {
	ANSWERS_MAX = 65536, /* answers that may wait for the main thread */
	WINDOW_MAX = 16384,
	QUEUE_MIN = 4,
	QUEUE_MAX = 65536,
};

/* Three of these, one after the other, decide that a test address is silent. */
static const uint64_t guard_wait_ns = 400 * NS_PER_MS;
static const double lag_max_s = 3600;

static bool already_tried(void *ctx, struct addr128 a)
{
	struct discover *x = ctx;

	if (x->tried_before && addrset_has(x->tried_before, a))
		return true;
	return hitlist_seen(x->hitlist, a, NULL) != 0;
}

int discover_rebuild_pruned(struct discover *x)
{
	struct ivtab *t;
	int rc = ivtab_build(&t, x->pruned);

	if (rc < 0)
		return rc;
	ivtab_free(x->pruned_table);
	x->pruned_table = t;
	return 0;
}

int discover_flush(struct discover *x)
{
	int rc = 0;

	if (x->results_n)
		rc = tgen_feedback(x->tgen, x->results, x->results_n);
	x->results_n = 0;
	return rc;
}

int discover_result(struct discover *x, struct addr128 a, uint32_t region, bool alive)
{
	x->results[x->results_n++] = (struct tgen_result){ a, region, alive };
	return x->results_n == FLUSH_RESULTS ? discover_flush(x) : 0;
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
	return discover_rebuild_pruned(x);
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
		rc = discover_result(x, v.a[i], NO_REGION, addrset_has(x->hits, v.a[i]));
	for (size_t i = 0; i < ivtab_count(x->pruned_table) && rc >= 0; i++) {
		struct ivtab_interval iv = ivtab_at(x->pruned_table, i);

		rc = tgen_prune(
			x->tgen,
			prefix_make(iv.first, addr_common_bits(iv.first, iv.last)));
	}
	addrvec_fini(&v);
	return rc < 0 ? rc : discover_flush(x);
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
		.bgp = x->cfg.bgp,
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
	x->names_held = addrset_new(0);
	x->names_said = addrset_new(0);
	x->forged = addrset_new(0);
	x->batch = calloc(x->window, sizeof(*x->batch));
	x->pruned = ivtab_builder_new();
	if (x->cfg.guard)
		x->guard = guard_new(&g);
	if (!x->targets || !x->answers || !x->hits || !x->decided || !x->names_held ||
	    !x->names_said || !x->forged || !x->batch || !x->pruned ||
	    (x->cfg.guard && !x->guard))
		return -ENOMEM;
	return discover_rebuild_pruned(x);
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
	for (unsigned i = 0; i < 2; i++)
		obsvec_fini(&x->names[i]);
	addrset_free(x->names_held);
	addrset_free(x->names_said);
	addrset_free(x->forged);
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
