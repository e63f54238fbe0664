/* probe/targets.h - where `probe scan` gets its targets from.
 *
 * A space: prefixes, ranges and addresses, each address once however often it
 * was named, times ports, in the order of a keyed permutation.  No state but a
 * position; shards and a limit are cuts of the same order, so that shards 0 to
 * n - 1 with equal seed and limit are exactly the unsharded scan.  With a probe
 * length, IPv6 targets are not all addresses but some of each sub-prefix of that
 * length, whose interface identifiers are chosen as struct targets_iid says.
 *
 * A stream: a list of addresses, prefixes and ranges, read by a thread of its own
 * while the scan runs, times ports, shuffled within a window of TARGETS_WINDOW.  Memory does
 * not grow with the list; repetitions in it are not noticed.  A line may name a
 * port of its own.  The order depends on how fast the list comes, unless it is to
 * be repeatable; then no target comes out before the window is full. */
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

/* The addresses of a sub-prefix: so many, from the first one on. */
struct targets_iid {
	enum { IID_LOW, IID_RANDOM, IID_ZERO, IID_SET } mode; /* from ::1, random, :: */
	struct addr128 set; /* of IID_SET: its bits beyond the length are the first */
	uint64_t number;    /* 0 is 1 */
};

/* "low", "rand", "zero", "full", "low_fill", or an address for IID_SET. */
bool targets_parse_iid(struct targets_iid *iid, const char *text);

struct targets_config {
	const struct ports *ports; /* copied; may be empty for a stream of pairs */
	uint64_t seed;
	struct shard shard;
	struct targets_limit limit;
	unsigned probe_length; /* of IPv6 sub-prefixes, 1 to 128; 0: every address */
	struct targets_iid iid;
	bool repeatable;  /* a stream's order depends on list and seed alone */
	u128 skip;        /* so many of the shard's targets are not given out */
	unsigned hops[2]; /* hop limits, first and last, of pairs in a list; 0: none.  The
	                     ports have them already (ports_add_hops()) */
	uint32_t pairs;   /* PROBE_TCP, PROBE_UDP or 0: what the ports in a list are of */
};

/* "addr", "prefix/len" or "first-last". */
bool targets_parse(struct addr128 *first, struct addr128 *last, const char *text);

/* "1M" or "2.5%". */
bool targets_parse_limit(struct targets_limit *l, const char *text);

/* What is in the builder, whatever its values.  ERR_EMPTY, -EOVERFLOW; -EINVAL
 * when a range is not made of whole sub-prefixes. */
int targets_open_space(struct targets **out, const struct ivtab_builder *b,
                       const struct targets_config *cfg, struct diag *d);

/* path "-": standard input.  The first address is read at once, so that a file
 * that is none of ours is an error here. */
int targets_open_stream(struct targets **out, const char *path,
                        const struct reader_policy *policy,
                        const struct targets_config *cfg, struct diag *d);

/* A probe_source's next(): ctx is the targets. */
int targets_next(void *ctx, struct probe_target *out, size_t max);

/* What decides which targets come in which order, as one number; of a list, only
 * its ports, shard and limit. */
uint64_t targets_digest(const struct targets *t, uint64_t seed);

/* How many there are in all, limit and shard counted in; 0: not known. */
u128 targets_total(const struct targets *t);

/* Whether the stream was read to its end without a fault, and how many of its
 * lines were bad: 0, or what ended it. */
int targets_result(struct targets *t, uint64_t *bad_lines, struct diag *d);

/* A reader that waits for more input is left behind, with what it needs. */
void targets_close(struct targets *t);

#endif
