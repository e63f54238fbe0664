/* probe/fill.h - traces that go on where the network does: yarrp's fill mode.
 *
 * A trace with hop limits up to B learns of a router at B; then the target is probed at
 * B + 1, and so on, up to a bound.  Offered by the receiver, taken by the senders. */
#ifndef PROBE_FILL_H
#define PROBE_FILL_H

#include "probe/probe.h"

struct fill;

/* Hop limits from `from` on let the next one follow, up to `to`.  NULL: out of memory. */
struct fill *fill_new(unsigned from, unsigned to);
void fill_free(struct fill *f);

/* An answer of the scan; never waits: what finds no room is counted. */
void fill_offer(struct fill *f, const struct observation *o, uint64_t now_ns);

/* Up to max targets that were found to be needed. */
size_t fill_next(struct fill *f, struct probe_target *out, size_t max);

/* Whether nothing was offered for so long, or since the first time that this was asked,
 * that nothing will be. */
bool fill_is_over(struct fill *f, uint64_t now_ns);

uint64_t fill_dropped(const struct fill *f);

#endif
