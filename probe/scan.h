/* probe/scan.h - inside of a scan: what opening it, running it and watching it
 * share.  Callers use probe/probe.h; tests open a scan on links of their own. */
#ifndef PROBE_SCAN_H
#define PROBE_SCAN_H

#include "probe/dedup.h"
#include "probe/link.h"
#include "probe/netlink.h"
#include "probe/probe.h"
#include "probe/reply.h"
#include "probe/route.h"

/* Written by one thread each, read by any. */
struct scan_counters {
	atomic_uint_fast64_t targets; /* by the sender that is at the source */
	atomic_uint_fast64_t received, valid, open, closed, errors, repeats, invalid,
		kernel_drops, dedup_bytes;         /* receiver */
	atomic_bool dedup_forgot_v4, dedup_forgot; /* receiver */
	atomic_uint_fast64_t started_us, ended_us;
	atomic_bool cooling;
};

struct scan_lane {
	struct reply_lane reply;           /* module, state and family */
	struct packet_template *templates; /* one for each variant; owned */
	bool named_ports; /* in the module's name; reply.ports is owned */
};

/* What a sending thread has for itself. */
struct scan_sender {
	struct link *links[2]; /* by family; may be the same; owned */
	atomic_uint_fast64_t refused_scope, refused_family;
	/* Numbers of targets count from 0 in the order in which they were taken:
	 * all below this one that the thread took are done.  UINT64_MAX: all are. */
	atomic_uint_fast64_t oldest;
	char apart[64]; /* no cache line is shared */
};

struct probe_scan {
	struct probe_config cfg;
	_Atomic(const struct scope *) scope; /* cfg.scope, or a later one */
	_Atomic double rate_pps;             /* cfg.rate_pps, or a later one */
	char interface[16];                  /* "": none */
	struct reply_context reply;
	struct scan_lane lanes[REPLY_LANES];
	unsigned n_lanes;
	struct {
		unsigned first, n; /* in reply.sources */
	} sources[2];              /* by family: IPv4, IPv6 */
	struct scan_sender senders[PROBE_SENDERS];
	unsigned n_senders;
	struct netlink_link before; /* the interface when it was opened */
	struct receiver *receiver;  /* NULL: nothing is received; owned */
	struct dedup *dedup;
	struct cap *cap; /* before the source, where there are caps */
	struct scan_counters count;
};

/* What probe_open() finds out, for those who bring it themselves. */
struct scan_way {
	/* One pair for each sending thread; taken, also on failure. */
	struct link *links[PROBE_SENDERS][2];
	struct receiver *receiver;  /* taken, also on failure; may be NULL */
	struct packet_plan plan[2]; /* MAC addresses, by family */
	struct addr128 source[2];   /* used where cfg->source_ips has none */
};

/* A family without a link is not probed.  All senders have links of the same
 * families. */
int scan_open(struct probe_scan **out, const struct probe_config *cfg,
              const struct scan_way *way, struct diag *d);

/* The capture filter of an open scan; NUL-terminated, or -EMSGSIZE. */
int scan_filter(const struct probe_scan *s, char *buf, size_t cap);

/* By the thread that the counter belongs to: no locked instruction is needed. */
static inline void count_set(atomic_uint_fast64_t *c, uint64_t v)
{
	atomic_store_explicit(c, v, memory_order_relaxed);
}

static inline void count_add(atomic_uint_fast64_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
	                      memory_order_relaxed);
}

#endif
