#include <inttypes.h>

#include "common/log.h"
#include "common/stop.h"
#include "common/writer.h"
#include "seeds/cmds.h"
#include "seeds/dns_find.h"
#include "seeds/walk.h"

enum walk_output { WALK_ADDRESSES, WALK_NAMES };
static const char *const walk_outputs[] = { "addresses", "names", NULL };

const struct walk_opts walk_defaults = {
	.output = "-",
	.max_names = 10000000,
	.dns = { .server_rate = 10, .window = 64, .tries = 3, .timeout_ns = 2000000000 },
};

const struct opt walk_options[] = {
	OPT_STR("output-file", 'o', struct walk_opts, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_ENUM("output-format", 'O', struct walk_opts, format, walk_outputs, "FORMAT",
	         "addresses (default), or names: then AAAA is not asked for"),
	OPT_FLAG("ipv4", '4', struct walk_opts, v4, "take IPv4 addresses too"),
	OPT_COUNT("max-names", 0, struct walk_opts, max_names, "N",
	          "end a walk after N names (10M); 0: no limit"),
	DNS_OPTS(struct walk_opts, dns),
	SCOPE_OPTS(struct walk_opts, scope),
	OPT_FLAG("quiet", 'q', struct walk_opts, quiet, "report errors only"),
	OPT_END,
};

struct walker {
	const struct walk_opts *o;
	const struct scope *scope;
	struct writer *w;
	struct dns_sync sync;
	struct diag *d;
	uint64_t names, addresses, out_of_scope, unanswered;
	const char *zone;
};

static void status(void *arg)
{
	const struct walker *k = arg;

	log_status("%s: %" PRIu64 " names, %" PRIu64 " addresses, %" PRIu64 " queries",
	           k->zone, k->names, k->addresses,
	           dns_client_stats(k->sync.client)->sent);
}

static int take_addresses(struct walker *k, const struct dns_name *n, uint16_t type)
{
	const struct dns_ask q = { n, type, DNS_ANY_SERVER, false, false, 0 };
	struct addr128 a;
	struct dns_msg m;
	struct dns_rr rr;
	int rc = dns_sync_ask(&k->sync, &q, &m, k->d);

	k->unanswered += rc == 0;
	while (rc > 0 && dns_msg_next(&m, &rr) > 0) {
		if (rr.section || !dns_rr_addr(&m, &rr, &a))
			continue;
		if (scope_check(k->scope, a) != SCOPE_OK) {
			k->out_of_scope++;
			continue;
		}
		writer_addr(k->w, a);
		k->addresses++;
	}
	return rc < 0 ? rc : 0;
}

/* The bitmap says what there is to ask for. */
static int on_name(void *arg, const struct walk_name *n)
{
	char text[DNS_NAME_STRLEN];
	struct walker *k = arg;
	struct diag local = { "" };
	struct diag *d = k->d;
	int rc = 0;

	k->names++;
	if (k->o->format == WALK_NAMES) {
		dns_name_format(text, n->name);
		writer_printf(k->w, "%s\n", text);
		return 0;
	}
	if (n->delegation)
		return 0;
	k->d = &local;
	if (n->aaaa)
		rc = take_addresses(k, n->name, DNS_AAAA);
	if (rc >= 0 && n->a && k->o->v4)
		rc = take_addresses(k, n->name, DNS_A);
	k->d = d;
	/* A name that is opted out is walked past. */
	if (rc == ERR_POLICY)
		return 0;
	return rc < 0 ? diag_set(d, rc, "%s", local.text) : 0;
}

/* One zone: the verdict goes to the log, and decides about the exit status. */
static int walk_one(struct walker *k, const char *text, int argc, char *argv[],
                    const struct dns_client_config *cfg, bool *complete, struct diag *d)
{
	const struct walk_config wc = {
		.server = DNS_ANY_SERVER,
		.max_names = k->o->max_names,
	};
	enum walk_verdict verdict = WALK_NO_ANSWER;
	struct dns_name zone;
	uint64_t names = 0, sent;
	int rc;

	if (!dns_name_parse(&zone, text))
		return diag_set(d, ERR_PARSE, "'%s' is no name", text);
	if (dns_optout_has_name(cfg->optout, &zone)) {
		log_error("%s: it is on the opt-out list", text);
		*complete = false;
		return 0;
	}
	k->d = d;
	rc = dns_sync_init(&k->sync, cfg, stop_on_signals(), d);
	k->sync.status = status;
	k->sync.status_arg = k;
	k->zone = text;
	if (rc >= 0)
		rc = dns_find_servers(&k->sync, &zone, &k->o->dns, argc, argv, d);
	if (rc == 0) {
		log_error("%s: no server found that may be asked", text);
		*complete = false;
	} else if (rc > 0) {
		rc = walk_zone(&k->sync, &zone, &wc, on_name, k, &verdict, &names, d);
		sent = dns_client_stats(k->sync.client)->sent;
		*complete = *complete && verdict == WALK_COMPLETE && rc >= 0;
		log_info("%s: %s; %" PRIu64 " names, %" PRIu64 " queries", text,
		         walk_verdict_str(verdict), names, sent);
		if (rc >= 0 && verdict != WALK_COMPLETE)
			log_error("%s: not walked to the end: %s", text,
			          walk_verdict_str(verdict));
	}
	dns_sync_fini(&k->sync);
	return rc < 0 ? rc : 0;
}

static int run(struct walker *k, int argc, char *argv[], bool *complete, struct diag *d)
{
	struct dns_optout *optout = NULL;
	struct dns_client_config cfg;
	struct scope *scope = NULL;
	int commit, rc = dns_setup(&cfg, &k->o->dns, &optout, d);

	if (rc >= 0)
		rc = scope_new(&scope, &k->o->scope, d);
	cfg.scope = k->scope = scope;
	if (rc >= 0)
		rc = writer_open(&k->w, k->o->output, d);
	for (int i = 0; i < argc && rc >= 0; i++)
		if (argv[i][0] != '@')
			rc = walk_one(k, argv[i], argc, argv, &cfg, complete, d);
	if (rc >= 0 || rc == ERR_STOPPED) {
		commit = writer_commit(k->w, d);
		rc = commit < 0 ? commit : rc;
	}
	if (k->o->format == WALK_ADDRESSES && rc >= 0)
		log_info("%" PRIu64 " addresses written, %" PRIu64
		         " out of scope, %" PRIu64 " queries for one unanswered",
		         k->addresses, k->out_of_scope, k->unanswered);
	writer_close(k->w);
	scope_free(scope);
	dns_optout_free(optout);
	return rc;
}

int walk_run(const void *opts, int argc, char *argv[])
{
	struct walker k = { .o = opts };
	struct diag d = { "" };
	bool complete = true;
	int zones = 0, rc;

	for (int i = 0; i < argc; i++)
		zones += argv[i][0] != '@';
	if (!zones) {
		log_error("no ZONE given");
		return CMD_USAGE;
	}
	if (!dns_setup_is_valid(&k.o->dns))
		return CMD_USAGE;
	if (k.o->quiet)
		log_set_level(LOG_ERROR);
	rc = run(&k, argc, argv, &complete, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	return rc < 0 || !complete ? CMD_FAILED : CMD_OK;
}

const char walk_details[] =
	"Follows the NSEC chain of each ZONE, one query a name, and asks for the AAAA of "
	"names that have one. Asks the servers given as @ADDR, or those of the zone. Zones "
	"with NSEC3 or made-up NSEC are left at once. Example:\n"
	"\n"
	"sextant seeds walk example.org -x optout.txt -o seeds.txt";
