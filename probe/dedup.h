/* probe/dedup.h - which answers were seen before.
 *
 * An answer is (target, port, protocol, hop, class), class being open, closed or
 * error and hop 0 where hops are not traced.
 *
 * Those of IPv4 targets are known exactly (probe/dedup_v4.h), up to its 1 GiB: then
 * all are forgotten, which dedup_state() tells.  Of all others, or where that is asked
 * for of all, the last `window` new ones are known at least: of two generations the
 * older one is dropped when the newer one is full.  128 bits of a keyed hash are
 * remembered, so that two answers are taken for one with a probability of about
 * n^2 / 2^129.  With the default window that takes at most 128 MiB, and only as much
 * as there are answers.  Not safe for concurrent use. */
#ifndef PROBE_DEDUP_H
#define PROBE_DEDUP_H

#include "common/observation.h"

enum { DEDUP_WINDOW = 3 << 20 };

struct dedup;

/* all: IPv4 has the window, too.  NULL: out of memory. */
struct dedup *dedup_new(size_t window, bool all);
void dedup_free(struct dedup *t);

/* Whether o was there before; it is remembered, and o->repeat set.  A DNS answer with
 * other addresses than one before gets OBS_SIGNAL_DIFFERS and counts as not there.
 * When memory runs out, what was known is forgotten. */
bool dedup_seen(struct dedup *t, struct observation *o);

/* dedup_seen() will be asked soon: have the memory that it looks at ready. */
void dedup_prefetch(const struct dedup *t, const struct observation *o);

/* Memory that is used now, and whether every IPv4 answer was told from all before,
 * every other one from all before. */
struct dedup_state {
	size_t bytes;
	bool exact_v4, exact_rest;
};
void dedup_state(const struct dedup *t, struct dedup_state *out);

#endif
