/* cli/discover_impl.h - the state of a discover loop: what setting it up
 * (discover_open.c) and running it (discover.c) share. */
#ifndef CLI_DISCOVER_IMPL_H
#define CLI_DISCOVER_IMPL_H

#include "cli/discover.h"
#include "cli/flights.h"
#include "common/queue.h"

enum {
	WINDOW_MIN = 256,     /* candidates asked of the generator at a time */
	FLUSH_RESULTS = 1024, /* told to the generator at a time */
	NO_REGION = TGEN_REGION_UNKNOWN,
};

enum phase {
	PHASE_RUN,     /* candidates go out */
	PHASE_FINISH,  /* only alias tests do; waiting for answers */
	PHASE_COOLDOWN /* nothing does */
};

struct discover {
	struct discover_config cfg;
	struct discover_stats st;
	struct hitlist *hitlist;
	struct probe_scan *scan;
	struct tgen *tgen;
	struct guard *guard;
	struct journal *found; /* answers: the main thread's */
	struct journal *tried; /* candidates: the sending thread's */
	struct queue *targets, *answers;
	struct addrset *hits, *tried_before;
	struct flights flights;
	struct obsvec tested;    /* answers of alias tests */
	struct obsvec waiting;   /* hits whose /64 has no verdict yet */
	struct addrset *decided; /* /64s that have one */
	struct waiting *waiting_file;
	bool fresh_verdicts;
	/* Answers from UDP port 53, younger and older ones: see discover_names.c. */
	struct obsvec names[2];
	struct addrset *names_held, *names_said, *forged;
	uint64_t names_turn_ns;
	struct tgen_candidate *batch;
	size_t batch_n, batch_at, window, queue_cap;
	uint64_t lag_ns; /* from the queue to the wire, at most */
	struct tgen_result results[FLUSH_RESULTS];
	size_t results_n;
	/* Prefixes found aliased in this run: candidates already drawn from the
	 * generator are checked against these. */
	struct ivtab_builder *pruned;
	struct ivtab *pruned_table;
	enum phase phase;
	uint64_t start_ns;
	atomic_bool probe_done;
	uint64_t marked; /* candidates journalled by the sending thread */
	int probe_rc, tried_rc;
	struct diag probe_diag;
};

/* An answer from UDP port 53, perhaps forged: it is kept, until forged ones behind it
 * have had their time.  0 or negative. */
int discover_take_name(struct discover *x, const struct observation *o);

/* The answers whose time has come, and that nothing forged came behind of, or all:
 * each to use().  0 or negative. */
int discover_release_names(struct discover *x, uint64_t now_ns, bool all,
                           int (*use)(struct discover *x, const struct observation *o));

/* Note a result, and pass results on to the generator when there are enough. */
int discover_result(struct discover *x, struct addr128 a, uint32_t region, bool alive);
int discover_flush(struct discover *x);

/* Make the table of what was found aliased in this run from its builder. */
int discover_rebuild_pruned(struct discover *x);

#endif
