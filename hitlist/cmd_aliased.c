#include "common/log.h"
#include "hitlist/cmds.h"
#include "hitlist/store.h"

static int put_aliased(const struct hitlist *h, struct writer *w, void *ctx,
                       struct diag *d)
{
	char text[PREFIX_STRLEN];

	(void)ctx;
	(void)d;
	for (size_t i = 0; i < h->aliased.n; i++) {
		prefix_format(text, h->aliased.p[i]);
		writer_printf(w, "%s\n", text);
	}
	return 0;
}

int aliased_run(const void *config, int argc, char *argv[])
{
	(void)config;
	if (argc != 1) {
		log_error("aliased needs one hitlist");
		return CMD_USAGE;
	}
	return cmd_print(argv[0], "-", put_aliased, NULL);
}
