#include "analysis/cmds.h"
#include "analysis/stability.h"
#include "common/log.h"

const struct stability_opts stability_defaults = {
	.v = VERB_DEFAULTS,
};

const struct opt stability_options[] = {
	DOC_OUTPUT_OPTS(struct stability_opts, v.out),
	OPT_FLAG("quiet", 'q', struct stability_opts, v.quiet, "report errors only"),
	VERB_SVG_OPT(struct stability_opts, v),
	OPT_END,
};

const char stability_details[] =
	"For how long the hosts of a hitlist have answered, how long ago, how often in a "
	"row they have not, and which services go together (--svg draws the latter).";

static int work(const void *cfg, int argc, char *argv[], struct doc *doc,
                struct markup *m, struct diag *d)
{
	struct stability s;
	struct hitlist *h;
	int rc = hitlist_open(&h, argv[0], HITLIST_READ, d);

	(void)cfg;
	(void)argc;
	if (rc < 0)
		return diag_set(d, rc, "%s: %s", argv[0], err_str(rc));
	rc = stability_read(&s, h, d);
	hitlist_close(h);
	if (rc < 0)
		return diag_set(d, rc, "%s: %s", argv[0], err_str(rc));
	fill_stability(doc, &s);
	if (m)
		chart_services(m, &s, true);
	return 0;
}

int stability_run(const void *cfg, int argc, char *argv[])
{
	const struct stability_opts *o = cfg;

	if (argc != 1) {
		log_error("stability reads one hitlist");
		return CMD_USAGE;
	}
	return verb_run_own(&o->v, work, o, argc, argv);
}
