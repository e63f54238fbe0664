/* probe/targets.h - where `probe scan` gets its targets from.
 *
 * A space: prefixes, ranges and addresses, each address once however often it
 * was named, times ports, in the order of a keyed permutation.  No state but a
 * position; shards and a limit are cuts of the same order, so that shards 0 to
 * n - 1 with equal seed and limit are exactly the unsharded scan.
 *
 * A stream: a list of addresses, read by a thread of its own while the scan
 * runs, times ports, shuffled within a window of TARGETS_WINDOW.  Memory does
 * not grow with the list; repetitions in it are not noticed. */
#ifndef PROBE_TARGETS_H
#define PROBE_TARGETS_H

#include "common/ivtab.h"
#include "common/perm.h"
#include "common/reader.h"
#include "probe/ports.h"
#include "probe/probe.h"

enum { TARGETS_WINDOW = 16384 };

struct targets;

struct targets_limit {
	u128 count;      /* 0: none */
	double fraction; /* of the space; 0: none */
};

struct targets_config {
	const struct ports *ports; /* not empty; copied */
	uint64_t seed;
	struct shard shard;
	struct targets_limit limit;
};

/* "addr", "prefix/len" or "first-last". */
bool targets_parse(struct addr128 *first, struct addr128 *last, const char *text);

/* "1M" or "2.5%". */
bool targets_parse_limit(struct targets_limit *l, const char *text);

/* What is in the builder, whatever its values.  ERR_EMPTY, -EOVERFLOW. */
int targets_open_space(struct targets **out, const struct ivtab_builder *b,
                       const struct targets_config *cfg, struct diag *d);

/* path "-": standard input.  The first address is read at once, so that a file
 * that is none of ours is an error here. */
int targets_open_stream(struct targets **out, const char *path,
                        const struct reader_policy *policy,
                        const struct targets_config *cfg, struct diag *d);

/* A probe_source's next(): ctx is the targets. */
int targets_next(void *ctx, struct probe_target *out, size_t max);

/* How many there are in all, limit and shard counted in; 0: not known. */
u128 targets_total(const struct targets *t);

/* Whether the stream was read to its end without a fault, and how many of its
 * lines were bad: 0, or what ended it. */
int targets_result(struct targets *t, uint64_t *bad_lines, struct diag *d);

/* A reader that waits for more input is left behind, with what it needs. */
void targets_close(struct targets *t);

#endif
