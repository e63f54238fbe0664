#include "common/log.h"
#include "hitlist/cmds.h"

static void begin(const struct cmd_answer *x)
{
	output_header(x->w, (enum output_format)x->format, true);
}

static int look_up(const struct cmd_answer *x, struct addr128 a, struct diag *d)
{
	struct host_record r = { .addr = a };
	const char *status = "host";
	int rc = hitlist_lookup(x->h, a, &r, d);

	if (rc == 0) {
		rc = hitlist_lookup_seen(x->h, a, &r, d);
		status = ivtab_covers(hitlist_aliased(x->h), a) ? "aliased"
		         : rc                                   ? "seen"
		                                                : "unknown";
	}
	if (rc >= 0)
		output_record(x->w, (enum output_format)x->format, &r, status);
	return rc;
}

int lookup_run(const void *config, int argc, char *argv[])
{
	const struct lookup_cfg *cfg = config;

	if (argc < 2) {
		log_error("lookup needs a hitlist and addresses");
		return CMD_USAGE;
	}
	return cmd_answer_all(argv[0], cfg->output, cfg->format, argc - 1, argv + 1,
	                      begin, look_up);
}
