/* `probe scan` while it goes on: results, and a thread that watches. */
#include <inttypes.h>
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

	if (j->fill)
		fill_offer(j->fill, o, clock_mono_ns());
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

	size_t more = j->fill ? fill_next(j->fill, out, max) : 0;
	int n;

	if (more)
		return (int)more;
	if (!j->targets)
		return 0;
	n = targets_next(j->targets, out, max);
	if (n < 0 && j->fill && !fill_is_over(j->fill, clock_mono_ns()))
		return 0;
	return n;
}

static void show_status(struct scan_job *j, struct probe_stats *before, uint64_t total)
{
	struct probe_interface i;
	struct probe_stats now;
	char line[STATUS_MAX];

	probe_stats(j->scan, &now);
	if (j->status) {
		scan_status_write(j->status, &now, before, total);
		writer_flush(j->status);
	}
	if (j->opts->status_json) {
		scan_status_json(line, sizeof(line), &now, before, total,
		                 probe_interface_count(j->scan, &i) == 0 ? &i : NULL);
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

static void reload(struct scan_job *j)
{
	const struct scope *fresh = scopes_reload(&j->scopes, &j->opts->scope);

	if (!fresh)
		return;
	probe_set_scope(j->scan, fresh);
	if (j->grab)
		scan_grab_set_scope(j->grab, fresh);
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

/* --- what goes wrong, each second -------------------------------------------- */

enum {
	WARM_UP = 5, /* seconds in which a low share of answers is no reason to end, */
	LOW_SECONDS = 5, /* and how long it must be one after that: as ZMap has it */
	QUIET = 10,      /* seconds between two warnings */
};

struct health {
	struct probe_stats before;
	struct probe_interface interface;
	unsigned seconds, low, warned_at, drops_warned_at;
};

static bool may_warn(unsigned *at, unsigned now)
{
	if (*at && now - *at < QUIET)
		return false;
	*at = now;
	return true;
}

/* What was handed to the kernel need not have left.  Drivers that count only now and
 * then are late by up to a second. */
static void watch_interface(const struct scan_job *j, struct health *h)
{
	struct probe_interface i;
	uint64_t dropped;

	if (probe_interface_count(j->scan, &i) < 0)
		return;
	dropped = i.dropped - h->interface.dropped;
	if (i.packets < h->before.sent - h->before.sent / 50 && h->before.sent >= 100 &&
	    may_warn(&h->warned_at, h->seconds))
		log_warn("of the first %" PRIu64
		         " packets the interface has sent %" PRIu64
		         " so far (a lower --rate?)",
		         h->before.sent, i.packets);
	else if (dropped && may_warn(&h->warned_at, h->seconds))
		log_warn("the interface dropped %" PRIu64
		         " packets within a second (a lower --rate?)",
		         dropped);
	h->interface = i;
}

/* As it is without a receiver: nobody is asked to answer. */
static void watch_answers(struct scan_job *j, struct health *h,
                          const struct probe_stats *now)
{
	uint64_t sent = now->sent - h->before.sent;
	uint64_t answers = now->open - h->before.open;
	double percent = sent ? 100 * (double)answers / (double)sent : 100;

	h->low = percent < j->opts->min_hitrate ? h->low + 1 : 0;
	if (h->seconds > WARM_UP && h->low >= LOW_SECONDS)
		diag_set(&j->gave_up, ERR_STOPPED,
		         "fewer than %g %% of the packets were answered for %d seconds",
		         j->opts->min_hitrate, LOW_SECONDS);
}

static void look_after(struct scan_job *j, struct health *h)
{
	struct probe_stats now;

	probe_stats(j->scan, &now);
	h->seconds++;
	if (now.kernel_drops > h->before.kernel_drops &&
	    may_warn(&h->drops_warned_at, h->seconds))
		log_warn("%" PRIu64 " replies were lost for want of room within a second "
		         "(a larger --receive-buffer, or a lower --rate?)",
		         now.kernel_drops - h->before.kernel_drops);
	watch_interface(j, h);
	if (!now.cooling && j->opts->min_hitrate > 0)
		watch_answers(j, h, &now);
	h->before = now;
}

static void watch_failures(struct scan_job *j)
{
	struct probe_stats now;

	if (j->max_failures == UINT64_MAX)
		return;
	probe_stats(j->scan, &now);
	if (now.send_errors > j->max_failures)
		diag_set(&j->gave_up, ERR_STOPPED,
		         "%" PRIu64 " packets could not be sent, more than %" PRIu64,
		         now.send_errors, j->max_failures);
}

/* Passes signals, time-out and write errors on as a stop, and keeps results
 * moving: somebody may be reading them at the other end of a pipe. */
static void *watch_thread(void *arg)
{
	struct scan_job *j = arg;
	u128 total = j->targets ? targets_total(j->targets) : 0;
	struct probe_stats before = { 0 };
	struct health health = { 0 };
	uint64_t now = clock_mono_ns(), done = j->skipped;
	uint64_t save_at = now + j->opts->checkpoint_ns;

	for (unsigned tick = 1; !atomic_load(&j->done); tick++) {
		now += TICK_NS;
		clock_sleep_until(now);
		take_signals(j);
		watch_failures(j);
		if (atomic_load(j->signalled) || j->gave_up.text[0] ||
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
		if (tick % TICKS_PER_STATUS == 0) {
			look_after(j, &health);
			show_status(j, &before,
			            total <= UINT64_MAX ? (uint64_t)total : 0);
		}
	}
	return NULL;
}

static void write_metrics(void *ctx, FILE *f)
{
	struct scan_job *j = ctx;
	struct probe_interface i;
	struct probe_stats now;
	uint64_t found;

	probe_stats(j->scan, &now);
	pthread_mutex_lock(&j->out_lock);
	found = j->found;
	pthread_mutex_unlock(&j->out_lock);
	scan_metrics_write(f, &now, probe_rate(j->scan), found,
	                   j->targets ? (double)targets_total(j->targets) : 0,
	                   probe_interface_count(j->scan, &i) == 0 ? &i : NULL);
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
			if (scope_check(j->scopes.now, t[i].addr) != SCOPE_OK)
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
