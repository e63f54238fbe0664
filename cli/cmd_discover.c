#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/discover.h"
#include "cli/summary.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/priv.h"
#include "common/stop.h"
#include "hitlist/hitlist.h"
#include "probe/probe.h"
#include "seeds/seeds.h"
#include "tgen/tgen.h"

enum { LIMITS = 8 };

#define PROBE_INTERVAL_NS (200 * NS_PER_MS)

struct discover_opts {
	struct opt_list seeds, modules, source_ips, limits;
	const char *bgp, *hitlist, *interface, *algorithm, *gateway_mac, *metadata;
	struct scope_config scope;
	double rate;
	uint64_t budget, max_runtime_ns, cooldown_ns, seed, port, probes;
	bool resume, skip_bad, no_alias_guard, quiet;
};

static const struct discover_opts defaults = {
	.rate = 10000,
	.budget = 1000000,
	.cooldown_ns = 3 * NS_PER_S,
	.seed = 1,
	.probes = 1,
};

static const struct opt opts[] = {
	OPT_LIST(
		"seeds", 0, struct discover_opts, seeds, "FILE",
		"learn from the addresses in FILE (repeatable; .bz2 .gz .xz .zst or - too)"),
	OPT_STR("hitlist", 0, struct discover_opts, hitlist, "DIR",
	        "the hitlist to grow; made when absent; its hosts are seeds too"),
	OPT_STR("interface", 'i', struct discover_opts, interface, "IFACE",
	        "send from IFACE (default: the one with the route)"),
	OPT_DOUBLE("rate", 'r', struct discover_opts, rate, "PPS",
	           "packets per second (default 10k)"),
	OPT_COUNT("budget", 0, struct discover_opts, budget, "N",
	          "try N candidates (default 1M); alias tests come on top"),
	OPT_STR("bgp", 0, struct discover_opts, bgp, "FILE",
	        "announced prefixes with AS numbers (pfx2as): try those without seeds, "
	        "too"),
	OPT_LIST("max-per-prefix", 0, struct discover_opts, limits, "LEN:N",
	         "at most N candidates in any prefix of length LEN, such as 48:1000 "
	         "(repeatable)"),
	OPT_DURATION(
		"max-runtime", 't', struct discover_opts, max_runtime_ns, "TIME",
		"stop trying candidates after TIME; alias tests under way are finished"),
	OPT_FLAG("resume", 0, struct discover_opts, resume,
	         "go on where a killed run stopped: same budget, nothing probed twice"),
	OPT_LIST("probe-module", 'M', struct discover_opts, modules, "MODULE",
	         "how to probe (default icmp6-echo); see 'sextant probe scan'"),
	OPT_COUNT("target-port", 'p', struct discover_opts, port, "PORT",
	          "port for TCP and UDP modules"),
	OPT_COUNT("probes", 'P', struct discover_opts, probes, "N",
	          "packets per candidate, spaced in time (default 1)"),
	OPT_DURATION("cooldown-time", 'c', struct discover_opts, cooldown_ns, "TIME",
	             "wait for late answers at the end (default 3s)"),
	SCOPE_OPTS(struct discover_opts, scope),
	OPT_STR("algorithm", 0, struct discover_opts, algorithm, "NAME",
	        "target generation algorithm; see 'sextant tgen algorithms'"),
	OPT_COUNT("seed", 'e', struct discover_opts, seed, "N",
	          "random seed: the same seed, the same candidates (default 1)"),
	OPT_FLAG("no-alias-guard", 0, struct discover_opts, no_alias_guard,
	         "do not test for aliased prefixes"),
	OPT_FLAG("skip-bad", 0, struct discover_opts, skip_bad,
	         "leave out lines of the seed lists that are no IPv6 address"),
	OPT_LIST("source-ip", 'S', struct discover_opts, source_ips, "ADDR",
	         "send from ADDR (default: what the route says)"),
	OPT_STR("gateway-mac", 'G', struct discover_opts, gateway_mac, "MAC",
	        "next hop's hardware address (default: asked of the kernel)"),
	OPT_STR("metadata-file", 'm', struct discover_opts, metadata, "FILE",
	        "write the summary as JSON to FILE"),
	OPT_FLAG("quiet", 'q', struct discover_opts, quiet, "no status line"),
	OPT_END,
};

struct run {
	const struct discover_opts *o;
	struct scope *scope;
	struct probe_scan *scan;
	struct hitlist *hitlist;
	struct addrvec seeds;
	struct seeds_counts counts;
	uint64_t members; /* hosts that the hitlist had */
	struct discover *x;
	struct tgen_limit limits[LIMITS];
	struct bgp *bgp;
	const char *icmp6[1]; /* the default module */
};

static const char details[] =
	"Learns where addresses live from the seeds, probes what it predicts, and adds "
	"what answers to the hitlist. Prefixes that turn out to be aliased are left out, and "
	"an address tried once is never tried again. SIGINT and SIGTERM stop sending, "
	"wait for late answers and merge; a second one ends at once and loses nothing "
	"that was found. Example:\n"
	"\n"
	"sextant discover --seeds seeds.txt.bz2 --hitlist hl -i eth0 -r 10k --budget 10M";

/* The one module of the run; more would need a port each. */
static const char *module_name(const struct discover_opts *o)
{
	return o->modules.n ? o->modules.v[0] : "icmp6-echo";
}

static const char *bad_limit(const struct opt_list *l)
{
	struct tgen_limit limit;

	for (size_t i = 0; i < l->n; i++)
		if (!tgen_limit_parse(&limit, l->v[i]))
			return l->v[i];
	return NULL;
}

static int check_usage(const struct discover_opts *o, int argc, char *argv[])
{
	if (argc)
		log_error("'%s': no argument expected (lists are named by --seeds)",
		          argv[0]);
	else if (!o->hitlist || !*o->hitlist)
		log_error("--hitlist DIR is missing: where to keep what is found");
	else if (!o->budget)
		log_error("--budget 0: there would be nothing to do");
	else if (bad_limit(&o->limits))
		log_error("--max-per-prefix: `%.40s' is not LENGTH:COUNT, as 48:1000",
		          bad_limit(&o->limits));
	else if (o->limits.n > LIMITS)
		log_error("--max-per-prefix: more than %d of them", LIMITS);
	else if (o->rate <= 0)
		log_error("--rate 0: at least one packet has to go out sometime");
	else if (o->port > UINT16_MAX)
		log_error("--target-port %" PRIu64 ": ports are 1 to 65535", o->port);
	else if (o->modules.n > 1)
		log_error("--probe-module: one module a run");
	else if (probe_module_has_port(module_name(o)) && !o->port)
		log_error("--probe-module %s: needs --target-port", module_name(o));
	else if (o->port && !probe_module_has_port(module_name(o)))
		log_error("--target-port %" PRIu64 ": %s has no ports", o->port,
		          module_name(o));
	else if (!o->probes || o->probes > 100)
		log_error("--probes %" PRIu64 ": 1 to 100 packets per candidate",
		          o->probes);
	else
		return CMD_OK;
	return CMD_USAGE;
}

/* Repeated answers are told apart by the loop itself, which has to see an
 * address answer as a candidate even if it did so in an alias test before. */
static int open_probe(struct run *r, struct diag *d)
{
	const struct discover_opts *o = r->o;
	const struct probe_config c = {
		.interface = o->interface,
		.modules = o->modules.n ? o->modules : (struct opt_list){ r->icmp6, 1 },
		.source_ips = o->source_ips,
		.rate_pps = o->rate,
		.probes = (unsigned)o->probes,
		.probe_interval_ns = PROBE_INTERVAL_NS,
		.cooldown_ns = o->cooldown_ns,
		.gateway_mac = o->gateway_mac,
		.seed = o->seed,
		.stop = stop_on_signals(),
	};

	return probe_open(&r->scan, &c, d);
}

/* The hitlist's owner, so that a scan started with sudo leaves files that the
 * user can read; for a new hitlist, the owner of the folder it will be in. */
static int drop_privileges(const char *dir, struct diag *d)
{
	char *copy;
	int rc;

	if (access(dir, F_OK) == 0)
		return priv_drop(dir, d);
	copy = strdup(dir);
	if (!copy)
		return -ENOMEM;
	rc = priv_drop(dirname(copy), d);
	free(copy);
	return rc;
}

/* The seed lists, before anything is made or changed on disk. */
static int read_lists(struct run *r, struct diag *d)
{
	const struct seeds_config c = {
		.scope = r->scope,
		.strict = !r->o->skip_bad,
		.v6_only = true,
	};
	int rc = 0;

	for (size_t i = 0; i < r->o->seeds.n && rc >= 0; i++)
		rc = seeds_read(&r->seeds, r->o->seeds.v[i], &c, &r->counts, d);
	return rc;
}

/* The hitlist's own hosts are seeds too; then sort, unique, report. */
static int add_members(struct run *r, struct diag *d)
{
	struct hitlist_iter *it = NULL;
	struct host_record host;
	int rc = hitlist_iter_open(&it, r->hitlist, NULL, d);

	while (rc >= 0 && (rc = hitlist_iter_next(it, &host, d)) > 0) {
		r->members++;
		if (!addr_is_v4(host.addr) &&
		    scope_check(r->scope, host.addr) == SCOPE_OK)
			rc = addrvec_push(&r->seeds, host.addr);
	}
	hitlist_iter_close(it);
	if (rc >= 0)
		rc = seeds_finish(&r->seeds, &r->counts);
	if (rc < 0)
		return rc;
	seeds_report(&r->counts);
	if (!r->seeds.n)
		return diag_set(d, ERR_EMPTY,
		                "no seed to learn from: give --seeds FILE with IPv6 "
		                "addresses that are in scope");
	return 0;
}

/* What an interrupted run left is merged first, unless it is to be resumed. */
static int settle_journals(struct hitlist *h, bool resume, struct diag *d)
{
	struct hitlist_merge_stats st;
	struct hitlist_info info;
	int rc;

	hitlist_info(h, &info);
	if (!info.journals || resume)
		return 0;
	rc = hitlist_merge(h, &st, d);
	if (rc >= 0)
		log_info("merged what an interrupted run left: %" PRIu64 " new hosts",
		         st.added);
	return rc;
}

/* What the options say, and the opt-outs that the hitlist holds. */
static int make_scope(struct run *r, struct diag *d)
{
	struct scope_config c = r->o->scope;
	struct ivtab *blocked = NULL;
	int rc = hitlist_load_blocked(&blocked, r->o->hitlist, d);

	c.blocked = blocked;
	if (rc >= 0)
		rc = scope_new(&r->scope, &c, d);
	ivtab_free(blocked);
	return rc;
}

static int set_up(struct run *r, struct diag *d)
{
	const struct discover_opts *o = r->o;
	struct discover_config c = {
		.algorithm = o->algorithm,
		.rate_pps = o->rate,
		.probes = (unsigned)o->probes,
		.probe_interval_ns = PROBE_INTERVAL_NS,
		.budget = o->budget,
		.max_runtime_ns = o->max_runtime_ns,
		.seed = o->seed,
		.port = (uint16_t)o->port,
		.guard = !o->no_alias_guard,
		.quiet = o->quiet,
		.limits = r->limits,
		.n_limits = o->limits.n,
		.stop = stop_on_signals(),
	};
	int rc = open_probe(r, d);

	for (size_t i = 0; i < o->limits.n; i++)
		(void)tgen_limit_parse(&r->limits[i], o->limits.v[i]); /* checked */
	if (rc >= 0)
		rc = drop_privileges(o->hitlist, d);
	if (rc >= 0)
		rc = make_scope(r, d);
	if (rc >= 0)
		probe_set_scope(r->scan, r->scope);
	if (rc >= 0)
		rc = read_lists(r, d);
	if (rc >= 0 && o->bgp)
		rc = bgp_load(&r->bgp, o->bgp, !o->skip_bad, d);
	if (rc >= 0)
		rc = hitlist_open(&r->hitlist, o->hitlist, HITLIST_CREATE, d);
	if (rc >= 0)
		rc = settle_journals(r->hitlist, o->resume, d);
	if (rc >= 0)
		rc = add_members(r, d);
	c.scope = r->scope;
	c.bgp = r->bgp;
	if (rc >= 0)
		rc = discover_open(&r->x, &c, &r->seeds, r->hitlist, r->scan, o->resume,
		                   d);
	return rc;
}

/* Merge even after a failure: what was found is worth keeping.  The summary is
 * of what the hitlist says, not of what the loop believes. */
static int finish(struct run *r, struct diag *d)
{
	struct summary s = { .seeds = r->seeds.n, .members = r->members };
	struct diag merge_diag = { "" };
	int rc = discover_run(r->x, d), rc2;

	rc2 = hitlist_merge(r->hitlist, &s.merge, &merge_diag);
	if (rc2 < 0) {
		diag_set(d, rc2, "%s: %s", r->o->hitlist, diag_str(&merge_diag, rc2));
		return rc2;
	}
	discover_stats(r->x, &s.discover);
	probe_stats(r->scan, &s.probe);
	hitlist_info(r->hitlist, &s.hitlist);
	s.dir = r->o->hitlist;
	s.failed = rc < 0;
	rc2 = summary_by_network(&s, discover_hits(r->x), hitlist_aliased(r->hitlist));
	if (rc2 >= 0)
		rc2 = summary_print(&s, "-", d);
	if (rc2 >= 0 && r->o->metadata)
		rc2 = summary_write_json(&s, r->o->metadata, d);
	summary_fini(&s);
	return rc < 0 ? rc : rc2;
}

static int discover_cmd_run(const void *cfg, int argc, char *argv[])
{
	const struct discover_opts *o = cfg;
	struct run r = { .o = o, .icmp6 = { "icmp6-echo" } };
	struct diag d = { "" };
	int rc = check_usage(o, argc, argv);

	if (rc != CMD_OK)
		return rc;
	rc = set_up(&r, &d);
	if (rc >= 0)
		rc = finish(&r, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	discover_close(r.x);
	hitlist_close(r.hitlist);
	bgp_free(r.bgp);
	probe_close(r.scan);
	scope_free(r.scope);
	addrvec_fini(&r.seeds);
	return rc < 0 ? CMD_FAILED : CMD_OK;
}

const struct cmd discover_cmd = {
	"discover",
	discover_cmd_run,
	"",
	"The main job: learn from seeds where addresses live, probe what is predicted, "
	"and add what answers to a hitlist.",
	opts,
	&defaults,
	sizeof(struct discover_opts),
	CMD_RAW,
	details,
};
