/* The commit of a batch: which groups are rewritten, what is left out, and the
 * exact numbers. */
#include <stdlib.h>
#include <string.h>

#include "hitlist/batch.h"
#include "hitlist/txn.h"

/* A group is rewritten when it is at most this many times as large as what is
 * written anyway.  So each group is more than 8 times as large as all smaller
 * ones together, or nearly: there are about log8(n) of them, and a record is
 * rewritten some 8 times on its way from one size to the next. */
enum { SIZE_RATIO = 8 };

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
		rc = batch_tried(c->b, r.addr, c->d);
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

/* A record of the batch: what becomes of it, before the old one is folded in.
 * was: it is in one of the chosen groups.  1: it goes on, 0: it is left out. */
static int classify(struct commit *c, const struct host_record *r, bool was)
{
	int rc = was ? 1 : level_find(&c->t.tier[TIER_HOSTS], r->addr, NULL, c->d);

	if (rc < 0)
		return rc;
	if (ivtab_covers(c->t.aliased.table, r->addr)) {
		if (rc) /* counted by purge_prefix() */
			return 0;
		c->st.aliased++;
		rc = batch_tried(c->b, r->addr, c->d);
		return rc < 0 ? rc : 0;
	}
	if (!rc && host_record_is_silence(r)) /* it has gone meanwhile */
		return 0;
	if (rc) {
		c->st.updated++;
	} else {
		c->st.added++;
		c->t.hosts++;
	}
	return 1;
}

/* The same for the seen tier, where what is there already need not be added. */
static int classify_key(struct commit *c, const struct host_record *r, bool was)
{
	int rc = was ? 1 : level_find(&c->t.tier[TIER_SEEN], r->addr, NULL, c->d);

	if (rc < 0)
		return rc;
	if (rc)
		return was;
	c->st.tried++;
	c->t.seen++;
	return 1;
}

struct two {
	struct merger *m;
	struct host_record r;
	int more; /* 1: r is the next record, 0: at the end */
};

static int draw(struct two *x, struct diag *d)
{
	x->more = merger_next(x->m, &x->r, d);
	return x->more < 0 ? x->more : 0;
}

/* One step of merging the batch (a) with the old groups (b) into the sink. */
static int merge_step(struct commit *c, struct two *a, struct two *b, struct sink *out)
{
	int cmp = !a->more ? 1 : !b->more ? -1 : addr_cmp(a->r.addr, b->r.addr);
	int rc = 1;

	if (cmp > 0) {
		if (!is_purged(c, out->tier, b->r.addr))
			rc = sink_add(out, &b->r, c->d);
		return rc < 0 ? rc : draw(b, c->d);
	}
	rc = out->tier == TIER_HOSTS ? classify(c, &a->r, cmp == 0)
	                             : classify_key(c, &a->r, cmp == 0);
	if (rc > 0) {
		if (cmp == 0)
			host_record_merge(&a->r, &b->r);
		rc = sink_add(out, &a->r, c->d);
	}
	if (rc >= 0 && cmp == 0)
		rc = draw(b, c->d);
	return rc < 0 ? rc : draw(a, c->d);
}

static int open_chosen(struct commit *c, enum tier tier, struct merger **m)
{
	const struct level *l = &c->chosen[tier];
	int rc = merger_new(m);

	for (size_t i = 0; rc == 0 && i < l->n; i++)
		rc = merger_add_runs(*m, l->g[i].runs, l->g[i].n,
		                     (struct addr128){ 0, 0 }, c->d);
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
	} else {
		c->st.tried += records;
		c->t.seen += records;
	}
	return rc;
}

static int merge_tier(struct commit *c, enum tier tier)
{
	struct two batch = { 0 }, old = { 0 };
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
		rc = batch_stream(&batch.m, c->b, tier, c->d);
	if (rc == 0)
		rc = open_chosen(c, tier, &old.m);
	if (rc == 0)
		rc = draw(&batch, c->d);
	if (rc == 0)
		rc = draw(&old, c->d);
	while (rc == 0 && (batch.more || old.more))
		rc = merge_step(c, &batch, &old, &out);
	if (rc == 0)
		rc = sink_finish(&out, c->d);
	sink_fini(&out);
	merger_free(batch.m);
	merger_free(old.m);
	return rc;
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
	struct commit c = { .b = b, .d = d };
	int rc = txn_begin(&c.t, b->h);

	c.st.read = b->read;
	c.st.answers = b->answers;
	c.t.merged = b->merged;
	c.t.nmerged = b->nmerged;
	c.t.optouts = b->optouts;
	c.t.apd = b->apd;
	c.st.blocked = b->blocked;
	if (rc == 0)
		rc = plan_purge(&c, TIER_HOSTS, &c.t.hosts);
	if (rc == 0)
		rc = plan_purge(&c, TIER_SEEN, &c.t.seen);
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
	for (unsigned t = 0; t < TIERS; t++) {
		level_fini(&c.chosen[t]);
		free(c.purged[t]);
	}
	if (rc < 0 || (batch_total(b, TIER_HOSTS) == 0 &&
	               batch_total(b, TIER_SEEN) == 0 && !c.t.aliased_grew &&
	               b->nmerged == 0 && !b->optouts && !b->apd && !b->compact))
		txn_abort(&c.t); /* it failed, or there is nothing to do */
	else
		rc = txn_commit(&c.t, d);
	if (rc == 0 && st)
		*st = c.st;
	return rc;
}
