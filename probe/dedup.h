/* probe/dedup.h - which answers were seen before.
 *
 * An answer is (target, port, protocol, class), class being open, closed or
 * error: 128 bits of keyed hash of it are remembered, so two answers are taken
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

/* Whether o was there before; it is remembered.  When memory runs out, what was
 * known is forgotten. */
bool dedup_seen(struct dedup *t, const struct observation *o);

#endif
