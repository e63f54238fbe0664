/* `probe scan`: sockets first, then no privileges, then foreign bytes. */
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/checksum.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/priv.h"
#include "common/stop.h"
#include "probe/cmd_scan.h"
#include "probe/key_file.h"
#include "probe/tcp.h"

#define LONG_S (366.0 * 86400) /* a scan that takes longer was not meant */

static int refuse_endless(const struct scan_job *j, struct diag *d)
{
	u128 total = targets_total(j->targets);
	double n = (double)total * (double)j->opts->probes;
	double rate = j->scan ? probe_rate(j->scan) : j->opts->rate_pps;
	double seconds = n / rate;

	if (j->opts->max_targets || j->opts->max_runtime_ns || j->opts->max_results ||
	    j->opts->max_packets || j->opts->list_targets || seconds <= LONG_S)
		return 0;
	/* All of IPv4 at every port, or less: that has its end, and an address in it
	 * is not lost among those that nobody has. */
	if (total <= (u128)1 << 48) {
		log_warn("%.3g packets at %.0f a second take %.3g years", n, rate,
		         seconds / LONG_S);
		return 0;
	}
	return diag_set(d, -EINVAL,
	                "%.3g packets at %.0f a second take %.3g years: sample them with "
	                "--max-targets, or let 'sextant discover' find where hosts are",
	                n, rate, seconds / LONG_S);
}

#define MANY 1000000.0 /* targets that nobody should probe without a blocklist */

/* What a good neighbour would have done. */
static void warn_stranger(const struct scan_job *j)
{
	const struct scan_options *o = j->opts;
	double n = (double)targets_total(j->targets);

	if (o->list_targets || o->scope.allow_special || o->link)
		return;
	if (!o->contact)
		log_info("nobody will know whom to ask about these probes: --contact "
		         "mailto:you@example.org says so in each echo request");
	if (n > MANY && !o->scope.blocklists.n && !o->excludes.n)
		log_warn("%.3g targets and no blocklist (-b): are there networks that "
		         "asked to be left out?",
		         n);
}

static int open_targets(struct scan_job *j, struct diag *d)
{
	const struct scan_options *o = j->opts;
	struct reader_policy policy = { .strict = o->strict };
	int rc = 0;

	if (o->list)
		return targets_open_stream(&j->targets, o->list, &policy, &j->order, d);
	for (size_t i = 0; !j->has_args && rc == 0 && i < o->scope.allowlists.n; i++)
		rc = ivtab_add_file(j->space, o->scope.allowlists.v[i], 1, d);
	if (rc == 0)
		rc = targets_open_space(&j->targets, j->space, &j->order, d);
	return rc < 0 ? rc : refuse_endless(j, d);
}

/* What is no line can only be made of all answers: until it is, they are records in a
 * file beside the checkpoint, to which each run adds. */
static int open_part(struct scan_job *j, struct results_config *cfg, struct diag *d)
{
	bool wanted = !format_can_append(cfg->format);
	int there;

	if (asprintf(&j->part, "%s.part", j->opts->resume) < 0) {
		j->part = NULL;
		return -ENOMEM;
	}
	there = access(j->part, F_OK) == 0;
	if (!wanted && there)
		return diag_set(d, -EINVAL,
		                "%s: has the answers of earlier runs, which were for "
		                "another format than %s",
		                j->part, format_names[cfg->format]);
	if (wanted && !there && j->checkpoint.done)
		return diag_set(
			d, -EINVAL,
			"%s: is not there: earlier runs wrote another format than "
			"%s",
			j->part, format_names[cfg->format]);
	if (!wanted) {
		free(j->part);
		j->part = NULL;
		return 0;
	}
	*cfg = (struct results_config){ .path = j->part,
		                        .format = FORMAT_BINARY,
		                        .fields = cfg->fields,
		                        .append = true };
	return 0;
}

/* A list of targets, or the results of a scan. */
static int open_results(struct scan_job *j, struct diag *d)
{
	const struct scan_options *o = j->opts;
	struct results_config cfg = { .path = o->output,
		                      .format = o->format,
		                      .fields = j->fields,
		                      .no_header = o->no_header,
		                      .append = o->resume || o->append_output,
		                      .rotate_bytes = o->rotate_bytes,
		                      .rotate_dir = o->rotate_dir };
	int rc = 0;

	if (o->list_targets)
		return writer_open(&j->list, o->output, d);
	if (o->rotate && !results_parse_rotate(&cfg.rotate_us, o->rotate))
		return diag_set(d, ERR_PARSE, "--rotate '%s' is no time", o->rotate);
	if (o->rotate_offset &&
	    !results_parse_rotate(&cfg.rotate_offset_us, o->rotate_offset))
		return diag_set(d, ERR_PARSE, "--rotate-offset '%s' is no time",
		                o->rotate_offset);
	j->wanted = cfg;
	j->wanted.append = false;
	if (o->resume)
		rc = open_part(j, &cfg, d);
	return rc < 0 ? rc : results_open(&j->results, &cfg, clock_wall_us(), d);
}

static int open_output(struct scan_job *j, struct diag *d)
{
	const struct scan_options *o = j->opts;
	uint64_t size = 0;
	int rc = open_results(j, d);

	if (rc < 0)
		return rc;
	if (o->status_file && !o->list_targets) {
		rc = writer_append(&j->status, o->status_file, &size, d);
		if (rc < 0)
			return rc;
		if (size == 0)
			scan_status_header(j->status);
	}
	return o->metadata ? writer_open(&j->metadata, o->metadata, d) : 0;
}

/* Whoever owns the place of the results may write them there; as root without
 * capabilities we might not. */
static int drop(const struct scan_options *o, struct diag *d)
{
	char *copy, *dir;
	int rc;

	if (!strcmp(o->output, "-") || !strncmp(o->output, "/dev/", 5))
		return priv_drop(".", d);
	copy = strdup(o->output);
	if (!copy)
		return -ENOMEM;
	dir = dirname(copy);
	rc = priv_drop(dir, d);
	free(copy);
	return rc;
}

/* What the watcher takes: read the lists again, faster, slower. */
void scan_watched_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGUSR2);
}

/* Before the targets: their order depends on the seed. */
static int read_checkpoint(struct scan_job *j, struct diag *d)
{
	int rc = checkpoint_read(&j->checkpoint, j->opts->resume, d);

	if (rc <= 0) {
		j->checkpoint.seed = j->order.seed;
		return rc;
	}
	if (j->opts->seed && j->order.seed != j->checkpoint.seed)
		return diag_set(d, -EINVAL, "%s: is of a scan with another --seed",
		                j->opts->resume);
	j->order.seed = j->cfg.seed = j->checkpoint.seed;
	j->order.skip = j->skipped = j->checkpoint.done;
	return 0;
}

/* After them: whether the checkpoint is of this scan. */
static int check_checkpoint(struct scan_job *j, struct diag *d)
{
	const struct scan_options *o = j->opts;
	uint64_t config = targets_digest(j->targets, j->order.seed);

	if (o->list)
		config ^= checksum64(o->list, strlen(o->list), 1);
	for (size_t i = 0; i < o->modules.n; i++)
		config = checksum64(o->modules.v[i], strlen(o->modules.v[i]), config);
	for (size_t i = 0; i < o->module_args.n; i++)
		config = checksum64(o->module_args.v[i], strlen(o->module_args.v[i]),
		                    config);
	config ^= checksum64(&o->probes, sizeof(o->probes), 2);
	if (j->checkpoint.config && j->checkpoint.config != config)
		return diag_set(d, -EINVAL,
		                "%s: is of another scan: targets, ports, modules, shard "
		                "and limits must be the same",
		                o->resume);
	j->checkpoint.config = config;
	return checkpoint_write(&j->checkpoint, o->resume, d);
}

enum { FRAME_EXTRA = 24 }; /* preamble, check sequence and gap, as ZMap counts */

void scan_set_bandwidth(struct scan_job *j)
{
	struct probe_way way;

	if (!(j->opts->bandwidth_bps > 0))
		return;
	probe_way(j->scan, &way);
	probe_set_rate(j->scan, j->opts->bandwidth_bps / 8 /
	                                (double)(way.frame_bytes + FRAME_EXTRA));
	log_debug("%zu bytes a packet: %.1f packets per second", way.frame_bytes,
	          probe_rate(j->scan));
}

/* Each port that was asked for needs a module that takes it. */
static int check_ports(const struct scan_job *j, struct diag *d)
{
	for (size_t i = 0; i < j->ports.n; i++) {
		uint32_t port = j->ports.v[i];

		if (!probe_takes_port(j->scan, port))
			return diag_set(d, -EINVAL,
			                "%s%u: no module of this scan is for that port "
			                "(-M %s takes what the others leave)",
			                port & PROBE_UDP ? "udp/" : "tcp/",
			                port & UINT16_MAX,
			                port & PROBE_UDP ? "udp" : "tcp-syn");
	}
	return 0;
}

static int open_rst_filter(struct scan_job *j, struct diag *d)
{
	unsigned first = j->cfg.source_port, n = j->cfg.source_ports;

	if (!first)
		return rst_filter_open(&j->rst_filter, TCP_PORT_FIRST, UINT16_MAX, d);
	return rst_filter_open(&j->rst_filter, (uint16_t)first,
	                       (uint16_t)(first + (n ? n - 1 : 0)), d);
}

int scan_job_open(struct scan_job *j, struct diag *d)
{
	sigset_t watched;
	int rc = 0;

	/* For the watcher to take: no thread may be started before this. */
	scan_watched_signals(&watched);
	pthread_sigmask(SIG_BLOCK, &watched, NULL);

	if (j->opts->key_file)
		rc = key_file_open(&j->key, j->opts->key_file, !j->opts->listen_only, d);
	if (rc == 0 && j->opts->resume)
		rc = checkpoint_lock(&j->lock, j->opts->resume, d);
	if (rc == 0 && j->opts->resume)
		rc = read_checkpoint(j, d);
	if (rc == 0 && !j->opts->list_targets)
		rc = probe_open(&j->scan, &j->cfg, d);
	if (rc == 0 && j->opts->rst_filter && j->scan)
		rc = open_rst_filter(j, d);
	if (rc == 0 && j->scan)
		rc = check_ports(j, d);
	if (rc == 0 && j->scan)
		scan_set_bandwidth(j);
	if (rc == 0 && j->opts->metrics && !j->opts->list_targets)
		rc = metrics_open(&j->metrics, j->opts->metrics, d);
	if (rc == 0)
		rc = drop(j->opts, d);
	if (rc == 0)
		rc = scopes_read(&j->scopes, &j->opts->scope, d);
	if (rc == 0 && !j->opts->listen_only) {
		rc = open_targets(j, d);
		if (rc == 0)
			warn_stranger(j);
	}
	if (rc == 0 && j->opts->resume && !j->opts->list_targets)
		rc = check_checkpoint(j, d);
	if (rc == 0 && j->checkpoint.complete)
		return 0; /* nothing is left to do */
	if (rc == 0)
		rc = open_output(j, d);
	if (rc == 0 && j->scan)
		probe_set_scope(j->scan, j->scopes.now);
	if (rc == 0 && j->scan && scan_grab_wanted(&j->opts->grab))
		rc = scan_grab_open(&j->grab, &j->opts->grab, j->scopes.now,
		                    stop_on_signals(), d);
	return rc;
}

void scan_job_close(struct scan_job *j)
{
	scan_grab_close(j->grab);
	probe_close(j->scan);
	rst_filter_close(j->rst_filter);
	fill_free(j->fill);
	targets_close(j->targets);
	results_close(j->results);
	writer_close(j->list);
	metrics_close(j->metrics);
	writer_close(j->metadata);
	writer_close(j->status);
	expr_free(j->filter);
	scopes_fini(&j->scopes);
	ivtab_builder_free(j->space);
	ports_fini(&j->ports);
	free(j->owned_args[0]);
	free(j->owned_args[1]);
	free(j->owned_args[2]);
	free(j->part);
	checkpoint_unlock(j->lock, j->opts->resume);
	ivtab_free(j->excluded);
	pthread_mutex_destroy(&j->out_lock);
}
