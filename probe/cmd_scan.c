#include "probe/cmd_scan.h"

#include <inttypes.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/priv.h"
#include "common/stop.h"
#include "probe/cmd_convert.h"
#include "probe/cmd_grab.h"
#include "probe/module.h"
#include "probe/scan_config.h"

#define TICK_NS (100 * NS_PER_MS) /* of the watching thread */
#define LONG_S  (366.0 * 86400)   /* a scan that takes longer was not meant */

enum { TICKS_PER_FLUSH = 2, TICKS_PER_STATUS = 10, STATUS_MAX = 1024 };

/* --- opening: sockets, then no privileges, then foreign bytes --------------- */

static int refuse_endless(const struct scan_job *j, struct diag *d)
{
	u128 total = targets_total(j->targets);
	double n = (double)total * (double)j->opts->probes;
	double rate = j->scan ? probe_rate(j->scan) : j->opts->rate_pps;
	double seconds = n / rate;

	if (j->opts->max_targets || j->opts->max_runtime_ns || j->opts->max_results ||
	    j->opts->list_targets || seconds <= LONG_S)
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

	if (o->list_targets)
		return writer_open(&j->list, o->output, d);
	if (o->rotate && !results_parse_rotate(&cfg.rotate_us, o->rotate))
		return diag_set(d, ERR_PARSE, "--rotate '%s' is no time", o->rotate);
	if (o->rotate_offset &&
	    !results_parse_rotate(&cfg.rotate_offset_us, o->rotate_offset))
		return diag_set(d, ERR_PARSE, "--rotate-offset '%s' is no time",
		                o->rotate_offset);
	return results_open(&j->results, &cfg, clock_wall_us(), d);
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
static void watched_signals(sigset_t *set)
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

static void set_bandwidth(struct scan_job *j)
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

static int open_all(struct scan_job *j, struct diag *d)
{
	sigset_t watched;
	int rc = 0;

	/* For the watcher to take: no thread may be started before this. */
	watched_signals(&watched);
	pthread_sigmask(SIG_BLOCK, &watched, NULL);

	if (j->opts->resume)
		rc = read_checkpoint(j, d);
	if (rc == 0 && !j->opts->list_targets)
		rc = probe_open(&j->scan, &j->cfg, d);
	if (rc == 0 && j->scan)
		set_bandwidth(j);
	if (rc == 0 && j->opts->metrics && !j->opts->list_targets)
		rc = metrics_open(&j->metrics, j->opts->metrics, d);
	if (rc == 0)
		rc = drop(j->opts, d);
	if (rc == 0)
		rc = scope_new(&j->scope, &j->opts->scope, d);
	if (rc == 0)
		rc = open_targets(j, d);
	if (rc == 0)
		warn_stranger(j);
	if (rc == 0 && j->opts->resume && !j->opts->list_targets)
		rc = check_checkpoint(j, d);
	if (rc == 0)
		rc = open_output(j, d);
	if (rc == 0 && j->scan)
		probe_set_scope(j->scan, j->scope);
	if (rc == 0 && j->scan && scan_grab_wanted(&j->opts->grab))
		rc = scan_grab_open(&j->grab, &j->opts->grab, j->scope, stop_on_signals(),
		                    d);
	return rc;
}

static void close_all(struct scan_job *j)
{
	scan_grab_close(j->grab);
	probe_close(j->scan);
	targets_close(j->targets);
	results_close(j->results);
	writer_close(j->list);
	metrics_close(j->metrics);
	writer_close(j->metadata);
	writer_close(j->status);
	expr_free(j->filter);
	scope_free(j->scope);
	ivtab_builder_free(j->space);
	ports_fini(&j->ports);
	free(j->owned_args[0]);
	free(j->owned_args[1]);
	free(j->owned_args[2]);
	for (unsigned i = 0; i < SCAN_SCOPES; i++)
		scope_free(j->retired[i]);
	ivtab_free(j->excluded);
	pthread_mutex_destroy(&j->out_lock);
}

/* --- running ---------------------------------------------------------------- */

static void observe(void *ctx, const struct observation *o)
{
	struct scan_job *j = ctx;
	uint64_t max = j->opts->max_results;

	if ((j->filter && !expr_holds(j->filter, o)) || !results_want(j->results, o) ||
	    (j->opts->open_only && o->outcome != OBS_OPEN))
		return;
	if (j->grab)
		scan_grab_offer(j->grab, o);

	pthread_mutex_lock(&j->out_lock);
	if (!max || j->found < max) {
		results_put(j->results, o);
		j->found++;
	}
	if (max && j->found == max)
		atomic_store(&j->stop, true);
	pthread_mutex_unlock(&j->out_lock);
}

static int next_targets(void *ctx, struct probe_target *out, size_t max)
{
	struct scan_job *j = ctx;

	return targets_next(j->targets, out, max);
}

static void show_status(struct scan_job *j, struct probe_stats *before, uint64_t total)
{
	struct probe_stats now;
	char line[STATUS_MAX];

	probe_stats(j->scan, &now);
	if (j->status) {
		scan_status_write(j->status, &now, before, total);
		writer_flush(j->status);
	}
	if (j->opts->status_json) {
		scan_status_json(line, sizeof(line), &now, before, total);
		log_raw("%s\n", line);
	} else if (!j->opts->quiet) {
		probe_status_line(line, sizeof(line), &now, before, total);
		log_status("%s", line);
	}
	*before = now;
}

/* What was done a checkpoint ago: the replies to that are written by now. */
static void checkpoint(struct scan_job *j, uint64_t *before)
{
	struct probe_stats now;
	struct diag d = { "" };
	int rc;

	probe_stats(j->scan, &now);
	j->checkpoint.done = *before;
	*before = j->skipped + now.done;
	rc = checkpoint_write(&j->checkpoint, j->opts->resume, &d);
	if (rc < 0)
		log_warn("%s", diag_str(&d, rc));
}

/* SIGHUP: read the lists again.  One that cannot be read changes nothing. */
static void reload(struct scan_job *j)
{
	struct scope **old = &j->retired[j->n_retired % SCAN_SCOPES], *fresh;
	struct diag d = { "" };
	int rc = scope_new(&fresh, &j->opts->scope, &d);

	if (rc < 0) {
		log_warn("%s: the lists stay as they were", diag_str(&d, rc));
		return;
	}
	scope_free(*old);
	*old = j->scope;
	j->n_retired++;
	j->scope = fresh;
	probe_set_scope(j->scan, fresh);
	if (j->grab)
		scan_grab_set_scope(j->grab, fresh);
	log_info("blocklists and allowlists were read again");
}

static void change_rate(struct scan_job *j, double factor)
{
	probe_set_rate(j->scan, probe_rate(j->scan) * factor);
	log_info("the rate is %.6g packets per second now", probe_rate(j->scan));
}

static void take_signals(struct scan_job *j)
{
	struct timespec now = { 0 };
	sigset_t set;
	int number;

	watched_signals(&set);
	while ((number = sigtimedwait(&set, NULL, &now)) > 0) {
		if (number == SIGHUP)
			reload(j);
		else
			change_rate(j, number == SIGUSR1 ? 1.05 : 0.95);
	}
}

/* Passes signals, time-out and write errors on as a stop, and keeps results
 * moving: somebody may be reading them at the other end of a pipe. */
static void *watch_thread(void *arg)
{
	struct scan_job *j = arg;
	u128 total = targets_total(j->targets);
	struct probe_stats before = { 0 };
	uint64_t now = clock_mono_ns(), done = j->skipped;
	uint64_t save_at = now + j->opts->checkpoint_ns;

	for (unsigned tick = 1; !atomic_load(&j->done); tick++) {
		now += TICK_NS;
		clock_sleep_until(now);
		take_signals(j);
		if (atomic_load(j->signalled) ||
		    (j->end_ns && clock_mono_ns() >= j->end_ns))
			atomic_store(&j->stop, true);
		if (tick % TICKS_PER_FLUSH == 0 || j->opts->resume) {
			pthread_mutex_lock(&j->out_lock);
			if (results_flush(j->results, clock_wall_us(), NULL) < 0)
				atomic_store(&j->stop, true);
			pthread_mutex_unlock(&j->out_lock);
		}
		if (j->opts->resume && now >= save_at) {
			checkpoint(j, &done);
			save_at = now + j->opts->checkpoint_ns;
		}
		if (tick % TICKS_PER_STATUS == 0)
			show_status(j, &before,
			            total <= UINT64_MAX ? (uint64_t)total : 0);
	}
	return NULL;
}

static void write_metrics(void *ctx, FILE *f)
{
	struct scan_job *j = ctx;
	struct probe_stats now;
	uint64_t found;

	probe_stats(j->scan, &now);
	pthread_mutex_lock(&j->out_lock);
	found = j->found;
	pthread_mutex_unlock(&j->out_lock);
	scan_metrics_write(f, &now, probe_rate(j->scan), found,
	                   (double)targets_total(j->targets));
}

static int run_scan(struct scan_job *j, struct diag *d)
{
	struct probe_source source = { next_targets, j };
	struct probe_sink sink = { observe, j };
	pthread_t watcher;
	int rc;

	if (j->metrics) {
		rc = metrics_start(j->metrics, write_metrics, j, d);
		if (rc < 0)
			return rc;
	}
	j->signalled = stop_on_signals();
	if (j->opts->max_runtime_ns)
		j->end_ns = clock_mono_ns() + j->opts->max_runtime_ns;
	rc = pthread_create(&watcher, NULL, watch_thread, j);
	if (rc)
		return diag_set(d, -rc, "cannot start a thread: %s", strerror(rc));
	rc = probe_run(j->scan, &source, &sink, d);
	atomic_store(&j->done, true);
	pthread_join(watcher, NULL);
	return rc;
}

/* The targets as they would be probed, in order; nothing is sent. */
static int run_dry(struct scan_job *j)
{
	struct probe_target t[64];
	char text[ADDR_STRLEN];
	int n;

	while ((n = targets_next(j->targets, t, 64)) != PROBE_SOURCE_END) {
		if (n == 0)
			clock_sleep_until(clock_mono_ns() + NS_PER_MS);
		for (int i = 0; i < n; i++) {
			if (scope_check(j->scope, t[i].addr) != SCOPE_OK)
				continue;
			addr_format(text, t[i].addr);
			writer_printf(j->list, "%s", text);
			if (t[i].port & UINT16_MAX)
				writer_printf(j->list, ",%s%u",
				              t[i].port & PROBE_UDP ? "udp/" : "",
				              t[i].port & UINT16_MAX);
			if (t[i].port >> PROBE_HOP_SHIFT)
				writer_printf(j->list, ",hop %u",
				              t[i].port >> PROBE_HOP_SHIFT);
			writer_printf(j->list, "\n");
			j->found++;
		}
		if (writer_flush(j->list) < 0)
			break;
	}
	return 0;
}

/* --- the end ---------------------------------------------------------------- */

static void tell_summary(const struct probe_stats *s, uint64_t results)
{
	log_info("sent %" PRIu64 " packets; %" PRIu64 " open, %" PRIu64
	         " closed, %" PRIu64 " errors, %" PRIu64 " repeats, %" PRIu64
	         " invalid; %" PRIu64 " results",
	         s->sent, s->open, s->closed, s->errors, s->repeats, s->invalid, results);
	if (s->refused_scope)
		log_info("%" PRIu64
		         " targets were not probed: special-purpose addresses, "
		         "or on a blocklist",
		         s->refused_scope);
	if (s->refused_family)
		log_info("%" PRIu64 " targets were not probed: no module for them",
		         s->refused_family);
	if (s->send_errors)
		log_warn("%" PRIu64 " packets could not be sent", s->send_errors);
	if (s->dedup_forgot_v4 || s->dedup_forgot)
		log_info(
			"not all earlier answers were known in the end: of those that come "
			"late again, some may have been reported twice");
	if (s->kernel_drops)
		log_warn("%" PRIu64 " replies were lost between kernel and program",
		         s->kernel_drops);
}

/* What was handed to the kernel need not have left: drivers and queues drop in silence.
 * Some count only every second. */
static void compare_interface(const struct scan_job *j, const struct probe_stats *s)
{
	struct probe_interface i;

	if (j->opts->cooldown_ns < NS_PER_S || s->sent < 100 ||
	    probe_interface_count(j->scan, &i) < 0)
		return;
	if (i.packets < s->sent - s->sent / 100)
		log_warn("the interface counts %" PRIu64 " packets of the %" PRIu64
		         " that it was given (a lower --rate?)",
		         i.packets, s->sent);
	if (i.dropped > s->sent / 1000)
		log_warn("the interface dropped %" PRIu64 " packets (a lower --rate?)",
		         i.dropped);
}

static int finish(struct scan_job *j, int rc, struct diag *d)
{
	struct probe_stats stats = { 0 };
	struct scan_report report = {
		.opts = j->opts,
		.stats = &stats,
		.seed = j->order.seed,
		.shard = j->order.shard,
		.results = j->found,
		.grab = j->grab,
		.total = targets_total(j->targets),
		.outcome = rc == ERR_STOPPED ? "stopped" : "complete",
	};
	bool stopped = rc == ERR_STOPPED;
	int result;

	if (stopped)
		rc = 0; /* on request: what was found so far counts */
	result = targets_result(j->targets, &report.bad_lines, d);
	rc = rc < 0 ? rc : result;
	result = j->list ? writer_commit(j->list, d)
	                 : results_commit(j->results, clock_wall_us(), d);
	rc = rc < 0 ? rc : result;
	if (j->grab) {
		result = scan_grab_finish(j->grab, d);
		rc = rc < 0 ? rc : result;
	}
	if (j->status) {
		result = writer_commit(j->status, d);
		rc = rc < 0 ? rc : result;
	}
	if (rc < 0)
		report.outcome = diag_str(d, rc);
	if (!j->scan)
		return rc;
	probe_stats(j->scan, &stats);
	if (j->opts->resume && rc == 0) {
		j->checkpoint.done = j->skipped + stats.done;
		j->checkpoint.complete = !stopped;
		rc = checkpoint_write(&j->checkpoint, j->opts->resume, d);
	}
	tell_summary(&stats, j->found);
	compare_interface(j, &stats);
	if (!j->metadata)
		return rc;
	scan_report_write(j->metadata, &report);
	result = writer_commit(j->metadata, d);
	return rc < 0 ? rc : result;
}

static int usage(const struct diag *d, int rc)
{
	log_error("%s", diag_str(d, rc));
	return CMD_USAGE;
}

static void tell_family(const struct probe_way *w, int v6)
{
	char source[ADDR_STRLEN];
	const uint8_t *m = w->family[v6].mac, *g = w->family[v6].gateway_mac;

	if (!w->family[v6].link) {
		printf("IPv%d: not probed\n", v6 ? 6 : 4);
		return;
	}
	addr_format(source, w->family[v6].source);
	printf("IPv%d: back-end %s, source %s", v6 ? 6 : 4, w->family[v6].link, source);
	if (w->family[v6].ethernet)
		printf(", from %02x:%02x:%02x:%02x:%02x:%02x to gateway "
		       "%02x:%02x:%02x:%02x:%02x:%02x",
		       m[0], m[1], m[2], m[3], m[4], m[5], g[0], g[1], g[2], g[3], g[4],
		       g[5]);
	printf("\n");
}

/* --check: the way out as it was found; nothing is probed. */
static int check(const struct scan_job *j)
{
	struct probe_way way;

	probe_way(j->scan, &way);
	printf("interface: %s\n", way.interface[0] ? way.interface : "none");
	for (int v6 = 1; v6 >= 0; v6--)
		tell_family(&way, v6);
	printf("largest frame: %zu bytes\nrate: %.6g packets per second\n",
	       way.frame_bytes, probe_rate(j->scan));
	return fflush(stdout) == 0 ? 0 : -EIO;
}

/* Everything from the plan to the end. */
static int scan(struct scan_options *o, int argc, char *argv[])
{
	struct scan_job j = { .opts = o, .out_lock = PTHREAD_MUTEX_INITIALIZER };
	struct diag d = { "" };
	int rc = scan_plan(&j, o, argc, argv, &d);

	if (rc < 0) {
		close_all(&j);
		return usage(&d, rc);
	}
	if (o->check) {
		rc = probe_open(&j.scan, &j.cfg, &d);
		if (rc == 0)
			set_bandwidth(&j);
		if (rc == 0)
			rc = check(&j);
		if (rc < 0)
			log_error("%s", diag_str(&d, rc));
		close_all(&j);
		return rc < 0 ? CMD_FAILED : CMD_OK;
	}
	rc = open_all(&j, &d);
	if (rc == 0 && o->resume && j.checkpoint.complete) {
		log_info("%s: that scan is complete", o->resume);
	} else if (rc == 0) {
		rc = o->list_targets ? run_dry(&j) : run_scan(&j, &d);
		rc = finish(&j, rc, &d);
	}
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	close_all(&j);
	return rc < 0 ? CMD_FAILED : CMD_OK;
}

static int echo(const struct scan_options *o, int argc, char *argv[])
{
	struct diag d = { "" };
	struct writer *w;
	int rc = writer_open(&w, "-", &d);

	if (rc == 0) {
		scan_config_echo(w, o, (size_t)argc, argv);
		rc = writer_commit(w, &d);
		writer_close(w);
	}
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	return rc < 0 ? CMD_FAILED : CMD_OK;
}

/* The command line's options with those of the file, if one is given. */
static int read_config(struct scan_config *c, struct scan_options *o, struct diag *d)
{
	uint64_t ns;
	int rc = 0;

	if (!o->config && o->cooldown && !opt_parse_duration(&ns, o->cooldown)) {
		o->config = o->cooldown;
		o->cooldown = NULL;
	}
	if (o->config)
		rc = scan_config_read(c, o, o->config, d);
	for (size_t i = 0; rc == 0 && i < c->n_excludes; i++)
		rc = scan_config_add(c, &o->excludes, c->excludes[i]);
	return rc;
}

/* The targets of the command line and of the file. */
static char **join_targets(const struct scan_config *c, int argc, char *argv[])
{
	char **all = calloc((size_t)argc + c->n_targets + 1, sizeof(*all));

	if (!all)
		return NULL;
	for (int i = 0; i < argc; i++)
		all[i] = argv[i];
	for (size_t i = 0; i < c->n_targets; i++)
		all[(size_t)argc + i] = (char *)c->targets[i];
	return all;
}

/* masscan's --readscan: the files are those of the option and the arguments. */
static int read_scans(const struct scan_options *o, int argc, char *argv[])
{
	struct convert_options c = { .output = o->output,
		                     .fields = o->fields,
		                     .filter = o->filter,
		                     .format = o->format,
		                     .no_header = o->no_header };
	size_t n = o->readscans.n + (size_t)argc;
	const char **files = calloc(n, sizeof(*files));
	int rc;

	if (!files) {
		log_error("out of memory");
		return CMD_FAILED;
	}
	memcpy(files, o->readscans.v, o->readscans.n * sizeof(*files));
	for (int i = 0; i < argc; i++)
		files[o->readscans.n + (size_t)i] = argv[i];
	rc = convert_run(&c, n, files);
	free(files);
	return rc;
}

static int scan_run(const void *cfg, int argc, char *argv[])
{
	struct scan_options o = *(const struct scan_options *)cfg;
	struct scan_config *file = calloc(1, sizeof(*file));
	struct diag d = { "" };
	char **targets = NULL;
	int rc = file ? 0 : -ENOMEM, n = argc;

	if (o.list_modules || o.list_fields || o.list_formats) {
		free(file);
		if (o.list_modules)
			scan_list_modules();
		if (o.list_fields)
			scan_list_fields();
		if (o.list_formats)
			scan_list_formats();
		return fflush(stdout) == 0 ? CMD_OK : CMD_FAILED;
	}
	if (o.verbose)
		log_set_level(LOG_DEBUG);
	if (rc == 0)
		rc = read_config(file, &o, &d);
	if (rc == 0)
		rc = scan_aliases(&o, file, &d);
	if (rc == 0 && o.log_file) {
		rc = log_to_file(o.log_file);
		if (rc < 0)
			diag_set(&d, rc, "%s: %s", o.log_file, err_str(rc));
	}
	if (rc == 0) {
		n += (int)file->n_targets;
		targets = join_targets(file, argc, argv);
		rc = targets ? 0 : -ENOMEM;
	}
	if (rc < 0)
		rc = usage(&d, rc);
	else if (o.echo)
		rc = echo(&o, n, targets);
	else if (o.readscans.n)
		rc = read_scans(&o, argc, argv);
	else
		rc = scan(&o, n, targets);
	free(targets);
	if (file)
		scan_config_fini(file);
	free(file);
	return rc;
}

const struct cmd probe_cmds[] = {
	{ "scan", scan_run, "[TARGET...]", "probe targets once and report who answers",
	  scan_opts, &scan_defaults, sizeof(struct scan_options), CMD_RAW,
	  "A TARGET is an address, a prefix or a range a-b; '-' reads a list from standard "
	  "input.  Without targets, those of the allowlist are probed." },
	{ "grab", grab_cmd_run, "[TARGET...]",
	  "connect to open ports: banners and certificates", grab_opts,
	  &grab_option_defaults, sizeof(struct grab_options), 0,
	  "A TARGET is addr:port or [addr]:port, or, with -p, an address, a prefix or a "
	  "range a-b; '-' reads a list from standard input, such as the results of "
	  "'sextant probe scan'." },
	{ "convert", convert_main, "FILE...",
	  "write the results in binary files in another format", convert_opts,
	  &convert_defaults, sizeof(struct convert_options), 0,
	  "The FILEs are those of 'probe scan -O binary', compressed or not; '-' is "
	  "standard input." },
	{ .name = NULL },
};
