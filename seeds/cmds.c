#include "seeds/cmds.h"

#define ROW(v, args, summary)                                           \
	{                                                               \
#v, v##_run, args, summary, v##_options, &v##_defaults, \
			sizeof(struct v##_opts), 0, v##_details         \
	}

const struct cmd seeds_cmds[] = {
	ROW(collect, "[FILE...]",
	    "merge lists into one, normalised, unique, sorted and in scope"),
	ROW(bgp, "FILE...", "what is routed and by whom, from BGP dumps and registries"),
	ROW(resolve, "[FILE...]", "names into addresses, in bulk"),
	ROW(walk, "ZONE... [@SERVER...]", "the names of signed zones, along NSEC"),
	ROW(arpa, "PREFIX... [@SERVER...]", "the addresses that have names in ip6.arpa"),
	ROW(axfr, "ZONE... [@SERVER...]", "zones in whole, from servers that give them"),
	ROW(zonefile, "FILE...", "names and addresses out of zone files"),
	ROW(ct, "FILE...", "names out of dumps of certificate logs"),
	{ 0 },
};
