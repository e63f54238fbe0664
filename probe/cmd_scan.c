#include "probe/cmd_scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "probe/cmd_convert.h"
#include "probe/cmd_grab.h"
#include "probe/scan_config.h"

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
		.total = j->targets ? targets_total(j->targets) : 0,
		.outcome = rc == ERR_STOPPED ? "stopped" : "complete",
	};
	bool stopped = rc == ERR_STOPPED;
	int result;

	if (stopped)
		rc = 0; /* on request: what was found so far counts */
	if (j->targets) {
		result = targets_result(j->targets, &report.bad_lines, d);
		rc = rc < 0 ? rc : result;
	}
	result = j->list ? writer_commit(j->list, d)
	                 : results_commit(j->results, clock_wall_us(), d);
	rc = rc < 0 ? rc : result;
	if (j->part && rc == 0)
		rc = convert_answers(
			&j->wanted, j->part,
			j->opts->dedup == DEDUP_NONE ? 0 : j->opts->dedup_window, d);
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
		if (rc == 0 && j->part && j->checkpoint.complete)
			unlink(j->part);
	}
	tell_summary(&stats, j->found);
	if (j->fill && fill_dropped(j->fill))
		log_warn("%" PRIu64 " traces were not filled up: too many at once",
		         fill_dropped(j->fill));
	compare_interface(j, &stats);
	if (j->metadata) {
		if (j->gave_up.text[0])
			report.outcome = j->gave_up.text;
		scan_report_write(j->metadata, &report);
		result = writer_commit(j->metadata, d);
		rc = rc < 0 ? rc : result;
	}
	if (rc == 0 && j->gave_up.text[0])
		rc = diag_set(d, -ECANCELED, "%s", j->gave_up.text);
	return rc;
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
	struct scan_job j = { .opts = o,
		              .out_lock = PTHREAD_MUTEX_INITIALIZER,
		              .lock = -1 };
	struct diag d = { "" };
	int rc = scan_plan(&j, o, argc, argv, &d);

	if (rc < 0) {
		scan_job_close(&j);
		return usage(&d, rc);
	}
	if (o->check) {
		rc = probe_open(&j.scan, &j.cfg, &d);
		if (rc == 0)
			scan_set_bandwidth(&j);
		if (rc == 0)
			rc = check(&j);
		if (rc < 0)
			log_error("%s", diag_str(&d, rc));
		scan_job_close(&j);
		return rc < 0 ? CMD_FAILED : CMD_OK;
	}
	rc = scan_job_open(&j, &d);
	if (rc == 0 && o->resume && j.checkpoint.complete) {
		log_info("%s: that scan is complete", o->resume);
	} else if (rc == 0) {
		rc = o->list_targets ? scan_job_list(&j) : scan_job_run(&j, &d);
		rc = finish(&j, rc, &d);
	}
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	scan_job_close(&j);
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
