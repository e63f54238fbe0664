#include "probe/cmd_scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "probe/module.h"

static void string_field(struct writer *w, const char *name, const char *value)
{
	writer_printf(w, ",\n  \"%s\": ", name);
	if (value)
		format_json_string(w, value);
	else
		writer_write(w, "null", 4);
}

static void list_field(struct writer *w, const char *name, const struct opt_list *list)
{
	writer_printf(w, ",\n  \"%s\": [", name);
	for (size_t i = 0; i < list->n; i++) {
		if (i)
			writer_write(w, ", ", 2);
		format_json_string(w, list->v[i]);
	}
	writer_write(w, "]", 1);
}

static void count_field(struct writer *w, const char *name, uint64_t value)
{
	writer_printf(w, ",\n  \"%s\": %" PRIu64, name, value);
}

static void time_field(struct writer *w, const char *name, uint64_t wall_us)
{
	char buf[32];

	string_field(w, name, wall_us ? clock_format_utc(buf, wall_us) : NULL);
}

static const char *const dedups[] = { "full", "window", "none" };

static void put_config(struct writer *w, const struct scan_report *r)
{
	const struct scan_options *o = r->opts;

	list_field(w, "probe_modules", &o->modules);
	list_field(w, "probe_args", &o->module_args);
	list_field(w, "target_ports", &o->ports);
	list_field(w, "source_ips", &o->source_ips);
	list_field(w, "blocklist_files", &o->scope.blocklists);
	list_field(w, "allowlist_files", &o->scope.allowlists);
	writer_printf(w, ",\n  \"allow_special\": %s",
	              o->scope.allow_special ? "true" : "false");
	string_field(w, "list_of_ips_file", o->list);
	string_field(w, "output_filter", o->filter);
	string_field(w, "interface", o->interface);
	string_field(w, "gateway_mac", o->gateway_mac);
	string_field(w, "source_mac", o->source_mac);
	string_field(w, "hop_limit", o->hop_range);
	count_field(w, "fill_mode", o->fill);
	count_field(w, "max_packets", o->max_packets);
	writer_printf(w, ",\n  \"min_hitrate\": %.17g", o->min_hitrate);
	writer_printf(w, ",\n  \"listen_only\": %s", o->listen_only ? "true" : "false");
	string_field(w, "max_targets", o->max_targets);
	string_field(w, "output_module", format_names[o->format]);
	string_field(w, "output_fields", o->fields);
	string_field(w, "contact", o->contact);
	writer_printf(w, ",\n  \"bandwidth\": %.17g", o->bandwidth_bps);
	writer_printf(w, ",\n  \"cap_48\": %.17g", o->cap_48_pps);
	writer_printf(w, ",\n  \"cap_64\": %.17g", o->cap_64_pps);
	writer_printf(w, ",\n  \"cap_24\": %.17g", o->cap_24_pps);
	writer_printf(w, ",\n  \"rate\": %.17g", o->rate_pps);
	count_field(w, "probes", o->probes);
	writer_printf(w, ",\n  \"probe_interval_s\": %.9g",
	              (double)o->probe_interval_ns / 1e9);
	writer_printf(w, ",\n  \"cooldown_s\": %.9g", (double)o->cooldown_ns / 1e9);
	count_field(w, "shards", r->shard.count);
	count_field(w, "shard", r->shard.index);
	count_field(w, "total_shards", r->shard.count);
	count_field(w, "shard_num", r->shard.index);
	count_field(w, "probe_length", o->probe_length);
	string_field(w, "iid", o->iid);
	count_field(w, "iid_num", o->iid_num);
	count_field(w, "probe_ttl", o->hop_limit);
	count_field(w, "vantage", o->vantage);
	string_field(w, "dedup_method", dedups[o->dedup]);
	count_field(w, "dedup_window_size", o->dedup_window);
}

static void put_counts(struct writer *w, const struct scan_report *r)
{
	const struct probe_stats *s = r->stats;

	count_field(w, "targets", s->targets);
	count_field(w, "packets_sent", s->sent);
	count_field(w, "send_errors", s->send_errors);
	count_field(w, "refused_scope", s->refused_scope);
	count_field(w, "refused_family", s->refused_family);
	count_field(w, "received", s->received);
	count_field(w, "validation_passed", s->valid);
	count_field(w, "validation_failed", s->invalid);
	count_field(w, "repeats", s->repeats);
	count_field(w, "open", s->open);
	count_field(w, "closed", s->closed);
	count_field(w, "errors", s->errors);
	count_field(w, "pcap_drop", s->kernel_drops);
	/* ZMap's names of the same. */
	count_field(w, "pcap_recv", s->received);
	count_field(w, "targets_scanned",
	            s->targets - s->refused_scope - s->refused_family);
	count_field(w, "success_unique", s->open);
	count_field(w, "sendto_failures", s->send_errors);
	count_field(w, "dedup_bytes", s->dedup_bytes);
	writer_printf(w, ",\n  \"dedup_exact_ipv4\": %s,\n  \"dedup_exact_ipv6\": %s",
	              r->opts->dedup == DEDUP_NONE || s->dedup_forgot_v4 ? "false"
	                                                                 : "true",
	              r->opts->dedup == DEDUP_NONE || s->dedup_forgot ? "false" : "true");
}

void scan_report_write(struct writer *w, const struct scan_report *r)
{
	writer_printf(w, "{\n  \"program\": \"sextant probe scan\"");
	string_field(w, "outcome", r->outcome);
	time_field(w, "start_time", r->stats->started_us);
	time_field(w, "end_time", r->stats->ended_us);
	writer_printf(w, ",\n  \"duration_s\": %.6f",
	              (double)(r->stats->ended_us - r->stats->started_us) / 1e6);
	count_field(w, "seed", r->seed);
	if (r->total)
		writer_printf(w, ",\n  \"targets_total\": %.0f", (double)r->total);
	put_counts(w, r);
	if (r->grab)
		scan_grab_report(r->grab, w);
	count_field(w, "results", r->results);
	count_field(w, "bad_lines", r->bad_lines);
	put_config(w, r);
	string_field(w, "notes", r->opts->notes);
	writer_printf(w, ",\n  \"user_metadata\": %s",
	              r->opts->user_metadata ? r->opts->user_metadata : "null");
	writer_printf(w, "\n}\n");
}

void scan_list_modules(void)
{
	for (unsigned i = 0; module_at(i); i++) {
		const struct probe_module *m = module_at(i);

		printf("%-12s %s\n", m->name, m->summary);
		for (const struct opt *o = m->opts; o && o->name; o++)
			printf("%-12s   --probe-args %s=%s: %s\n", "", o->name,
			       o->metavar ? o->metavar : "", o->help);
	}
}

void scan_list_fields(void)
{
	for (unsigned i = 0; obs_field_name(i); i++)
		printf("%-14s %s\n", obs_field_name(i), obs_field_help(i));
}

void scan_list_formats(void)
{
	for (unsigned i = 0; format_names[i]; i++)
		printf("%-14s %s\n", format_names[i], format_help[i]);
}
