#include <stdlib.h>

#include "analysis/cmds.h"
#include "analysis/lifetimes.h"
#include "analysis/stability.h"
#include "common/log.h"

enum picture { PICTURE_SERVICES, PICTURE_UP };
static const char *const pictures[] = { "services", "up", NULL };

const struct stability_opts stability_defaults = {
	.v = VERB_DEFAULTS,
};

const struct opt stability_options[] = {
	DOC_OUTPUT_OPTS(struct stability_opts, v.out),
	OPT_FLAG("quiet", 'q', struct stability_opts, v.quiet, "report errors only"),
	VERB_SVG_OPT(struct stability_opts, v),
	OPT_ENUM("picture", 0, struct stability_opts, picture, pictures, "services|up",
	         "what --svg draws: which services answer together (default), how many "
	         "hosts were up by day"),
	OPT_END,
};

const char stability_details[] =
	"For how long the hosts of a hitlist have answered, how long ago, how often in a "
	"row they have not, how many came and went each day, for how long they stay up, and "
	"which services go together.";

static int work(const void *cfg, int argc, char *argv[], struct doc *doc,
                struct markup *m, struct diag *d)
{
	const struct stability_opts *o = cfg;
	struct lifetimes *l = malloc(sizeof(*l));
	struct stability s;
	struct hitlist *h;
	int rc = l ? hitlist_open(&h, argv[0], HITLIST_READ, d) : -ENOMEM;

	(void)argc;
	if (rc < 0)
		goto out;
	rc = stability_read(&s, h, d);
	if (rc == 0)
		rc = lifetimes_read(l, h, s.latest, d);
	hitlist_close(h);
	if (rc < 0)
		goto out;
	fill_stability(doc, &s);
	fill_lifetimes(doc, l);
	if (m && o->picture == PICTURE_UP)
		chart_up(m, l, true);
	else if (m)
		chart_services(m, &s, true);
out:
	free(l);
	return rc < 0 ? diag_set(d, rc, "%s: %s", argv[0], err_str(rc)) : 0;
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
