/* cli/summary.h - what `sextant discover` says at the end. */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include "cli/discover.h"
#include "common/addrset.h"
#include "common/ivtab.h"
#include "hitlist/hitlist.h"
#include "probe/probe.h"

struct network_count {
	struct prefix prefix;
	uint64_t hosts;
};

struct summary {
	const char *dir;
	uint64_t seeds, members;
	struct discover_stats discover;
	struct probe_stats probe;
	struct hitlist_merge_stats merge;
	struct hitlist_info hitlist;
	/* Answering hosts outside aliased prefixes, by /32, most first; owned. */
	struct network_count *networks;
	size_t networks_n;
	uint64_t sites_48, subnets_64; /* distinct prefixes of these hosts */
	bool failed;                   /* the loop ended by an error */
};

/* Fill networks, sites_48 and subnets_64.  0 or -ENOMEM. */
int summary_by_network(struct summary *s, const struct addrset *hits,
                       const struct ivtab *aliased);

/* For people; path "-" is standard output. */
int summary_print(const struct summary *s, const char *path, struct diag *d);
int summary_write_json(const struct summary *s, const char *path, struct diag *d);
void summary_fini(struct summary *s);

#endif
