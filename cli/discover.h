/* cli/discover.h - the loop of `sextant discover`: candidates out, answers in.
 *
 * Three threads: probe_run() sends, its receiver gives answers, and the caller
 * of discover_run() does everything else (generator, guard, journal).  They
 * meet in two bounded queues.  What is tried is journalled before it is sent,
 * what answered is written down before it is used, so a killed process loses no answer that it
 * acknowledged, and probes nothing twice when resumed. */
#ifndef CLI_DISCOVER_H
#define CLI_DISCOVER_H

#include <stdatomic.h>

#include "common/addrset.h"
#include "common/addrvec.h"
#include "common/scope.h"
#include "hitlist/hitlist.h"
#include "probe/probe.h"
#include "tgen/tgen.h"

struct discover_config {
	const struct scope *scope;
	const char *algorithm;
	double rate_pps;
	unsigned probes;            /* packets per candidate, */
	uint64_t probe_interval_ns; /* this far apart */
	uint64_t budget;            /* candidates, those of a resumed run included */
	uint64_t max_runtime_ns;    /* 0: none */
	uint64_t seed;
	uint16_t port;
	const struct tgen_limit *limits; /* of candidates per prefix; borrowed */
	size_t n_limits;
	const struct bgp *bgp; /* see tgen_config; borrowed for discover_open() */
	bool guard;            /* test for aliased prefixes */
	bool quiet;            /* no status line */
	const atomic_bool *stop;
};

struct discover_stats {
	uint64_t candidates; /* tried, those of a resumed run included */
	uint64_t resumed;    /* of these, tried by the interrupted run */
	uint64_t hits;       /* candidates that answered, aliased ones included */
	uint64_t
		hits_aliased; /* of these, given up when their prefix was found aliased */
	uint64_t hits_by_tests; /* hosts that only an alias test met: not candidates */
	uint64_t forged;        /* addresses in whose place somebody answered DNS */
	uint64_t guard_tests;   /* probes sent to test for aliasing */
	uint64_t guard_tested;  /* prefixes with a verdict */
	uint64_t aliased;       /* of these, aliased */
	uint64_t untested;      /* prefixes left without a verdict at the end */
	uint64_t waiting;       /* hits in these: no hosts until they are tested */
	uint64_t dropped;       /* candidates not sent: in a prefix just found aliased */
	bool exhausted;         /* the generator had no more */
	bool stopped;           /* by a signal or --max-runtime */
};

struct discover;

/* seeds (sorted, unique), h and scan are borrowed until discover_close().  A
 * resumed run is rebuilt from the hitlist's journals. */
int discover_open(struct discover **out, const struct discover_config *cfg,
                  const struct addrvec *seeds, struct hitlist *h, struct probe_scan *scan,
                  bool resume, struct diag *d);

/* Until the budget is spent, the generator has no more, time is up or the stop
 * flag is set; then the cooldown.  Whatever it returns, what was found is in
 * the journal, which is closed: call hitlist_merge() next. */
int discover_run(struct discover *x, struct diag *d);

void discover_stats(const struct discover *x, struct discover_stats *st);
const struct addrset *discover_hits(const struct discover *x); /* who answered */
void discover_close(struct discover *x);

#endif
