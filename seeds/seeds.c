#include "seeds/seeds.h"

#include <inttypes.h>

#include "common/log.h"
#include "common/reader.h"

/* Count an item, and keep its first address when that is what it is for. */
static int take(struct addrvec *v, const struct reader_item *item,
                const struct seeds_config *cfg, struct seeds_counts *c)
{
	bool single = addr_eq(item->first, item->last);
	enum scope_verdict verdict;

	c->items++;
	if (addr_is_v4(item->first) && !cfg->v4) {
		c->v4++;
		return 0;
	}
	/* A range that is no prefix is nobody's network: it has no first host. */
	if (!single && !(cfg->prefix_first && item->is_prefix)) {
		c->prefixes++;
		return 0;
	}
	verdict = scope_check(cfg->scope, item->first);
	c->scope[verdict]++;
	return verdict == SCOPE_OK ? addrvec_push(v, item->first) : 0;
}

int seeds_read(struct addrvec *v, const char *path, const struct seeds_config *cfg,
               struct seeds_counts *c, struct diag *d)
{
	struct reader_policy policy = { .strict = cfg->strict, .v6_only = cfg->v6_only };
	struct reader_item item;
	struct reader *r;
	int rc = reader_open(&r, path, &policy, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_next(r, &item, d)) > 0) {
		rc = take(v, &item, cfg, c);
		if (rc < 0) {
			diag_set(d, rc, "%s: %s", reader_name(r), err_str(rc));
			break;
		}
	}
	c->bad += reader_bad(r);
	reader_close(r);
	return rc;
}

int seeds_finish(struct addrvec *v, struct seeds_counts *c)
{
	int rc = addrvec_sort(v);

	if (rc < 0)
		return rc;
	c->duplicates = addrvec_unique(v);
	c->unique = v->n;
	return 0;
}

static void report_line(uint64_t n, const char *what)
{
	if (n)
		log_info("%12" PRIu64 "  %s", n, what);
}

void seeds_report(const struct seeds_counts *c)
{
	log_info("%12" PRIu64 "  items read", c->items);
	report_line(c->bad, "bad lines skipped");
	report_line(c->prefixes, "prefixes and ranges left out");
	report_line(c->v4, "IPv4 left out");
	for (unsigned i = 0; i < SCOPE_VERDICTS; i++)
		if (i != SCOPE_OK)
			report_line(c->scope[i], scope_verdict_str(i));
	report_line(c->duplicates, "duplicates");
	log_info("%12" PRIu64 "  unique addresses", c->unique);
}
