#include <inttypes.h>

#include "common/log.h"
#include "seeds/cmd_zones.h"
#include "seeds/cmds.h"
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
	const struct zones *z;
	struct diag *d;
	uint64_t names, addresses, out_of_scope, unanswered;
};

static void status(void *arg)
{
	const struct walker *k = arg;

	log_status("%s: %" PRIu64 " names, %" PRIu64 " addresses, %" PRIu64 " queries",
	           k->z->text, k->names, k->addresses,
	           dns_client_stats(k->z->sync->client)->sent);
}

static int take_addresses(struct walker *k, const struct dns_name *n, uint16_t type)
{
	const struct dns_ask q = { n, type, DNS_ANY_SERVER, false, false, 0 };
	struct addr128 a;
	struct dns_msg m;
	struct dns_rr rr;
	int rc = dns_sync_ask(k->z->sync, &q, &m, k->d);

	k->unanswered += rc == 0;
	while (rc > 0 && dns_msg_next(&m, &rr) > 0) {
		if (rr.section || !dns_rr_addr(&m, &rr, &a))
			continue;
		if (scope_check(k->z->scope, a) != SCOPE_OK) {
			k->out_of_scope++;
			continue;
		}
		writer_addr(k->z->w, a);
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
		writer_printf(k->z->w, "%s\n", text);
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

/* The verdict goes to the log, and decides about the exit status. */
static int walk_one(void *arg, const struct zones *z, struct diag *d)
{
	struct walker *k = arg;
	const struct walk_config cfg = {
		.server = DNS_ANY_SERVER,
		.max_names = k->o->max_names,
	};
	enum walk_verdict verdict = WALK_NO_ANSWER;
	uint64_t names = 0;
	int rc;

	k->z = z;
	k->d = d;
	z->sync->status = status;
	z->sync->status_arg = k;
	rc = walk_zone(z->sync, &z->zone, &cfg, on_name, k, &verdict, &names, d);
	log_info("%s: %s; %" PRIu64 " names, %" PRIu64 " queries", z->text,
	         rc < 0 ? "stopped" : walk_verdict_str(verdict), names,
	         dns_client_stats(z->sync->client)->sent);
	if (rc < 0)
		return rc;
	if (verdict == WALK_COMPLETE)
		return 1;
	log_error("%s: not walked to the end: %s", z->text, walk_verdict_str(verdict));
	return 0;
}

int walk_run(const void *opts, int argc, char *argv[])
{
	const struct walk_opts *o = opts;
	const struct zones_opts zo = { o->output, &o->dns, &o->scope, o->quiet };
	struct walker k = { .o = o };
	int exit_status = zones_run(&zo, argc, argv, walk_one, &k);

	if (o->format == WALK_ADDRESSES && exit_status != CMD_USAGE)
		log_info("%" PRIu64 " addresses written, %" PRIu64
		         " out of scope, %" PRIu64 " queries for one unanswered",
		         k.addresses, k.out_of_scope, k.unanswered);
	return exit_status;
}

const char walk_details[] =
	"Follows the NSEC chain of each ZONE, one query a name, and asks for the AAAA of "
	"names that have one. Asks the servers given as @ADDR, or those of the zone. Zones "
	"with NSEC3 or made-up NSEC are left at once. Example:\n"
	"\n"
	"sextant seeds walk example.org -x optout.txt -o seeds.txt";
