/* probe/cmd_scan.h - `probe scan`: its configuration, and its final report. */
#ifndef PROBE_CMD_SCAN_H
#define PROBE_CMD_SCAN_H

#include "common/scope.h"
#include "common/writer.h"
#include "probe/probe.h"
#include "probe/targets.h"

struct scan_options {
	struct opt_list ports, modules, module_args, source_ips;
	struct scope_config scope;
	const char *list, *max_targets, *seed, *interface, *gateway_mac, *link;
	const char *output, *fields, *metadata;
	double rate_pps;
	uint64_t max_results, max_runtime_ns, cooldown_ns;
	uint64_t probes, probe_interval_ns, hop_limit, source_port, vantage;
	uint64_t shards, shard;
	unsigned format, dedup;
	bool strict, no_header, dry_run, quiet, verbose;
	bool list_modules, list_fields;
};

extern const struct opt scan_opts[];
extern const struct scan_options scan_defaults;

/* What a finished scan was and did. */
struct scan_report {
	const struct scan_options *opts;
	const struct probe_stats *stats;
	uint64_t seed, results, bad_lines;
	u128 total;          /* 0: not known */
	const char *outcome; /* "complete", "stopped", or what failed */
};

/* One JSON object; never the key of the cookies. */
void scan_report_write(struct writer *w, const struct scan_report *r);

#endif
