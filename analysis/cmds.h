/* analysis/cmds.h - the verbs' configurations, for the table in cmds.c. */
#ifndef ANALYSIS_CMDS_H
#define ANALYSIS_CMDS_H

#include "analysis/verb.h"

struct summary_opts {
	const char *output, *where;
	uint64_t memory;
	bool json, csv, strict, quiet;
};

struct density_opts {
	struct verb_opts v;
	const char *bgp, *mmdb;
	unsigned picture;
	struct opt_list lengths;
	uint64_t top;
};

struct entropy_opts {
	struct verb_opts v;
	const char *bgp;
	unsigned by, picture, part;
	uint64_t top, min, k, seed;
	bool profiles;
};

struct runs_opts {
	struct verb_opts v;
	uint64_t gap, min, k;
	struct opt_list dense;
};

struct iid_opts {
	struct verb_opts v;
	const char *oui;
	uint64_t top;
	unsigned picture;
	bool compat;
};

struct decode_opts {
	const char *output, *oui, *where;
	bool json, csv, strict, quiet;
};

struct treemap_opts {
	struct verb_opts v;
	const char *bgp, *column;
	unsigned colour, function;
	uint64_t limit;
	bool all, equal;
};

struct hilbert_opts {
	struct verb_opts v;
	uint64_t cells;
};

struct overlap_opts {
	struct verb_opts v;
	const char *bgp;
	unsigned level;
	uint64_t top;
};

struct stability_opts {
	struct verb_opts v;
	unsigned picture;
};

struct report_opts {
	const char *output, *title, *bgp, *mmdb, *oui, *where;
	uint64_t min, memory;
	bool strict, quiet;
};

#define ANALYSIS_VERB(name)                                      \
	int name##_run(const void *cfg, int argc, char *argv[]); \
	extern const struct opt name##_options[];                \
	extern const struct name##_opts name##_defaults;         \
	extern const char name##_details[];

ANALYSIS_VERB(summary)
ANALYSIS_VERB(density)
ANALYSIS_VERB(entropy)
ANALYSIS_VERB(iid)
ANALYSIS_VERB(decode)
ANALYSIS_VERB(runs)
ANALYSIS_VERB(treemap)
ANALYSIS_VERB(hilbert)
ANALYSIS_VERB(report)
ANALYSIS_VERB(overlap)
ANALYSIS_VERB(stability)

#undef ANALYSIS_VERB

#endif
