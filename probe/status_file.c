/* The status as CSV, a line a second, in ZMap's columns (its src/monitor.c). */
#include <inttypes.h>

#include "common/clock.h"
#include "probe/cmd_scan.h"

void scan_status_header(struct writer *w)
{
	writer_printf(w, "real-time,time-elapsed,time-remaining,percent-complete,"
	                 "hit-rate,active-send-threads,sent-total,sent-last-one-sec,"
	                 "sent-avg-per-sec,recv-success-total,"
	                 "recv-success-last-one-sec,recv-success-avg-per-sec,"
	                 "recv-total,recv-total-last-one-sec,recv-total-avg-per-sec,"
	                 "pcap-drop-total,drop-last-one-sec,drop-avg-per-sec,"
	                 "sendto-fail-total,sendto-fail-last-one-sec,"
	                 "sendto-fail-avg-per-sec\n");
}

static void put_rates(struct writer *w, uint64_t now, uint64_t before, double elapsed)
{
	writer_printf(w, ",%" PRIu64 ",%" PRIu64 ",%.0f", now, now - before,
	              elapsed > 0 ? (double)now / elapsed : 0);
}

void scan_status_write(struct writer *w, const struct probe_stats *now,
                       const struct probe_stats *before, uint64_t total)
{
	uint64_t wall = clock_wall_us();
	double elapsed = now->started_us && wall > now->started_us
	                         ? (double)(wall - now->started_us) / 1e6
	                         : 0;
	double done = total ? (double)now->targets / (double)total : 0;
	char when[32];

	writer_printf(w, "%s,%.0f,%.0f,%.2f,%.4f,%d", clock_format_utc(when, wall),
	              elapsed, done > 0 ? elapsed / done - elapsed : 0, 100 * done,
	              now->sent ? 100 * (double)now->open / (double)now->sent : 0,
	              now->cooling ? 0 : 1);
	put_rates(w, now->sent, before->sent, elapsed);
	put_rates(w, now->open, before->open, elapsed);
	put_rates(w, now->valid, before->valid, elapsed);
	put_rates(w, now->kernel_drops, before->kernel_drops, elapsed);
	put_rates(w, now->send_errors, before->send_errors, elapsed);
	writer_printf(w, "\n");
}
