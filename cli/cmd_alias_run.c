/* `sextant hitlist alias-run`: a round of tests for aliased prefixes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/hitlist_more.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/priv.h"
#include "common/rng.h"
#include "common/stop.h"
#include "hitlist/hitlist.h"
#include "probe/probe.h"

enum { TCP_PORT = 80, SHOTS = 2 * ALIAS_CHILDREN, EXPECT_MIN = 4 };

/* Never caught up by more: a burst would break the limit of a site. */
static const uint64_t late_ns = 50 * NS_PER_MS;

const struct alias_run_opts alias_run_defaults = {
	.plan = { ALIAS_PLAN_DEFAULTS },
	.rate = 10000,
	.site_rate = 100,
	.cooldown_ns = 3 * NS_PER_S,
};

const struct opt alias_run_table[] = {
	OPT_STR("interface", 'i', struct alias_run_opts, interface, "IFACE",
	        "send from IFACE (default: the one with the route)"),
	OPT_DOUBLE("rate", 'r', struct alias_run_opts, rate, "PPS",
	           "packets per second (default 10k)"),
	OPT_DOUBLE("site-rate", 0, struct alias_run_opts, site_rate, "PPS",
	           "packets per second into any /48 (default 100)"),
	OPT_DURATION("cooldown-time", 'c', struct alias_run_opts, cooldown_ns, "TIME",
	             "wait for late answers at the end (default 3s)"),
	ALIAS_PLAN_OPTS(struct alias_run_opts, plan),
	OPT_LIST("source-ip", 'S', struct alias_run_opts, source_ips, "ADDR",
	         "send from ADDR (default: what the route says)"),
	OPT_STR("gateway-mac", 'G', struct alias_run_opts, gateway_mac, "MAC",
	        "next hop's hardware address (default: asked of the kernel)"),
	OPT_FLAG("quiet", 'q', struct alias_run_opts, quiet, "report errors only"),
	OPT_END,
};

/* A packet to be sent, not before its slot. */
struct shot {
	uint64_t slot_ns;
	uint64_t rank; /* random: the order within a slot */
	uint32_t target;
	bool tcp;
};

/* An address under test: target t is child t % 16 of prefix t / 16. */
struct aim {
	struct addr128 addr;
	uint32_t target;
};

struct run {
	const struct alias_run_opts *o;
	const char *modules[2];
	struct probe_scan *scan;
	struct scope *scope;
	struct hitlist *hitlist;
	struct alias_state *state;
	size_t n;             /* prefixes */
	struct addr128 *addr; /* of every target */
	struct aim *aims;     /* the same, sorted by address */
	struct shot *shots;
	size_t next;
	uint64_t base_ns;     /* when slot 0 is */
	uint16_t *icmp, *tcp; /* what answered: the receiver's */
};

static int cmp_aim(const void *x, const void *y)
{
	const struct aim *a = x, *b = y;

	return addr_cmp(a->addr, b->addr);
}

static int cmp_shot(const void *x, const void *y)
{
	const struct shot *a = x, *b = y;

	if (a->slot_ns != b->slot_ns)
		return a->slot_ns < b->slot_ns ? -1 : 1;
	return (a->rank > b->rank) - (a->rank < b->rank);
}

/* A prefix with a child out of scope is not tested: silence would speak against it. */
static void choose_addresses(struct run *r)
{
	struct mac_key key;
	size_t n = 0;

	mac_key_random(&key);
	for (size_t i = 0; i < r->n; i++) {
		r->state[n] = r->state[i];
		n += alias_fresh_targets(&r->addr[n * ALIAS_CHILDREN], r->hitlist,
		                         r->scope, r->state[n].prefix, &key);
	}
	r->n = n;
	for (size_t t = 0; t < r->n * ALIAS_CHILDREN; t++)
		r->aims[t] = (struct aim){ r->addr[t], (uint32_t)t };
	qsort(r->aims, r->n * ALIAS_CHILDREN, sizeof(*r->aims), cmp_aim);
}

/* Each packet into a /48 gets the next slot of that site; prefixes ascend, so
 * what lies in one /48 comes one after the other in aims. */
static void schedule(struct run *r)
{
	const uint64_t step = (uint64_t)(1e9 / r->o->site_rate);
	size_t n = 0, in_site = 0;
	struct rng rng;

	rng_init(&rng, clock_wall_us());
	for (size_t i = 0; i < r->n * ALIAS_CHILDREN; i++) {
		if (i && addr_common_bits(r->aims[i - 1].addr, r->aims[i].addr) < 48)
			in_site = 0;
		for (unsigned tcp = 0; tcp < 2; tcp++)
			r->shots[n++] = (struct shot){ in_site++ * step, rng_next(&rng),
				                       r->aims[i].target, tcp };
	}
	qsort(r->shots, n, sizeof(*r->shots), cmp_shot);
}

static int prepare(struct run *r)
{
	size_t targets = r->n * ALIAS_CHILDREN;

	r->addr = calloc(targets + 1, sizeof(*r->addr));
	r->aims = calloc(targets + 1, sizeof(*r->aims));
	r->shots = calloc(2 * targets + 1, sizeof(*r->shots));
	r->icmp = calloc(r->n + 1, sizeof(*r->icmp));
	r->tcp = calloc(r->n + 1, sizeof(*r->tcp));
	if (!r->addr || !r->aims || !r->shots || !r->icmp || !r->tcp)
		return -ENOMEM;
	choose_addresses(r);
	schedule(r);
	return 0;
}

static int next(void *ctx, struct probe_target *out, size_t max)
{
	struct run *r = ctx;
	const size_t all = r->n * SHOTS;
	uint64_t now = clock_mono_ns();
	size_t n = 0;

	if (r->next == all)
		return PROBE_SOURCE_END;
	if (!r->base_ns)
		r->base_ns = now;
	while (n < max && r->next < all) {
		const struct shot *s = &r->shots[r->next];
		uint64_t when = r->base_ns + s->slot_ns;

		if (when > now)
			break;
		if (now - when > late_ns)
			r->base_ns += now - when - late_ns;
		out[n++] = (struct probe_target){ r->addr[s->target],
			                          s->tcp ? TCP_PORT : 0, 0 };
		r->next++;
	}
	return (int)n;
}

/* A refusal is an answer too: it makes an address look alive. */
static void observe(void *ctx, const struct observation *o)
{
	struct run *r = ctx;
	const struct aim key = { .addr = o->target };
	const struct aim *a;
	uint16_t bit;

	if (!obs_is_alive(o))
		return;
	a = bsearch(&key, r->aims, r->n * ALIAS_CHILDREN, sizeof(*r->aims), cmp_aim);
	if (!a)
		return;
	bit = (uint16_t)(1U << a->target % ALIAS_CHILDREN);
	if (o->proto == OBS_TCP)
		r->tcp[a->target / ALIAS_CHILDREN] |= bit;
	else
		r->icmp[a->target / ALIAS_CHILDREN] |= bit;
}

static int open_probe(struct run *r, struct diag *d)
{
	const struct probe_config c = {
		.interface = r->o->interface,
		.modules = { r->modules, 2 },
		.source_ips = r->o->source_ips,
		.rate_pps = r->o->rate,
		.probes = 1,
		.cooldown_ns = r->o->cooldown_ns,
		.gateway_mac = r->o->gateway_mac,
		.stop = stop_on_signals(),
	};

	return probe_open(&r->scan, &c, d);
}

static int set_up(struct run *r, const char *dir, struct diag *d)
{
	int rc = open_probe(r, d);

	if (rc >= 0)
		rc = priv_drop(dir, d);
	if (rc >= 0)
		rc = hitlist_open(&r->hitlist, dir, HITLIST_WRITE, d);
	if (rc < 0)
		return rc;
	rc = alias_plan_make(&r->state, &r->n, &r->scope, r->hitlist, &r->o->plan, d);
	if (rc >= 0)
		rc = prepare(r);
	if (rc < 0)
		return rc;
	probe_set_scope(r->scan, r->scope);
	return 0;
}

/* Prefixes known to be aliased, of which not one answers at all: our fault. */
static int check_network(const struct run *r, struct diag *d)
{
	size_t expected = 0, answered = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->state[i].verdict != ALIAS_IS)
			continue;
		expected++;
		answered += (r->icmp[i] | r->tcp[i]) != 0;
	}
	if (expected < EXPECT_MIN || answered)
		return 0;
	return diag_set(d, ERR_EMPTY,
	                "not one of %zu aliased prefixes has answered: is the network "
	                "down?  Nothing was recorded",
	                expected);
}

static int judge(struct run *r, const char *dir, struct diag *d)
{
	struct hitlist_merge_stats st = { 0 };
	uint32_t now = (uint32_t)(clock_wall_us() / (NS_PER_S / NS_PER_US));
	int rc = check_network(r, d);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < r->n; i++)
		alias_judge(&r->state[i], r->icmp[i], r->tcp[i], now);
	rc = hitlist_alias_commit(r->hitlist, r->state, r->n, &st, d);
	if (rc == 0 && !r->o->quiet) {
		alias_report(r->state, r->n);
		log_info("%s: %" PRIu64 " hosts removed as aliased", dir, st.aliased);
	}
	return rc;
}

int alias_run_run(const void *cfg, int argc, char *argv[])
{
	struct run r = { .o = cfg, .modules = { "icmp6-echo", "tcp-syn" } };
	const struct probe_source source = { next, &r };
	const struct probe_sink sink = { observe, &r };
	struct diag d = { "" };
	int rc;

	if (argc != 1 || r.o->rate <= 0 || r.o->site_rate <= 0) {
		log_error(argc != 1 ? "alias-run needs one hitlist"
		                    : "--rate and --site-rate: more than 0");
		return CMD_USAGE;
	}
	rc = set_up(&r, argv[0], &d);
	if (rc >= 0 && r.n) {
		rc = probe_run(r.scan, &source, &sink, &d);
		if (rc == ERR_STOPPED)
			diag_set(&d, rc, "stopped: an unfinished round is not recorded");
	}
	if (rc >= 0)
		rc = judge(&r, argv[0], &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	hitlist_close(r.hitlist);
	probe_close(r.scan);
	scope_free(r.scope);
	free(r.state);
	free(r.addr);
	free(r.aims);
	free(r.shots);
	free(r.icmp);
	free(r.tcp);
	return rc < 0 ? CMD_FAILED : CMD_OK;
}
