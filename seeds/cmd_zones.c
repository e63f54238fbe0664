#include "seeds/cmd_zones.h"

#include "common/log.h"
#include "common/stop.h"
#include "seeds/cmds.h"
#include "seeds/dns_find.h"

struct run {
	const struct zones_opts *o;
	int argc;
	char **argv;
	zones_one one;
	void *arg;
	struct dns_client_config client;
	struct zones z;
	bool complete;
};

/* As zones_one. */
static int run_zone(struct run *r, const char *text, struct diag *d)
{
	struct dns_sync s = { 0 };
	int rc;

	r->z.text = text;
	r->z.sync = &s;
	if (!dns_name_parse(&r->z.zone, text))
		return diag_set(d, ERR_PARSE, "'%s' is no name", text);
	if (dns_optout_has_name(r->client.optout, &r->z.zone)) {
		log_error("%s: it is on the opt-out list", text);
		return 0;
	}
	rc = dns_sync_init(&s, &r->client, stop_on_signals(), d);
	if (rc >= 0)
		rc = dns_find_servers(&s, &r->z.zone, r->o->dns, r->argc, r->argv, d);
	r->z.servers = rc > 0 ? (unsigned)rc : 0;
	if (rc == 0)
		log_error("%s: no server found that may be asked", text);
	else if (rc > 0)
		rc = r->one(r->arg, &r->z, d);
	dns_sync_fini(&s);
	return rc;
}

static int run_all(struct run *r, struct diag *d)
{
	struct dns_optout *optout = NULL;
	struct scope *scope = NULL;
	int done, rc = dns_setup(&r->client, r->o->dns, &optout, d);

	if (rc >= 0)
		rc = scope_new(&scope, r->o->scope, d);
	r->client.scope = r->z.scope = scope;
	if (rc >= 0)
		rc = writer_open(&r->z.w, r->o->output, d);
	for (int i = 0; i < r->argc && rc >= 0; i++) {
		if (r->argv[i][0] == '@')
			continue;
		rc = run_zone(r, r->argv[i], d);
		r->complete = r->complete && rc > 0;
	}
	if (rc >= 0 || rc == ERR_STOPPED) {
		done = writer_commit(r->z.w, d);
		rc = done < 0 ? done : rc;
	}
	writer_close(r->z.w);
	scope_free(scope);
	dns_optout_free(optout);
	return rc;
}

int zones_run(const struct zones_opts *o, int argc, char *argv[], zones_one one,
              void *arg)
{
	struct run r = { o, argc, argv, one, arg, .complete = true };
	struct diag d = { "" };
	int zones = 0, rc;

	for (int i = 0; i < argc; i++)
		zones += argv[i][0] != '@';
	if (!zones) {
		log_error("no ZONE given");
		return CMD_USAGE;
	}
	if (!dns_setup_is_valid(o->dns))
		return CMD_USAGE;
	if (o->quiet)
		log_set_level(LOG_ERROR);
	rc = run_all(&r, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	return rc < 0 || !r.complete ? CMD_FAILED : CMD_OK;
}
