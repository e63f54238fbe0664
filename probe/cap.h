/* probe/cap.h - no network gets more than its share: caps per /48, /64 and /24.
 *
 * A source of targets that stands before another one and gives its targets out no
 * faster than the caps allow.  What comes too early waits in a bounded queue;
 * when that is full, the source behind it waits.  Nothing is dropped.
 *
 * When a prefix was last sent to is kept in two rows of hashed slots, of which the
 * earlier time counts (a count-min sketch, conservatively updated): memory is
 * fixed, and prefixes that share both slots can only make each other slower. */
#ifndef PROBE_CAP_H
#define PROBE_CAP_H

#include "probe/probe.h"

struct cap;

/* NULL: out of memory.  cfg has at least one cap; its rate, probes and caps count. */
struct cap *cap_new(const struct probe_config *cfg);
void cap_free(struct cap *c);

/* From now on it stands before this source, which is borrowed. */
void cap_begin(struct cap *c, const struct probe_source *next);

/* A probe_source's next(): ctx is the cap.  One thread at a time. */
int cap_next(void *ctx, struct probe_target *out, size_t max);
int cap_next_at(struct cap *c, struct probe_target *out, size_t max, uint64_t now_ns);

/* When the first `given` targets that were given out are done, how many of the
 * source's, from its first on, are.  Does not go back; from any thread. */
uint64_t cap_done(struct cap *c, uint64_t given);

static inline bool cap_wanted(const struct probe_config *cfg)
{
	return cfg->cap_48_pps > 0 || cfg->cap_64_pps > 0 || cfg->cap_24_pps > 0;
}

#endif
