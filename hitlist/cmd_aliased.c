#include "common/log.h"
#include "hitlist/cmds.h"
#include "hitlist/store.h"

int aliased_run(const void *config, int argc, char *argv[])
{
	struct hitlist *h = NULL;
	struct writer *w = NULL;
	struct diag d = { "" };
	int rc;

	(void)config;
	if (argc != 1) {
		log_error("aliased needs one hitlist");
		return CMD_USAGE;
	}
	rc = hitlist_open(&h, argv[0], HITLIST_READ, &d);
	if (rc == 0)
		rc = writer_open(&w, "-", &d);
	for (size_t i = 0; rc == 0 && i < h->aliased.n; i++) {
		char text[PREFIX_STRLEN];

		prefix_format(text, h->aliased.p[i]);
		rc = writer_printf(w, "%s\n", text);
	}
	if (w)
		rc = writer_commit(w, &d);
	writer_close(w);
	hitlist_close(h);
	return cmd_result(rc, &d);
}
