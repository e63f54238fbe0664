#include <inttypes.h>

#include "common/log.h"
#include "hitlist/cmds.h"

int check_run(const void *config, int argc, char *argv[])
{
	struct hitlist_info info;
	struct hitlist *h = NULL;
	struct diag d = { "" };
	int rc;

	(void)config;
	if (argc != 1) {
		log_error("check needs one hitlist");
		return CMD_USAGE;
	}
	rc = hitlist_open(&h, argv[0], HITLIST_READ, &d);
	if (rc == 0)
		rc = hitlist_check(h, &d);
	if (rc == 0) {
		hitlist_info(h, &info);
		log_info("%s: no fault in generation %" PRIu64 ": %" PRIu64
		         " hosts, %" PRIu64 " seen, %" PRIu64 " journals",
		         argv[0], info.generation, info.hosts, info.seen, info.journals);
	}
	hitlist_close(h);
	return cmd_result(rc, &d);
}
