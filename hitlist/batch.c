#include "hitlist/batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "hitlist/history.h"
#include "hitlist/journal.h"
#include "hitlist/sort.h"

/* In memory at most: 32 MB of either kind, and as much again to sort them.
 * Tests make it small. */
#ifndef BATCH_RECORDS_MAX
#define BATCH_RECORDS_MAX (1 << 19)
#define BATCH_KEYS_MAX    (5 << 18)
#endif

#define BATCH_HISTORY_MAX (BATCH_RECORDS_MAX / 4)

/* What arrives in order goes to disk in pieces of so many, which stay in the
 * cache. */
#ifndef BATCH_WINDOW
#define BATCH_WINDOW 512
#endif

int hitlist_batch_open(struct hitlist_batch **out, struct hitlist *h, struct diag *d)
{
	struct hitlist_batch *b;

	if (h->mode == HITLIST_READ)
		return diag_set(d, -EBADF, "%s: opened for reading only", h->dir);
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->h = h;
	for (unsigned t = 0; t < TIERS; t++)
		b->pile[t] = (struct pile){ .tier = (enum tier)t,
			                    .ascending = true,
			                    .flowing = true };
	*out = b;
	return 0;
}

void hitlist_batch_close(struct hitlist_batch *b)
{
	if (!b)
		return;
	for (unsigned t = 0; t < TIERS; t++) {
		struct pile *p = &b->pile[t];

		run_writer_close(p->w);
		for (size_t i = 0; p->spills.n && i < p->spills.g[0].n; i++)
			unlink(run_name(p->spills.g[0].runs[i])); /* if kept */
		level_fini(&p->spills);
		free(p->keys);
		free(p->rec);
	}
	inputs_fini(&b->inputs);
	free(b->aliased);
	free(b->merged);
	free(b);
}

/* Whether the spills of a pile may become runs of the hitlist: there are none to
 * merge them with, and nothing to take out of them. */
static bool may_keep(const struct hitlist_batch *b, const struct pile *p)
{
	return p->chain <= 1 && b->h->tier[p->tier].n == 0 &&
	       ivtab_count(b->h->aliased.table) == 0;
}

/* The spill being written becomes readable.  Unless it may be kept its name goes
 * at once: the file lives as long as the mapping, and a crash leaves nothing. */
static int spill_finish(struct hitlist_batch *b, struct pile *p, const char *path,
                        struct diag *d)
{
	struct run *r;
	int rc;

	if (!p->w)
		return 0;
	rc = run_writer_finish(p->w, d);
	if (rc == 0)
		rc = run_open(&r, path, d);
	if (rc < 0 || !may_keep(b, p))
		unlink(path);
	run_writer_close(p->w);
	p->w = NULL;
	if (rc < 0)
		return rc;
	rc = level_add(&p->spills, p->chain, r);
	if (rc < 0)
		run_unref(r);
	return rc;
}

static int spill_path(const struct hitlist_batch *b, const struct pile *p,
                      char out[static FS_PATH_MAX], struct diag *d)
{
	char name[MANIFEST_NAME_MAX];

	snprintf(name, sizeof(name), STORE_SPILL "%" PRIu64 ".tmp", p->number);
	return store_path(out, b->h, STORE_RUNS, name, d);
}

static int spill_open(struct hitlist_batch *b, struct pile *p, bool new_chain,
                      struct diag *d)
{
	char path[FS_PATH_MAX];
	int rc = spill_path(b, p, path, d);

	if (rc == 0)
		rc = spill_finish(b, p, path, d);
	p->chain += new_chain;
	p->number = b->h->spills++;
	if (rc == 0)
		rc = spill_path(b, p, path, d);
	if (rc == 0)
		rc = run_writer_open(&p->w, path, tier_schema(p->tier),
		                     b->h->manifest.generation + 1,
		                     may_keep(b, p) ? RUN_LASTING : RUN_SPILL, d);
	return rc;
}

/* The next record of a sorted stream.  One that does not ascend begins a new
 * chain; a full file is followed by another one of the same chain. */
static int spill_record(struct hitlist_batch *b, struct pile *p,
                        const struct host_record *r, struct diag *d)
{
	bool ascends = p->w && addr_cmp(p->last, r->addr) < 0;
	int rc = 0;

	if (!ascends || run_writer_records(p->w) == RUN_MAX_RECORDS ||
	    run_cuts_before(r->addr))
		rc = spill_open(b, p, !ascends, d);
	if (rc < 0)
		return rc;
	p->last = r->addr;
	rc = run_writer_add(p->w, r);
	return rc ? diag_set(d, rc, "%s/%s: cannot write: %s", b->h->dir, STORE_RUNS,
	                     err_str(rc))
	          : 0;
}

static int sort_memory(struct pile *p)
{
	int rc;

	if (p->ascending)
		return 0;
	rc = records_sort(p->rec, p->n);
	if (rc == 0)
		rc = seen_keys_sort(p->keys, p->nkeys);
	p->ascending = rc == 0;
	return rc;
}

static void key_fold(struct seen_key *dst, const struct seen_key *src)
{
	dst->sources |= src->sources;
	dst->period = src->period > dst->period ? src->period : dst->period;
}

/* The first n records or keys in memory, which are sorted, go to disk, those of
 * one address as one. */
static int spill_sorted(struct hitlist_batch *b, struct pile *p, size_t n, struct diag *d)
{
	int rc = 0;

	for (size_t i = 0, k; rc == 0 && i < n; i = k) {
		struct host_record key, *r = &key;

		k = i + 1;
		if (p->tier != TIER_SEEN) {
			r = &p->rec[i];
			for (; k < n && addr_eq(r->addr, p->rec[k].addr); k++)
				record_fold(p->tier, r, &p->rec[k]);
		} else {
			struct seen_key x = p->keys[i];

			while (k < n && addr_eq(x.a, p->keys[k].a))
				key_fold(&x, &p->keys[k++]);
			record_of_key(&key, &x);
		}
		rc = spill_record(b, p, r, d);
	}
	return rc;
}

static size_t in_memory(const struct pile *p)
{
	return p->tier == TIER_SEEN ? p->nkeys : p->n;
}

static struct addr128 at(const struct pile *p, size_t i)
{
	return p->tier == TIER_SEEN ? p->keys[i].a : p->rec[i].addr;
}

/* What is in memory goes to disk. */
static int spill(struct hitlist_batch *b, struct pile *p, struct diag *d)
{
	int rc;

	p->flowing = p->ascending;
	rc = sort_memory(p);
	if (rc == 0)
		rc = spill_sorted(b, p, in_memory(p), d);
	p->n = 0;
	p->nkeys = 0;
	return rc;
}

/* The same while everything comes in order.  The last address stays: there may be
 * more of it. */
static int spill_window(struct hitlist_batch *b, struct pile *p, struct diag *d)
{
	size_t n = in_memory(p), keep = n - 1;
	int rc;

	if (!p->ascending || (p->w && addr_cmp(p->last, at(p, 0)) >= 0)) {
		p->flowing = false;
		return 0;
	}
	while (keep && addr_eq(at(p, keep - 1), at(p, keep)))
		keep--;
	rc = spill_sorted(b, p, keep, d);
	n -= keep;
	if (p->tier != TIER_SEEN) {
		memmove(p->rec, p->rec + keep, n * sizeof(*p->rec));
		p->n = n;
		for (; p->n > 1; p->n--)
			record_fold(p->tier, &p->rec[0], &p->rec[p->n - 1]);
	} else {
		p->keys[0] = p->keys[keep];
		for (size_t i = 1; i < n; i++)
			key_fold(&p->keys[0], &p->keys[keep + i]);
		p->nkeys = 1;
	}
	return rc;
}

/* Room for one more. */
static int make_room(struct hitlist_batch *b, struct pile *p, size_t max, struct diag *d)
{
	size_t n = in_memory(p);
	int rc = p->flowing && n && n % BATCH_WINDOW == 0 ? spill_window(b, p, d) : 0;

	return rc == 0 && in_memory(p) == max ? spill(b, p, d) : rc;
}

int batch_ready_runs(struct run ***runs, size_t *n, struct hitlist_batch *b, enum tier t,
                     struct diag *d)
{
	struct pile *p = &b->pile[t];
	char path[FS_PATH_MAX];
	int rc = 0;

	*n = 0;
	if (!may_keep(b, p) || p->chain != 1 || !p->ascending || b->naliased ||
	    b->replace || b->purge || b->compact || (t == TIER_HOSTS && b->silence) ||
	    (t == TIER_HOSTS && b->nborrowed) ||
	    (in_memory(p) && addr_cmp(p->last, at(p, 0)) >= 0))
		return 0;
	rc = spill_sorted(b, p, in_memory(p), d);
	p->n = 0;
	p->nkeys = 0;
	if (rc == 0)
		rc = spill_path(b, p, path, d);
	if (rc == 0)
		rc = spill_finish(b, p, path, d);
	if (rc < 0 || p->chain != 1 || p->spills.n != 1)
		return rc;
	for (size_t i = 0; i < p->spills.g[0].n; i++)
		if (run_summary(p->spills.g[0].runs[i])->generation !=
		    b->h->manifest.generation + 1)
			return 0;
	*runs = p->spills.g[0].runs;
	*n = p->spills.g[0].n;
	return 0;
}

static int pile_take(struct hitlist_batch *b, struct pile *p, const struct host_record *r,
                     size_t max, struct diag *d)
{
	int rc = make_room(b, p, max, d);

	if (rc < 0)
		return rc;
	if (!p->rec)
		p->rec = malloc(max * sizeof(*p->rec));
	if (!p->rec)
		return -ENOMEM;
	if (p->n && addr_cmp(p->rec[p->n - 1].addr, r->addr) > 0)
		p->ascending = false;
	p->rec[p->n++] = *r;
	p->total++;
	return 0;
}

/* See observation_of_silence(): news of hosts that are known, and of no other. */
bool host_record_is_silence(const struct host_record *r)
{
	return !r->first_seen && !r->last_seen && !r->sources &&
	       (r->last_probed || r->injected);
}

int batch_take(struct hitlist_batch *b, const struct host_record *r, struct diag *d)
{
	struct pile *p = &b->pile[TIER_HOSTS];
	int rc;

	if (ivtab_covers(b->h->optouts.table, r->addr)) {
		b->blocked++;
		return 0;
	}
	rc = pile_take(b, p, r, BATCH_RECORDS_MAX, d);
	if (rc == 0)
		host_record_normalise(&p->rec[p->n - 1]);
	b->silence |= host_record_is_silence(r);
	return rc;
}

int batch_history(struct hitlist_batch *b, const struct host_record *r, struct diag *d)
{
	return pile_take(b, &b->pile[TIER_HISTORY], r, BATCH_HISTORY_MAX, d);
}

/* There is room in memory for one key more. */
static int reserve_key(struct pile *p)
{
	size_t cap = p->keys_cap ? 2 * p->keys_cap : 1024;
	struct seen_key *k = p->keys;

	if (p->nkeys < p->keys_cap)
		return 0;
	if (cap > BATCH_KEYS_MAX)
		cap = BATCH_KEYS_MAX;
	k = realloc(k, cap * sizeof(*k));
	if (!k)
		return -ENOMEM;
	p->keys = k;
	p->keys_cap = cap;
	return 0;
}

static int take_key(struct hitlist_batch *b, struct addr128 a, uint32_t period,
                    unsigned sources, struct diag *d)
{
	struct pile *p = &b->pile[TIER_SEEN];
	int rc;

	if (ivtab_covers(b->h->optouts.table, a))
		return 0;
	rc = make_room(b, p, BATCH_KEYS_MAX, d);
	if (rc == 0)
		rc = reserve_key(p);
	if (rc < 0)
		return rc;
	if (p->nkeys && addr_cmp(p->keys[p->nkeys - 1].a, a) > 0)
		p->ascending = false;
	p->total++;
	p->keys[p->nkeys++] = (struct seen_key){ a, period, (uint16_t)sources };
	return 0;
}

int batch_tried(struct hitlist_batch *b, const struct host_record *r, struct diag *d)
{
	uint32_t when = r->last_probed > r->last_seen ? r->last_probed : r->last_seen;

	if (!when)
		when = r->first_seen;
	return take_key(b, r->addr, when / SEEN_PERIOD, r->sources, d);
}

int hitlist_batch_add(struct hitlist_batch *b, const struct host_record *records,
                      size_t n, struct diag *d)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = batch_take(b, &records[i], d);
	b->read += n;
	return rc;
}

int hitlist_batch_tried(struct hitlist_batch *b, const struct addr128 *a, size_t n,
                        enum hitlist_source source, uint32_t when, struct diag *d)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = take_key(b, a[i], when / SEEN_PERIOD, 1U << source, d);
	return rc;
}

int hitlist_batch_aliased(struct hitlist_batch *b, const struct prefix *p, size_t n)
{
	struct prefix *q = n ? realloc(b->aliased, (b->naliased + n) * sizeof(*q)) : NULL;

	if (n == 0)
		return 0;
	if (!q)
		return -ENOMEM;
	b->aliased = q;
	memcpy(q + b->naliased, p, n * sizeof(*p));
	b->naliased += n;
	return 0;
}

int hitlist_batch_input(struct hitlist_batch *b, const struct hitlist_input *i)
{
	int rc = b->has_input ? 0 : inputs_copy(&b->inputs, &b->h->inputs);

	if (rc == 0) {
		b->has_input = true;
		rc = inputs_add(&b->inputs, i);
	}
	return rc;
}

uint64_t batch_total(const struct hitlist_batch *b, enum tier t)
{
	return b->pile[t].total + (t == TIER_HOSTS ? b->nborrowed : 0);
}

int batch_seal(struct hitlist_batch *b, enum tier t, struct diag *d)
{
	struct pile *p = &b->pile[t];
	char path[FS_PATH_MAX];
	int rc = spill_path(b, p, path, d);

	if (rc == 0)
		rc = spill_finish(b, p, path, d);
	if (rc == 0)
		rc = sort_memory(p);
	if (rc < 0 || t != TIER_HOSTS)
		return rc;
	for (size_t i = 0; i < b->nborrowed; i++)
		host_record_normalise(&b->borrowed[i]);
	return records_sort(b->borrowed, b->nborrowed);
}

/* The index of the first key >= a. */
static size_t first_key(const struct pile *p, struct addr128 a)
{
	size_t lo = 0, hi = p->nkeys;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(p->keys[mid].a, a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int add_records(struct merger *m, const struct host_record *r, size_t n,
                       struct addr128 from)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(r[mid].addr, from) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return merger_add_records(m, r + lo, n - lo);
}

int batch_stream(struct merger **out, const struct hitlist_batch *b, enum tier t,
                 struct addr128 from, struct diag *d)
{
	const struct pile *p = &b->pile[t];
	size_t k = first_key(p, from);
	int rc = merger_new(out, t);

	for (size_t i = 0; rc == 0 && i < p->spills.n; i++)
		rc = merger_add_runs(*out, p->spills.g[i].runs, p->spills.g[i].n, from,
		                     d);
	if (rc == 0)
		rc = add_records(*out, p->rec, p->n, from);
	if (rc == 0)
		rc = merger_add_keys(*out, p->keys + k, p->nkeys - k);
	if (rc == 0 && t == TIER_HOSTS)
		rc = add_records(*out, b->borrowed, b->nborrowed, from);
	if (rc < 0) {
		merger_free(*out);
		*out = NULL;
	}
	return rc;
}

int hitlist_add(struct hitlist *h, struct host_record *records, size_t n,
                struct hitlist_merge_stats *st, struct diag *d)
{
	struct hitlist_batch *b = NULL;
	int rc = hitlist_batch_open(&b, h, d);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		if (ivtab_covers(h->optouts.table, records[i].addr))
			b->blocked++;
		else
			records[b->nborrowed++] = records[i];
	}
	b->borrowed = records;
	b->read = n;
	rc = hitlist_batch_commit(b, st, d);
	hitlist_batch_close(b);
	return rc;
}

int hitlist_add_aliased(struct hitlist *h, const struct prefix *p, size_t n,
                        struct diag *d)
{
	struct hitlist_batch *b = NULL;
	int rc = hitlist_batch_open(&b, h, d);

	if (rc < 0)
		return rc;
	rc = hitlist_batch_aliased(b, p, n);
	if (rc == 0)
		rc = hitlist_batch_commit(b, NULL, d);
	hitlist_batch_close(b);
	return rc;
}

int hitlist_compact(struct hitlist *h, struct diag *d)
{
	struct hitlist_batch *b = NULL;
	int rc = 0;

	if (h->tier[TIER_HOSTS].n < 2 && h->tier[TIER_SEEN].n < 2 &&
	    h->tier[TIER_HISTORY].n < 2)
		return 0;
	rc = hitlist_batch_open(&b, h, d);
	if (rc == 0) {
		b->compact = true;
		rc = hitlist_batch_commit(b, NULL, d);
	}
	hitlist_batch_close(b);
	return rc;
}

/* Journals */

struct taking {
	struct hitlist_batch *b;
	enum hitlist_source source;
	uint32_t created;
	struct diag *d;
};

/* See observation_of_silence(): the streak is in the tag. */
static void record_of_silence(struct host_record *r, const struct observation *o)
{
	uint64_t s = o->when_us / 1000000;

	*r = (struct host_record){
		.addr = o->target,
		.last_probed = s > UINT32_MAX ? UINT32_MAX : (uint32_t)s,
		.fail_streak = o->tag > UINT16_MAX ? UINT16_MAX : (uint16_t)o->tag,
	};
}

static int take_observed(void *ctx, const struct observation *o)
{
	struct taking *t = ctx;
	struct host_record r;

	t->b->read++;
	if (o->outcome == OBS_SILENT && o->tag) {
		record_of_silence(&r, o);
		return batch_take(t->b, &r, t->d);
	}
	if (!host_record_from_observation(&r, o, t->source))
		return 0;
	t->b->answers++;
	return batch_take(t->b, &r, t->d);
}

static int take_tried(void *ctx, struct addr128 a)
{
	struct taking *t = ctx;

	return hitlist_batch_tried(t->b, &a, 1, t->source, t->created, t->d);
}

static int take_aliased(void *ctx, struct prefix p)
{
	struct taking *t = ctx;

	return hitlist_batch_aliased(t->b, &p, 1);
}

static int take_journal(void *ctx, const char *name)
{
	struct taking *t = ctx;
	struct hitlist_batch *b = t->b;
	const struct journal_visitor v = { take_observed, take_tried, take_aliased, t };
	struct manifest_name *merged;
	struct journal_reader *r;
	char path[FS_PATH_MAX];
	int rc = store_path(path, b->h, STORE_JOURNAL, name, t->d);

	if (rc == 0)
		rc = journal_reader_open(&r, path, t->d);
	if (rc < 0)
		return rc;
	t->source = journal_reader_source(r);
	t->created = journal_reader_created(r);
	rc = journal_visit(r, &v, t->d);
	if (rc == 0 && journal_reader_torn(r))
		log_warn("%s: the last %" PRIu64
		         " bytes were not written whole: left out",
		         path, journal_reader_torn(r));
	journal_reader_close(r);
	if (rc < 0)
		return rc;
	merged = realloc(b->merged, (b->nmerged + 1) * sizeof(*merged));
	if (!merged)
		return -ENOMEM;
	b->merged = merged;
	if (snprintf(merged[b->nmerged].s, sizeof(merged->s), "%s", name) >=
	    (int)sizeof(merged->s))
		return diag_set(t->d, ERR_FORMAT, "%s: not a name of a journal", path);
	b->nmerged++;
	return 0;
}

int hitlist_merge(struct hitlist *h, struct hitlist_merge_stats *st, struct diag *d)
{
	struct taking t = { .d = d };
	int rc;

	if (h->journals)
		return diag_set(d, ERR_BUSY, "%s: a journal is still open", h->dir);
	rc = hitlist_batch_open(&t.b, h, d);
	if (rc < 0)
		return rc;
	rc = store_each_journal(h, take_journal, &t, d);
	if (rc == 0)
		rc = hitlist_batch_commit(t.b, st, d);
	hitlist_batch_close(t.b);
	return rc;
}
