#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/reader.h"
#include "common/stop.h"
#include "seeds/cmds.h"
#include "seeds/dns_setup.h"
#include "seeds/resolve.h"

/* In the order of enum resolve_format. */
static const char *const resolve_formats[] = { "jsonl", "csv", "addresses", NULL };

const struct resolve_opts resolve_defaults = {
	.output = "-",
	.dns = { .server_rate = 1000,
	         .window = 1000,
	         .tries = 5,
	         .timeout_ns = 2000000000 },
};

const struct opt resolve_options[] = {
	OPT_STR("output-file", 'o', struct resolve_opts, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_ENUM("output-format", 'O', struct resolve_opts, format, resolve_formats,
	         "FORMAT", "jsonl (default), csv or addresses"),
	OPT_FLAG("ipv4", '4', struct resolve_opts, v4, "ask for A as well as AAAA"),
	OPT_STR("follow", 0, struct resolve_opts, follow, "TYPES",
	        "ask for these too, and for the hosts they name: ns,mx,srv,svcb,https"),
	DNS_OPTS(struct resolve_opts, dns),
	SCOPE_OPTS(struct resolve_opts, scope),
	OPT_STR("metadata-file", 'm', struct resolve_opts, metadata, "FILE",
	        "write the counts as JSON to FILE"),
	OPT_FLAG("quiet", 'q', struct resolve_opts, quiet, "report errors only"),
	OPT_END,
};

struct count_row {
	const char *name, *text;
	uint64_t n;
};

enum { ROWS = 22 };

static void make_rows(const struct resolve_counts *c, struct count_row out[static ROWS])
{
	const struct count_row rows[ROWS] = {
		{ "names", "names", c->names },
		{ "bad_names", "bad names skipped", c->bad_names },
		{ "targets", "names that turned up in answers", c->targets },
		{ "opted_out", "queries not sent: opted out", c->opted_out },
		{ "sent", "queries sent", c->client.sent },
		{ "retries", "of them further tries", c->client.retries },
		{ "tcp", "asked again over TCP", c->client.tcp },
		{ "timeouts", "tries without answer", c->client.timeouts },
		{ "bad_replies", "replies that match no query", c->client.bad },
		{ "noerror", "answers: no error", c->rcode[DNS_NOERROR] },
		{ "nxdomain", "answers: no such name", c->rcode[DNS_NXDOMAIN] },
		{ "servfail", "answers: server failure", c->rcode[DNS_SERVFAIL] },
		{ "refused", "answers: refused", c->rcode[DNS_REFUSED] },
		{ "no_answer", "queries without any answer", c->no_answer },
		{ "with_address", "names with addresses", c->with_address },
		{ "without_address", "names without", c->without_address },
		{ "not_global", scope_verdict_str(SCOPE_NOT_GLOBAL),
		  c->scope[SCOPE_NOT_GLOBAL] },
		{ "special_purpose", scope_verdict_str(SCOPE_SPECIAL),
		  c->scope[SCOPE_SPECIAL] },
		{ "blocklisted", scope_verdict_str(SCOPE_BLOCKED),
		  c->scope[SCOPE_BLOCKED] },
		{ "not_allowlisted", scope_verdict_str(SCOPE_NOT_ALLOWED),
		  c->scope[SCOPE_NOT_ALLOWED] },
		{ "addresses", "addresses written", c->addresses },
		{ NULL, NULL, 0 },
	};

	memcpy(out, rows, sizeof(rows));
}

static int write_meta(const struct resolve_counts *c, const char *path, struct diag *d)
{
	struct count_row rows[ROWS];
	struct writer *w;
	int rc = writer_open(&w, path, d);

	if (rc < 0)
		return rc;
	make_rows(c, rows);
	for (unsigned i = 0; rows[i].name; i++)
		writer_printf(w, "%s  \"%s\": %" PRIu64, i ? ",\n" : "{\n", rows[i].name,
		              rows[i].n);
	writer_printf(w, "\n}\n");
	rc = writer_commit(w, d);
	writer_close(w);
	return rc;
}

static void report(const struct resolve_counts *c)
{
	struct count_row rows[ROWS];

	make_rows(c, rows);
	for (unsigned i = 0; rows[i].name; i++)
		if (rows[i].n || !rows[i + 1].name)
			log_info("%12" PRIu64 "  %s", rows[i].n, rows[i].text);
}

/* No list at all is standard input. */
static int resolve_files(struct resolver *r, int argc, char *argv[], struct diag *d)
{
	const struct resolve_counts *c;
	int rc = 0;

	for (int i = 0; rc >= 0 && i < (argc ? argc : 1); i++)
		rc = resolver_run(r, argc ? argv[i] : "-", d);
	c = resolver_counts(r);
	if (rc >= 0 && c->names && c->client.sent && !c->client.replies)
		rc = diag_set(d, -ETIMEDOUT, "no resolver has answered");
	return rc;
}

static int run(const struct resolve_opts *o, struct resolve_config *cfg, int argc,
               char *argv[], struct diag *d)
{
	struct dns_optout *optout = NULL;
	struct resolver *r = NULL;
	struct scope *scope = NULL;
	struct writer *w = NULL;
	int commit = 0, rc = dns_setup(&cfg->client, &o->dns, &optout, d);

	if (rc >= 0)
		rc = dns_setup_servers(&cfg->servers, &cfg->n_servers, &o->dns, d);
	if (rc >= 0)
		rc = scope_new(&scope, &o->scope, d);
	cfg->scope = scope;
	if (rc >= 0)
		rc = writer_open(&w, o->output, d);
	if (rc >= 0)
		rc = resolver_new(&r, cfg, w, d);
	if (rc >= 0) {
		rc = resolve_files(r, argc, argv, d);
		/* Hours of answers are not thrown away because of the end. */
		if (rc >= 0 || rc == ERR_STOPPED || rc == -ETIMEDOUT)
			commit = writer_commit(w, d);
		rc = commit < 0 ? commit : rc;
		report(resolver_counts(r));
	}
	if (rc >= 0 && o->metadata)
		rc = write_meta(resolver_counts(r), o->metadata, d);
	resolver_free(r);
	writer_close(w);
	scope_free(scope);
	dns_optout_free(optout);
	free(cfg->servers);
	return rc;
}

int resolve_run(const void *opts, int argc, char *argv[])
{
	const struct resolve_opts *o = opts;
	struct resolve_config cfg = { .format = o->format, .v4 = o->v4 };
	struct diag d = { "" };
	int rc;

	if (o->follow && !resolve_extra_parse(&cfg.extra, o->follow)) {
		log_error("--follow: '%s' is no list of ns, mx, srv, svcb, https",
		          o->follow);
		return CMD_USAGE;
	}
	if (!dns_setup_is_valid(&o->dns))
		return CMD_USAGE;
	if (o->quiet)
		log_set_level(LOG_ERROR);
	cfg.stop = stop_on_signals();
	rc = run(o, &cfg, argc, argv, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	return rc < 0 ? CMD_FAILED : CMD_OK;
}

const char resolve_details[] =
	"Reads names, one a line, from the FILEs or standard input, and asks the resolvers "
	"for their AAAA records, many at a time. What failed is written too, with its "
	"reason. Example:\n"
	"\n"
	"sextant seeds resolve names.txt.gz --resolver 192.0.2.53 -O addresses -o seeds.txt";
