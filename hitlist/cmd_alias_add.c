#include <inttypes.h>

#include "common/log.h"
#include "common/reader.h"
#include "hitlist/cmds.h"

static int add_text(struct hitlist_batch *b, const char *text, struct diag *d)
{
	struct prefix p;

	if (!prefix_parse(&p, text))
		return diag_set(d, ERR_PARSE, "'%.100s' is not a prefix", text);
	return hitlist_batch_aliased(b, &p, 1);
}

static int add_file(struct hitlist_batch *b, const char *path, struct diag *d)
{
	const struct reader_policy policy = { .strict = true, .known_header = true };
	struct reader_item it;
	struct reader *r;
	int rc = reader_open(&r, path, &policy, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_next(r, &it, d)) > 0) {
		struct prefix p = { it.first, it.len };

		rc = it.is_prefix ? hitlist_batch_aliased(b, &p, 1)
		                  : reader_reject(r, ERR_PARSE, d);
		if (rc < 0)
			break;
	}
	reader_close(r);
	return rc;
}

int alias_add_run(const void *config, int argc, char *argv[])
{
	const struct alias_cfg *cfg = config;
	struct hitlist_merge_stats st = { 0 };
	struct hitlist_batch *b = NULL;
	struct hitlist *h = NULL;
	struct diag d = { "" };
	int rc;

	if (argc < 1 || (argc == 1 && cfg->files.n == 0)) {
		log_error("alias-add needs a hitlist and prefixes");
		return CMD_USAGE;
	}
	rc = hitlist_open(&h, argv[0], HITLIST_WRITE, &d);
	if (rc == 0)
		rc = hitlist_batch_open(&b, h, &d);
	for (int i = 1; rc == 0 && i < argc; i++)
		rc = add_text(b, argv[i], &d);
	for (size_t i = 0; rc == 0 && i < cfg->files.n; i++)
		rc = add_file(b, cfg->files.v[i], &d);
	if (rc == 0)
		rc = hitlist_batch_commit(b, &st, &d);
	if (rc == 0)
		cmd_report(argv[0], &st);
	hitlist_batch_close(b);
	hitlist_close(h);
	return cmd_result(rc, &d);
}
