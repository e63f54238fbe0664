#include <inttypes.h>

#include "common/addrset.h"
#include "common/log.h"
#include "seeds/axfr.h"
#include "seeds/cmd_zones.h"
#include "seeds/cmds.h"

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
};

/* Each server once, until one gives the zone: a refusal is final. */
static int transfer(void *arg, const struct zones *z, struct diag *d)
{
	struct job *j = arg;
	const struct axfr_config cfg = { j->o->dns.timeout_ns, j->o->max_records,
		                         z->sync->stop };
	char server[DNS_ADDR_STRLEN];

	j->names.w = z->w;
	j->names.scope = z->scope;
	for (unsigned i = 0; i < z->servers; i++) {
		struct dns_addr a = dns_client_server_addr(z->sync->client, i);
		struct diag why = { "" };
		uint64_t records;
		int rc;

		dns_addr_format(server, a);
		rc = axfr_zone(&z->zone, a, &cfg, &j->names, &records, &why);
		if (rc < 0)
			return diag_set(d, rc, "%s: %s", z->text, why.text);
		if (rc > 0) {
			log_info("%s: %" PRIu64 " records from %s", z->text, records,
			         server);
			return 1;
		}
		log_warn("%s: %s: %s", z->text, server, why.text);
	}
	log_error("%s: no server gives it", z->text);
	return 0;
}

int axfr_run(const void *opts, int argc, char *argv[])
{
	const struct axfr_opts *o = opts;
	const struct zones_opts zo = { o->output, &o->dns, &o->scope, o->quiet };
	struct job j = { .o = o, .names = { .format = o->format, .v4 = o->v4 } };
	int status;

	j.names.seen = addrset_new(0);
	if (!j.names.seen) {
		log_error("%s", err_str(-ENOMEM));
		return CMD_FAILED;
	}
	status = zones_run(&zo, argc, argv, transfer, &j);
	if (status != CMD_USAGE)
		log_info("%" PRIu64 " names, %" PRIu64 " addresses, %" PRIu64
		         " out of scope",
		         j.names.names, j.names.addresses, j.names.out_of_scope);
	addrset_free(j.names.seen);
	return status;
}

const char axfr_details[] =
	"Asks for each ZONE in whole, at the servers given as @ADDR or those of the zone, each "
	"server once. Many operators take that for an attack: ask them first. Example:\n"
	"\n"
	"sextant seeds axfr example.org @192.0.2.53 -O addresses -o seeds.txt";
