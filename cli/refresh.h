/* cli/refresh.h - the loop of `sextant hitlist refresh`: probe what is due, and
 * note who answered and who did not.
 *
 * Every host is probed with each service in turn before the next one is begun.
 * Hosts are judged in chunks, a while after the last packet to a chunk: those
 * that answered nothing are silent.  Answers and silence go to the journal as
 * they become known, so a killed refresh loses nothing, and what it has done is
 * no longer due when the next one plans.
 *
 * Forged answers to DNS questions (obs_is_injected) may come after one that looks
 * good.  So answers from UDP port 53 wait until their host is judged, and count when
 * none of its answers was forged.
 *
 * A chunk in which many hosts should have answered and not one did says more of
 * our own network than of theirs: it is not judged, and stays due. */
#ifndef CLI_REFRESH_H
#define CLI_REFRESH_H

#include <stdatomic.h>

#include "hitlist/hitlist.h"
#include "probe/probe.h"

struct refresh_config {
	const uint32_t *ports; /* one a service: 0 for ICMP */
	unsigned services;
	uint64_t wait_ns;        /* for the answer to the last packet of a chunk */
	uint64_t max_runtime_ns; /* 0: none */
	const atomic_bool *stop;
};

struct refresh_stats {
	uint64_t hosts;    /* probed with every service */
	uint64_t answers;  /* journalled */
	uint64_t alive;    /* hosts judged that answered */
	uint64_t silent;   /* hosts judged that did not */
	uint64_t unjudged; /* left as they were: their chunk was wholly silent */
	uint64_t injected; /* hosts judged in whose place somebody answered DNS */
	bool stopped;
};

/* hosts in the order given; h and scan are borrowed.  Whatever it returns, what
 * was found is in the journal, which is closed: call hitlist_merge() next. */
int refresh_run(const struct refresh_config *cfg, const struct addrvec *hosts,
                struct hitlist *h, struct probe_scan *scan, struct refresh_stats *st,
                struct diag *d);

#endif
