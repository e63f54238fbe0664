#include <inttypes.h>

#include "common/addrset.h"
#include "common/log.h"
#include "common/stop.h"
#include "seeds/axfr.h"
#include "seeds/cmds.h"
#include "seeds/dns_find.h"

static const char *const axfr_formats[] = { "names", "addresses", NULL };

const struct axfr_opts axfr_defaults = {
	.output = "-",
	.max_records = 100000000,
	.dns = { .server_rate = 10, .window = 64, .tries = 3, .timeout_ns = 10000000000 },
};

const struct opt axfr_options[] = {
	OPT_STR("output-file", 'o', struct axfr_opts, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_ENUM("output-format", 'O', struct axfr_opts, format, axfr_formats, "FORMAT",
	         "names (default), or addresses: of the AAAA records"),
	OPT_FLAG("ipv4", '4', struct axfr_opts, v4, "take A records too"),
	OPT_COUNT("max-records", 0, struct axfr_opts, max_records, "N",
	          "end a transfer after N records (100M)"),
	DNS_OPTS(struct axfr_opts, dns),
	SCOPE_OPTS(struct axfr_opts, scope),
	OPT_FLAG("quiet", 'q', struct axfr_opts, quiet, "report errors only"),
	OPT_END,
};

struct job {
	const struct axfr_opts *o;
	struct names names;
	struct dns_client_config client;
	int argc;
	char **argv;
	bool complete;
};

/* Each server once, until one gives the zone: a refusal is final. */
static int try_servers(struct job *j, const struct dns_name *zone, const char *text,
                       struct dns_sync *s, int n, struct diag *d)
{
	struct axfr_config cfg = { j->o->dns.timeout_ns, j->o->max_records, s->stop };
	char server[DNS_ADDR_STRLEN];
	int rc = 0;

	for (int i = 0; i < n && rc == 0; i++) {
		struct dns_addr a = dns_client_server_addr(s->client, (unsigned)i);
		struct diag why = { "" };
		uint64_t records;

		dns_addr_format(server, a);
		rc = axfr_zone(zone, a, &cfg, &j->names, &records, &why);
		if (rc < 0)
			return diag_set(d, rc, "%s: %s", text, why.text);
		if (rc > 0)
			log_info("%s: %" PRIu64 " records from %s", text, records,
			         server);
		else
			log_warn("%s: %s: %s", text, server, why.text);
	}
	if (rc == 0) {
		log_error("%s: no server gives it", text);
		j->complete = false;
	}
	return 0;
}

static int transfer(struct job *j, const char *text, struct diag *d)
{
	struct dns_name zone;
	struct dns_sync s;
	int rc;

	if (!dns_name_parse(&zone, text))
		return diag_set(d, ERR_PARSE, "'%s' is no name", text);
	if (dns_optout_has_name(j->client.optout, &zone)) {
		log_error("%s: it is on the opt-out list", text);
		j->complete = false;
		return 0;
	}
	rc = dns_sync_init(&s, &j->client, stop_on_signals(), d);
	if (rc >= 0)
		rc = dns_find_servers(&s, &zone, &j->o->dns, j->argc, j->argv, d);
	if (rc >= 0)
		rc = try_servers(j, &zone, text, &s, rc, d);
	dns_sync_fini(&s);
	return rc;
}

static int run(struct job *j, struct diag *d)
{
	struct dns_optout *optout = NULL;
	struct scope *scope = NULL;
	int done, rc = dns_setup(&j->client, &j->o->dns, &optout, d);

	j->names.seen = addrset_new(0);
	if (!j->names.seen)
		rc = diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));
	if (rc >= 0)
		rc = scope_new(&scope, &j->o->scope, d);
	j->client.scope = j->names.scope = scope;
	if (rc >= 0)
		rc = writer_open(&j->names.w, j->o->output, d);
	for (int i = 0; i < j->argc && rc >= 0; i++)
		if (j->argv[i][0] != '@')
			rc = transfer(j, j->argv[i], d);
	if (rc >= 0 || rc == ERR_STOPPED) {
		done = writer_commit(j->names.w, d);
		rc = done < 0 ? done : rc;
	}
	log_info("%" PRIu64 " names, %" PRIu64 " addresses, %" PRIu64 " out of scope",
	         j->names.names, j->names.addresses, j->names.out_of_scope);
	writer_close(j->names.w);
	addrset_free(j->names.seen);
	scope_free(scope);
	dns_optout_free(optout);
	return rc;
}

int axfr_run(const void *opts, int argc, char *argv[])
{
	const struct axfr_opts *o = opts;
	struct job j = { .o = o, .argc = argc, .argv = argv, .complete = true };
	struct diag d = { "" };
	int zones = 0, rc;

	for (int i = 0; i < argc; i++)
		zones += argv[i][0] != '@';
	if (!zones) {
		log_error("no ZONE given");
		return CMD_USAGE;
	}
	if (!dns_setup_is_valid(&o->dns))
		return CMD_USAGE;
	j.names.format = o->format;
	j.names.v4 = o->v4;
	if (o->quiet)
		log_set_level(LOG_ERROR);
	rc = run(&j, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	return rc < 0 || !j.complete ? CMD_FAILED : CMD_OK;
}

const char axfr_details[] =
	"Asks for each ZONE in whole, at the servers given as @ADDR or those of the zone, each "
	"server once. Many operators take that for an attack: ask them first. Example:\n"
	"\n"
	"sextant seeds axfr example.org @192.0.2.53 -O addresses -o seeds.txt";
