#include "analysis/cmds.h"

#include "analysis/analysis.h"

#define ROW(name, args, summary)                                                    \
	{                                                                           \
#name, name##_run, args, summary, name##_options, &name##_defaults, \
			sizeof(struct name##_opts), 0, name##_details               \
	}

const struct cmd analysis_cmds[] = {
	ROW(summary, "[FILE|HITLIST]...",
	    "count addresses, prefixes and kinds of interface identifiers"),
	ROW(density, "[FILE|HITLIST]...",
	    "how densely prefixes of every length are populated"),
	ROW(entropy, "[FILE|HITLIST]...",
	    "entropy of each digit, segments, and profiles of networks"),
	ROW(runs, "[FILE|HITLIST]...",
	    "consecutive addresses, chains of near ones, dense and anonymous prefixes"),
	{ 0 },
};
