#include "common/log.h"
#include "hitlist/cmds.h"

struct lookup {
	const struct hitlist *h;
	struct writer *w;
	enum output_format format;
};

static int look_up(void *ctx, struct addr128 a, struct diag *d)
{
	const struct lookup *l = ctx;
	struct host_record r = { .addr = a };
	const char *status = "host";
	int rc = hitlist_lookup(l->h, a, &r, d);

	if (rc == 0) {
		rc = hitlist_lookup_seen(l->h, a, &r, d);
		status = ivtab_covers(hitlist_aliased(l->h), a) ? "aliased"
		         : rc                                   ? "seen"
		                                                : "unknown";
	}
	if (rc >= 0)
		output_record(l->w, l->format, &r, status);
	return rc;
}

int lookup_run(const void *config, int argc, char *argv[])
{
	const struct lookup_cfg *cfg = config;
	struct lookup l = { .format = (enum output_format)cfg->format };
	struct hitlist *h = NULL;
	struct diag d = { "" };
	int rc;

	if (argc < 2) {
		log_error("lookup needs a hitlist and addresses");
		return CMD_USAGE;
	}
	rc = hitlist_open(&h, argv[0], HITLIST_READ, &d);
	l.h = h;
	if (rc == 0)
		rc = writer_open(&l.w, cfg->output, &d);
	if (rc == 0) {
		output_header(l.w, l.format, true);
		rc = cmd_each_addr(argc - 1, argv + 1, look_up, &l, &d);
	}
	if (rc == 0)
		rc = writer_commit(l.w, &d);
	writer_close(l.w);
	hitlist_close(h);
	return cmd_result(rc, &d);
}
