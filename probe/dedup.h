/* probe/dedup.h - which answers were seen before.
 *
 * An answer is (target, port, protocol, hop, class), class being open, closed or
 * error and hop 0 where hops are not traced: 128 bits of keyed hash of it are remembered, so two answers are taken
 * for one with a probability of about n^2 / 2^129.  Memory is bounded: of two
 * generations the older one is dropped when the newer one is full, so at least
 * the last DEDUP_WINDOW new answers are known.  It takes at most 128 MiB, and only
 * as much as there are answers.  Not safe for concurrent use. */
#ifndef PROBE_DEDUP_H
#define PROBE_DEDUP_H

#include "common/observation.h"

enum { DEDUP_WINDOW = 3 << 20 };

struct dedup;

struct dedup *dedup_new(size_t window); /* NULL: out of memory */
void dedup_free(struct dedup *t);

/* Whether o was there before; it is remembered, and o->repeat set.  A DNS answer with
 * other addresses than one before gets OBS_SIGNAL_DIFFERS and counts as not there.
 * When memory runs out, what was known is forgotten. */
bool dedup_seen(struct dedup *t, struct observation *o);

#endif
