#include <inttypes.h>

#include "common/log.h"
#include "hitlist/cmds.h"

int compact_run(const void *config, int argc, char *argv[])
{
	struct hitlist_info before, after;
	struct hitlist *h = NULL;
	struct diag d = { "" };
	int rc;

	(void)config;
	if (argc != 1) {
		log_error("compact needs one hitlist");
		return CMD_USAGE;
	}
	rc = hitlist_open(&h, argv[0], HITLIST_WRITE, &d);
	if (rc == 0) {
		hitlist_info(h, &before);
		rc = hitlist_compact(h, &d);
	}
	if (rc == 0) {
		hitlist_info(h, &after);
		log_info("%s: %" PRIu64 " runs in %" PRIu64 " bytes, before %" PRIu64
		         " in %" PRIu64,
		         argv[0], after.runs + after.seen_runs, after.bytes,
		         before.runs + before.seen_runs, before.bytes);
	}
	hitlist_close(h);
	return cmd_result(rc, &d);
}
