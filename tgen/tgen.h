/* tgen/tgen.h - target generation: learn from seeds where addresses are, emit
 * candidates best first, and learn on from what probing them found.
 *
 * An algorithm is a const table (tgen/algorithm.h); everything here works on
 * whichever one is chosen.  Whatever the algorithm, what comes out of
 * tgen_next() is never a seed, never twice the same address, never out of
 * scope, never inside an aliased prefix, and, for the same seeds, config and
 * calls, always the same sequence.
 *
 * One thread at a time may use a generator; it may start some of its own. */
#ifndef TGEN_TGEN_H
#define TGEN_TGEN_H

#include <stdbool.h>

#include "common/addr.h"
#include "common/addrvec.h"
#include "common/bgp.h"
#include "common/err.h"
#include "common/ivtab.h"
#include "common/opt.h"
#include "common/perm.h"
#include "common/scope.h"

struct tgen;

/* At most max candidates in any one prefix of that length. */
struct tgen_limit {
	uint8_t len;
	uint32_t max;
};

/* "48:1000", a length of 1 to 128 and a count of at least 1. */
bool tgen_limit_parse(struct tgen_limit *out, const char *text);

struct tgen_config {
	const char *algorithm; /* NULL, "auto": the default one */
	uint64_t seed;
	uint64_t budget;           /* how many candidates the caller will want; a hint */
	const struct scope *scope; /* NULL: only the 2000::/3 rule; borrowed */
	const struct ivtab *aliased; /* known aliased prefixes; NULL: none; borrowed */
	/* Addresses that must not come out, asked after scope and aliased; NULL: none.
	 * For the "already tried" set of a hitlist. */
	bool (*exclude)(void *ctx, struct addr128 a);
	void *exclude_ctx;
	/* Only candidates in these prefixes; NULL: anywhere.  Borrowed, and a part of
	 * what is saved: an algorithm gives up the rest. */
	const struct ivtab *within;
	/* Announced prefixes: those without any seed get candidates as well, where
	 * these promise more.  NULL: none.  Borrowed for the call. */
	const struct bgp *bgp;
	/* Share of the candidates that go to networks which got least; 0: none.  In a
	 * model that is loaded its own share counts. */
	double diversity;
	const struct tgen_limit *limits; /* copied; counted from zero after a load */
	size_t n_limits;
	struct shard shard; /* only this one's candidates; count 0 or 1: all */
	unsigned threads;   /* 0: one; the candidates do not depend on it */
};

struct tgen_candidate {
	struct addr128 addr;
	float p;         /* predicted probability that it is alive; descending-ish */
	uint32_t region; /* credit feedback to it; below 2^32 - 1 */
};

/* For results whose candidate's region is not at hand: it is looked up. */
#define TGEN_REGION_UNKNOWN UINT32_MAX

/* What a probed candidate turned out to be. */
struct tgen_result {
	struct addr128 addr;
	uint32_t region; /* the candidate's, or TGEN_REGION_UNKNOWN */
	bool alive;
};

/* Learn.  seeds must be sorted and unique (addrvec_sort, addrvec_unique); they
 * are borrowed until tgen_free().  ERR_EMPTY when no seed is left in scope,
 * ERR_PARSE for an unknown algorithm. */
int tgen_train(struct tgen **out, const struct addrvec *seeds,
               const struct tgen_config *cfg, struct diag *d);
void tgen_free(struct tgen *g);

/* The next candidates, at most max.  0: the generator has no more, or went
 * through TGEN_PATIENCE in a row that all had to be rejected; negative: an
 * error.  How the calls are cut into batches does not matter to the sequence. */
#define TGEN_PATIENCE (UINT64_C(1) << 24)
int tgen_next(struct tgen *g, struct tgen_candidate *out, size_t max);

/* What became of candidates, in any order and any grouping.  Whether or not
 * this is called, tgen_next() goes on. */
int tgen_feedback(struct tgen *g, const struct tgen_result *r, size_t n);

/* p is aliased: nothing inside it comes out from now on, and what was found
 * there no longer counts in its favour. */
int tgen_prune(struct tgen *g, struct prefix p);

/* The state, with everything learned and where emission stands, in a file that
 * is versioned and checksummed; the seeds are part of it.  tgen_load() needs
 * the same kind of cfg for its borrowed parts (scope, aliased, exclude). */
int tgen_save(const struct tgen *g, const char *path, struct diag *d);
int tgen_load(struct tgen **out, const char *path, const struct tgen_config *cfg,
              struct diag *d);

struct tgen_stats {
	uint64_t seeds, seeds_rejected; /* learned from; out of scope or aliased */
	uint64_t regions, emitted, fed_back, alive;
	uint64_t seedless_prefixes, seedless; /* and candidates that came out there */
	uint64_t diverse;                     /* candidates for networks that got least */
	/* Candidates that did not come out: out of scope, aliased or pruned,
	 * excluded by the caller, in prefixes that have had enough, and those of
	 * other shards. */
	uint64_t rejected_scope, rejected_aliased, rejected_excluded, rejected_limits,
		other_shards;
};
void tgen_stats(const struct tgen *g, struct tgen_stats *st);

/* The shard that an address falls to, 0..count-1: the same on every machine.
 * The shards of a sequence are disjoint, and together they are all of it (as
 * long as the shards get the same feedback). */
uint32_t tgen_shard_of(struct addr128 a, uint32_t count);

/* The algorithms built in, for listings: NULL past the end. */
const char *tgen_algorithm_name(unsigned i);
const char *tgen_algorithm_summary(unsigned i);

/* `emit --exclude-seen NAME`: where NAME is more than a list of addresses, the
 * caller knows how to open it.  1: *out is open; 0: it is a list; negative. */
struct tgen_seen {
	void *ctx;
	int (*has)(void *ctx, struct addr128 a, struct diag *d); /* 1, 0, negative */
	void (*close)(void *ctx);
};
typedef int (*tgen_seen_open)(struct tgen_seen *out, const char *name, struct diag *d);

/* What a generator is made of, as options give it. */
struct tgen_source {
	struct opt_list seeds, aliased;
	const char *algorithm, *bgp;
	uint64_t seed, threads;
	struct scope_config scope;
	struct opt_list within, limits;
	bool strict, diversity;
	double diversity_share; /* 0: the usual one */
};

/* The verb emit is for those who know how to open what a name stands for. */
struct tgen_emit_cfg {
	struct tgen_source src;
	const char *model, *save, *output;
	struct opt_list seen;
	uint64_t number, shards, shard;
	double min_probability;
	bool probability;
};
extern const struct opt tgen_emit_opts[];
extern const struct tgen_emit_cfg tgen_emit_defaults;
extern const char tgen_emit_details[];
int tgen_emit_run(const struct tgen_emit_cfg *o, int argc, char *argv[],
                  tgen_seen_open open);

extern const struct cmd tgen_cmds[]; /* the other verbs */

#endif
