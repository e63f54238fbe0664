#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "hitlist/cmds.h"

struct filter {
	bool responsive;
	unsigned services; /* bits, any of which will do; 0: any host */
	uint32_t since;
};

static bool passes(const struct filter *f, const struct host_record *r)
{
	if (f->responsive && !r->last_seen)
		return false;
	if (f->services && !(f->services & r->services))
		return false;
	return r->last_seen >= f->since;
}

static int export_to(struct writer *w, const struct hitlist *h, const struct prefix *p,
                     const struct filter *f, enum output_format format, struct diag *d)
{
	struct hitlist_iter *it;
	struct host_record r;
	int rc = hitlist_iter_open(&it, h, p, d);

	if (rc < 0)
		return rc;
	output_header(w, format, false);
	while ((rc = hitlist_iter_next(it, &r, d)) > 0)
		if (passes(f, &r))
			output_record(w, format, &r, NULL);
	hitlist_iter_close(it);
	return rc < 0 ? rc : writer_commit(w, d);
}

int export_run(const void *config, int argc, char *argv[])
{
	const struct export_cfg *cfg = config;
	struct filter f = { .responsive = cfg->responsive };
	struct hitlist *h = NULL;
	struct writer *w = NULL;
	struct diag d = { "" };
	struct prefix p;
	int rc;

	if (argc != 1) {
		log_error("export needs one hitlist");
		return CMD_USAGE;
	}
	if (cfg->prefix && !prefix_parse(&p, cfg->prefix)) {
		log_error("--prefix: '%s' is not a prefix", cfg->prefix);
		return CMD_USAGE;
	}
	if (cfg->since && !time_parse_since(&f.since, cfg->since)) {
		log_error("--since: '%s' is neither a time like 30d nor a date like "
		          "2026-06-02",
		          cfg->since);
		return CMD_USAGE;
	}
	if (cfg->service)
		f.services = 1U << (cfg->service - 1);
	rc = hitlist_open(&h, argv[0], HITLIST_READ, &d);
	if (rc == 0)
		rc = writer_open(&w, cfg->output, &d);
	if (rc == 0)
		rc = export_to(w, h, cfg->prefix ? &p : NULL, &f,
		               (enum output_format)cfg->format, &d);
	writer_close(w);
	hitlist_close(h);
	return cmd_result(rc, &d);
}
