/* `probe grab`: the loop runs on the main thread, a watcher looks after signals,
 * lists that changed, and the status line. */
#include "probe/cmd_grab.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/rng.h"
#include "common/stop.h"
#include "probe/checkpoint.h"
#include "probe/grab_input.h"
#include "probe/grab_text.h"
#include "probe/scopes.h"

#define TICK_NS (100 * NS_PER_MS)

enum { TICKS_PER_STATUS = 10, STATUS_MAX = 256 };

struct job {
	const struct grab_options *opts;
	struct grab_config cfg;
	struct ports ports;
	struct grab_input *input;
	struct grab *grab;
	struct scopes scopes;
	struct grab_out out;
	struct writer *metadata;
	const atomic_bool *signalled;
	atomic_bool stop, done;
	int argc;
	char **argv;
	struct checkpoint checkpoint;
	struct grab_order order;
	int lock; /* of the checkpoint; -1: none */
};

/* SIGHUP is for the watcher to take: no thread may be started before this. */
static void hangup_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
}

static void reload(struct job *j)
{
	const struct scope *fresh = scopes_reload(&j->scopes, &j->opts->scope);

	if (fresh)
		grab_set_scope(j->grab, fresh);
}

/* Results first: what the checkpoint counts is in the file. */
static int checkpoint(struct job *j, struct diag *d)
{
	struct grab_stats now;
	int rc;

	grab_stats(j->grab, &now);
	rc = grab_out_flush(&j->out);
	if (rc < 0)
		return diag_set(d, rc, "results cannot be written: %s", err_str(rc));
	j->checkpoint.done = j->order.skip + now.done;
	return checkpoint_write(&j->checkpoint, j->opts->resume, d);
}

static void *watch(void *arg)
{
	struct job *j = arg;
	struct grab_stats before = { 0 }, now;
	uint64_t next = clock_mono_ns();
	struct timespec none = { 0 };
	char line[STATUS_MAX];
	uint64_t save_at = next + j->opts->checkpoint_ns;
	sigset_t set;

	hangup_set(&set);
	for (unsigned tick = 1; !atomic_load(&j->done); tick++) {
		next += TICK_NS;
		clock_sleep_until(next);
		if (sigtimedwait(&set, NULL, &none) == SIGHUP)
			reload(j);
		if (atomic_load(j->signalled) || atomic_load(&j->out.failed))
			atomic_store(&j->stop, true);
		if (j->opts->resume && next >= save_at) {
			struct diag d = { "" };
			int rc = checkpoint(j, &d);

			if (rc < 0)
				log_warn("%s", diag_str(&d, rc));
			save_at = next + j->opts->checkpoint_ns;
		}
		if (tick % TICKS_PER_STATUS || j->opts->quiet)
			continue;
		grab_stats(j->grab, &now);
		grab_status_line(line, sizeof(line), &now, &before);
		log_status("%s", line);
		before = now;
	}
	return NULL;
}

/* --- opening ----------------------------------------------------------------- */

static int open_input(struct job *j, struct diag *d)
{
	const struct grab_options *o = j->opts;

	if (j->input)
		grab_input_close(j->input);
	j->input = NULL;
	return grab_input_open(&j->input, o->list, j->argc, j->argv, &j->ports, &j->order,
	                       o->strict, d);
}

static int plan(struct job *j, int argc, char *argv[], struct diag *d)
{
	const struct grab_options *o = j->opts;
	int rc = grab_plan(&j->cfg, o, d);

	for (size_t i = 0; rc == 0 && i < o->ports.n; i++)
		rc = ports_add(&j->ports, o->ports.v[i], d);
	if (rc == 0 && (ports_have(&j->ports, PROBE_UDP) || ports_have(&j->ports, 0)))
		rc = diag_set(d, ERR_PARSE, "only ports of TCP can be connected to");
	if (rc == 0 && o->list && argc > 0)
		rc = diag_set(d, ERR_PARSE, "targets in a list (-I) and '%.80s'",
		              argv[0]);
	if (rc == 0 && !o->list && argc == 0)
		rc = diag_set(d, ERR_PARSE, "no targets: name some, or a list with -I");
	j->out.csv = o->format == GRAB_CSV;
	j->out.cert_dir = o->cert_dir;
	if (rc == 0)
		rc = grab_fields_parse(&j->out.fields, o->fields, j->out.csv, d);
	j->argc = argc;
	j->argv = argv;
	rng_secret(&j->order.seed, sizeof(j->order.seed));
	if (rc == 0 && !o->list)
		rc = open_input(j, d);
	return rc;
}

/* What decides which targets come in which order, and what they are asked. */
static uint64_t digest(const struct job *j)
{
	const struct grab_options *o = j->opts;
	const bool kinds[] = { o->banner, o->tls, o->early_abort };
	uint64_t h = checksum64(j->ports.v, j->ports.n * sizeof(*j->ports.v), 0);

	h = checksum64(kinds, sizeof(kinds), h);
	if (o->list)
		h = checksum64(o->list, strlen(o->list), h);
	for (int i = 0; i < j->argc; i++)
		h = checksum64(j->argv[i], strlen(j->argv[i]) + 1, h);
	return h;
}

static int read_checkpoint(struct job *j, struct diag *d)
{
	const char *path = j->opts->resume;
	uint64_t config = digest(j);
	int rc = checkpoint_lock(&j->lock, path, d);

	if (rc == 0)
		rc = checkpoint_read(&j->checkpoint, path, d);
	if (rc < 0)
		return rc;
	if (rc == 0)
		j->checkpoint =
			(struct checkpoint){ .config = config, .seed = j->order.seed };
	if (j->checkpoint.config != config)
		return diag_set(d, -EINVAL,
		                "%s: is of another run: targets, ports, --banner and "
		                "--tls must be the same",
		                path);
	j->order = (struct grab_order){ j->checkpoint.seed, j->checkpoint.done };
	return rc == 0 ? checkpoint_write(&j->checkpoint, path, d) : 0;
}

static int open_all(struct job *j, struct diag *d)
{
	const struct grab_options *o = j->opts;
	sigset_t hangup;
	int rc;

	hangup_set(&hangup);
	pthread_sigmask(SIG_BLOCK, &hangup, NULL);
	j->cfg.stop = &j->stop;
	rc = o->resume ? read_checkpoint(j, d) : 0;
	if (rc == 0 && j->checkpoint.complete)
		return 0; /* nothing is left to do */
	if (rc == 0)
		rc = scopes_read(&j->scopes, &o->scope, d);
	j->cfg.scope = j->scopes.now;
	if (rc == 0)
		rc = grab_new(&j->grab, &j->cfg, d);
	if (rc == 0 && (o->list || o->resume))
		rc = open_input(j, d);
	if (rc == 0)
		rc = grab_out_open(&j->out, o->output, !o->no_header, o->resume, d);
	if (rc == 0 && o->metadata)
		rc = writer_open(&j->metadata, o->metadata, d);
	return rc;
}

static void close_all(struct job *j)
{
	grab_input_close(j->input);
	grab_free(j->grab);
	scopes_fini(&j->scopes);
	grab_out_close(&j->out);
	checkpoint_unlock(j->lock, j->opts->resume);
	writer_close(j->metadata);
	ports_fini(&j->ports);
}

/* --- running ----------------------------------------------------------------- */

static int run(struct job *j, struct diag *d)
{
	struct probe_source source = { grab_input_next, j->input };
	struct grab_sink sink = { grab_out_result, &j->out };
	pthread_t watcher;
	int rc;

	j->signalled = stop_on_signals();
	rc = pthread_create(&watcher, NULL, watch, j);
	if (rc)
		return diag_set(d, -rc, "cannot start a thread: %s", strerror(rc));
	rc = grab_run(j->grab, &source, &sink, d);
	atomic_store(&j->done, true);
	pthread_join(watcher, NULL);
	return rc;
}

static void write_metadata(const struct job *j, const struct grab_stats *s,
                           const char *outcome, uint64_t bad_lines)
{
	struct writer *w = j->metadata;
	const struct grab_options *o = j->opts;
	char began[32], ended[32];

	writer_printf(w, "{\n  \"program\": \"sextant probe grab\",\n  \"outcome\": ");
	text_json(w, (const uint8_t *)outcome, strlen(outcome));
	writer_printf(w,
	              ",\n  \"start_time\": \"%s\",\n  \"end_time\": \"%s\",\n"
	              "  \"duration_s\": %.6f",
	              clock_format_utc(began, s->started_us),
	              clock_format_utc(ended, s->ended_us),
	              (double)(s->ended_us - s->started_us) / 1e6);
	grab_write_counts(w, "", s);
	writer_printf(w,
	              ",\n  \"bad_lines\": %" PRIu64 ",\n  \"banner\": %s,\n"
	              "  \"tls\": %s,\n  \"tls_early_abort\": %s,\n"
	              "  \"rate\": %.17g,\n  \"concurrency\": %" PRIu64
	              ",\n  \"per_host\": %" PRIu64 ",\n  \"per_net\": %" PRIu64
	              ",\n  \"max_bytes\": %" PRIu64 "\n}\n",
	              bad_lines, j->cfg.banner || !j->cfg.tls ? "true" : "false",
	              j->cfg.tls ? "true" : "false", o->early_abort ? "true" : "false",
	              o->rate, o->concurrency, o->per_host, o->per_net, o->max_bytes);
}

static int finish(struct job *j, int rc, struct diag *d)
{
	bool stopped = rc == ERR_STOPPED;
	const char *outcome = stopped ? "stopped" : "complete";
	struct grab_stats s;
	uint64_t bad = 0;
	int result;

	if (stopped)
		rc = 0;
	if (atomic_load(&j->out.failed))
		rc = diag_set(d, -EIO, "%s", j->out.why.text);
	result = grab_input_result(j->input, &bad, d);
	rc = rc < 0 ? rc : result;
	j->checkpoint.complete = !stopped && rc == 0;
	if (j->opts->resume) {
		result = checkpoint(j, d);
		rc = rc < 0 ? rc : result;
	}
	result = writer_commit(j->out.w, d);
	rc = rc < 0 ? rc : result;
	grab_stats(j->grab, &s);
	grab_tell_summary(&s);
	if (!j->metadata)
		return rc;
	write_metadata(j, &s, rc < 0 ? diag_str(d, rc) : outcome, bad);
	result = writer_commit(j->metadata, d);
	return rc < 0 ? rc : result;
}

static int list_fields(void)
{
	for (unsigned i = 0; grab_field_name(i); i++)
		printf("%-17s %s\n", grab_field_name(i), grab_field_help(i));
	return fflush(stdout) == 0 ? CMD_OK : CMD_FAILED;
}

int grab_cmd_run(const void *cfg, int argc, char *argv[])
{
	struct grab_options o = *(const struct grab_options *)cfg;
	struct job j = { .opts = &o, .lock = -1 };
	struct diag d = { "" };
	int rc;

	if (o.list_fields)
		return list_fields();
	if (o.verbose)
		log_set_level(LOG_DEBUG);
	if (argc == 1 && !o.list && !strcmp(argv[0], "-")) {
		o.list = "-";
		argc = 0;
	}
	rc = plan(&j, argc, argv, &d);
	if (rc < 0) {
		log_error("%s", diag_str(&d, rc));
		close_all(&j);
		return CMD_USAGE;
	}
	rc = open_all(&j, &d);
	if (rc == 0 && j.checkpoint.complete) {
		log_info("%s: that run is complete", o.resume);
	} else if (rc == 0) {
		rc = run(&j, &d);
		rc = finish(&j, rc, &d);
	}
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	close_all(&j);
	return rc < 0 ? CMD_FAILED : CMD_OK;
}
