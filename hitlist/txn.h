/* hitlist/txn.h - one commit in the making: a copy of the hitlist's state that
 * is changed, and then becomes the state, or does not (protocol: store.c). */
#ifndef HITLIST_TXN_H
#define HITLIST_TXN_H

#include "hitlist/store.h"

struct txn {
	struct hitlist *h;
	struct level tier[TIERS];
	struct aliased aliased;
	bool aliased_grew;
	struct optouts *optouts; /* new ones, borrowed and emptied; NULL: as before */
	struct apd *apd;         /* the same for tests of prefixes */
	struct inputs *inputs;   /* the same */
	uint64_t generation, next, group; /* group: the next new one */
	uint64_t hosts, seen;
	struct manifest_name *merged; /* journals that this contains; borrowed */
	size_t nmerged;
};

/* After a failure only txn_abort() may follow, in any case one of the two. */
int txn_begin(struct txn *t, struct hitlist *h);
int txn_commit(struct txn *t, struct diag *d);
void txn_abort(struct txn *t);

/* Ascending records into runs of one group, synced and in place. */
struct sink {
	struct txn *txn;
	enum tier tier;
	struct level *to; /* where the runs are entered */
	uint64_t group;
	struct run_writer *w;
	uint64_t number; /* of the file being written */
	/* Not 0: files are numbered apart and stay .tmp, for sink_adopt(), so that
	 * several threads may write. */
	unsigned part;
};
void sink_init(struct sink *s, struct txn *t, enum tier tier, struct level *to,
               uint64_t group);
int sink_add(struct sink *s, const struct host_record *r, struct diag *d);
/* A finished, synced run of this folder, of the txn's generation, becomes one of
 * the group under a name of its own; the caller's reference stays the caller's. */
int sink_adopt(struct sink *s, const struct run *r, struct diag *d);
int sink_finish(struct sink *s, struct diag *d); /* must be called to be whole */
void sink_fini(struct sink *s);

#endif
