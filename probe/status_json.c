/* The status for programs: a line of JSON, and Prometheus' text format. */
#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "probe/cmd_scan.h"

static double elapsed_of(const struct probe_stats *s)
{
	uint64_t until = s->ended_us ? s->ended_us : clock_wall_us();

	return s->started_us && until > s->started_us
	               ? (double)(until - s->started_us) / 1e6
	               : 0;
}

/* The names of masscan's --ndjson-status, where it has one. */
void scan_status_json(char *buf, size_t cap, const struct probe_stats *now,
                      const struct probe_stats *before, uint64_t total,
                      const struct probe_interface *i)
{
	double elapsed = elapsed_of(now);
	double part = total ? (double)now->targets / (double)total : 0;
	uint64_t pps = now->sent - before->sent;
	char interface[80] = "";

	if (i)
		snprintf(interface, sizeof(interface),
		         ",\"interface_packets\":%" PRIu64
		         ",\"interface_dropped\":%" PRIu64,
		         i->packets, i->dropped);
	snprintf(buf, cap,
	         "{\"state\":\"%s\",\"rate\":{\"kpps\":%.3f,\"pps\":%" PRIu64
	         "},\"progress\":{\"percent\":%.2f,\"seconds\":%.0f,\"found\":%" PRIu64
	         "},\"elapsed\":%.1f,\"targets\":%" PRIu64 ",\"targets_total\":%" PRIu64
	         ",\"sent\":%" PRIu64 ",\"send_errors\":%" PRIu64
	         ",\"refused_scope\":%" PRIu64 ",\"received\":%" PRIu64
	         ",\"valid\":%" PRIu64 ",\"invalid\":%" PRIu64 ",\"repeats\":%" PRIu64
	         ",\"open\":%" PRIu64 ",\"closed\":%" PRIu64 ",\"errors\":%" PRIu64
	         ",\"drops\":%" PRIu64 "%s}",
	         now->cooling ? "waiting" : "running", (double)pps / 1000, pps,
	         100 * part, part > 0 ? elapsed / part - elapsed : 0, now->open, elapsed,
	         now->targets, total, now->sent, now->send_errors, now->refused_scope,
	         now->received, now->valid, now->invalid, now->repeats, now->open,
	         now->closed, now->errors, now->kernel_drops, interface);
}

static void counter(FILE *f, const char *name, const char *help, uint64_t value)
{
	fprintf(f,
	        "# HELP sextant_probe_%s %s\n# TYPE sextant_probe_%s counter\n"
	        "sextant_probe_%s %" PRIu64 "\n",
	        name, help, name, name, value);
}

static void gauge(FILE *f, const char *name, const char *help, double value)
{
	fprintf(f,
	        "# HELP sextant_probe_%s %s\n# TYPE sextant_probe_%s gauge\n"
	        "sextant_probe_%s %.17g\n",
	        name, help, name, name, value);
}

void scan_metrics_write(FILE *f, const struct probe_stats *s, double rate_pps,
                        uint64_t results, double targets, const struct probe_interface *i)
{
	static const char *const outcomes[] = { "open", "closed", "error" };
	uint64_t answers[] = { s->open, s->closed, s->errors };

	counter(f, "targets_total", "Targets taken from the source.", s->targets);
	counter(f, "targets_refused_total", "Targets that the scope forbids.",
	        s->refused_scope);
	counter(f, "packets_sent_total", "Packets handed to the link.", s->sent);
	counter(f, "send_errors_total", "Packets that could not be sent.",
	        s->send_errors);
	counter(f, "packets_received_total", "Packets that passed the filter.",
	        s->received);
	counter(f, "packets_invalid_total", "Packets that failed validation.",
	        s->invalid);
	counter(f, "replies_valid_total", "Validated replies, repeats included.",
	        s->valid);
	counter(f, "replies_repeated_total", "Replies that had been seen before.",
	        s->repeats);
	counter(f, "kernel_drops_total", "Packets lost between kernel and program.",
	        s->kernel_drops);
	counter(f, "results_total", "Results written.", results);
	fprintf(f, "# HELP sextant_probe_answers_total First answers by outcome.\n"
	           "# TYPE sextant_probe_answers_total counter\n");
	for (int k = 0; k < 3; k++)
		fprintf(f, "sextant_probe_answers_total{outcome=\"%s\"} %" PRIu64 "\n",
		        outcomes[k], answers[k]);
	if (i) {
		counter(f, "interface_packets_total",
		        "Packets that the interface has sent, of all programs.",
		        i->packets);
		counter(f, "interface_drops_total",
		        "Packets that the interface dropped or failed to send.",
		        i->dropped);
	}
	gauge(f, "rate_packets_per_second", "The rate asked for.", rate_pps);
	gauge(f, "planned_targets", "Targets of this scan; 0: not known.", targets);
	gauge(f, "cooling", "1 when sending has ended.", s->cooling);
	gauge(f, "start_time_seconds", "When it began, since 1970.",
	      (double)s->started_us / 1e6);
}
