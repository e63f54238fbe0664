/* The hitlist on disk.
 *
 *     hl/MANIFEST        what there is: live runs, counts, generation, each
 *                        with checksum (hitlist/manifest.h); replaced by rename
 *     hl/runs/N.run      immutable sorted runs (hitlist/run.h)
 *     hl/aliased-N       aliased prefixes as of generation N (hitlist/aliased.h)
 *     hl/blocked-N       opt-outs as of generation N (hitlist/optouts.h)
 *     hl/apd-N           tests for aliased prefixes so far (hitlist/apd.h)
 *     hl/inputs-N        what was imported (hitlist/inputs.h)
 *     hl/journal/T-P-N.obs  journals (hitlist/journal.h): time, process, number
 *     hl/lock            flock(2)ed by the writing process
 *
 * Three tiers.  Hosts: a record for every address that has answered or was
 * imported.  Seen: the keys of everything ever tried, from where, and in which four
 * weeks last; orders of magnitude more.
 * History: how hosts came and went (hitlist/history.h).  All are sets of groups,
 * and a group is a list of runs that ascend without overlap, none over
 * RUN_MAX_RECORDS.  An address may be in several groups; the record is the merge
 * of them (record_fold), so that to write an update is to add a small group, and
 * no group needs to know of the others.
 *
 * A commit writes the new content as one group, together with every group that
 * is not more than 8 times as large as what is being written so far
 * (hitlist/merge.c).  So the groups grow geometrically: there are few of them
 * to look into, and a record is rewritten a bounded number of times.
 *
 * Crash protocol.  A file gets its final name only when it is complete and
 * synced, and counts only when a MANIFEST names it:
 *   1. N.run.tmp: write, fsync, rename to N.run; the same for aliased-N,
 *      blocked-N, apd-N and inputs-N;
 *   2. fsync the directory runs/;
 *   3. MANIFEST.tmp: write, fsync, rename to MANIFEST, fsync the directory;
 *   4. remove the runs, aliased prefixes and journals that this made obsolete.
 * Before the rename of 3 the old state stands, after it the new one.  Files of
 * the other state are swept away by the next writer.  A MANIFEST names the
 * journals that it contains, so one that outlives step 3 is not merged again.
 *
 * A reader takes no lock.  It maps every run when it opens the hitlist; when a
 * commit removes one between its reading of MANIFEST and the mapping, it reads
 * MANIFEST again.  What is mapped stays readable when the name is gone. */
#include "hitlist/store.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "hitlist/journal.h"

enum { OPEN_TRIES = 50, JOURNAL_TRIES = 1000 };

int store_path(char out[static FS_PATH_MAX], const struct hitlist *h, const char *sub,
               const char *name, struct diag *d)
{
	int n = snprintf(out, FS_PATH_MAX, "%s%s%s/%s", h->dir, sub ? "/" : "",
	                 sub ? sub : "", name);

	if (n < 0 || n >= FS_PATH_MAX)
		return diag_set(d, -ENAMETOOLONG, "%.200s...: path too long", h->dir);
	return 0;
}

/* One run that the manifest names, and it must be that one. */
static int load_run(struct hitlist *h, const struct manifest_run *m, struct diag *d)
{
	struct level *l = &h->tier[m->tier];
	const struct group *g = l->n ? &l->g[l->n - 1] : NULL;
	const struct run_summary *s;
	char path[FS_PATH_MAX];
	struct run *r = NULL;
	int rc = store_path(path, h, STORE_RUNS, m->name, d);

	if (rc == 0)
		rc = run_open(&r, path, d);
	if (rc < 0)
		return rc;
	s = run_summary(r);
	if (s->records != m->records || s->bytes != m->bytes ||
	    s->checksum != m->checksum || run_schema(r) != tier_schema(m->tier))
		rc = diag_set(d, ERR_CHECKSUM,
		              "%s: offset 0: not the file that MANIFEST names", path);
	else if (g && g->id == m->group &&
	         addr_cmp(run_summary(g->runs[g->n - 1])->max, s->min) >= 0)
		rc = diag_set(d, ERR_FORMAT, "%s: offset 0: overlaps the run before it",
		              path);
	else
		rc = level_add(l, m->group, r);
	if (rc < 0)
		run_unref(r);
	return rc;
}

/* One of the files beside the runs, and it must be the one that is named. */
static int load_side(struct hitlist *h, enum side s, struct diag *d)
{
	const struct manifest_side *m = &h->manifest.side[s];
	char path[FS_PATH_MAX];
	uint64_t n = 0, sum = 0;
	int rc = store_path(path, h, NULL, m->name, d);

	if (rc < 0)
		return rc;
	switch (s) {
	case SIDE_ALIASED:
		rc = aliased_load(&h->aliased, path, d);
		n = h->aliased.n;
		sum = h->aliased.checksum;
		break;
	case SIDE_BLOCKED:
		rc = optouts_load(&h->optouts, path, h->opened, d);
		n = h->optouts.n;
		sum = h->optouts.checksum;
		break;
	case SIDE_APD:
		rc = apd_load(&h->apd, path, d);
		n = h->apd.n;
		sum = h->apd.checksum;
		break;
	default:
		rc = inputs_load(&h->inputs, path, d);
		n = h->inputs.n;
		sum = h->inputs.checksum;
	}
	if (rc == 0 && (n != m->entries || sum != m->checksum))
		rc = diag_set(d, ERR_CHECKSUM,
		              "%s: offset 0: not the file that MANIFEST names", path);
	return rc;
}

int store_load_sides(struct hitlist *h, struct diag *d)
{
	int rc = 0;

	for (unsigned s = 0; rc == 0 && s < SIDES; s++)
		if (h->manifest.side[s].name[0])
			rc = load_side(h, (enum side)s, d);
	if (rc == 0 && !h->aliased.table)
		rc = aliased_init(&h->aliased);
	if (rc == 0 && !h->optouts.table)
		rc = optouts_init(&h->optouts);
	return rc;
}

void store_fini_sides(struct hitlist *h)
{
	aliased_fini(&h->aliased);
	optouts_fini(&h->optouts);
	apd_fini(&h->apd);
	inputs_fini(&h->inputs);
}

static void unload(struct hitlist *h)
{
	for (unsigned t = 0; t < TIERS; t++)
		level_fini(&h->tier[t]);
	store_fini_sides(h);
	manifest_fini(&h->manifest);
}

static int load_once(struct hitlist *h, struct diag *d)
{
	int rc = manifest_load(&h->manifest, h->dir, d);

	if (rc == 0)
		rc = store_load_sides(h, d);
	for (size_t i = 0; rc == 0 && i < h->manifest.nruns; i++)
		rc = load_run(h, &h->manifest.runs[i], d);
	return rc;
}

bool store_is_superseded(const struct hitlist *h)
{
	struct manifest m;
	bool other;

	if (manifest_load(&m, h->dir, NULL) < 0)
		return false;
	other = m.generation != h->manifest.generation;
	manifest_fini(&m);
	return other;
}

static int load_with(struct hitlist *h, int (*once)(struct hitlist *h, struct diag *d),
                     struct diag *d)
{
	for (unsigned i = 0;; i++) {
		struct diag why = { "" };
		int rc = once(h, &why);

		if (rc == 0)
			return 0;
		if (rc != -ENOENT || i == OPEN_TRIES || !store_is_superseded(h)) {
			unload(h);
			return diag_set(d, rc, "%s", diag_str(&why, rc));
		}
		unload(h);
	}
}

static int load(struct hitlist *h, struct diag *d)
{
	return load_with(h, load_once, d);
}

static int load_optouts_once(struct hitlist *h, struct diag *d)
{
	int rc = manifest_load(&h->manifest, h->dir, d);

	if (rc == 0 && h->manifest.side[SIDE_BLOCKED].name[0])
		return load_side(h, SIDE_BLOCKED, d);
	return rc < 0 ? rc : optouts_init(&h->optouts);
}

static int lock(struct hitlist *h, struct diag *d)
{
	char path[FS_PATH_MAX];
	int rc = store_path(path, h, NULL, STORE_LOCK, d);

	if (rc < 0)
		return rc;
	h->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (h->lock < 0)
		return diag_set(d, -errno, "%s: %s", path, strerror(errno));
	if (flock(h->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return diag_set(d, ERR_BUSY, "%s: another process is writing to it",
		                h->dir);
	return diag_set(d, -errno, "%s: %s", path, strerror(errno));
}

static bool exists(const struct hitlist *h, const char *name)
{
	char path[FS_PATH_MAX];
	struct stat st;

	return store_path(path, h, NULL, name, NULL) == 0 && lstat(path, &st) == 0;
}

static int foreign(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, STORE_LOCK) != 0 && strcmp(name, STORE_RUNS) != 0 &&
	       strcmp(name, STORE_JOURNAL) != 0 && strcmp(name, "MANIFEST.tmp") != 0;
}

static int any(void *ctx, const char *name)
{
	(void)ctx;
	return fs_has_suffix(name, ".run") || fs_has_suffix(name, ".obs");
}

/* A directory without MANIFEST may become a hitlist when it is empty, or when
 * an earlier attempt at that was cut short; never when there is content, be it
 * foreign or of a hitlist that has lost its MANIFEST. */
static int may_create(const struct hitlist *h, struct diag *d)
{
	static const char *const subs[] = { STORE_RUNS, STORE_JOURNAL };
	char path[FS_PATH_MAX];
	int rc = fs_each(h->dir, foreign, NULL, d);

	for (unsigned i = 0; rc == 0 && i < 2; i++) {
		rc = store_path(path, h, NULL, subs[i], d);
		if (rc == 0 && exists(h, subs[i]))
			rc = fs_each(path, any, NULL, d);
	}
	if (rc > 0)
		return diag_set(d, ERR_FORMAT,
		                "%s: neither a hitlist (no MANIFEST) nor empty", h->dir);
	return rc;
}

/* A hitlist inside another one would be taken for rubbish of that. */
static int not_inside_another(const char *dir, struct diag *d)
{
	char path[FS_PATH_MAX], real[FS_PATH_MAX], *slash;

	snprintf(path, sizeof(path), "%s", dir);
	if (!realpath(dirname(path), real))
		return 0; /* make_dir() will say what is wrong with it */
	do {
		if (manifest_is_in(real))
			return diag_set(d, -EINVAL, "%s: would be inside the hitlist %s",
			                dir, real);
		slash = strrchr(real, '/');
		if (slash)
			*slash = '\0';
	} while (real[0]);
	return 0;
}

static int make_dir(const char *path, struct diag *d)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return diag_set(d, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

static int create(struct hitlist *h, struct diag *d)
{
	struct manifest m = { .next = 1 };
	char path[FS_PATH_MAX];
	int rc = may_create(h, d);

	if (rc == 0)
		rc = store_path(path, h, NULL, STORE_RUNS, d);
	if (rc == 0)
		rc = make_dir(path, d);
	if (rc == 0)
		rc = store_path(path, h, NULL, STORE_JOURNAL, d);
	if (rc == 0)
		rc = make_dir(path, d);
	return rc ? rc : manifest_save(&m, h->dir, d);
}

int hitlist_open(struct hitlist **out, const char *dir, enum hitlist_mode mode,
                 struct diag *d)
{
	struct hitlist *h = calloc(1, sizeof(*h));
	struct stat st;
	int rc = 0;

	if (!h)
		return -ENOMEM;
	h->mode = mode;
	h->lock = -1;
	h->opened = (uint32_t)(clock_wall_us() / (NS_PER_S / NS_PER_US));
	if (snprintf(h->dir, sizeof(h->dir), "%s", dir) >= (int)sizeof(h->dir) - 64)
		rc = diag_set(d, -ENAMETOOLONG, "%.200s...: path too long", dir);
	if (rc == 0 && mode == HITLIST_CREATE && !exists(h, "MANIFEST"))
		rc = not_inside_another(dir, d);
	if (rc == 0 && mode == HITLIST_CREATE)
		rc = make_dir(dir, d);
	if (rc == 0 && stat(dir, &st) < 0)
		rc = diag_set(d, -errno, "%s: %s", dir, strerror(errno));
	if (rc == 0 && !exists(h, "MANIFEST") && mode != HITLIST_CREATE)
		rc = diag_set(d, -ENOENT, "%s: not a hitlist (it has no MANIFEST)", dir);
	if (rc == 0 && mode != HITLIST_READ && exists(h, "MANIFEST"))
		rc = lock(h, d);
	else if (rc == 0 && mode == HITLIST_CREATE && (rc = may_create(h, d)) == 0)
		rc = lock(h, d);
	if (rc == 0 && mode == HITLIST_CREATE && !exists(h, "MANIFEST"))
		rc = create(h, d);
	if (rc == 0)
		rc = load(h, d);
	if (rc < 0) {
		hitlist_close(h);
		return rc;
	}
	if (mode != HITLIST_READ)
		store_sweep(h, true);
	*out = h;
	return 0;
}

void hitlist_close(struct hitlist *h)
{
	if (!h)
		return;
	unload(h);
	if (h->lock >= 0)
		close(h->lock);
	free(h);
}

struct sweep {
	const struct hitlist *h;
	const struct manifest *m;
	bool all;
};

static int sweep_run(void *ctx, const char *name)
{
	const struct sweep *s = ctx;
	char path[FS_PATH_MAX];

	if (!s->all && strncmp(name, STORE_SPILL, strlen(STORE_SPILL)) == 0)
		return 0;
	if ((fs_has_suffix(name, ".tmp") ||
	     (fs_has_suffix(name, ".run") && !manifest_find_run(s->m, name))) &&
	    store_path(path, s->h, STORE_RUNS, name, NULL) == 0)
		unlink(path);
	return 0;
}

/* A file of an earlier or later generation, or one that never was whole. */
static bool is_left_over(const struct manifest *m, const char *name)
{
	for (unsigned i = 0; i < SIDES; i++) {
		size_t n = strlen(side_str((enum side)i));

		if (strncmp(name, side_str((enum side)i), n) == 0 && name[n] == '-')
			return strcmp(name, m->side[i].name) != 0;
	}
	return strcmp(name, "MANIFEST.tmp") == 0;
}

static int sweep_top(void *ctx, const char *name)
{
	const struct sweep *s = ctx;
	char path[FS_PATH_MAX];

	if (is_left_over(s->m, name) && store_path(path, s->h, NULL, name, NULL) == 0)
		unlink(path);
	return 0;
}

void store_sweep(const struct hitlist *h, bool all)
{
	struct sweep s = { .h = h, .all = all };
	char path[FS_PATH_MAX];
	struct manifest m;

	if (manifest_load(&m, h->dir, NULL) < 0)
		return;
	s.m = &m;
	for (size_t i = 0; i < m.nmerged; i++)
		if (store_path(path, h, STORE_JOURNAL, m.merged[i].s, NULL) == 0)
			unlink(path);
	if (store_path(path, h, NULL, STORE_RUNS, NULL) == 0)
		fs_each(path, sweep_run, &s, NULL);
	fs_each(h->dir, sweep_top, &s, NULL);
	manifest_fini(&m);
}

int hitlist_lookup(const struct hitlist *h, struct addr128 a, struct host_record *out,
                   struct diag *d)
{
	return level_find(&h->tier[TIER_HOSTS], a, out, d);
}

int hitlist_lookup_seen(const struct hitlist *h, struct addr128 a,
                        struct host_record *out, struct diag *d)
{
	return level_find(&h->tier[TIER_SEEN], a, out, d);
}

int hitlist_seen(const struct hitlist *h, struct addr128 a, struct diag *d)
{
	int rc = level_find(&h->tier[TIER_SEEN], a, NULL, d);

	return rc ? rc : level_find(&h->tier[TIER_HOSTS], a, NULL, d);
}

const struct ivtab *hitlist_aliased(const struct hitlist *h)
{
	return h->aliased.table;
}

const struct ivtab *hitlist_blocked(const struct hitlist *h)
{
	return h->optouts.table;
}

size_t hitlist_inputs(const struct hitlist *h, const struct hitlist_input **out)
{
	*out = h->inputs.e;
	return h->inputs.n;
}

size_t hitlist_optouts(const struct hitlist *h, const struct hitlist_optout **out)
{
	*out = h->optouts.e;
	return h->optouts.n;
}

int hitlist_load_blocked(struct ivtab **out, const char *dir, struct diag *d)
{
	struct hitlist *h = calloc(1, sizeof(*h));
	int rc = 0;

	if (!h)
		return -ENOMEM;
	h->lock = -1;
	h->opened = (uint32_t)(clock_wall_us() / (NS_PER_S / NS_PER_US));
	if (snprintf(h->dir, sizeof(h->dir), "%s", dir) >= (int)sizeof(h->dir) - 64)
		rc = diag_set(d, -ENAMETOOLONG, "%.200s...: path too long", dir);
	else if (exists(h, "MANIFEST"))
		rc = load_with(h, load_optouts_once, d);
	else
		rc = optouts_init(&h->optouts);
	if (rc == 0) {
		*out = h->optouts.table;
		h->optouts.table = NULL;
	}
	hitlist_close(h);
	return rc;
}

struct journal_each {
	const struct hitlist *h;
	int (*fn)(void *ctx, const char *name);
	void *ctx;
};

static int each_journal(void *ctx, const char *name)
{
	const struct journal_each *e = ctx;

	if (!fs_has_suffix(name, ".obs") || manifest_has_merged(&e->h->manifest, name))
		return 0;
	return e->fn(e->ctx, name);
}

int store_each_journal(const struct hitlist *h, int (*fn)(void *ctx, const char *name),
                       void *ctx, struct diag *d)
{
	struct journal_each e = { h, fn, ctx };
	char path[FS_PATH_MAX];
	int rc = store_path(path, h, NULL, STORE_JOURNAL, d);

	return rc ? rc : fs_each(path, each_journal, &e, d);
}

struct visit {
	const struct hitlist *h;
	const struct journal_visitor *v;
	struct diag *d;
};

static int visit_journal(void *ctx, const char *name)
{
	const struct visit *v = ctx;
	struct journal_reader *r;
	char path[FS_PATH_MAX];
	struct diag why = { "" };
	int rc = store_path(path, v->h, STORE_JOURNAL, name, v->d);

	if (rc < 0)
		return rc;
	rc = journal_reader_open(&r, path, &why);
	if (rc == -ENOENT) /* merged by the writer meanwhile */
		return 0;
	if (rc < 0)
		return diag_set(v->d, rc, "%s", diag_str(&why, rc));
	rc = journal_visit(r, v->v, v->d);
	journal_reader_close(r);
	return rc;
}

int hitlist_visit_journals(const struct hitlist *h, const struct journal_visitor *v,
                           struct diag *d)
{
	struct visit x = { h, v, d };

	return store_each_journal(h, visit_journal, &x, d);
}

/* Names sort by age; a name that a manifest has as merged must not come back. */
int journal_open(struct journal **out, struct hitlist *h, enum hitlist_source source,
                 struct diag *d)
{
	uint64_t now = clock_wall_us();
	char name[MANIFEST_NAME_MAX], path[FS_PATH_MAX];
	int rc = -EEXIST;

	if (h->mode == HITLIST_READ)
		return diag_set(d, -EBADF, "%s: opened for reading only", h->dir);
	for (unsigned i = 0; rc == -EEXIST && i < JOURNAL_TRIES; i++) {
		snprintf(name, sizeof(name), "%016llu-%07d-%03u.obs",
		         (unsigned long long)now, (int)getpid(), i);
		if (manifest_has_merged(&h->manifest, name))
			continue;
		rc = store_path(path, h, STORE_JOURNAL, name, d);
		if (rc == 0)
			rc = journal_create(out, path, source, &h->journals, d);
	}
	if (rc == -EEXIST)
		return diag_set(d, rc, "%s: cannot find a name for a journal", h->dir);
	if (rc < 0 || store_path(path, h, NULL, STORE_JOURNAL, d) < 0)
		return rc;
	rc = fs_sync_dir(path, d);
	if (rc < 0) {
		journal_close(*out);
		*out = NULL;
	}
	return rc;
}
