/* hitlist/manifest.h - the file that says what a hitlist consists of.
 *
 * Text, one item a line, each field separated by one space:
 *   sextant-hitlist 2             (1, when there is no line "inputs")
 *   generation N                  commits so far
 *   next N                        number of the next run file
 *   hosts N                       distinct addresses in the hosts tier
 *   seen N                        distinct addresses in the seen tier
 *   aliased NAME BYTES PREFIXES CHECKSUM        (when there are any)
 *   blocked NAME BYTES ENTRIES CHECKSUM         (when there are any opt-outs)
 *   apd NAME BYTES ENTRIES CHECKSUM             (when prefixes have been tested)
 *   inputs NAME BYTES ENTRIES CHECKSUM          (when lists have been imported)
 *   run hosts|seen|history GROUP NAME BYTES RECORDS CHECKSUM
 *   merged NAME                   a journal whose content is in the runs
 *   checksum X                    XXH3-64 of all bytes before this line
 * Runs of one group ascend and do not overlap.  The checksum of a run is that
 * of its footer.  A file that a manifest does not name is not there. */
#ifndef HITLIST_MANIFEST_H
#define HITLIST_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum tier { TIER_HOSTS, TIER_SEEN, TIER_HISTORY, TIERS };

enum { MANIFEST_NAME_MAX = 64 };

/* Files beside the runs: each commit that changes one writes it anew, under the name
 * of its kind and the generation ("aliased-12"). */
enum side { SIDE_ALIASED, SIDE_BLOCKED, SIDE_APD, SIDE_INPUTS, SIDES };
const char *side_str(enum side s);

struct manifest_side {
	char name[MANIFEST_NAME_MAX]; /* "": there is none */
	uint64_t bytes, entries, checksum;
};

struct manifest_run {
	enum tier tier;
	uint64_t group, bytes, records, checksum;
	char name[MANIFEST_NAME_MAX];
};

struct manifest_name {
	char s[MANIFEST_NAME_MAX];
};

struct manifest {
	uint64_t generation, next, hosts, seen;
	struct manifest_side side[SIDES];
	struct manifest_run *runs;
	struct manifest_name *merged;
	size_t nruns, nmerged;
};

void manifest_fini(struct manifest *m);
int manifest_add_run(struct manifest *m, const struct manifest_run *r); /* or -ENOMEM */
int manifest_add_merged(struct manifest *m, const char *name);          /* or -ENOMEM */
const struct manifest_run *manifest_find_run(const struct manifest *m, const char *name);
bool manifest_has_merged(const struct manifest *m, const char *name);

/* name is for messages; text[n] is a NUL.  On error *m is empty. */
int manifest_parse(struct manifest *m, char *text, size_t n, const char *name,
                   struct diag *d);
int manifest_format(const struct manifest *m, char **text, size_t *n); /* free() it */

/* Whether dir/MANIFEST is there and begins as one, be it whole or not. */
bool manifest_is_in(const char *dir);

/* dir/MANIFEST; save() is atomic and durable. */
int manifest_load(struct manifest *m, const char *dir, struct diag *d);
int manifest_save(const struct manifest *m, const char *dir, struct diag *d);

#endif
