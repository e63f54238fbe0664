/* hitlist/history.h - how hosts came and went, in the third tier of the store.
 *
 * A host is up when it answered its last probe (last_seen, and fail_streak 0).
 * Every commit that changes that of a host which was in the hitlist before adds a
 * transition: up, at its latest answer, or down, at its latest probe.  Each commit
 * adds those it saw as a group of runs of its own, and merges them with others as it
 * does with hosts; so a day of a quiet hitlist costs what changed on it.
 *
 * The transitions of one address travel in the fields of a host_record, so that
 * blocks, runs and merges are those of hosts: service_seen[i] is the time of the
 * i-th latest one, bit i of services says that there is one, bit i of sources that
 * it was up, last_seen is the latest time.  The latest HISTORY_MAX are kept; to keep
 * the latest of a union is associative, commutative and idempotent. */
#ifndef HITLIST_HISTORY_H
#define HITLIST_HISTORY_H

#include "hitlist/hitlist.h"
#include "hitlist/manifest.h"

/* Fold src into dst as the records of this tier do. */
void record_fold(enum tier t, struct host_record *dst, const struct host_record *src);

/* The transition from one state of a known host to the next; false: none. */
bool history_transition(struct host_record *out, const struct host_record *was,
                        const struct host_record *is);

#endif
