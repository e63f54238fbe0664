#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/cmds.h"
#include "analysis/csvcol.h"
#include "analysis/groups.h"
#include "analysis/profiles.h"
#include "analysis/treemap.h"
#include "common/log.h"

enum colour { COLOUR_HITS, COLOUR_ENTROPY, COLOUR_COLUMN };
static const char *const colours[] = { "hits", "entropy", "column", NULL };
enum function { FUNCTION_MEAN, FUNCTION_MIN, FUNCTION_MAX, FUNCTION_SUM, FUNCTION_VAR };
static const char *const functions[] = { "mean", "min", "max", "sum", "var", NULL };

const struct treemap_opts treemap_defaults = {
	.v = VERB_DEFAULTS,
	.limit = 2000,
};

const struct opt treemap_options[] = {
	OPT_STR("bgp", 0, struct treemap_opts, bgp, "FILE",
	        "announced prefixes with AS numbers (pfx2as, MRT); without, the /32s"),
	OPT_ENUM("colour", 0, struct treemap_opts, colour, colours, "hits|entropy|column",
	         "what the colour tells: addresses (default), the mean entropy of the "
	         "digits of their interface identifiers, or a column of the lists"),
	OPT_STR("column", 0, struct treemap_opts, column, "NAME",
	        "the column, of CSV files with addresses first: its name or number, such as "
	        "ttl in the results of a scan"),
	OPT_ENUM("function", 0, struct treemap_opts, function, functions,
	         "mean|min|max|sum|var",
	         "what becomes of the values of a prefix (default: their mean)"),
	OPT_FLAG("all", 'a', struct treemap_opts, all,
	         "also draw prefixes without an address"),
	OPT_FLAG("unsized", 'u', struct treemap_opts, equal,
	         "every prefix of the same size, whatever its length"),
	OPT_COUNT("limit", 0, struct treemap_opts, limit, "N",
	          "draw at most so many prefixes, those with most addresses (2000)"),
	VERB_OUTPUT_OPTS(struct treemap_opts, v),
	VERB_SVG_OPT(struct treemap_opts, v),
	OPT_END,
};

const char treemap_details[] =
	"Prefixes as rectangles, more specific ones inside (the geometry of zesplot), "
	"coloured from blue (few) to red (many). --svg draws; the tables tell what is "
	"drawn where. Several lists and hitlists are counted as one set; IPv4 is left out.";

struct treemap_work {
	const struct treemap_opts *o;
	int argc;
	char **argv;
};

/* Without announced prefixes, the /32s that hold any address. */
static int make_32s(struct bgp **out, struct source *s, struct diag *d)
{
	struct bgp_entry *entries = NULL;
	const struct addr128 *a;
	size_t n, k = 0, cap = 0;
	int rc;

	while ((rc = source_next(s, &a, &n, d)) > 0) {
		for (size_t i = 0; i < n; i++) {
			if (k && a[i].hi >> 32 == entries[k - 1].prefix.addr.hi >> 32)
				continue;
			if (k == cap) {
				struct bgp_entry *more;

				cap = cap ? 2 * cap : 1024;
				more = realloc(entries, cap * sizeof(*more));
				if (!more) {
					free(entries);
					return -ENOMEM;
				}
				entries = more;
			}
			entries[k++] = (struct bgp_entry){ prefix_make(a[i], 32), 0, 0 };
		}
	}
	if (rc == 0)
		rc = bgp_make(out, entries, k);
	free(entries);
	return rc;
}

static int count_hits(struct groups *g, struct source *s, struct diag *d)
{
	const struct addr128 *a;
	size_t n;
	int rc;

	source_rewind(s);
	while ((rc = source_next(s, &a, &n, d)) > 0)
		groups_feed(g, a, n);
	return rc;
}

/* Of the addresses that the entry is the most specific one for. */
static int find_entropies(double **out, const struct bgp *bgp, struct source *s,
                          struct diag *d)
{
	double *values = calloc(bgp_count(bgp) + 1, sizeof(*values));
	struct profiles p;
	int rc = values ? profiles_make(&p, s, PROFILE_BY_BGP, bgp, 1, d) : -ENOMEM;

	if (rc < 0) {
		free(values);
		return rc;
	}
	/* Both are in the order of prefixes. */
	for (size_t i = 0, k = 0; i < bgp_count(bgp); i++) {
		const struct prefix *e = &bgp_at(bgp, i)->prefix;

		values[i] = NAN;
		if (k == p.n || !addr_eq(p.p[k].prefix.addr, e->addr) ||
		    p.p[k].prefix.len != e->len)
			continue;
		values[i] = 0;
		for (unsigned h = 16 - PROFILE_FIRST; h < PROFILE_NIBBLES; h++)
			values[i] += (double)p.p[k].h[h] / 16;
		k++;
	}
	profiles_fini(&p);
	*out = values;
	return 0;
}

/* What the values of one prefix amount to. */
struct moments {
	uint64_t n;
	double sum, square, min, max;
};

struct collector {
	const struct bgp *bgp;
	struct moments *of; /* each entry */
};

static int collect(void *ctx, struct addr128 a, double value)
{
	struct collector *c = ctx;
	struct moments *m;
	uint32_t i;

	if (addr_is_v4(a) || !bgp_find(c->bgp, a, &i))
		return 0;
	m = &c->of[i];
	m->min = m->n ? fmin(m->min, value) : value;
	m->max = m->n ? fmax(m->max, value) : value;
	m->sum += value;
	m->square += value * value;
	m->n++;
	return 0;
}

static double function_of(const struct moments *m, enum function f)
{
	double mean = m->sum / (double)m->n;

	switch (f) {
	case FUNCTION_MEAN: return mean;
	case FUNCTION_MIN: return m->min;
	case FUNCTION_MAX: return m->max;
	case FUNCTION_SUM: return m->sum;
	case FUNCTION_VAR: return fmax(0, m->square / (double)m->n - mean * mean);
	}
	return NAN;
}

static int find_column_values(double **out, const struct bgp *bgp,
                              const struct treemap_work *w, struct diag *d)
{
	size_t n = bgp_count(bgp);
	struct collector c = { bgp, calloc(n + 1, sizeof(*c.of)) };
	double *values = calloc(n + 1, sizeof(*values));
	int rc = c.of && values ? 0 : -ENOMEM;

	for (int i = 0; i < w->argc && rc == 0; i++)
		rc = csvcol_read(w->argv[i], w->o->column, w->o->v.strict, collect, &c,
		                 d);
	for (size_t i = 0; i < n && rc == 0; i++)
		values[i] = c.of[i].n ? function_of(&c.of[i], w->o->function) : NAN;
	free(c.of);
	if (rc < 0) {
		free(values);
		return rc;
	}
	*out = values;
	return 0;
}

static void fill_areas(struct doc *doc, const struct treemap *t)
{
	static const struct column columns[] = {
		{ "prefix", 0 },
		{ "asn", 0 },
		{ "hits", 0 },
		{ "self_hits", 0 },
		{ "value", DECIMALS_FLOAT },
		{ "x", 4 },
		{ "y", 4 },
		{ "width", 4 },
		{ "height", 4 },
	};
	struct table *tb = DOC_TABLE(doc, "areas", "Areas", columns);

	for (size_t i = 0; i < t->n; i++) {
		const struct treemap_area *a = &t->areas[i];

		table_prefix(tb, a->prefix);
		table_count(tb, a->asn);
		table_count(tb, a->hits);
		table_count(tb, a->self);
		table_real(tb, a->value);
		table_real(tb, a->x);
		table_real(tb, a->y);
		table_real(tb, a->w);
		table_real(tb, a->h);
	}
}

static int draw(const struct treemap_opts *o, struct doc *doc, struct markup *m,
                const struct groups *g, const double *values)
{
	const struct treemap_config cfg = { .limit = o->limit,
		                            .all = o->all,
		                            .equal = o->equal };
	struct treemap t;
	int rc = treemap_make(&t, g->bgp, g->by_prefix, values, &cfg);

	if (rc < 0)
		return rc;
	doc_count(doc, "areas", t.n);
	doc_count(doc, "left_out", t.left_out);
	doc_count(doc, "not_announced", g->unrouted);
	fill_areas(doc, &t);
	if (m)
		treemap_draw(m, &t, o->column ? o->column : colours[o->colour], true);
	treemap_fini(&t);
	return 0;
}

static int fill(const void *cfg, struct source *s, struct doc *doc, struct markup *m,
                struct diag *d)
{
	const struct treemap_work *w = cfg;
	const struct treemap_opts *o = w->o;
	struct groups g = { .bgp = NULL };
	struct bgp *bgp = NULL;
	double *values = NULL;
	int rc = o->bgp ? bgp_load(&bgp, o->bgp, o->v.strict, d) : make_32s(&bgp, s, d);

	if (rc == 0)
		rc = groups_init(&g, bgp);
	if (rc == 0)
		rc = count_hits(&g, s, d);
	if (rc == 0 && o->colour == COLOUR_ENTROPY)
		rc = find_entropies(&values, bgp, s, d);
	if (rc == 0 && o->colour == COLOUR_COLUMN)
		rc = find_column_values(&values, bgp, w, d);
	if (rc == 0)
		rc = draw(o, doc, m, &g, values);
	groups_fini(&g);
	bgp_free(bgp);
	free(values);
	return rc;
}

int treemap_run(const void *cfg, int argc, char *argv[])
{
	const struct treemap_opts *o = cfg;
	const struct treemap_work w = { o, argc, argv };
	bool standard_input = argc == 0;

	for (int i = 0; i < argc; i++)
		standard_input |= strcmp(argv[i], "-") == 0;
	if ((o->colour == COLOUR_COLUMN) != (o->column != NULL)) {
		log_error("--colour column and --column go together");
		return CMD_USAGE;
	}
	if (o->column && standard_input) {
		log_error("--column reads the files twice: not from standard input");
		return CMD_USAGE;
	}
	return verb_run(&o->v, fill, &w, argc, argv);
}
