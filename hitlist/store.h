/* hitlist/store.h - the inside of struct hitlist, for this folder alone. */
#ifndef HITLIST_STORE_H
#define HITLIST_STORE_H

#include "hitlist/aliased.h"
#include "hitlist/apd.h"
#include "hitlist/fs.h"
#include "hitlist/hitlist.h"
#include "hitlist/inputs.h"
#include "hitlist/manifest.h"
#include "hitlist/optouts.h"
#include "hitlist/run.h"

#define STORE_LOCK    "lock"
#define STORE_RUNS    "runs"
#define STORE_JOURNAL "journal"
#define STORE_SPILL   "spill-" /* files of a batch; gone once they are mapped */

/* Runs that ascend and do not overlap: the output of one merge. */
struct group {
	uint64_t id, records;
	struct run **runs;    /* references */
	struct addr128 *last; /* the largest key of each */
	size_t n;
};

struct level {
	struct group *g;
	size_t n;
};

struct hitlist {
	enum hitlist_mode mode;
	int lock;          /* descriptor; -1 for a reader */
	unsigned journals; /* open ones */
	uint64_t spills;   /* number of the next one */
	struct manifest manifest;
	struct level tier[TIERS];
	struct aliased aliased;
	struct optouts optouts;
	struct apd apd;
	struct inputs inputs;
	uint32_t opened; /* wall clock: opt-outs are in force as of then */
	char dir[FS_PATH_MAX];
};

static inline enum run_schema tier_schema(enum tier t)
{
	return t == TIER_HOSTS ? RUN_HOSTS : t == TIER_SEEN ? RUN_SEEN : RUN_HISTORY;
}

/* Levels.  add: takes over the reference and the end of group id, which is the
 * last one or new; on failure the reference is still the caller's. */
void level_fini(struct level *l);
int level_copy(struct level *to, const struct level *from);
int level_add(struct level *l, uint64_t id, struct run *r);
void level_remove(struct level *l, size_t i);
uint64_t level_records(const struct level *l);

/* 1 and the merged record (out may be NULL), 0, or negative. */
int level_find(const struct level *l, struct addr128 a, struct host_record *out,
               struct diag *d);

/* As hitlist_iter_open(), for any tier and range. */
int store_iter(struct hitlist_iter **out, const struct hitlist *h, enum tier t,
               struct addr128 first, struct addr128 last, struct diag *d);

/* dir/sub/name, sub NULL: dir/name. */
int store_path(char out[static FS_PATH_MAX], const struct hitlist *h, const char *sub,
               const char *name, struct diag *d);

/* Read the files beside the runs that the manifest names. */
int store_load_sides(struct hitlist *h, struct diag *d);
void store_fini_sides(struct hitlist *h);

/* Whether the generation on disk is another one than h has loaded. */
bool store_is_superseded(const struct hitlist *h);

/* Remove what no manifest names: left behind by a crash, or by the commit that
 * has just been; with `all`, also spill files, which at the time of opening are
 * nobody's.  Failing to is harmless. */
void store_sweep(const struct hitlist *h, bool all);

/* The journals that wait, in the order of their names. */
int store_each_journal(const struct hitlist *h, int (*fn)(void *ctx, const char *name),
                       void *ctx, struct diag *d);

#endif
