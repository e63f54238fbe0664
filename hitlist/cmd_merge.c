#include <inttypes.h>

#include "common/log.h"
#include "hitlist/cmds.h"

int merge_run(const void *config, int argc, char *argv[])
{
	struct hitlist_merge_stats st = { 0 };
	struct hitlist *h = NULL;
	struct diag d = { "" };
	int rc;

	(void)config;
	if (argc != 1) {
		log_error("merge needs one hitlist");
		return CMD_USAGE;
	}
	rc = hitlist_open(&h, argv[0], HITLIST_WRITE, &d);
	if (rc == 0)
		rc = hitlist_merge(h, &st, &d);
	if (rc == 0) {
		log_info("%" PRIu64 " observations read, %" PRIu64
		         " of them answers of their target",
		         st.read, st.answers);
		cmd_report(argv[0], &st);
	}
	hitlist_close(h);
	return cmd_result(rc, &d);
}
