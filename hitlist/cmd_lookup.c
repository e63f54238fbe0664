#include <string.h>

#include "common/log.h"
#include "common/reader.h"
#include "hitlist/cmds.h"

struct lookup {
	const struct hitlist *h;
	struct writer *w;
	enum output_format format;
};

static int look_up(const struct lookup *l, struct addr128 a, struct diag *d)
{
	struct host_record r = { .addr = a };
	const char *status = "host";
	int rc = hitlist_lookup(l->h, a, &r, d);

	if (rc == 0) {
		rc = hitlist_seen(l->h, a, d);
		status = ivtab_covers(hitlist_aliased(l->h), a) ? "aliased"
		         : rc                                   ? "seen"
		                                                : "unknown";
	}
	if (rc >= 0)
		output_record(l->w, l->format, &r, status);
	return rc;
}

static int look_up_list(const struct lookup *l, const char *path, struct diag *d)
{
	const struct reader_policy policy = { .strict = true };
	struct reader *r;
	struct addr128 a;
	int rc = reader_open(&r, path, &policy, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_addr(r, &a, d)) > 0) {
		rc = look_up(l, a, d);
		if (rc < 0)
			break;
	}
	reader_close(r);
	return rc;
}

static int look_up_all(const struct lookup *l, int n, char *args[], struct diag *d)
{
	int rc = 0;

	output_header(l->w, l->format, true);
	for (int i = 0; rc >= 0 && i < n; i++) {
		struct addr128 a;

		if (strcmp(args[i], "-") == 0)
			rc = look_up_list(l, "-", d);
		else if (addr_parse(&a, args[i]))
			rc = look_up(l, a, d);
		else
			rc = diag_set(d, ERR_PARSE, "'%.100s' is not an address",
			              args[i]);
	}
	return rc < 0 ? rc : writer_commit(l->w, d);
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
	if (rc == 0)
		rc = look_up_all(&l, argc - 1, argv + 1, &d);
	writer_close(l.w);
	hitlist_close(h);
	return cmd_result(rc, &d);
}
