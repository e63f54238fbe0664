#include "hitlist/txn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int txn_begin(struct txn *t, struct hitlist *h)
{
	const struct manifest *m = &h->manifest;
	int rc = 0;

	*t = (struct txn){
		.h = h,
		.generation = m->generation + 1,
		.next = m->next,
		.hosts = m->hosts,
		.seen = m->seen,
	};
	for (size_t i = 0; i < m->nruns; i++)
		if (m->runs[i].group >= t->group)
			t->group = m->runs[i].group + 1;
	for (unsigned i = 0; rc == 0 && i < TIERS; i++)
		rc = level_copy(&t->tier[i], &h->tier[i]);
	if (rc == 0) {
		bool grew;

		rc = aliased_union(&t->aliased, &h->aliased, NULL, 0, &grew);
	}
	return rc;
}

static void txn_fini(struct txn *t)
{
	for (unsigned i = 0; i < TIERS; i++)
		level_fini(&t->tier[i]);
	aliased_fini(&t->aliased);
}

void txn_abort(struct txn *t)
{
	txn_fini(t);
	store_sweep(t->h, false);
}

static int list_runs(const struct txn *t, struct manifest *m)
{
	int rc = 0;

	for (unsigned tier = 0; tier < TIERS; tier++) {
		for (size_t i = 0; i < t->tier[tier].n; i++) {
			const struct group *g = &t->tier[tier].g[i];

			for (size_t k = 0; rc == 0 && k < g->n; k++) {
				const struct run_summary *s = run_summary(g->runs[k]);
				struct manifest_run r = {
					.tier = (enum tier)tier,
					.group = g->id,
					.bytes = s->bytes,
					.records = s->records,
					.checksum = s->checksum,
				};

				snprintf(r.name, sizeof(r.name), "%s",
				         strrchr(run_name(g->runs[k]), '/') + 1);
				rc = manifest_add_run(m, &r);
			}
		}
	}
	return rc;
}

static bool journal_exists(const struct hitlist *h, const char *name)
{
	char path[FS_PATH_MAX];

	return store_path(path, h, STORE_JOURNAL, name, NULL) == 0 &&
	       access(path, F_OK) == 0;
}

static int make_manifest(const struct txn *t, struct manifest *m)
{
	const struct manifest *old = &t->h->manifest;
	int rc;

	*m = (struct manifest){
		.generation = t->generation,
		.next = t->next,
		.hosts = t->hosts,
		.seen = t->seen,
	};
	memcpy(m->side, old->side, sizeof(m->side));
	rc = list_runs(t, m);
	for (size_t i = 0; rc == 0 && i < t->nmerged; i++)
		rc = manifest_add_merged(m, t->merged[i].s);
	for (size_t i = 0; rc == 0 && i < old->nmerged; i++)
		if (journal_exists(t->h, old->merged[i].s))
			rc = manifest_add_merged(m, old->merged[i].s);
	return rc;
}

/* Whether this kind of file has changed. */
static bool has_news(const struct txn *t, enum side s)
{
	switch (s) {
	case SIDE_ALIASED: return t->aliased_grew;
	case SIDE_BLOCKED: return t->optouts;
	case SIDE_APD: return t->apd;
	default: return t->inputs;
	}
}

static int save_side(const struct txn *t, struct manifest_side *m, enum side s,
                     struct diag *d)
{
	char path[FS_PATH_MAX];
	int rc;

	snprintf(m->name, sizeof(m->name), "%s-%" PRIu64, side_str(s), t->generation);
	rc = store_path(path, t->h, NULL, m->name, d);
	if (rc < 0)
		return rc;
	switch (s) {
	case SIDE_ALIASED:
		m->entries = t->aliased.n;
		return aliased_save(&t->aliased, path, &m->bytes, &m->checksum, d);
	case SIDE_BLOCKED:
		m->entries = t->optouts->n;
		rc = optouts_save(t->optouts, path, &m->bytes, d);
		m->checksum = t->optouts->checksum;
		return rc;
	case SIDE_APD:
		m->entries = t->apd->n;
		rc = apd_save(t->apd, path, &m->bytes, d);
		m->checksum = t->apd->checksum;
		return rc;
	default:
		m->entries = t->inputs->n;
		rc = inputs_save(t->inputs, path, &m->bytes, d);
		m->checksum = t->inputs->checksum;
		return rc;
	}
}

/* The new state takes the place of the old one; *m and the txn are used up. */
static void adopt(struct txn *t, struct manifest *m)
{
	struct hitlist *h = t->h;

	manifest_fini(&h->manifest);
	h->manifest = *m;
	for (unsigned i = 0; i < TIERS; i++) {
		level_fini(&h->tier[i]);
		h->tier[i] = t->tier[i];
		t->tier[i] = (struct level){ 0 };
	}
	aliased_fini(&h->aliased);
	h->aliased = t->aliased;
	t->aliased = (struct aliased){ 0 };
	if (t->optouts) {
		optouts_fini(&h->optouts);
		h->optouts = *t->optouts;
		*t->optouts = (struct optouts){ 0 };
	}
	if (t->apd) {
		apd_fini(&h->apd);
		h->apd = *t->apd;
		*t->apd = (struct apd){ 0 };
	}
	if (t->inputs) {
		inputs_fini(&h->inputs);
		h->inputs = *t->inputs;
		*t->inputs = (struct inputs){ 0 };
	}
}

static bool on_disk(const struct txn *t)
{
	struct manifest m;
	bool is;

	if (manifest_load(&m, t->h->dir, NULL) < 0)
		return false;
	is = m.generation == t->generation;
	manifest_fini(&m);
	return is;
}

int txn_commit(struct txn *t, struct diag *d)
{
	char path[FS_PATH_MAX];
	struct manifest m;
	int rc = make_manifest(t, &m);

	for (unsigned i = 0; rc == 0 && i < SIDES; i++)
		if (has_news(t, (enum side)i))
			rc = save_side(t, &m.side[i], (enum side)i, d);
	if (rc == 0)
		rc = store_path(path, t->h, NULL, STORE_RUNS, d);
	if (rc == 0)
		rc = fs_sync_dir(path, d);
	if (rc < 0) {
		manifest_fini(&m);
		txn_abort(t);
		return rc;
	}
	rc = manifest_save(&m, t->h->dir, d);
	/* When all but the last fsync succeeded, the new state is the one that
	 * everybody sees, but it is not certain to last: say so, keep both. */
	if (rc == 0 || on_disk(t)) {
		adopt(t, &m);
		txn_fini(t);
		if (rc == 0)
			store_sweep(t->h, false);
		return rc;
	}
	manifest_fini(&m);
	txn_abort(t);
	return rc;
}

void sink_init(struct sink *s, struct txn *t, enum tier tier, struct level *to,
               uint64_t group)
{
	*s = (struct sink){ .txn = t, .tier = tier, .to = to, .group = group };
}

static int sink_path(const struct sink *s, char out[static FS_PATH_MAX],
                     const char *suffix, struct diag *d)
{
	char name[MANIFEST_NAME_MAX];

	if (s->part)
		snprintf(name, sizeof(name), "part-%u-%" PRIu64 ".tmp", s->part,
		         s->number);
	else
		snprintf(name, sizeof(name), "%010" PRIu64 ".run%s", s->number, suffix);
	return store_path(out, s->txn->h, STORE_RUNS, name, d);
}

static int sink_open(struct sink *s, struct diag *d)
{
	char path[FS_PATH_MAX];
	int rc;

	if (s->part)
		s->number++;
	else
		s->number = s->txn->next++;
	rc = sink_path(s, path, ".tmp", d);
	return rc ? rc
	          : run_writer_open(&s->w, path, tier_schema(s->tier), s->txn->generation,
	                            RUN_LASTING, d);
}

int sink_add(struct sink *s, const struct host_record *r, struct diag *d)
{
	int rc = 0;

	if (s->w &&
	    (run_writer_records(s->w) == RUN_MAX_RECORDS || run_cuts_before(r->addr)))
		rc = sink_finish(s, d);
	if (rc == 0 && !s->w)
		rc = sink_open(s, d);
	if (rc == 0)
		rc = run_writer_add(s->w, r);
	if (rc < 0)
		diag_set(d, rc, "%s/%s: cannot write: %s", s->txn->h->dir, STORE_RUNS,
		         err_str(rc));
	return rc;
}

/* The complete file tmp becomes the run of the number. */
static int sink_enter(struct sink *s, const char *tmp, struct diag *d)
{
	char path[FS_PATH_MAX];
	struct run *r;
	int rc = sink_path(s, path, "", d);

	if (rc == 0 && !s->part && rename(tmp, path) < 0)
		rc = diag_set(d, -errno, "%s: %s", path, strerror(errno));
	if (rc == 0)
		rc = run_open(&r, path, d);
	if (rc < 0)
		return rc;
	rc = level_add(s->to, s->group, r);
	if (rc < 0)
		run_unref(r);
	return rc;
}

int sink_adopt(struct sink *s, const struct run *r, struct diag *d)
{
	s->number = s->txn->next++;
	return sink_enter(s, run_name(r), d);
}

int sink_finish(struct sink *s, struct diag *d)
{
	char tmp[FS_PATH_MAX];
	int rc;

	if (!s->w)
		return 0;
	rc = run_writer_finish(s->w, d);
	if (rc == 0)
		rc = sink_path(s, tmp, ".tmp", d);
	if (rc == 0)
		rc = sink_enter(s, tmp, d);
	run_writer_close(s->w);
	s->w = NULL;
	return rc;
}

void sink_fini(struct sink *s)
{
	run_writer_close(s->w);
	s->w = NULL;
}
