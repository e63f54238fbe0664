#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "common/reader.h"
#include "common/stop.h"
#include "common/writer.h"
#include "seeds/arpa.h"
#include "seeds/cmds.h"
#include "seeds/dns_find.h"

enum { SERVERS_MAX = 8, APEX_NIBBLES_MIN = 4 };

enum arpa_output { ARPA_ADDRESSES, ARPA_CSV };
static const char *const arpa_outputs[] = { "addresses", "csv", NULL };

const struct arpa_opts arpa_defaults = {
	.output = "-",
	.max_per_64 = 4096,
	.max_zone_queries = 1000000,
	.port = 53,
	.dns = { .server_rate = 10, .window = 64, .tries = 3, .timeout_ns = 2000000000 },
};

const struct opt arpa_options[] = {
	OPT_STR("output-file", 'o', struct arpa_opts, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_ENUM("output-format", 'O', struct arpa_opts, format, arpa_outputs, "FORMAT",
	         "addresses (default), or csv: with the name of each"),
	OPT_COUNT("max-per-64", 0, struct arpa_opts, max_per_64, "N",
	          "take at most N addresses of one /64 (4096)"),
	OPT_COUNT("max-queries", 0, struct arpa_opts, max_queries, "N",
	          "end after N queries for one PREFIX; 0 (default): no limit"),
	OPT_COUNT("max-zone-queries", 0, struct arpa_opts, max_zone_queries, "N",
	          "leave a zone after N queries (1M); 0: no limit"),
	OPT_LIST("known", 0, struct arpa_opts, known, "ADDR",
	         "an address that has a name: finds servers that hide it (repeatable)"),
	OPT_COUNT("port", 0, struct arpa_opts, port, "N",
	          "port of the servers that referrals name (53)"),
	OPT_STR("resume-file", 0, struct arpa_opts, resume, "FILE",
	        "write to FILE what is left when ended early, and go on from there"),
	DNS_OPTS(struct arpa_opts, dns),
	SCOPE_OPTS(struct arpa_opts, scope),
	OPT_FLAG("quiet", 'q', struct arpa_opts, quiet, "report errors only"),
	OPT_END,
};

struct walker {
	const struct arpa_opts *o;
	const struct scope *scope;
	struct writer *w, *rest;
	struct dns_hosts *hosts; /* opened when first needed */
	const struct dns_sync *asking;
	const char *prefix;
	struct addr128 *known;
	uint64_t written, out_of_scope;
	int argc;
	char **argv;
	bool complete; /* all there is to see was seen */
	bool left;     /* the resume file has something */
	bool no_hosts; /* there is no resolver */
};

static int on_found(void *arg, struct addr128 a, const struct dns_name *ptr)
{
	char addr[ADDR_STRLEN], name[DNS_NAME_STRLEN];
	struct walker *k = arg;

	if (scope_check(k->scope, a) != SCOPE_OK) {
		k->out_of_scope++;
		return 0;
	}
	k->written++;
	if (k->o->format == ARPA_ADDRESSES)
		return writer_addr(k->w, a);
	addr_format(addr, a);
	dns_name_format(name, ptr);
	return writer_printf(k->w, "%s,%s\n", addr, ptr->len > 1 ? name : "");
}

static void report_row(uint64_t n, const char *text)
{
	if (n)
		log_info("%12" PRIu64 "  %s", n, text);
}

static void report(const char *prefix, const struct arpa_stats *s, uint64_t sent)
{
	log_info("%s: %" PRIu64 " addresses with names, %" PRIu64 " queries", prefix,
	         s->found, sent);
	report_row(s->signed_zones, "zones walked along NSEC");
	report_row(s->generated, "subtrees with a name for everything: left");
	report_row(s->endless, "zones that lead on and on, to no host: left");
	report_row(s->empty, "zones with nothing in them, or that hide it (see --known)");
	report_row(s->full, "networks with more than --max-per-64: cut");
	report_row(s->cut, "zones with more than --max-zone-queries: cut");
	report_row(s->unknown, "names without usable answer: their subtrees not seen");
	report_row(s->lame, "delegations without a server to ask");
	report_row(s->opted_out, "names and servers opted out");
	report_row(s->broken, "zones invisible: they deny the parents of their names");
}

static void status(void *arg)
{
	const struct walker *k = arg;

	log_status("%s: %" PRIu64 " addresses written, %" PRIu64 " queries", k->prefix,
	           k->written, dns_client_stats(k->asking->client)->sent);
}

/* Without a resolver there are no such hosts: the delegation is lame for us. */
static int find_host(void *arg, const struct dns_name *host,
                     struct addr128 out[static DNS_HOST_ADDRS], struct diag *d)
{
	struct walker *k = arg;
	struct diag local = { "" };
	int rc = 0;

	if (!k->hosts && !k->no_hosts)
		rc = dns_hosts_new(&k->hosts, &k->o->dns, stop_on_signals(), &local);
	if (rc < 0) {
		k->no_hosts = true;
		log_warn("hosts of servers cannot be looked up: %s",
		         diag_str(&local, rc));
	}
	return k->hosts ? dns_hosts_find(k->hosts, host, out, d) : 0;
}

/* The servers of the zone that has p, or of the next one above it. */
static int find_servers(struct walker *k, struct dns_sync *s, struct prefix p,
                        int servers[static SERVERS_MAX], struct diag *d)
{
	int n = 0;

	for (unsigned i = p.len / 4u; n == 0 && i >= APEX_NIBBLES_MIN; i--) {
		struct dns_name zone;

		dns_name_reverse(&zone, p.addr, i);
		n = dns_find_servers(s, &zone, &k->o->dns, k->argc, k->argv, d);
	}
	if (n < 0)
		return n;
	if (n > SERVERS_MAX)
		n = SERVERS_MAX;
	for (int i = 0; i < n; i++)
		servers[i] = i;
	return n;
}

/* Not walked, or not to its end. */
static void keep_prefix(struct walker *k, struct prefix p)
{
	char text[PREFIX_STRLEN];

	k->complete = false;
	if (!k->rest)
		return;
	prefix_format(text, p);
	writer_printf(k->rest, "%s\n", text);
	k->left = true;
}

static void keep_rest(struct walker *k, const struct arpa *a)
{
	struct prefix p;

	for (size_t i = 0; arpa_rest(a, i, &p); i++)
		keep_prefix(k, p);
}

static int walk_one(struct walker *k, struct prefix p,
                    const struct dns_client_config *cfg, struct diag *d)
{
	const struct arpa_config ac = {
		.max_per_64 = k->o->max_per_64,
		.max_queries = k->o->max_queries,
		.max_zone_queries = k->o->max_zone_queries,
		.port = (uint16_t)k->o->port,
		.hosts = find_host,
		.hosts_arg = k,
	};
	int servers[SERVERS_MAX], n, rc;
	struct diag local = { "" };
	char text[PREFIX_STRLEN];
	struct arpa *a = NULL;
	struct dns_sync s;

	prefix_format(text, p);
	rc = dns_sync_init(&s, cfg, stop_on_signals(), d);
	k->prefix = text;
	k->asking = &s;
	s.status = status;
	s.status_arg = k;
	n = rc < 0 ? rc : find_servers(k, &s, p, servers, d);
	rc = n < 0 ? n : arpa_new(&a, &s, &ac, on_found, k);
	if (rc == ERR_STOPPED)
		keep_prefix(k, p);
	if (rc < 0)
		goto out;
	rc = arpa_walk(a, p, servers, (unsigned)n, k->known, k->o->known.n, &local);
	report(text, arpa_stats(a), dns_client_stats(s.client)->sent);
	keep_rest(k, a);
	if (arpa_is_limited(a)) {
		log_error("%s: ended by --max-queries", text);
		rc = 0;
	} else if (rc == ERR_EMPTY || rc == ERR_POLICY) {
		log_error("%s: %s", text, local.text);
		if (rc == ERR_EMPTY)
			keep_prefix(k, p);
		k->complete = false;
		rc = 0;
	} else if (rc < 0) {
		diag_set(d, rc, "%s: %s", text, diag_str(&local, rc));
	}
	if (arpa_stats(a)->broken)
		k->complete = false;
	if (arpa_stats(a)->broken)
		log_error("%s: invisible: the servers deny empty non-terminals", text);
out:
	arpa_free(a);
	dns_sync_fini(&s);
	return rc;
}

/* Whole nibbles: a /29 is eight of /32.  Those that come after a signal are kept. */
static int walk_nibbles(struct walker *k, struct prefix p,
                        const struct dns_client_config *cfg, bool *stopped,
                        struct diag *d)
{
	unsigned len = (p.len + 3u) / 4 * 4, n = 1u << (len - p.len);
	int rc = 0;

	for (unsigned i = 0; i < n && rc >= 0; i++) {
		struct addr128 a = p.addr;
		struct prefix q;

		if (len)
			a = addr_set_nibble(a, len / 4 - 1,
			                    addr_nibble(a, len / 4 - 1) + i);
		q = prefix_make(a, len);
		if (*stopped)
			keep_prefix(k, q);
		else
			rc = walk_one(k, q, cfg, d);
		*stopped = *stopped || rc == ERR_STOPPED;
		rc = rc == ERR_STOPPED ? 0 : rc;
	}
	return rc;
}

/* The prefixes of the resume file.  A signal ends the walk; what has not been walked
 * then is kept. */
static int walk_resumed(struct walker *k, const struct dns_client_config *cfg,
                        struct diag *d)
{
	bool stopped = false;
	struct reader_item item;
	struct reader *r;
	int rc = reader_open(&r, k->o->resume, NULL, d);

	if (rc < 0)
		return rc;
	while (rc >= 0 && (rc = reader_next(r, &item, d)) > 0) {
		if (item.is_prefix)
			rc = walk_nibbles(k, prefix_make(item.first, item.len), cfg,
			                  &stopped, d);
	}
	reader_close(r);
	return rc < 0 || !stopped ? rc : ERR_STOPPED;
}

/* Those of the arguments.  As walk_resumed(). */
static int walk_given(struct walker *k, const struct dns_client_config *cfg,
                      struct diag *d)
{
	bool stopped = false;
	int rc = 0;

	for (int i = 0; i < k->argc && rc >= 0; i++) {
		struct prefix p;

		if (k->argv[i][0] == '@')
			continue;
		if (!prefix_parse(&p, k->argv[i]) || prefix_is_v4(p))
			return diag_set(d, ERR_PARSE, "'%s' is no IPv6 prefix",
			                k->argv[i]);
		rc = walk_nibbles(k, p, cfg, &stopped, d);
	}
	return rc < 0 || !stopped ? rc : ERR_STOPPED;
}

static int commit(struct walker *k, struct diag *d)
{
	int rc = writer_commit(k->w, d);

	if (rc < 0 || !k->rest)
		return rc;
	if (k->left)
		return writer_commit(k->rest, d);
	if (unlink(k->o->resume) < 0 && errno != ENOENT)
		return diag_set(d, -errno, "%s: %s", k->o->resume, err_str(-errno));
	return 0;
}

static int run(struct walker *k, struct diag *d)
{
	struct dns_optout *optout = NULL;
	struct dns_client_config cfg;
	struct scope *scope = NULL;
	int done, rc = dns_setup(&cfg, &k->o->dns, &optout, d);

	if (rc >= 0)
		rc = scope_new(&scope, &k->o->scope, d);
	cfg.scope = k->scope = scope;
	if (rc >= 0)
		rc = writer_open(&k->w, k->o->output, d);
	if (rc >= 0 && k->o->resume)
		rc = writer_open(&k->rest, k->o->resume, d);
	if (rc >= 0 && k->o->format == ARPA_CSV)
		writer_printf(k->w, "address,name\n");
	if (rc >= 0)
		rc = k->o->resume && access(k->o->resume, F_OK) == 0
		             ? walk_resumed(k, &cfg, d)
		             : walk_given(k, &cfg, d);
	if (rc >= 0 || rc == ERR_STOPPED) {
		done = commit(k, d);
		rc = done < 0 ? done : rc;
		report_row(k->out_of_scope, "addresses out of scope");
	}
	dns_hosts_free(k->hosts);
	writer_close(k->rest);
	writer_close(k->w);
	scope_free(scope);
	dns_optout_free(optout);
	return rc;
}

static bool is_valid(const struct walker *k)
{
	int prefixes = 0;

	for (int i = 0; i < k->argc; i++)
		prefixes += k->argv[i][0] != '@';
	if (!prefixes && !k->o->resume) {
		log_error("no PREFIX given");
		return false;
	}
	if (k->o->port < 1 || k->o->port > 65535 || k->o->max_per_64 < 1) {
		log_error("--port: 1 to 65535; --max-per-64: 1 or more");
		return false;
	}
	for (size_t i = 0; i < k->o->known.n; i++)
		if (!addr_parse(&k->known[i], k->o->known.v[i])) {
			log_error("--known: '%s' is no address", k->o->known.v[i]);
			return false;
		}
	return dns_setup_is_valid(&k->o->dns);
}

int arpa_run(const void *opts, int argc, char *argv[])
{
	struct walker k = { .o = opts, .argc = argc, .argv = argv, .complete = true };
	struct diag d = { "" };
	int rc;

	k.known = calloc(k.o->known.n + 1, sizeof(*k.known));
	if (!k.known) {
		log_error("%s", err_str(-ENOMEM));
		return CMD_FAILED;
	}
	if (!is_valid(&k)) {
		free(k.known);
		return CMD_USAGE;
	}
	if (k.o->quiet)
		log_set_level(LOG_ERROR);
	rc = run(&k, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	free(k.known);
	return rc < 0 || !k.complete ? CMD_FAILED : CMD_OK;
}

const char arpa_details[] =
	"Finds the addresses below each PREFIX that the reverse tree has names for, without "
	"asking for what lies below names that do not exist. Asks the servers given as "
	"@ADDR, or those of the zone, and follows referrals. Example:\n"
	"\n"
	"sextant seeds arpa 2001:db8::/32 -x optout.txt --resume-file rest -o seeds.txt";
