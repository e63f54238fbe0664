/* The commit of a batch: which groups are rewritten, what is left out, and the
 * exact numbers. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "hitlist/batch.h"
#include "hitlist/history.h"
#include "hitlist/txn.h"

/* A group is rewritten when it is at most this many times as large as what is
 * written anyway.  So each group is more than 8 times as large as all smaller
 * ones together, or nearly: there are about log8(n) of them, and a record is
 * rewritten some 8 times on its way from one size to the next. */
enum { SIZE_RATIO = 8 };

/* A merge is done in parts, ranges of addresses, by as many threads as there are
 * processors, when it is of so many records.  Parts begin where runs begin, which
 * depends on the addresses alone (run_cuts_before), so the files are the same
 * whatever the parts are.  Tests make the limit small. */
#ifndef MERGE_THREADED
#define MERGE_THREADED   (1 << 19)
#define MERGE_PROCESSORS processors()
#endif
enum { PARTS_MAX = 4 };

struct range {
	struct addr128 first, last;
};

struct commit {
	struct hitlist_batch *b;
	struct txn t;
	struct hitlist_merge_stats st;
	struct diag *d;
	struct level chosen[TIERS];  /* groups that are being rewritten */
	struct range *purged[TIERS]; /* had addresses inside that have to go */
	size_t npurged[TIERS];
	pthread_mutex_t lock; /* of the batch while parts are merged */
};

/* What one thread merges, and what came of it. */
struct part {
	struct commit *c;
	enum tier tier;
	unsigned number; /* from 1 */
	struct range range;
	struct level out;
	struct hitlist_merge_stats st;
	struct diag diag;
	int rc;
};

/* Move the groups to be rewritten from the txn's level to the chosen ones. */
static int choose(struct commit *c, enum tier tier)
{
	struct level *l = &c->t.tier[tier];
	uint64_t size = batch_total(c->b, tier);

	while (size || c->b->compact) {
		size_t best = l->n;

		for (size_t i = 0; i < l->n; i++)
			if (best == l->n || l->g[i].records < l->g[best].records)
				best = i;
		if (best == l->n ||
		    (!c->b->compact && l->g[best].records > SIZE_RATIO * size))
			return 0;
		size += l->g[best].records;
		for (size_t k = 0; k < l->g[best].n; k++) {
			struct run *r = run_ref(l->g[best].runs[k]);

			if (level_add(&c->chosen[tier], l->g[best].id, r) < 0) {
				run_unref(r);
				return -ENOMEM;
			}
		}
		level_remove(l, best);
	}
	return 0;
}

static int note_purged(struct commit *c, enum tier tier, struct addr128 first,
                       struct addr128 last)
{
	struct range *q = realloc(c->purged[tier], (c->npurged[tier] + 1) * sizeof(*q));

	if (!q)
		return -ENOMEM;
	c->purged[tier] = q;
	q[c->npurged[tier]++] = (struct range){ first, last };
	return 0;
}

/* Whether what is in the hitlist has to go. */
static bool is_purged(const struct commit *c, enum tier tier, struct addr128 a)
{
	if (c->b->purge && ivtab_covers(c->b->purge, a))
		return true;
	return tier == TIER_HOSTS && c->t.aliased_grew &&
	       ivtab_covers(c->t.aliased.table, a);
}

/* Count what the ranges to be purged take out of a tier. */
static int plan_purge(struct commit *c, enum tier tier, uint64_t *count)
{
	const struct ivtab *t = c->b->purge;
	int rc = 0;

	for (size_t i = 0; t && rc == 0 && i < ivtab_count(t); i++) {
		struct ivtab_interval iv = ivtab_at(t, i);
		struct hitlist_iter *it;
		struct host_record r;
		uint64_t n = 0;

		rc = store_iter(&it, c->t.h, tier, iv.first, iv.last, c->d);
		if (rc < 0)
			return rc;
		while ((rc = hitlist_iter_next(it, &r, c->d)) > 0)
			n += ivtab_covers(t, r.addr);
		hitlist_iter_close(it);
		*count -= n;
		if (tier == TIER_HOSTS)
			c->st.blocked += n;
		if (rc == 0 && n)
			rc = note_purged(c, tier, iv.first, iv.last);
	}
	return rc;
}

/* The hosts that prefix p takes out of the hitlist: counted, and remembered as
 * seen. */
static int purge_prefix(struct commit *c, struct prefix p)
{
	struct hitlist_iter *it;
	struct host_record r;
	uint64_t n = 0;
	int rc = hitlist_iter_open(&it, c->t.h, &p, c->d);

	if (rc < 0)
		return rc;
	while (rc == 0 && (rc = hitlist_iter_next(it, &r, c->d)) > 0) {
		rc = 0;
		if (!ivtab_covers(c->t.aliased.table, r.addr))
			continue; /* IPv4 inside a prefix that covers IPv6 only */
		n++;
		rc = batch_tried(c->b, &r, c->d);
	}
	hitlist_iter_close(it);
	c->st.aliased += n;
	c->t.hosts -= n;
	return rc == 0 && n ? note_purged(c, TIER_HOSTS, p.addr, prefix_last(p)) : rc;
}

static int plan_aliased(struct commit *c)
{
	struct txn *t = &c->t;
	struct aliased grown, none = { 0 };
	int rc;

	if (c->b->naliased == 0 && !c->b->replace)
		return 0;
	rc = aliased_union(&grown, c->b->replace ? &none : &t->aliased, c->b->aliased,
	                   c->b->naliased, &t->aliased_grew);
	if (rc < 0)
		return rc;
	aliased_fini(&t->aliased);
	t->aliased = grown;
	t->aliased_grew |= c->b->replace; /* "changed" will do */
	for (size_t i = 0; rc == 0 && i < t->aliased.n; i++)
		if (!ivtab_covers_all(t->h->aliased.table, t->aliased.p[i]))
			rc = purge_prefix(c, t->aliased.p[i]);
	return rc;
}

static int remember_tried(struct part *p, const struct host_record *r)
{
	int rc;

	pthread_mutex_lock(&p->c->lock);
	rc = batch_tried(p->c->b, r, &p->diag);
	pthread_mutex_unlock(&p->c->lock);
	return rc;
}

/* A record of the batch: what becomes of it.  known: the address is a host.
 * 1: it goes on, 0: it is left out. */
static int classify(struct part *p, const struct host_record *r, bool known)
{
	int rc;

	if (ivtab_covers(p->c->t.aliased.table, r->addr)) {
		if (known) /* counted by purge_prefix() */
			return 0;
		p->st.aliased++;
		rc = remember_tried(p, r);
		return rc < 0 ? rc : 0;
	}
	if (!known && host_record_is_silence(r)) /* it has gone meanwhile */
		return 0;
	if (known)
		p->st.updated++;
	else
		p->st.added++;
	return 1;
}

static int note_transition(struct part *p, const struct host_record *was,
                           const struct host_record *news)
{
	struct host_record is = *news, event;
	int rc;

	host_record_merge(&is, was);
	if (!history_transition(&event, was, &is))
		return 0;
	pthread_mutex_lock(&p->c->lock);
	rc = batch_history(p->c->b, &event, &p->diag);
	pthread_mutex_unlock(&p->c->lock);
	return rc;
}

/* A host of the batch; old: its record in the chosen groups, or NULL, which is
 * folded in.  As classify(). */
static int take_host(struct part *p, struct host_record *r, const struct host_record *old)
{
	struct host_record known;
	int rc = level_find(&p->c->t.tier[TIER_HOSTS], r->addr, &known, &p->diag), goes;

	if (rc < 0)
		return rc;
	if (old && rc)
		host_record_merge(&known, old);
	else if (old)
		known = *old;
	rc = rc || old;
	goes = classify(p, r, rc);
	if (goes <= 0)
		return goes;
	if (rc)
		rc = note_transition(p, &known, r);
	if (old)
		host_record_merge(r, old);
	return rc < 0 ? rc : 1;
}

/* The same for the other tiers: what is seen already need not be written again
 * unless it says more than what is there. */
static int take_other(struct part *p, struct host_record *r,
                      const struct host_record *old)
{
	struct host_record known;
	int rc;

	if (old)
		record_fold(p->tier, r, old);
	if (old || p->tier == TIER_HISTORY)
		return 1;
	rc = level_find(&p->c->t.tier[TIER_SEEN], r->addr, &known, &p->diag);
	if (rc > 0)
		return (r->sources & ~known.sources) ||
		       r->last_probed > known.last_probed;
	p->st.tried += rc == 0;
	return rc < 0 ? rc : 1;
}

struct two {
	struct merger *m;
	struct host_record r;
	int more; /* 1: r is the next record, 0: at the end */
};

static int draw(struct part *p, struct two *x)
{
	x->more = merger_next(x->m, &x->r, &p->diag);
	if (x->more > 0 && addr_cmp(x->r.addr, p->range.last) > 0)
		x->more = 0;
	return x->more < 0 ? x->more : 0;
}

/* One step of merging the batch (a) with the old groups (b) into the sink. */
static int merge_step(struct part *p, struct two *a, struct two *b, struct sink *out)
{
	int cmp = !a->more ? 1 : !b->more ? -1 : addr_cmp(a->r.addr, b->r.addr);
	const struct host_record *old = cmp == 0 ? &b->r : NULL;
	int rc = 1;

	if (cmp > 0) {
		if (!is_purged(p->c, p->tier, b->r.addr))
			rc = sink_add(out, &b->r, &p->diag);
		return rc < 0 ? rc : draw(p, b);
	}
	rc = p->tier == TIER_HOSTS ? take_host(p, &a->r, old) : take_other(p, &a->r, old);
	if (rc > 0)
		rc = sink_add(out, &a->r, &p->diag);
	if (rc >= 0 && cmp == 0)
		rc = draw(p, b);
	return rc < 0 ? rc : draw(p, a);
}

static int open_chosen(struct part *p, struct merger **m)
{
	const struct level *l = &p->c->chosen[p->tier];
	int rc = merger_new(m, p->tier);

	for (size_t i = 0; rc == 0 && i < l->n; i++)
		rc = merger_add_runs(*m, l->g[i].runs, l->g[i].n, p->range.first,
		                     &p->diag);
	return rc;
}

static int merge_part(struct part *p)
{
	struct two batch = { 0 }, old = { 0 };
	struct sink out;
	int rc;

	sink_init(&out, &p->c->t, p->tier, &p->out, 0);
	out.part = p->number;
	rc = batch_stream(&batch.m, p->c->b, p->tier, p->range.first, &p->diag);
	if (rc == 0)
		rc = open_chosen(p, &old.m);
	if (rc == 0)
		rc = draw(p, &batch);
	if (rc == 0)
		rc = draw(p, &old);
	while (rc == 0 && (batch.more || old.more))
		rc = merge_step(p, &batch, &old, &out);
	if (rc == 0)
		rc = sink_finish(&out, &p->diag);
	sink_fini(&out);
	merger_free(batch.m);
	merger_free(old.m);
	return rc;
}

static void *merge_thread(void *arg)
{
	struct part *p = arg;

	p->rc = merge_part(p);
	return NULL;
}

static inline unsigned processors(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n > PARTS_MAX ? PARTS_MAX : (unsigned)n;
}

/* The group with most records of a level, if with more than the best so far. */
static void consider(const struct group **best, const struct level *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!*best || l->g[i].records > (*best)->records)
			*best = &l->g[i];
}

/* Divide all addresses among the parts: by the runs of the largest group. */
static unsigned divide(struct commit *c, enum tier tier, struct part *p)
{
	unsigned want = MERGE_PROCESSORS, n = 1;
	const struct group *best = NULL;
	uint64_t before = 0;

	p[0].range.last = (struct addr128){ UINT64_MAX, UINT64_MAX };
	consider(&best, &c->chosen[tier]);
	consider(&best, &c->b->pile[tier].spills);
	if (!best || best->records < MERGE_THREADED)
		return 1;
	for (size_t i = 0; n < want && i < best->n; i++) {
		struct addr128 at = run_summary(best->runs[i])->min;

		if (i && run_cuts_before(at) && before >= best->records / want * n) {
			p[n].range = (struct range){ at, p[n - 1].range.last };
			p[n - 1].range.last = addr_prev(at);
			n++;
		}
		before += run_summary(best->runs[i])->records;
	}
	return n;
}

/* The parts' runs become one group, in order. */
static int join(struct commit *c, const struct part *p, struct sink *out)
{
	int rc = p->rc;

	if (rc < 0)
		return diag_set(c->d, rc, "%s", diag_str(&p->diag, rc));
	for (size_t i = 0; rc == 0 && p->out.n && i < p->out.g[0].n; i++)
		rc = sink_adopt(out, p->out.g[0].runs[i], c->d);
	c->st.added += p->st.added;
	c->st.updated += p->st.updated;
	c->st.aliased += p->st.aliased;
	c->st.tried += p->st.tried;
	c->t.hosts += p->st.added;
	c->t.seen += p->st.tried;
	return rc;
}

static int merge_parts(struct commit *c, struct sink *out)
{
	struct part *p = calloc(PARTS_MAX, sizeof(*p));
	pthread_t thread[PARTS_MAX];
	unsigned n, started = 1;
	int rc = 0;

	if (!p)
		return -ENOMEM;
	n = divide(c, out->tier, p);
	for (unsigned i = 0; i < n; i++) {
		p[i].c = c;
		p[i].tier = out->tier;
		p[i].number = i + 1;
	}
	while (started < n &&
	       pthread_create(&thread[started], NULL, merge_thread, &p[started]) == 0)
		started++;
	merge_thread(&p[0]);
	for (unsigned i = started; i < n; i++) /* those that got no thread */
		merge_thread(&p[i]);
	for (unsigned i = 1; i < started; i++)
		pthread_join(thread[i], NULL);
	for (unsigned i = 0; i < n; i++) {
		if (rc == 0)
			rc = join(c, &p[i], out);
		level_fini(&p[i].out);
	}
	free(p);
	return rc;
}

/* The batch has been written as runs already: they need names only. */
static int adopt_runs(struct commit *c, struct sink *out, struct run **runs, size_t n)
{
	uint64_t records = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		records += run_summary(runs[i])->records;
		rc = sink_adopt(out, runs[i], c->d);
	}
	if (out->tier == TIER_HOSTS) {
		c->st.added += records;
		c->t.hosts += records;
	} else if (out->tier == TIER_SEEN) {
		c->st.tried += records;
		c->t.seen += records;
	}
	return rc;
}

static int merge_tier(struct commit *c, enum tier tier)
{
	struct run **ready;
	struct sink out;
	size_t n;
	int rc;

	if (batch_total(c->b, tier) == 0 && !(c->b->compact && c->t.tier[tier].n > 1))
		return 0;
	sink_init(&out, &c->t, tier, &c->t.tier[tier], c->t.group++);
	rc = batch_ready_runs(&ready, &n, c->b, tier, c->d);
	if (rc < 0 || n)
		return rc < 0 ? rc : adopt_runs(c, &out, ready, n);
	rc = choose(c, tier);
	if (rc == 0)
		rc = batch_seal(c->b, tier, c->d);
	return rc ? rc : merge_parts(c, &out);
}

/* Whether a run holds an address inside one of the purged ranges. */
static int run_is_dirty(struct commit *c, enum tier tier, const struct run *r,
                        struct run_cursor *cur)
{
	const struct run_summary *s = run_summary(r);

	for (size_t i = 0; i < c->npurged[tier]; i++) {
		struct addr128 first = c->purged[tier][i].first;
		struct addr128 last = c->purged[tier][i].last;
		const struct host_record *rec = NULL;
		int rc;

		if (addr_cmp(last, s->min) < 0 || addr_cmp(first, s->max) > 0)
			continue;
		rc = run_seek(cur, r, first, c->d);
		if (rc == 0)
			rc = run_next(cur, &rec, c->d);
		if (rc < 0 || (rc > 0 && addr_cmp(rec->addr, last) <= 0))
			return rc;
	}
	return 0;
}

static int rewrite_run(struct commit *c, enum tier tier, const struct run *r,
                       struct run_cursor *cur, struct level *to, uint64_t group)
{
	const struct host_record *rec;
	struct sink out;
	int rc = run_seek(cur, r, (struct addr128){ 0, 0 }, c->d);

	sink_init(&out, &c->t, tier, to, group);
	while (rc == 0 && (rc = run_next(cur, &rec, c->d)) > 0) {
		rc = 0;
		if (!is_purged(c, tier, rec->addr))
			rc = sink_add(&out, rec, c->d);
	}
	if (rc == 0)
		rc = sink_finish(&out, c->d);
	sink_fini(&out);
	return rc;
}

/* Groups that the merge leaves alone lose what is purged run by run. */
static int purge_runs(struct commit *c, enum tier tier)
{
	struct level *l = &c->t.tier[tier], clean = { 0 };
	struct run_cursor *cur;
	int rc = 0;

	if (c->npurged[tier] == 0)
		return 0;
	cur = malloc(sizeof(*cur));
	if (!cur)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		for (size_t k = 0; rc == 0 && k < l->g[i].n; k++) {
			struct run *r = l->g[i].runs[k];

			rc = run_is_dirty(c, tier, r, cur);
			if (rc > 0) {
				rc = rewrite_run(c, tier, r, cur, &clean, l->g[i].id);
				continue;
			}
			if (rc == 0 && (rc = level_add(&clean, l->g[i].id, run_ref(r))))
				run_unref(r);
		}
	}
	free(cur);
	level_fini(rc ? &clean : l);
	if (rc == 0)
		*l = clean;
	return rc;
}

int hitlist_batch_commit(struct hitlist_batch *b, struct hitlist_merge_stats *st,
                         struct diag *d)
{
	struct commit c = { .b = b, .d = d, .lock = PTHREAD_MUTEX_INITIALIZER };
	uint64_t forgotten = 0; /* transitions: nobody counts them */
	int rc = txn_begin(&c.t, b->h);

	c.st.read = b->read;
	c.st.answers = b->answers;
	c.t.merged = b->merged;
	c.t.nmerged = b->nmerged;
	c.t.optouts = b->optouts;
	c.t.apd = b->apd;
	c.t.inputs = b->has_input ? &b->inputs : NULL;
	c.st.blocked = b->blocked;
	if (rc == 0)
		rc = plan_purge(&c, TIER_HOSTS, &c.t.hosts);
	if (rc == 0)
		rc = plan_purge(&c, TIER_SEEN, &c.t.seen);
	if (rc == 0)
		rc = plan_purge(&c, TIER_HISTORY, &forgotten);
	if (rc == 0)
		rc = plan_aliased(&c);
	if (rc == 0)
		rc = merge_tier(&c, TIER_HOSTS);
	if (rc == 0)
		rc = purge_runs(&c, TIER_HOSTS);
	if (rc == 0)
		rc = merge_tier(&c, TIER_SEEN);
	if (rc == 0)
		rc = purge_runs(&c, TIER_SEEN);
	if (rc == 0)
		rc = merge_tier(&c, TIER_HISTORY);
	if (rc == 0)
		rc = purge_runs(&c, TIER_HISTORY);
	for (unsigned t = 0; t < TIERS; t++) {
		level_fini(&c.chosen[t]);
		free(c.purged[t]);
	}
	if (rc < 0 ||
	    (batch_total(b, TIER_HOSTS) == 0 && batch_total(b, TIER_SEEN) == 0 &&
	     !c.t.aliased_grew && b->nmerged == 0 && !b->optouts && !b->apd &&
	     !b->has_input && !b->compact))
		txn_abort(&c.t); /* it failed, or there is nothing to do */
	else
		rc = txn_commit(&c.t, d);
	if (rc == 0 && st)
		*st = c.st;
	return rc;
}
