/* seeds/cmds.h - the verbs of `sextant seeds`: what each one's option table fills. */
#ifndef SEEDS_CMDS_H
#define SEEDS_CMDS_H

#include "common/opt.h"
#include "common/scope.h"
#include "seeds/dns_setup.h"
#include "seeds/seeds.h"

struct collect_opts {
	const char *output, *metadata, *config, *state, *provenance;
	struct scope_config scope;
	unsigned prefixes; /* 0: leave them out, 1: their first address */
	bool v4, strict, allow_axfr, quiet;
};

struct bgp_opts {
	const char *output, *metadata;
	struct scope_config scope;
	unsigned out_format, format, per; /* format: enum rib_format */
	uint64_t min_peers, max_per_prefix, interface_id, threads;
	bool v4, strict, quiet;
};

struct resolve_opts {
	const char *output, *metadata, *follow;
	struct dns_opts dns;
	struct scope_config scope;
	unsigned format; /* enum resolve_format */
	bool v4, quiet;
};

struct walk_opts {
	const char *output;
	struct dns_opts dns;
	struct scope_config scope;
	uint64_t max_names;
	unsigned format;
	bool v4, quiet;
};

struct arpa_opts {
	const char *output, *resume;
	struct dns_opts dns;
	struct scope_config scope;
	struct opt_list known;
	uint64_t max_per_64, max_queries, max_zone_queries, port;
	unsigned format;
	bool quiet;
};

struct zonefile_opts {
	const char *output, *origin;
	struct scope_config scope;
	unsigned format; /* enum names_format */
	bool v4, quiet;
};

struct ct_opts {
	const char *output;
	bool quiet;
};

struct axfr_opts {
	const char *output;
	struct dns_opts dns;
	struct scope_config scope;
	uint64_t max_records;
	unsigned format; /* enum names_format */
	bool v4, quiet;
};

#define VERB(v)                                    \
	extern const struct opt v##_options[];     \
	extern const struct v##_opts v##_defaults; \
	extern const char v##_details[];           \
	int v##_run(const void *cfg, int argc, char *argv[])

VERB(collect);
VERB(bgp);
VERB(resolve);
VERB(walk);
VERB(arpa);
VERB(axfr);
VERB(zonefile);
VERB(ct);

#endif
