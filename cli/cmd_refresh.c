#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/hitlist_more.h"
#include "cli/refresh.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/priv.h"
#include "common/stop.h"
#include "common/writer.h"

enum { SERVICES_MAX = 16, NAME_MAX_LEN = 32, SPEC_MAX = NAME_MAX_LEN + 6 * SERVICES_MAX };

const struct refresh_opts refresh_defaults = {
	.due = { DUE_DEFAULTS },
	.rate = 10000,
	.cooldown_ns = 3 * NS_PER_S,
	.probes = 1,
};

const struct opt refresh_table[] = {
	OPT_LIST("probe-module", 'M', struct refresh_opts, modules, "MODULE[/PORT]",
	         "what to ask each host (repeatable; default icmp6-echo, tcp-syn/80, "
	         "tcp-syn/443, udp/53 and udp/443)"),
	OPT_STR("interface", 'i', struct refresh_opts, interface, "IFACE",
	        "send from IFACE (default: the one with the route)"),
	OPT_DOUBLE("rate", 'r', struct refresh_opts, rate, "PPS",
	           "packets per second (default 10k)"),
	OPT_COUNT("probes", 'P', struct refresh_opts, probes, "N",
	          "packets per host and service, spaced in time (default 1)"),
	OPT_DURATION("max-runtime", 't', struct refresh_opts, max_runtime_ns, "TIME",
	             "stop sending after TIME; the rest stays due"),
	OPT_DURATION("cooldown-time", 'c', struct refresh_opts, cooldown_ns, "TIME",
	             "how long an answer may take (default 3s)"),
	DUE_OPTS(struct refresh_opts, due),
	OPT_LIST("source-ip", 'S', struct refresh_opts, source_ips, "ADDR",
	         "send from ADDR (default: what the route says)"),
	OPT_STR("gateway-mac", 'G', struct refresh_opts, gateway_mac, "MAC",
	        "next hop's hardware address (default: asked of the kernel)"),
	OPT_STR("metadata-file", 'm', struct refresh_opts, metadata, "FILE",
	        "write the summary as JSON to FILE"),
	OPT_FLAG("quiet", 'q', struct refresh_opts, quiet, "report errors only"),
	OPT_END,
};

/* What to ask: each module once, with its ports ("tcp-syn=80,443"), and a port for
 * every service. */
struct services {
	char spec[SERVICES_MAX][SPEC_MAX];
	const char *modules[SERVICES_MAX]; /* these */
	uint32_t ports[SERVICES_MAX];
	unsigned module[SERVICES_MAX]; /* of each service */
	unsigned n_modules, n;
};

/* The module's number: a new one, or the one that it has. */
static unsigned module_number(struct services *s, const char *name)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < s->n_modules; i++)
		if (strncmp(s->spec[i], name, len) == 0 &&
		    strchr("=", s->spec[i][len])) /* '\0' too */
			return i;
	memcpy(s->spec[s->n_modules], name, len + 1);
	s->modules[s->n_modules] = s->spec[s->n_modules];
	return s->n_modules++;
}

/* Ask name on port, 0: it has none.  False: said why not. */
static bool add_port(struct services *s, const char *text, const char *name,
                     unsigned port)
{
	uint32_t full = !port ? 0 : port | (strstr(name, "tcp") ? PROBE_TCP : PROBE_UDP);
	unsigned m = module_number(s, name);
	size_t len = strlen(s->spec[m]);

	for (unsigned i = 0; i < s->n; i++) {
		if (s->ports[i] != full)
			continue;
		if (s->module[i] == m)
			return true; /* once is enough */
		log_error("--probe-module %s: %s asks there already", text,
		          s->modules[s->module[i]]);
		return false;
	}
	s->module[s->n] = m;
	s->ports[s->n++] = full;
	if (port)
		snprintf(s->spec[m] + len, SPEC_MAX - len, "%c%u",
		         strchr(s->spec[m], '=') ? ',' : '=', port);
	return true;
}

static bool add_service(struct services *s, const char *text)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	uint64_t port = 0;
	char name[NAME_MAX_LEN];

	if (s->n == SERVICES_MAX || len >= sizeof(name)) {
		log_error("--probe-module %s: too many, or too long a name", text);
		return false;
	}
	memcpy(name, text, len);
	name[len] = '\0';
	if (slash && (!opt_parse_count(&port, slash + 1) || !port || port > UINT16_MAX)) {
		log_error("--probe-module %s: ports are 1 to 65535", text);
		return false;
	}
	if (strchr(name, '=') || probe_module_has_port(name) != (port != 0)) {
		log_error(port ? "--probe-module %s: no module of that name has ports"
		               : "--probe-module %s: needs a port, like tcp-syn/80",
		          text);
		return false;
	}
	return add_port(s, text, name, (unsigned)port);
}

static bool add_services(struct services *s, const struct opt_list *l)
{
	static const char *const usual[] = { "icmp6-echo", "tcp-syn/80", "tcp-syn/443",
		                             "udp/53", "udp/443" };
	size_t n = l->n ? l->n : sizeof(usual) / sizeof(usual[0]);

	for (size_t i = 0; i < n; i++)
		if (!add_service(s, l->n ? l->v[i] : usual[i]))
			return false;
	return true;
}

static bool usage_ok(const struct refresh_opts *o, int argc)
{
	if (argc != 1)
		log_error("refresh needs one hitlist");
	else if (o->rate <= 0)
		log_error("--rate 0: at least one packet has to go out sometime");
	else if (!o->probes || o->probes > 100)
		log_error("--probes %" PRIu64 ": 1 to 100 packets", o->probes);
	else
		return true;
	return false;
}

struct run {
	const struct refresh_opts *o;
	const char *dir;
	struct services services;
	struct probe_scan *scan;
	struct scope *scope;
	struct ivtab *routed;
	struct hitlist *hitlist;
	struct due_plan plan;
	struct refresh_stats st;
	struct hitlist_merge_stats merge;
	const atomic_bool *stop;
};

static const uint64_t probe_interval_ns = NS_PER_S;

static int open_probe(struct run *r, struct diag *d)
{
	const struct refresh_opts *o = r->o;
	const struct probe_config c = {
		.interface = o->interface,
		.modules = { r->services.modules, r->services.n_modules },
		.source_ips = o->source_ips,
		.rate_pps = o->rate,
		.probes = (unsigned)o->probes,
		.probe_interval_ns = probe_interval_ns,
		.cooldown_ns = o->cooldown_ns,
		.gateway_mac = o->gateway_mac,
		.dedup = true,
		.stop = r->stop,
		.seed = o->due.seed,
	};

	return probe_open(&r->scan, &c, d);
}

static int make_scope(struct run *r, struct diag *d)
{
	struct scope_config c = r->o->due.scope;

	c.blocked = hitlist_blocked(r->hitlist);
	return scope_new(&r->scope, &c, d);
}

/* What an interrupted refresh found is merged first: then the plan knows. */
static int settle(struct run *r, struct diag *d)
{
	struct hitlist_info info;
	int rc;

	hitlist_info(r->hitlist, &info);
	if (!info.journals)
		return 0;
	rc = hitlist_merge(r->hitlist, &r->merge, d);
	if (rc >= 0)
		log_info("merged what an interrupted run left");
	return rc;
}

static int set_up(struct run *r, struct diag *d)
{
	struct due_config c;
	int rc;

	r->stop = stop_on_signals();
	rc = open_probe(r, d);
	if (rc >= 0)
		rc = priv_drop(r->dir, d);
	if (rc >= 0)
		rc = due_load_routed(&r->routed, r->o->due.routed, d);
	if (rc >= 0)
		rc = hitlist_open(&r->hitlist, r->dir, HITLIST_WRITE, d);
	if (rc >= 0)
		rc = make_scope(r, d);
	if (rc < 0)
		return rc;
	probe_set_scope(r->scan, r->scope);
	rc = settle(r, d);
	due_config_make(&c, &r->o->due);
	c.scope = r->scope;
	c.routed = r->routed;
	if (rc >= 0)
		rc = hitlist_due(&r->plan, r->hitlist, &c, d);
	if (rc >= 0 && !r->o->quiet)
		due_report(&r->plan);
	return rc;
}

static int put_summary(const struct run *r, const char *path, bool json, struct diag *d)
{
	struct probe_stats p;
	struct hitlist_info info;
	struct writer *w;
	int rc = writer_open(&w, path, d);

	if (rc < 0)
		return rc;
	probe_stats(r->scan, &p);
	hitlist_info(r->hitlist, &info);
	{
		const struct {
			const char *name;
			uint64_t n;
		} rows[] = {
			{ "due", r->plan.hosts.n },       { "probed", r->st.hosts },
			{ "packets_sent", p.sent },       { "answers", r->st.answers },
			{ "alive", r->st.alive },         { "silent", r->st.silent },
			{ "not_judged", r->st.unjudged }, { "hosts", info.hosts },
			{ "injected", r->st.injected },   { "stopped", r->st.stopped },
		};
		const size_t n = sizeof(rows) / sizeof(rows[0]);

		for (size_t i = 0; i < n; i++)
			writer_printf(w,
			              json ? "%s\"%s\": %" PRIu64 "%s"
			                   : "%s%-14s  %" PRIu64 "%s",
			              !json ? ""
			              : i   ? "  "
			                    : "{\n  ",
			              rows[i].name, rows[i].n,
			              !json       ? "\n"
			              : i + 1 < n ? ",\n"
			                          : "\n}\n");
	}
	rc = writer_commit(w, d);
	writer_close(w);
	return rc;
}

/* Merge even after a failure: what was found is worth keeping. */
static int probe_and_merge(struct run *r, struct diag *d)
{
	const struct refresh_config c = {
		.ports = r->services.ports,
		.services = r->services.n,
		.wait_ns = r->o->cooldown_ns + (r->o->probes - 1) * probe_interval_ns,
		.max_runtime_ns = r->o->max_runtime_ns,
		.stop = r->stop,
	};
	struct diag why = { "" };
	int rc = 0, rc2;

	if (r->plan.hosts.n)
		rc = refresh_run(&c, &r->plan.hosts, r->hitlist, r->scan, &r->st, d);
	rc2 = hitlist_merge(r->hitlist, &r->merge, &why);
	if (rc2 < 0 && rc >= 0)
		rc = diag_set(d, rc2, "%s", diag_str(&why, rc2));
	if (rc >= 0 && r->st.unjudged)
		log_warn("%" PRIu64 " hosts not judged: not one of those that should "
		         "have answered did; is the network down?",
		         r->st.unjudged);
	return rc;
}

int refresh_run_cmd(const void *cfg, int argc, char *argv[])
{
	struct run r = { .o = cfg };
	struct diag d = { "" };
	int rc;

	if (!usage_ok(r.o, argc) || !add_services(&r.services, &r.o->modules))
		return CMD_USAGE;
	r.dir = argv[0];
	rc = set_up(&r, &d);
	if (rc >= 0)
		rc = probe_and_merge(&r, &d);
	if (rc >= 0 && !r.o->quiet)
		rc = put_summary(&r, "-", false, &d);
	if (rc >= 0 && r.o->metadata)
		rc = put_summary(&r, r.o->metadata, true, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	due_plan_fini(&r.plan);
	hitlist_close(r.hitlist);
	probe_close(r.scan);
	scope_free(r.scope);
	ivtab_free(r.routed);
	return rc < 0 ? CMD_FAILED : CMD_OK;
}
