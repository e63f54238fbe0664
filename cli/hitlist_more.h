/* cli/hitlist_more.h - verbs of `sextant hitlist` that need other components: what
 * each one's option table fills. */
#ifndef CLI_HITLIST_MORE_H
#define CLI_HITLIST_MORE_H

#include "common/opt.h"
#include "hitlist/hitlist.h"

struct refresh_opts {
	struct due_cfg due;
	struct opt_list modules, source_ips;
	const char *interface, *gateway_mac, *metadata;
	double rate;
	uint64_t max_runtime_ns, cooldown_ns, probes;
	bool quiet;
};

struct alias_run_opts {
	struct alias_plan_cfg plan;
	struct opt_list source_ips;
	const char *interface, *gateway_mac;
	double rate, site_rate;
	uint64_t cooldown_ns;
	bool quiet;
};

extern const struct opt refresh_table[], alias_run_table[];
extern const struct refresh_opts refresh_defaults;
extern const struct alias_run_opts alias_run_defaults;

int refresh_run_cmd(const void *cfg, int argc, char *argv[]);
int alias_run_run(const void *cfg, int argc, char *argv[]);

#endif
