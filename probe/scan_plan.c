/* `probe scan`: what the command line asks for, without touching anything. */
#include <ctype.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/rng.h"
#include "probe/cmd_scan.h"
#include "probe/module.h"

enum { SHARD_SEED = 1 };

static int add_target(struct scan_job *j, const char *text, size_t n, struct diag *d)
{
	struct addr128 first, last;
	char quoted[80], part[2 * ADDR_STRLEN + 8] = "";
	int v6;

	if (n < sizeof(part))
		memcpy(part, text, n);
	if (!targets_parse(&first, &last, part))
		return diag_set(d, ERR_PARSE,
		                "target '%s' is no address, prefix or range",
		                log_quote(quoted, sizeof(quoted), text, n));
	v6 = !addr_is_v4(first);
	if (!j->has_args || (j->first[v6].hi | j->first[v6].lo) == 0)
		j->first[v6] = first;
	j->has_args = true;
	return ivtab_add_range(j->space, first, last, 1);
}

/* Several with commas between them, as masscan has it. */
static int add_targets(struct scan_job *j, const char *text, struct diag *d)
{
	int rc = 0;

	do {
		size_t n = strcspn(text, ",");

		rc = add_target(j, text, n, d);
		text += n;
	} while (rc == 0 && *text++);
	return rc;
}

static int read_targets(struct scan_job *j, struct scan_options *o, int argc,
                        char *argv[], struct diag *d)
{
	for (int i = 0; i < argc; i++) {
		int rc;

		if (!strcmp(argv[i], "-") && !o->list) {
			o->list = "-";
			continue;
		}
		rc = add_targets(j, argv[i], d);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < o->ranges.n; i++) {
		int rc = add_targets(j, o->ranges.v[i], d);

		if (rc < 0)
			return rc;
	}
	if (o->list && j->has_args)
		return diag_set(d, -EINVAL, "targets and a list of them: give one");
	if (o->listen_only && (o->list || j->has_args))
		return diag_set(d, ERR_PARSE,
		                "--listen-only and targets: answers of all that had the "
		                "key are taken");
	if (!o->list && !j->has_args && o->scope.allowlists.n == 0 && !o->listen_only)
		return diag_set(d, -EINVAL,
		                "no targets: give prefixes, -I FILE or -w FILE");
	return 0;
}

static uint32_t kind_of(const struct probe_module *m)
{
	if (!m->has_port)
		return 0;
	return m->proto == OBS_UDP ? PROBE_UDP : PROBE_TCP;
}

/* The modules that -M names: what their targets are, or-ed, and which of these kinds bare
 * ports are for; *plain: some have no ports. */
static int read_modules(const struct opt_list *names, uint32_t *kinds, uint32_t *bare,
                        bool *plain, struct diag *d)
{
	*kinds = *bare = 0;
	*plain = false;
	for (size_t i = 0; i < names->n; i++) {
		const struct probe_module *m = module_find(names->v[i]);

		if (!m)
			return module_unknown(names->v[i], d);
		*kinds |= kind_of(m);
		if (!module_ports(names->v[i]))
			*bare |= kind_of(m);
		*plain |= !m->has_port;
	}
	return 0;
}

static int add_name(struct scan_job *j, const char *name, struct diag *d)
{
	if (j->n_modules == SCAN_MODULES)
		return diag_set(d, ERR_PARSE, "more than %d probe modules", SCAN_MODULES);
	j->modules[j->n_modules++] = name;
	return 0;
}

/* What -p asks for and -M does not offer. */
static int add_implied(struct scan_job *j, struct scan_options *o, uint32_t kinds,
                       bool plain, struct diag *d)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < o->modules.n; i++)
		rc = add_name(j, o->modules.v[i], d);
	if (rc == 0 && ports_have(&j->ports, PROBE_TCP) && !(kinds & PROBE_TCP))
		rc = add_name(j, "tcp-syn", d);
	if (rc == 0 && ports_have(&j->ports, PROBE_UDP) && !(kinds & PROBE_UDP))
		rc = add_name(j, "udp", d);
	if (rc == 0 && ports_have(&j->ports, 0) && !plain) {
		rc = add_name(j, "icmp6-echo", d);
		if (rc == 0)
			rc = add_name(j, "icmp-echo", d);
	}
	if (o->modules.n || o->ports.n)
		o->modules = (struct opt_list){ j->modules, j->n_modules };
	return rc;
}

/* "dns=53" names a port to probe, too. */
static int add_module_ports(struct scan_job *j, const struct opt_list *names,
                            struct diag *d)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < names->n; i++) {
		const char *ports = module_ports(names->v[i]);
		uint32_t kind = kind_of(module_find(names->v[i]));
		char *text;

		if (!ports || !kind)
			continue;
		if (asprintf(&text, "%c:%s", kind == PROBE_UDP ? 'U' : 'T', ports) < 0)
			return -ENOMEM;
		rc = ports_add(&j->ports, text, d);
		free(text);
	}
	return rc;
}

/* Which kinds of targets the scan has, and the modules for them. */
static int read_ports(struct scan_job *j, struct scan_options *o, struct diag *d)
{
	uint32_t kinds, bare;
	bool plain;
	int rc = read_modules(&o->modules, &kinds, &bare, &plain, d);

	for (size_t i = 0; rc == 0 && i < o->ports.n; i++)
		rc = ports_add(&j->ports, o->ports.v[i], d);
	if (rc < 0)
		return rc;
	if (bare && !o->ports.n && !o->list && !o->listen_only)
		return diag_set(d, ERR_PARSE, "which ports? (-p PORTS)");
	if (o->modules.n && !bare && ports_have_bare(&j->ports))
		return diag_set(d, ERR_PARSE,
		                "no module of this scan is for such ports (-M tcp-syn?)");
	j->order.pairs = kinds & PROBE_TCP ? PROBE_TCP : PROBE_UDP;
	/* Without -M, -p says what a port in a list is of. */
	if (!kinds && (ports_have(&j->ports, PROBE_TCP) || ports_have_bare(&j->ports) ||
	               !ports_have(&j->ports, PROBE_UDP)))
		j->order.pairs = PROBE_TCP;
	if (ports_have_bare(&j->ports))
		rc = ports_resolve(&j->ports, bare ? bare : PROBE_TCP);
	if (rc == 0)
		rc = add_module_ports(j, &o->modules, d);
	if (rc == 0 && (plain || (!o->modules.n && !o->ports.n)))
		rc = ports_add_none(&j->ports);
	for (size_t i = 0; rc == 0 && i < o->exclude_ports.n; i++)
		rc = ports_remove(&j->ports, o->exclude_ports.v[i], d);
	if (rc == 0 && o->exclude_ports.n && j->ports.n == 0)
		return diag_set(d, ERR_PARSE, "--exclude-ports leaves no port");
	return rc < 0 ? rc : add_implied(j, o, kinds, plain, d);
}

/* ZMap's 0-based --shard I with --shards N, or masscan's 1-based I/N. */
static int read_shard(struct scan_job *j, const struct scan_options *o, struct diag *d)
{
	const char *text = strchr(o->shards, '/') ? o->shards : o->shard;
	const char *slash = strchr(text, '/');
	uint64_t i, n;
	char first[24] = "";

	if (!slash && !opt_parse_count(&n, o->shards))
		return diag_set(d, ERR_PARSE, "--shards '%s' is no number", o->shards);
	if (slash && (size_t)(slash - text) < sizeof(first)) {
		memcpy(first, text, (size_t)(slash - text));
		if (!opt_parse_count(&i, first) || !opt_parse_count(&n, slash + 1) ||
		    i-- < 1)
			return diag_set(d, ERR_PARSE, "--shard '%s' is not I/N, from 1/N",
			                text);
	} else if (!opt_parse_count(&i, o->shard)) {
		return diag_set(d, ERR_PARSE, "--shard '%s' is no number", o->shard);
	}
	if (n < 1 || n > UINT32_MAX || i >= n)
		return diag_set(d, ERR_PARSE,
		                "--shard must be 0 to --shards - 1, or 1/N to N/N");
	j->order.shard = (struct shard){ (uint32_t)i, (uint32_t)n };
	return 0;
}

static int read_lengths(struct scan_job *j, const struct scan_options *o, struct diag *d)
{
	if (o->probe_length > 128)
		return diag_set(d, ERR_PARSE, "--probe-length must be 1 to 128");
	if (!targets_parse_iid(&j->order.iid, o->iid))
		return diag_set(d, ERR_PARSE,
		                "--iid '%s' is not low, rand, zero, full, low_fill or "
		                "::N",
		                o->iid);
	if (!o->probe_length && o->iid_num > 1)
		return diag_set(d, ERR_PARSE, "--iid-num is for --probe-length");
	j->order.probe_length = (unsigned)o->probe_length;
	j->order.iid.number = o->iid_num;
	return 0;
}

static int read_order(struct scan_job *j, const struct scan_options *o, struct diag *d)
{
	if (o->seed && !opt_parse_count(&j->order.seed, o->seed))
		return diag_set(d, ERR_PARSE, "seed '%s' is no number", o->seed);
	/* Shards without a common seed would overlap and leave targets out. */
	if (!o->seed && j->order.shard.count > 1) {
		j->order.seed = SHARD_SEED;
		log_info("shards without --seed: the seed is %d, as in all of them",
		         SHARD_SEED);
	} else if (!o->seed) {
		rng_secret(&j->order.seed, sizeof(j->order.seed));
	}
	j->order.ports = &j->ports;
	j->order.repeatable = o->resume != NULL;
	if (o->max_targets && !targets_parse_limit(&j->order.limit, o->max_targets))
		return diag_set(d, ERR_PARSE, "--max-targets '%s'", o->max_targets);
	if (o->list && j->order.limit.fraction > 0)
		return diag_set(d, ERR_PARSE,
		                "--max-targets: a share of a list of unknown length");
	return 0;
}

/* ZMap's -c TIME, or masscan's -c FILE. */
static int read_cooldown(struct scan_options *o, struct diag *d)
{
	if (!o->cooldown || opt_parse_duration(&o->cooldown_ns, o->cooldown))
		return 0;
	return diag_set(d, ERR_PARSE, "--cooldown-time '%s' is no time", o->cooldown);
}

static int add_exclude(struct ivtab_builder *b, const char *text, size_t n,
                       struct diag *d)
{
	struct addr128 first, last;
	char part[2 * ADDR_STRLEN + 8];

	if (n < sizeof(part)) {
		memcpy(part, text, n);
		part[n] = '\0';
		if (targets_parse(&first, &last, part))
			return ivtab_add_range(b, first, last, 1);
	}
	return diag_set(d, ERR_PARSE, "--exclude '%.*s' is no address, prefix or range",
	                (int)(n < 80 ? n : 80), text);
}

static int read_excludes(struct scan_job *j, struct scan_options *o, struct diag *d)
{
	struct ivtab_builder *b;
	int rc = 0;

	if (!o->excludes.n)
		return 0;
	b = ivtab_builder_new();
	if (!b)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < o->excludes.n; i++)
		for (const char *s = o->excludes.v[i]; rc == 0 && *s;) {
			size_t n = strcspn(s, ",");

			rc = add_exclude(b, s, n, d);
			s += n + (s[n] != '\0');
		}
	if (rc == 0)
		rc = ivtab_build(&j->excluded, b);
	ivtab_builder_free(b);
	o->scope.blocked = j->excluded;
	return rc;
}

static int read_numbers(const struct scan_options *o, struct diag *d)
{
	if (!(o->rate_pps > 0))
		return diag_set(d, ERR_PARSE,
		                "the rate must be more than 0 packets a second "
		                "(--listen-only sends none)");
	if (!(o->min_hitrate >= 0 && o->min_hitrate <= 100))
		return diag_set(d, ERR_PARSE, "--min-hitrate must be 0 to 100 per cent");
	if (o->checkpoint_ns < 10 * NS_PER_MS)
		return diag_set(d, ERR_PARSE, "--checkpoint-interval below 10 ms");
	if (o->probes < 1 || o->probes > 1000)
		return diag_set(d, ERR_PARSE, "--probes must be 1 to 1000");
	if (o->hop_limit < 1 || o->hop_limit > 255)
		return diag_set(d, ERR_PARSE, "--probe-ttl must be 1 to 255");
	if (o->vlan > 4094)
		return diag_set(d, ERR_PARSE, "--vlan must be 1 to 4094");
	if (o->senders < 1 || o->senders > PROBE_SENDERS)
		return diag_set(d, ERR_PARSE, "--sender-threads must be 1 to %d",
		                PROBE_SENDERS);
	if (o->dedup_window < 1 || o->dedup_window > DEDUP_WINDOW_MAX)
		return diag_set(d, ERR_PARSE, "--dedup-window-size must be 1 to %d",
		                DEDUP_WINDOW_MAX);
	if (o->receive_buffer < RECEIVE_BUFFER_MIN ||
	    o->receive_buffer > RECEIVE_BUFFER_MAX)
		return diag_set(d, ERR_PARSE, "--receive-buffer must be %d to %d",
		                RECEIVE_BUFFER_MIN, RECEIVE_BUFFER_MAX);
	if (o->vantage > UINT16_MAX)
		return diag_set(d, ERR_PARSE, "--vantage must be 0 to 65535");
	return 0;
}

/* "PORT" or "FIRST-LAST". */
static int read_source_port(struct probe_config *cfg, const char *text, struct diag *d)
{
	const char *dash = text ? strchr(text, '-') : NULL;
	uint64_t first, last;
	char part[8] = "";

	if (!text)
		return 0;
	if (dash && (size_t)(dash - text) < sizeof(part))
		memcpy(part, text, (size_t)(dash - text));
	if (!opt_parse_count(&first, dash ? part : text) ||
	    !opt_parse_count(&last, dash ? dash + 1 : text) || first < 1 ||
	    last > UINT16_MAX || first > last)
		return diag_set(d, ERR_PARSE,
		                "--source-port '%s' is no port and no range of ports "
		                "within 1 and 65535",
		                text);
	cfg->source_port = (uint16_t)first;
	cfg->source_ports = (uint16_t)(last - first + 1);
	return 0;
}

/* "0,2-5": processors, as many as there can be threads. */
static int read_cores(struct probe_config *cfg, const char *text, struct diag *d)
{
	const char *s = text;

	while (s) {
		unsigned long first, last;
		char *end;

		first = last = strtoul(s, &end, 10);
		if (end != s && *end == '-') {
			s = end + 1;
			last = strtoul(s, &end, 10);
		}
		if (end == s || !isdigit((unsigned char)*s) || (*end && *end != ',') ||
		    last < first || last >= CPU_SETSIZE ||
		    last - first >= PROBE_SENDERS - cfg->n_cores)
			return diag_set(d, ERR_PARSE,
			                "--cores '%s' is no list of processors", text);
		while (first <= last)
			cfg->cores[cfg->n_cores++] = (unsigned)first++;
		s = *end ? end + 1 : NULL;
	}
	return 0;
}

/* An option that is a short name for an argument of a module. */
static int add_arg(struct scan_job *j, struct scan_options *o, unsigned slot,
                   const char *name, const char *value, struct diag *d)
{
	struct opt_list *list = &o->module_args;
	char **arg = &j->owned_args[slot];

	if (list->n + 1 > SCAN_ARGS)
		return diag_set(d, ERR_PARSE, "more than %d probe arguments", SCAN_ARGS);
	if (list->n && list->v != j->args)
		memcpy(j->args, list->v, list->n * sizeof(*j->args));
	if (asprintf(arg, "%s%s%s", name, value ? "=" : "", value ? value : "") < 0) {
		*arg = NULL;
		return -ENOMEM;
	}
	j->args[list->n] = *arg;
	*list = (struct opt_list){ j->args, list->n + 1 };
	return 0;
}

/* What a trace is about, in the order of the default fields. */
static const char trace_fields[] = "target,hop,saddr,proto,port,outcome,ttl,quoted_ttl,"
				   "rtt_us,timestamp_ts";

/* "a-b" or "a". */
static bool parse_hops(unsigned hops[2], const char *text)
{
	const char *dash = strchr(text, '-');
	uint64_t first, last;
	char number[8];

	if (dash && (size_t)(dash - text) >= sizeof(number))
		return false;
	snprintf(number, sizeof(number), "%.*s", dash ? (int)(dash - text) : 7, text);
	if (!opt_parse_count(&first, number) ||
	    !opt_parse_count(&last, dash ? dash + 1 : text) || first < 1 ||
	    last < first || last > MODULE_HOP_MAX)
		return false;
	hops[0] = (unsigned)first;
	hops[1] = (unsigned)last;
	return true;
}

static int read_fill(struct scan_job *j, const struct scan_options *o, struct diag *d)
{
	if (!o->fill)
		return 0;
	if (o->fill <= j->order.hops[1] || o->fill > MODULE_HOP_MAX)
		return diag_set(d, ERR_PARSE,
		                "--fill-mode %" PRIu64
		                " goes on behind the last hop limit, %u, up to %d",
		                o->fill, j->order.hops[1], MODULE_HOP_MAX);
	if (o->resume)
		return diag_set(d, ERR_PARSE,
		                "--fill-mode depends on what was answered: it cannot be "
		                "with --resume");
	j->fill = fill_new(j->order.hops[1], (unsigned)o->fill);
	return j->fill ? 0 : -ENOMEM;
}

/* Whether any of its packets makes the kernel send resets. */
static int check_rst_filter(const struct scan_options *o, struct diag *d)
{
	bool tcp = false;

	for (size_t i = 0; i < o->modules.n; i++)
		tcp |= module_find(o->modules.v[i])->proto == OBS_TCP;
	if (o->rst_filter && (!tcp || o->unprivileged))
		return diag_set(d, ERR_PARSE,
		                "--install-rst-filter is for raw packets of TCP");
	return 0;
}

static int read_hops(struct scan_job *j, const struct scan_options *o, struct diag *d)
{
	if (!o->hop_range && o->fill)
		return diag_set(d, ERR_PARSE, "--fill-mode is for --hop-limit A-B");
	if (!o->hop_range)
		return 0;
	if (!parse_hops(j->order.hops, o->hop_range))
		return diag_set(d, ERR_PARSE,
		                "--hop-limit '%.20s' is no A-B within 1 and %d",
		                o->hop_range, MODULE_HOP_MAX);
	for (size_t i = 0; i < o->modules.n; i++) {
		const struct probe_module *m = module_find(o->modules.v[i]);

		if (m && !m->traces)
			return diag_set(d, ERR_PARSE,
			                "%s: its probes cannot tell their hop limit",
			                m->name);
	}
	if (read_fill(j, o, d) < 0)
		return ERR_PARSE;
	return ports_add_hops(&j->ports, j->order.hops[0], j->order.hops[1]);
}

static void make_config(struct scan_job *j, const struct scan_options *o)
{
	j->cfg = (struct probe_config){
		.interface = o->interface,
		.route_to = { j->first[0], j->first[1] },
		.modules = o->modules,
		.module_args = o->module_args,
		.source_ips = o->source_ips,
		.rate_pps = o->rate_pps,
		.cap_48_pps = o->cap_48_pps,
		.cap_64_pps = o->cap_64_pps,
		.cap_24_pps = o->cap_24_pps,
		.probes = (unsigned)o->probes,
		.probe_interval_ns = o->probe_interval_ns,
		.cooldown_ns = o->cooldown_ns,
		.link = o->link,
		.senders = (unsigned)o->senders,
		.unprivileged = o->unprivileged,
		.gateway_mac = o->gateway_mac,
		.gateway_macs = { o->gateway_macs[0], o->gateway_macs[1] },
		.source_mac = o->source_mac,
		.key = o->key_file ? &j->key : NULL,
		.max_packets = o->max_packets,
		.packet_trace = o->packet_trace,
		.hop_limit = (unsigned)o->hop_limit,
		.trace = o->hop_range != NULL,
		.vlan = (uint16_t)o->vlan,
		.vantage = (uint16_t)o->vantage,
		.dedup = o->dedup != DEDUP_NONE,
		.dedup_window_only = o->dedup == DEDUP_WINDOW_ONLY,
		.dedup_window = o->dedup_window,
		.receive_buffer = o->receive_buffer,
		.stop = &j->stop,
		.seed = j->order.seed,
	};
}

static int read_grab(struct scan_options *o, struct diag *d)
{
	bool here = !o->grab.file || !strcmp(o->grab.file, "-");

	if (!scan_grab_wanted(&o->grab))
		return o->grab.file ? diag_set(d, ERR_PARSE,
		                               "--grab-file is for --banner and --tls")
		                    : 0;
	if (here && !strcmp(o->output, "-"))
		return diag_set(d, ERR_PARSE,
		                "two kinds of results for standard output: send the "
		                "answers to a file (-o), or what is grabbed "
		                "(--grab-file)");
	o->grab.append = o->resume || o->append_output;
	o->grab.contact = o->contact;
	o->grab.source_ips = o->source_ips;
	return 0;
}

static int check_format(const struct scan_options *o, struct diag *d)
{
	if (format_can_append(o->format))
		return 0;
	if (o->append_output)
		return diag_set(
			d, ERR_PARSE,
			"--append-output adds lines or records to the output: use "
			"another format than %s",
			format_names[o->format]);
	if (o->resume && (o->rotate || o->rotate_bytes))
		return diag_set(d, ERR_PARSE,
		                "--resume with --rotate is for formats of lines: use "
		                "another one than %s",
		                format_names[o->format]);
	return 0;
}

/* --listen-only, and when to give up. */
static int read_ends(struct scan_job *j, const struct scan_options *o, struct diag *d)
{
	j->max_failures = UINT64_MAX;
	if (o->max_failures && !opt_parse_count(&j->max_failures, o->max_failures))
		return diag_set(d, ERR_PARSE,
		                "--max-sendto-failures '%.40s' is no number",
		                o->max_failures);
	if (!o->listen_only)
		return 0;
	if (!o->key_file)
		return diag_set(d, ERR_PARSE,
		                "--listen-only knows answers by the key of the run that "
		                "sends: both take --key-file FILE");
	if (o->resume || o->list_targets || o->dry_run || o->unprivileged)
		return diag_set(d, ERR_PARSE,
		                "--listen-only has no targets, and needs raw sockets: it "
		                "cannot be with --resume, --list-targets, --dryrun or "
		                "--unprivileged");
	return 0;
}

int scan_plan(struct scan_job *j, struct scan_options *o, int argc, char *argv[],
              struct diag *d)
{
	int rc;

	j->space = ivtab_builder_new();
	if (!j->space)
		return -ENOMEM;
	rc = read_numbers(o, d);
	if (rc == 0)
		rc = read_ends(j, o, d);
	if (rc == 0)
		rc = read_grab(o, d);
	if (rc == 0)
		rc = read_cooldown(o, d);
	if (rc == 0)
		rc = read_excludes(j, o, d);
	if (rc == 0)
		rc = check_format(o, d);
	if (rc == 0)
		rc = read_targets(j, o, argc, argv, d);
	if (rc == 0)
		rc = read_ports(j, o, d);
	if (rc == 0)
		rc = check_rst_filter(o, d);
	if (rc == 0)
		rc = read_hops(j, o, d);
	if (rc == 0 && o->payload)
		rc = add_arg(j, o, 0, "payload", o->payload, d);
	if (rc == 0 && o->contact)
		rc = add_arg(j, o, 1, "contact", o->contact, d);
	if (rc == 0 && o->hop_range)
		rc = add_arg(j, o, 2, "trace", NULL, d);
	if (rc == 0)
		rc = read_shard(j, o, d);
	if (rc == 0)
		rc = read_lengths(j, o, d);
	if (rc == 0)
		rc = read_order(j, o, d);
	if (rc == 0)
		rc = obs_fields_parse(
			&j->fields, !o->fields && o->hop_range ? trace_fields : o->fields,
			d);
	if (rc == 0 && o->filter)
		rc = expr_parse(&j->filter, o->filter, d);
	make_config(j, o);
	if (rc == 0)
		rc = read_source_port(&j->cfg, o->source_port, d);
	return rc < 0 ? rc : read_cores(&j->cfg, o->cores, d);
}
