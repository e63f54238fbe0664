#include "analysis/addr6.h"
#include "analysis/chart.h"
#include "analysis/cmds.h"
#include "analysis/iids.h"
#include "common/log.h"

enum picture { PICTURE_WEIGHTS, PICTURE_KINDS };
static const char *const pictures[] = { "weights", "kinds", NULL };

const struct iid_opts iid_defaults = {
	.v = VERB_DEFAULTS,
	.top = 20,
};

const struct opt iid_options[] = {
	OPT_FLAG("addr6-compat", 0, struct iid_opts, compat,
	         "print exactly what addr6 -i -s (SI6 toolkit 2.2) prints"),
	OPT_STR("oui", 0, struct iid_opts, oui, "FILE",
	        "vendors of hardware addresses (IEEE oui.csv or oui.txt, or manuf)"),
	OPT_COUNT("top", 'n', struct iid_opts, top, "N", "how many vendors to name (20)"),
	VERB_OUTPUT_OPTS(struct iid_opts, v),
	VERB_SVG_OPT(struct iid_opts, v),
	OPT_ENUM("picture", 0, struct iid_opts, picture, pictures, "weights|kinds",
	         "what --svg draws: set bits against those of random identifiers "
	         "(default), kinds"),
	OPT_END,
};

const char iid_details[] =
	"Kinds of interface identifiers, vendors of hardware addresses, ports, and how many "
	"bits are set, compared with what random identifiers have. The kinds are free of "
	"the quirks of addr6; its classes are counted, too, and --addr6-compat prints its "
	"own statistics (every address as often as it comes, IPv4 as IPv4-mapped).";

static int feed(struct iids *ids, struct source *s, struct diag *d)
{
	const struct addr128 *a;
	size_t n;
	int rc;

	while ((rc = source_next(s, &a, &n, d)) > 0)
		iids_feed(ids, a, n);
	return rc < 0 ? rc : iids_finish(ids);
}

static int fill(const void *cfg, struct source *s, struct doc *doc, struct markup *m,
                struct diag *d)
{
	const struct iid_opts *o = cfg;
	struct oui_table *vendors = NULL;
	struct iids ids = { .n = 0 };
	int rc = o->oui ? oui_load(&vendors, o->oui, d) : 0;

	if (rc == 0)
		rc = iids_init(&ids);
	if (rc == 0)
		rc = feed(&ids, s, d);
	if (rc == 0) {
		doc_count(doc, "addresses", ids.n);
		doc_count(doc, "ipv4", source_stats(s).v4);
		fill_iids(doc, &ids, vendors, (size_t)o->top);
		if (m && o->picture == PICTURE_WEIGHTS)
			chart_hamming(m, ids.weights, true);
		if (m && o->picture == PICTURE_KINDS)
			chart_kinds(m, &ids, true);
	}
	iids_fini(&ids);
	oui_free(vendors);
	return rc;
}

static int add(void *ctx, const struct addr128 *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		addr6_add(ctx, a[i]);
	return 0;
}

static int print_compat(const struct iid_opts *o, int argc, char *argv[], struct diag *d)
{
	const struct source_config cfg = { .where = o->v.where, .strict = o->v.strict };
	struct addr6 s = { .total = 0 };
	struct writer *w = NULL;
	int rc = 0;

	if (argc == 0)
		rc = source_visit("-", &cfg, add, &s, d);
	for (int i = 0; i < argc && rc >= 0; i++)
		rc = source_visit(argv[i], &cfg, add, &s, d);
	if (rc >= 0)
		rc = writer_open(&w, o->v.out.path, d);
	if (rc < 0)
		return rc;
	addr6_write(&s, w);
	rc = writer_commit(w, d);
	writer_close(w);
	return rc;
}

int iid_run(const void *cfg, int argc, char *argv[])
{
	const struct iid_opts *o = cfg;
	struct diag d = { "" };
	int rc;

	if (!o->compat)
		return verb_run(&o->v, fill, o, argc, argv);
	if (o->v.out.json || o->v.out.csv || o->v.svg || o->v.out.tables.n) {
		log_error("--addr6-compat is a form of its own: it goes with none of "
		          "--json, --csv, --table, --svg");
		return CMD_USAGE;
	}
	if (o->v.quiet)
		log_set_level(LOG_ERROR);
	rc = print_compat(o, argc, argv, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	return cmd_status(rc);
}
