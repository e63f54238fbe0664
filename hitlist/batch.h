/* hitlist/batch.h - what a commit is going to add, sorted and on disk where it
 * is much; for this folder alone. */
#ifndef HITLIST_BATCH_H
#define HITLIST_BATCH_H

#include "hitlist/manifest.h"
#include "hitlist/store.h"
#include "hitlist/stream.h"

/* Records of one tier: sorted spill files (mapped, their names gone), and the
 * rest in memory. */
struct pile {
	enum tier tier;
	struct level spills; /* each group a chain of runs that ascend */
	struct run_writer *w;
	struct addr128 last;           /* written to w */
	uint64_t chain, total, number; /* number: of the file being written */
	struct host_record *rec;       /* hosts, history */
	size_t n;
	struct seen_key *keys; /* seen */
	size_t nkeys, keys_cap;
	bool ascending; /* what is in memory */
	bool flowing;   /* so is all that came before: written as it comes */
};

struct hitlist_batch {
	struct hitlist *h;
	struct pile pile[TIERS];
	struct prefix *aliased;
	size_t naliased;
	struct host_record *borrowed; /* further records, sorted in place */
	size_t nborrowed;
	struct manifest_name *merged; /* journals that went in */
	size_t nmerged;
	struct optouts *optouts; /* all of them, when they change; borrowed */
	struct apd *apd;         /* the same */
	struct inputs inputs;    /* all of them, when has_input */
	bool has_input;
	bool compact; /* every group is rewritten */
	bool replace; /* the aliased prefixes are all that there are from now on */
	const struct ivtab *purge; /* ranges whose addresses go; NULL: none */
	bool silence;              /* there are records that tell of silence alone */
	uint64_t read, answers, blocked;
};

bool host_record_is_silence(const struct host_record *r);
int batch_take(struct hitlist_batch *b, const struct host_record *r, struct diag *d);
/* What r says of when it was tried, and where it came from. */
int batch_tried(struct hitlist_batch *b, const struct host_record *r, struct diag *d);
int batch_history(struct hitlist_batch *b, const struct host_record *r, struct diag *d);

/* When all of one tier came in order, and there is nothing in the hitlist to merge
 * it with, it has been written as runs that can be the hitlist's own: finish them,
 * *runs are references in ascending order that stay the batch's.  *n 0: merge. */
int batch_ready_runs(struct run ***runs, size_t *n, struct hitlist_batch *b, enum tier t,
                     struct diag *d);

/* Sort what is in memory of one tier; then streams of it may be opened, by several
 * threads too, and nothing may be added until they are closed. */
int batch_seal(struct hitlist_batch *b, enum tier t, struct diag *d);

/* Everything of one tier in order, from an address on. */
int batch_stream(struct merger **out, const struct hitlist_batch *b, enum tier t,
                 struct addr128 from, struct diag *d);
uint64_t batch_total(const struct hitlist_batch *b, enum tier t); /* with repeats */

#endif
