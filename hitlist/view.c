/* Looking at a hitlist as a whole: iteration, numbers, verification. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hitlist/store.h"
#include "hitlist/stream.h"

struct hitlist_iter {
	struct merger *m;
	struct addr128 last;
};

int store_iter(struct hitlist_iter **out, const struct hitlist *h, enum tier t,
               struct addr128 first, struct addr128 last, struct diag *d)
{
	const struct level *l = &h->tier[t];
	struct hitlist_iter *it = calloc(1, sizeof(*it));
	int rc;

	if (!it)
		return -ENOMEM;
	it->last = last;
	rc = merger_new(&it->m, t);
	for (size_t i = 0; rc == 0 && i < l->n; i++)
		rc = merger_add_runs(it->m, l->g[i].runs, l->g[i].n, first, d);
	if (rc < 0)
		hitlist_iter_close(it);
	else
		*out = it;
	return rc;
}

int hitlist_iter_open(struct hitlist_iter **out, const struct hitlist *h,
                      const struct prefix *p, struct diag *d)
{
	struct prefix all = { { 0, 0 }, 0 };

	if (!p)
		p = &all;
	return store_iter(out, h, TIER_HOSTS, p->addr, prefix_last(*p), d);
}

int hitlist_iter_open_seen(struct hitlist_iter **out, const struct hitlist *h,
                           const struct prefix *p, struct diag *d)
{
	struct prefix all = { { 0, 0 }, 0 };

	if (!p)
		p = &all;
	return store_iter(out, h, TIER_SEEN, p->addr, prefix_last(*p), d);
}

int hitlist_iter_next(struct hitlist_iter *it, struct host_record *out, struct diag *d)
{
	int rc = merger_next(it->m, out, d);

	return rc > 0 && addr_cmp(out->addr, it->last) > 0 ? 0 : rc;
}

void hitlist_iter_close(struct hitlist_iter *it)
{
	if (!it)
		return;
	merger_free(it->m);
	free(it);
}

static int count(void *ctx, const char *name)
{
	uint64_t *n = ctx;

	(void)name;
	++*n;
	return 0;
}

void hitlist_info(const struct hitlist *h, struct hitlist_info *info)
{
	const struct manifest *m = &h->manifest;

	*info = (struct hitlist_info){
		.generation = m->generation,
		.hosts = m->hosts,
		.seen = m->seen,
		.aliased = h->aliased.n,
	};
	for (unsigned i = 0; i < SIDES; i++)
		info->bytes += m->side[i].bytes;
	for (size_t i = 0; i < h->optouts.n; i++)
		info->optouts += hitlist_optout_in_force(&h->optouts.e[i], h->opened);
	for (size_t i = 0; i < m->nruns; i++) {
		info->runs += m->runs[i].tier == TIER_HOSTS;
		info->seen_runs += m->runs[i].tier == TIER_SEEN;
		info->bytes += m->runs[i].bytes;
	}
	store_each_journal(h, count, &info->journals, NULL);
}

static int check_runs(const struct level *l, struct diag *d)
{
	int rc = 0;

	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; rc == 0 && k < l->g[i].n; k++)
			rc = run_check(l->g[i].runs[k], d);
	return rc;
}

/* Each address counts once, however many groups it is in. */
static int check_tier(const struct hitlist *h, enum tier t, uint64_t want, struct diag *d)
{
	const struct addr128 top = { UINT64_MAX, UINT64_MAX };
	struct hitlist_iter *it;
	struct host_record r;
	uint64_t n = 0;
	int rc = store_iter(&it, h, t, (struct addr128){ 0, 0 }, top, d);

	if (rc < 0)
		return rc;
	while ((rc = hitlist_iter_next(it, &r, d)) > 0) {
		n++;
		if (t == TIER_HOSTS && ivtab_covers(h->aliased.table, r.addr)) {
			char text[ADDR_STRLEN];

			addr_format(text, r.addr);
			rc = diag_set(d, ERR_FORMAT,
			              "%s: %s is in an aliased prefix and in a run",
			              h->dir, text);
			break;
		}
	}
	hitlist_iter_close(it);
	if (rc == 0 && n != want)
		rc = diag_set(d, ERR_FORMAT,
		              "%s/MANIFEST: %" PRIu64 " %s announced, %" PRIu64 " found",
		              h->dir, want, t == TIER_HOSTS ? "hosts" : "seen", n);
	return rc;
}

/* The files that were read whole when the hitlist was opened, once more; unless
 * a writer has replaced them since, or does so just now. */
static int check_sides(const struct hitlist *h, struct diag *d)
{
	struct hitlist *again;
	struct diag why = { "" };
	int rc;

	if (store_is_superseded(h))
		return 0;
	again = calloc(1, sizeof(*again));
	if (!again)
		return -ENOMEM;
	memcpy(again->dir, h->dir, sizeof(h->dir));
	again->opened = h->opened;
	again->manifest = h->manifest; /* to look at */
	rc = store_load_sides(again, &why);
	store_fini_sides(again);
	free(again);
	if (rc == -ENOENT && store_is_superseded(h))
		return 0;
	return rc < 0 ? diag_set(d, rc, "%s", diag_str(&why, rc)) : 0;
}

int hitlist_check(const struct hitlist *h, struct diag *d)
{
	static const struct journal_visitor nothing = { NULL, NULL, NULL, NULL };
	struct manifest m;
	int rc = manifest_load(&m, h->dir, d);

	if (rc < 0)
		return rc;
	manifest_fini(&m);
	rc = check_sides(h, d);
	for (unsigned t = 0; rc == 0 && t < TIERS; t++)
		rc = check_runs(&h->tier[t], d);
	if (rc == 0)
		rc = check_tier(h, TIER_HOSTS, h->manifest.hosts, d);
	if (rc == 0)
		rc = check_tier(h, TIER_SEEN, h->manifest.seen, d);
	if (rc == 0)
		rc = hitlist_visit_journals(h, &nothing, d);
	return rc ? rc : hitlist_visit_waiting(h, NULL, NULL, d);
}
