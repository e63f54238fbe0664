#include <stdlib.h>

#include "analysis/chart.h"
#include "analysis/cmds.h"
#include "analysis/fill.h"
#include "analysis/mmdb.h"
#include "common/bgp.h"

enum picture { PICTURE_RATIOS, PICTURE_DISTRIBUTION };
static const char *const pictures[] = { "ratios", "distribution", NULL };

const struct density_opts density_defaults = {
	.v = VERB_DEFAULTS,
	.top = 10,
};

const struct opt density_options[] = {
	OPT_LIST("length", 'l', struct density_opts, lengths, "BITS",
	         "prefix lengths of the tables of dense and of top prefixes (repeatable; "
	         "default 32, 48, 64 and 96 to 124)"),
	OPT_COUNT("top", 'n', struct density_opts, top, "N",
	          "how many of the largest prefixes to name (10)"),
	OPT_STR("bgp", 0, struct density_opts, bgp, "FILE",
	        "announced prefixes with AS numbers (pfx2as, MRT): count by these, too"),
	OPT_STR("mmdb", 0, struct density_opts, mmdb, "FILE",
	        "countries of addresses (MaxMind DB): count by these, too"),
	VERB_OUTPUT_OPTS(struct density_opts, v),
	VERB_SVG_OPT(struct density_opts, v),
	OPT_ENUM("picture", 0, struct density_opts, picture, pictures,
	         "ratios|distribution",
	         "what --svg draws: ratios of prefix counts (default), addresses per "
	         "prefix"),
	OPT_END,
};

const char density_details[] =
	"Counts the prefixes of every length that hold any address (n_p), their ratios "
	"(multi-resolution aggregates), prefixes with at least n addresses, and how evenly "
	"the addresses are spread. --svg draws the ratios. Several lists and hitlists are "
	"counted as one set; IPv4 is left out.";

/* /32, /48 and /64 are always there: the table of concentration needs them. */
static int choose_lengths(uint8_t out[static DENSITY_LENGTHS], size_t *n,
                          const struct opt_list *given, struct diag *d)
{
	static const uint8_t usual[] = {
		32, 48, 64, 96, 100, 104, 108, 112, 116, 120, 124
	};

	*n = 0;
	for (size_t i = 0; i < sizeof(usual) && (i < 3 || !given->n); i++)
		out[(*n)++] = usual[i];
	for (size_t i = 0; i < given->n; i++) {
		uint64_t len;

		if (!opt_parse_count(&len, given->v[i]) || len > 128)
			return diag_set(d, ERR_USAGE,
			                "--length: '%.40s' is not in 0..128",
			                given->v[i]);
		if (*n == DENSITY_LENGTHS)
			return diag_set(d, ERR_USAGE, "--length: at most %d lengths",
			                DENSITY_LENGTHS - 3);
		out[(*n)++] = (uint8_t)len;
	}
	return 0;
}

/* What is counted in one pass; bgp and countries.db are NULL when not asked for. */
struct work {
	struct density dn;
	struct bgp *bgp;
	struct groups g;
	struct mmdb *mmdb;
	struct country_counts countries;
};

static int open_work(struct work *w, const struct density_opts *o, struct diag *d)
{
	uint8_t lengths[DENSITY_LENGTHS];
	size_t n;
	int rc = choose_lengths(lengths, &n, &o->lengths, d);

	if (rc == 0 && o->top > DENSITY_TOP)
		rc = diag_set(d, ERR_USAGE, "--top: at most %d", DENSITY_TOP);
	if (rc == 0)
		rc = density_init(&w->dn, lengths, n, (size_t)o->top);
	if (rc == 0 && o->bgp)
		rc = bgp_load(&w->bgp, o->bgp, o->v.strict, d);
	if (rc == 0 && o->bgp)
		rc = groups_init(&w->g, w->bgp);
	if (rc == 0 && o->mmdb)
		rc = mmdb_open(&w->mmdb, o->mmdb, d);
	w->countries.db = w->mmdb;
	return rc;
}

static void close_work(struct work *w)
{
	density_fini(&w->dn);
	groups_fini(&w->g);
	bgp_free(w->bgp);
	mmdb_close(w->mmdb);
	free(w);
}

static int feed(struct work *w, struct source *s, struct diag *d)
{
	const struct addr128 *a;
	size_t n;
	int rc;

	while ((rc = source_next(s, &a, &n, d)) > 0) {
		density_feed(&w->dn, a, n);
		if (w->bgp)
			groups_feed(&w->g, a, n);
		if (w->mmdb)
			country_counts_feed(&w->countries, a, n);
	}
	if (rc == 0)
		rc = density_finish(&w->dn);
	if (rc == 0 && w->bgp)
		rc = groups_finish(&w->g);
	return rc;
}

static void fill_facts(struct doc *doc, const struct source *s, const struct density *dn,
                       const struct groups *g)
{
	struct source_stats st = source_stats(s);

	doc_count(doc, "addresses", dn->n);
	doc_count(doc, "duplicates", st.read - st.v4 - dn->n);
	doc_count(doc, "ipv4", st.v4);
	doc_count(doc, "prefixes_32", dn->prefixes[32]);
	doc_count(doc, "prefixes_48", dn->prefixes[48]);
	doc_count(doc, "prefixes_64", dn->prefixes[64]);
	if (!g)
		return;
	doc_count(doc, "announced_prefixes", g->prefixes.groups);
	doc_count(doc, "as", g->ases.groups);
	doc_count(doc, "not_announced", g->unrouted);
	doc_real(doc, "coverage_prefixes",
	         (double)g->prefixes.groups / (double)bgp_count(g->bgp), 4);
	doc_real(doc, "coverage_as",
	         (double)g->ases.groups / (double)bgp_as_count(g->bgp), 4);
}

static void fill_tables(struct doc *doc, const struct density_opts *o,
                        const struct work *w)
{
	const struct groups *g = w->bgp ? &w->g : NULL;
	size_t top = (size_t)o->top;

	fill_concentration(doc, &w->dn, g, top);
	fill_distribution(doc, &w->dn, g);
	fill_top_prefixes(doc, &w->dn, DENSITY_TOP);
	if (g)
		fill_top_networks(doc, g, top);
	if (w->mmdb)
		fill_countries(doc, &w->countries, top);
	fill_dense(doc, &w->dn, 0);
	fill_prefixes(doc, &w->dn);
}

static int fill(const void *cfg, struct source *s, struct doc *doc, struct markup *m,
                struct diag *d)
{
	const struct density_opts *o = cfg;
	struct work *w = calloc(1, sizeof(*w));
	int rc = w ? open_work(w, o, d) : -ENOMEM;

	if (!w)
		return rc;
	if (rc == 0)
		rc = feed(w, s, d);
	if (rc == 0) {
		fill_facts(doc, s, &w->dn, w->bgp ? &w->g : NULL);
		fill_tables(doc, o, w);
		if (m && o->picture == PICTURE_RATIOS)
			chart_mra(m, &w->dn, true);
		if (m && o->picture == PICTURE_DISTRIBUTION)
			chart_distribution(m, &w->dn, w->bgp ? &w->g : NULL, true);
	}
	close_work(w);
	return rc;
}

int density_run(const void *cfg, int argc, char *argv[])
{
	const struct density_opts *o = cfg;

	return verb_run(&o->v, fill, o, argc, argv);
}
