/* probe/cmd_scan.h - `probe scan`: its configuration, and its final report. */
#ifndef PROBE_CMD_SCAN_H
#define PROBE_CMD_SCAN_H

#include <pthread.h>
#include <signal.h>

#include "common/mac.h"
#include "common/scope.h"
#include "common/writer.h"
#include "probe/checkpoint.h"
#include "probe/expr.h"
#include "probe/fill.h"
#include "probe/metrics.h"
#include "probe/probe.h"
#include "probe/results.h"
#include "probe/rst_filter.h"
#include "probe/scan_grab.h"
#include "probe/scopes.h"
#include "probe/targets.h"

enum { SCAN_OUTPUTS = 6 }; /* -oB -oD -oG -oJ -oL -oX */

struct scan_options {
	struct opt_list ports, modules, module_args, source_ips, excludes;
	struct scope_config scope;
	struct scan_grab_options grab;
	const char *payload, *contact, *hop_range, *list, *max_targets, *seed, *interface,
		*gateway_mac, *link;
	const char *output, *fields, *metadata, *filter, *status_file;
	double rate_pps, bandwidth_bps, cap_48_pps, cap_64_pps, cap_24_pps;
	uint64_t max_results, max_runtime_ns, cooldown_ns;
	uint64_t probes, probe_interval_ns, hop_limit, vlan, vantage;
	const char *resume, *config, *cooldown;
	uint64_t checkpoint_ns, dedup_window, receive_buffer;
	uint64_t probe_length, iid_num;
	const char *shards, *shard, *iid;
	uint64_t senders;
	const char *cores, *source_port;
	unsigned format, dedup;
	struct opt_list ranges, exclude_ports, readscans;
	const char *out_of[SCAN_OUTPUTS]; /* of -oX and the like */
	const char *rotate, *rotate_offset, *rotate_dir;
	const char *notes, *user_metadata, *log_file, *log_directory, *metrics;
	uint64_t rotate_bytes, retries, max_packets, verbosity, fill;
	const char *max_failures, *key_file, *source_mac, *gateway_macs[2];
	double min_hitrate;
	bool strict, no_header, dry_run, quiet, verbose;
	bool list_modules, list_fields, list_formats, echo, check, unprivileged;
	bool list_targets, open_only, append_output, status_json, ping, offline, v4_only,
		v6_only, listen_only, packet_trace, ip_layer, rst_filter, nothing;
};

extern const struct opt scan_opts[];
extern const struct scan_options scan_defaults;

enum { DEDUP_FULL, DEDUP_WINDOW_ONLY, DEDUP_NONE }; /* in the option's order */
enum {
	DEDUP_WINDOW_MAX = 1 << 30,
	RECEIVE_BUFFER_MIN = 1 << 20,
	RECEIVE_BUFFER_MAX = 1 << 30,
};
enum { SCAN_MODULES = 16, SCAN_ARGS = 64 };

struct scan_job {
	const struct scan_options *opts;
	struct probe_config cfg;
	struct ports ports;
	const char *modules[SCAN_MODULES]; /* of -M, and what -p implies */
	size_t n_modules;
	const char *args[SCAN_ARGS]; /* of --probe-args, and --payload */
	char *owned_args[3];
	struct ivtab_builder *space; /* targets named on the command line */
	struct addr128 first[2];     /* one of them, IPv4 and IPv6 */
	bool has_args;
	struct targets_config order;
	struct obs_fields fields;
	struct scopes scopes;
	struct ivtab *excluded; /* of --exclude; may be NULL */
	struct targets *targets;
	struct probe_scan *scan;
	struct scan_grab *grab; /* NULL: nothing is grabbed */
	struct results *results;
	struct results_config wanted; /* what results are to be in the end, and */
	char *part; /* where they are until then: --resume, of no lines; or NULL */
	struct writer *list, *metadata, *status; /* list: of --list-targets */
	struct metrics *metrics;
	struct expr *filter;      /* NULL: every result */
	pthread_mutex_t out_lock; /* the receiver writes, the watcher flushes */
	uint64_t found;           /* results */
	const atomic_bool *signalled;
	atomic_bool stop, done;
	uint64_t end_ns; /* of --max-runtime */
	struct checkpoint checkpoint;
	uint64_t skipped;      /* targets that earlier runs did */
	int lock;              /* of the checkpoint; -1: none */
	uint64_t max_failures; /* of --max-sendto-failures; UINT64_MAX: any number */
	struct fill *fill;     /* of --fill-mode; NULL: none */
	struct rst_filter *rst_filter;
	struct mac_key key;  /* of --key-file */
	struct diag gave_up; /* why the watcher stopped it; "": it did not */
};

/* Fill the plan of a scan (opts, space, first, has_args, ports, order, fields,
 * cfg) from the options.  ERR_PARSE and the like mean wrong usage. */
int scan_plan(struct scan_job *j, struct scan_options *o, int argc, char *argv[],
              struct diag *d);

/* Signals that the watcher of a running scan takes: read the lists again, faster,
 * slower. */
void scan_watched_signals(sigset_t *set);

/* Sockets, then no privileges, then lists, targets and outputs (scan_open.c). */
int scan_job_open(struct scan_job *j, struct diag *d);
void scan_set_bandwidth(struct scan_job *j);
void scan_job_close(struct scan_job *j); /* what is open of it */

/* Until targets, time or results end it, or somebody does (ERR_STOPPED). */
int scan_job_run(struct scan_job *j, struct diag *d);

/* The targets as they would be probed, in order; nothing is sent. */
int scan_job_list(struct scan_job *j);

/* What a finished scan was and did. */
struct scan_report {
	const struct scan_grab *grab; /* may be NULL */
	const struct scan_options *opts;
	const struct probe_stats *stats;
	uint64_t seed, results, bad_lines;
	u128 total; /* 0: not known */
	struct shard shard;
	const char *outcome; /* "complete", "stopped", or what failed */
};

/* After the file of options: other tools' ways to say what is an option of ours. */
struct scan_config;
int scan_aliases(struct scan_options *o, struct scan_config *file, struct diag *d);

/* The status as a line of JSON; i: what the interface counted, of all programs, or NULL. */
void scan_status_json(char *buf, size_t cap, const struct probe_stats *now,
                      const struct probe_stats *before, uint64_t total,
                      const struct probe_interface *i);

/* Counters in Prometheus' text format; i may be NULL. */
void scan_metrics_write(FILE *f, const struct probe_stats *s, double rate_pps,
                        uint64_t results, double targets,
                        const struct probe_interface *i);

/* Lines of the status file. */
void scan_status_header(struct writer *w);
void scan_status_write(struct writer *w, const struct probe_stats *now,
                       const struct probe_stats *before, uint64_t total);

/* One JSON object; never the key of the cookies. */
void scan_report_write(struct writer *w, const struct scan_report *r);

/* --list-probe-modules and the like, on standard output. */
void scan_list_modules(void);
void scan_list_fields(void);
void scan_list_formats(void);

#endif
