#include "analysis/verb.h"

#include "common/log.h"

int verb_run_own(const struct verb_opts *o, verb_work work, const void *cfg, int argc,
                 char *argv[])
{
	struct doc *doc = doc_new();
	struct markup m = { 0 };
	struct diag d = { "" };
	int rc = doc ? 0 : -ENOMEM;

	if (o->quiet)
		log_set_level(LOG_ERROR);
	if (o->out.json && o->out.csv) {
		log_error("--json and --csv exclude each other");
		doc_free(doc);
		return CMD_USAGE;
	}
	if (rc == 0)
		rc = work(cfg, argc, argv, doc, o->svg ? &m : NULL, &d);
	if (rc >= 0 && o->svg)
		rc = markup_save(&m, o->svg, &d);
	if (rc >= 0)
		rc = doc_save(doc, &o->out, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	markup_fini(&m);
	doc_free(doc);
	return cmd_status(rc);
}

struct filler {
	const struct verb_opts *o;
	verb_fill fill;
	const void *cfg;
};

static int read_and_fill(const void *cfg, int argc, char *argv[], struct doc *doc,
                         struct markup *m, struct diag *d)
{
	const struct filler *f = cfg;
	const struct source_config sc = { .memory = f->o->memory,
		                          .where = f->o->where,
		                          .strict = f->o->strict };
	struct source *s;
	int rc = source_open(&s, (const char *const *)argv, argc, &sc, d);

	if (rc < 0)
		return rc;
	rc = f->fill(f->cfg, s, doc, m, d);
	source_close(s);
	return rc < 0 ? diag_set(d, rc, "%s", err_str(rc)) : 0;
}

int verb_run(const struct verb_opts *o, verb_fill fill, const void *cfg, int argc,
             char *argv[])
{
	const struct filler f = { o, fill, cfg };

	return verb_run_own(o, read_and_fill, &f, argc, argv);
}
