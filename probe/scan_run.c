/* `probe scan` while it goes on: results, and a thread that watches. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/stop.h"
#include "probe/cmd_scan.h"

#define TICK_NS (100 * NS_PER_MS) /* of the watching thread */

enum { TICKS_PER_FLUSH = 2, TICKS_PER_STATUS = 10, STATUS_MAX = 1024 };

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

	scan_watched_signals(&set);
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

int scan_job_run(struct scan_job *j, struct diag *d)
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
int scan_job_list(struct scan_job *j)
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
