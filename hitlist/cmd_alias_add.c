#include <inttypes.h>

#include "common/log.h"
#include "common/reader.h"
#include "hitlist/cmds.h"

struct adding {
	struct hitlist_batch *b;
	bool force;
};

static int add(const struct adding *x, struct prefix p, struct diag *d)
{
	int rc = x->force ? 0 : cmd_check_wide(&p, 1, d);

	return rc < 0 ? rc : hitlist_batch_aliased(x->b, &p, 1);
}

static int add_text(const struct adding *x, const char *text, struct diag *d)
{
	struct prefix p;

	if (!prefix_parse(&p, text))
		return diag_set(d, ERR_PARSE, "'%.100s' is not a prefix", text);
	return add(x, p, d);
}

static int add_file(const struct adding *x, const char *path, struct diag *d)
{
	const struct reader_policy policy = { .strict = true, .known_header = true };
	struct reader_item it;
	struct reader *r;
	int rc = reader_open(&r, path, &policy, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_next(r, &it, d)) > 0) {
		struct prefix p = { it.first, it.len };
		struct diag why = { "" };

		rc = it.is_prefix ? add(x, p, &why) : ERR_PARSE;
		if (rc == -ENOMEM)
			break;
		if (rc < 0) {
			*d = why;
			rc = reader_reject(r, rc, d);
			break;
		}
	}
	reader_close(r);
	return rc;
}

int alias_add_run(const void *config, int argc, char *argv[])
{
	const struct alias_cfg *cfg = config;
	struct hitlist_merge_stats st = { 0 };
	struct adding x = { .force = cfg->force };
	struct hitlist *h = NULL;
	struct diag d = { "" };
	int rc;

	if (argc < 1 || (argc == 1 && cfg->files.n == 0)) {
		log_error("alias-add needs a hitlist and prefixes");
		return CMD_USAGE;
	}
	rc = hitlist_open(&h, argv[0], HITLIST_WRITE, &d);
	if (rc == 0)
		rc = hitlist_batch_open(&x.b, h, &d);
	for (int i = 1; rc == 0 && i < argc; i++)
		rc = add_text(&x, argv[i], &d);
	for (size_t i = 0; rc == 0 && i < cfg->files.n; i++)
		rc = add_file(&x, cfg->files.v[i], &d);
	if (rc == 0)
		rc = hitlist_batch_commit(x.b, &st, &d);
	if (rc == 0)
		cmd_report(argv[0], &st);
	hitlist_batch_close(x.b);
	hitlist_close(h);
	return cmd_result(rc, &d);
}
