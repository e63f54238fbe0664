#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analysis/chart.h"
#include "analysis/cmds.h"
#include "analysis/fill.h"
#include "analysis/iids.h"
#include "analysis/lifetimes.h"
#include "analysis/mmdb.h"
#include "analysis/report.h"
#include "analysis/runs.h"
#include "analysis/scan.h"
#include "analysis/stability.h"
#include "analysis/treemap.h"
#include "common/log.h"

const struct report_opts report_defaults = {
	.output = "-",
	.min = 100,
};

const struct opt report_options[] = {
	OPT_STR("output-file", 'o', struct report_opts, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_STR("title", 'T', struct report_opts, title, "TEXT",
	        "heading of the page (default: the names of the lists)"),
	OPT_STR("bgp", 0, struct report_opts, bgp, "FILE",
	        "announced prefixes with AS numbers (pfx2as, MRT): tell by these, too"),
	OPT_STR("mmdb", 0, struct report_opts, mmdb, "FILE",
	        "countries of addresses (MaxMind DB): tell by these, too"),
	OPT_STR("oui", 0, struct report_opts, oui, "FILE",
	        "vendors of hardware addresses (IEEE oui.csv or oui.txt, or manuf)"),
	OPT_COUNT("min", 0, struct report_opts, min, "N",
	          "cluster /32s with at least so many addresses (100)"),
	OPT_COUNT(
		"memory", 'M', struct report_opts, memory, "BYTES",
		"sort at most so much in memory, the rest through a temporary file (1G)"),
	OPT_STR("where", 'w', struct report_opts, where, "COLUMN=VALUE",
	        "of CSV and JSON lines only those with that value, such as success=1"),
	OPT_FLAG(
		"strict", 0, struct report_opts, strict,
		"fail at the first line that is no address, and at a damaged routing table"),
	OPT_FLAG("quiet", 'q', struct report_opts, quiet, "report errors only"),
	OPT_END,
};

const char report_details[] =
	"One HTML page with all that the other verbs tell: pictures are part of it, nothing "
	"is loaded, no script runs. Light or dark as the reader's screen is set; it prints. "
	"Several lists and hitlists are counted as one set; IPv4 is left out. Of the "
	"results of a scan, the answers are told, too, and of a single hitlist its history.";

struct report {
	const struct report_opts *o;
	struct source *s;
	struct bgp *bgp, *map; /* map: what the treemap draws */
	struct oui_table *vendors;
	struct mmdb *mmdb;
	struct country_counts countries;
	struct density dn;
	struct entropy e;
	struct iids ids;
	struct groups g, m;
	struct chains runs, chains; /* gap 1, and 64 as analysis runs has it */
	struct kip kip;
	struct profiles profiles;
	struct clusters clusters;
	struct stability stability;
	struct lifetimes lifetimes;
	bool has_history;
	struct scan scan;
	struct doc *doc;
};

/* ---- reading ----------------------------------------------------------- */

static int feed(struct report *r, struct diag *d)
{
	const struct addr128 *a;
	size_t n;
	int rc;

	while ((rc = source_next(r->s, &a, &n, d)) > 0) {
		density_feed(&r->dn, a, n);
		entropy_feed(&r->e, a, n);
		iids_feed(&r->ids, a, n);
		chains_feed(&r->runs, a, n);
		chains_feed(&r->chains, a, n);
		kip_feed(&r->kip, a, n);
		if (r->bgp)
			groups_feed(&r->g, a, n);
		if (r->mmdb)
			country_counts_feed(&r->countries, a, n);
	}
	if (rc == 0)
		rc = density_finish(&r->dn);
	if (rc == 0)
		rc = iids_finish(&r->ids);
	if (rc == 0)
		rc = chains_finish(&r->runs);
	if (rc == 0)
		rc = chains_finish(&r->chains);
	if (rc == 0)
		rc = kip_finish(&r->kip);
	if (rc == 0 && r->bgp)
		rc = groups_finish(&r->g);
	return rc;
}

/* Without announced prefixes the treemap has the largest /32s. */
static int make_map(struct report *r)
{
	const struct density_level *l = density_level(&r->dn, 32);
	struct bgp_entry *e;
	int rc;

	if (r->bgp)
		return 0;
	e = calloc(l->n_top + 1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	for (size_t i = 0; i < l->n_top; i++)
		e[i] = (struct bgp_entry){ l->top[i].prefix, 0, 0 };
	rc = bgp_make(&r->map, e, l->n_top);
	free(e);
	if (rc == 0)
		rc = groups_init(&r->m, r->map);
	for (size_t i = 0; i < l->n_top && rc == 0; i++) {
		uint32_t k;

		if (bgp_find(r->map, l->top[i].prefix.addr, &k))
			r->m.by_prefix[k] = l->top[i].count;
	}
	return rc;
}

static int read_history(struct report *r, int argc, char *argv[], struct diag *d)
{
	struct hitlist *h;
	struct stat st;
	int rc;

	if (argc != 1 || stat(argv[0], &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	rc = hitlist_open(&h, argv[0], HITLIST_READ, d);
	if (rc < 0)
		return rc;
	rc = stability_read(&r->stability, h, d);
	if (rc == 0)
		rc = lifetimes_read(&r->lifetimes, h, r->stability.latest, d);
	hitlist_close(h);
	r->has_history = rc == 0 && r->stability.answered;
	return rc;
}

static int read_all(struct report *r, int argc, char *argv[], struct diag *d)
{
	static const uint8_t lengths[] = { 32, 48, 64, 112, 120, 124 };
	const struct source_config sc = { .memory = r->o->memory,
		                          .where = r->o->where,
		                          .strict = r->o->strict,
		                          .row = scan_take,
		                          .row_ctx = &r->scan,
		                          .columns = scan_columns,
		                          .n_columns = SCAN_COLUMNS };
	int rc = r->o->bgp ? bgp_load(&r->bgp, r->o->bgp, r->o->strict, d) : 0;

	if (rc == 0 && r->bgp)
		rc = groups_init(&r->g, r->bgp);
	if (rc == 0 && r->o->mmdb)
		rc = mmdb_open(&r->mmdb, r->o->mmdb, d);
	r->countries.db = r->mmdb;
	if (rc == 0 && r->o->oui)
		rc = oui_load(&r->vendors, r->o->oui, d);
	if (rc == 0)
		rc = scan_init(&r->scan, r->bgp);
	if (rc == 0)
		rc = density_init(&r->dn, lengths, sizeof(lengths), 500);
	if (rc == 0)
		rc = iids_init(&r->ids);
	chains_init(&r->runs, 1, UINT64_MAX);
	chains_init(&r->chains, 64, 11);
	kip_init(&r->kip, 32);
	if (rc == 0)
		rc = source_open(&r->s, (const char *const *)argv, argc, &sc, d);
	if (rc == 0)
		rc = feed(r, d);
	if (rc == 0)
		rc = make_map(r);
	if (rc == 0)
		rc = profiles_make(&r->profiles, r->s, PROFILE_BY_32, NULL, r->o->min, d);
	if (rc == 0)
		rc = profiles_cluster(&r->clusters, &r->profiles, 8, 31, 0, 1);
	if (rc == 0)
		rc = read_history(r, argc, argv, d);
	return rc;
}

static int feed_values(struct report *r, struct topvalues *t, struct diag *d)
{
	const struct addr128 *a;
	size_t n;
	int rc;

	source_rewind(r->s);
	while ((rc = source_next(r->s, &a, &n, d)) > 0)
		topvalues_feed(t, a, n);
	return rc;
}

static int fill_segment_tables(struct report *r, struct diag *d)
{
	struct segment seg[SEGMENTS_MAX];
	unsigned n = r->e.n ? entropy_segments(&r->e, seg) : 0;
	struct topvalues *t = topvalues_new(seg, n);
	int rc = t ? feed_values(r, t, d) : -ENOMEM;

	if (rc == 0 && topvalues_need_recount(t)) {
		topvalues_start_recount(t);
		rc = feed_values(r, t, d);
	}
	if (rc == 0) {
		fill_segments(r->doc, seg, n);
		fill_values(r->doc, t, seg, n, r->e.n, 4);
	}
	topvalues_free(t);
	return rc;
}

static int longest_first(const void *a, const void *b)
{
	const struct chain *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return addr_cmp(x->first, y->first);
}

static void fill_neighbours(struct report *r)
{
	struct chains *c = &r->chains;

	if (c->n_kept)
		qsort(c->kept, c->n_kept, sizeof(*c->kept), longest_first);
	c->n_kept = c->n_kept < 15 ? c->n_kept : 15;
	fill_chains(r->doc, c, "Longest chains: neighbours at most 64 apart");
	fill_kip_lengths(r->doc, &r->kip);
}

static int fill_tables(struct report *r, struct diag *d)
{
	const struct groups *g = r->bgp ? &r->g : NULL;

	fill_concentration(r->doc, &r->dn, g, 100);
	fill_top_prefixes(r->doc, &r->dn, 5);
	if (g)
		fill_top_networks(r->doc, g, 20);
	if (r->mmdb)
		fill_countries(r->doc, &r->countries, 20);
	fill_dense(r->doc, &r->dn, 100);
	fill_iids(r->doc, &r->ids, r->vendors, 15);
	fill_neighbours(r);
	if (r->scan.answers)
		fill_scan(r->doc, &r->scan);
	if (r->has_history) {
		fill_stability(r->doc, &r->stability);
		fill_lifetimes(r->doc, &r->lifetimes);
	}
	return fill_segment_tables(r, d);
}

/* ---- writing ----------------------------------------------------------- */

static void put_table(struct markup *m, const struct report *r, const char *name,
                      size_t rows)
{
	const struct table *t;

	for (size_t i = 0; (t = doc_at(r->doc, i)); i++)
		if (strcmp(table_name(t), name) == 0)
			report_table(m, t, rows);
}

static void write_numbers(struct markup *m, const struct report *r)
{
	struct tally_entry two = tally_at_least(&r->runs.tally, 2);
	double n = (double)r->dn.n;
	const struct report_number numbers[] = {
		{ "addresses", n, 0 },
		{ "/32 prefixes", (double)r->dn.prefixes[32], 0 },
		{ "/48 prefixes", (double)r->dn.prefixes[48], 0 },
		{ "/64 prefixes", (double)r->dn.prefixes[64], 0 },
		{ "most in one /64", (double)tally_max(&density_level(&r->dn, 64)->tally),
		  0 },
		{ "bits of entropy, of 128", 4 * entropy_total(&r->e), 1 },
		{ "% in runs of 2 or more", n > 0 ? 100 * (double)two.count / n : 0, 1 },
		{ "networks (AS)", r->bgp ? (double)r->g.ases.groups : 0, 0 },
		{ "announced prefixes", r->bgp ? (double)r->g.prefixes.groups : 0, 0 },
	};

	report_numbers(m, numbers,
	               sizeof(numbers) / sizeof(numbers[0]) - (r->bgp ? 0 : 2));
}

/* values: what the colours tell, one for each entry; NULL: how many addresses. */
static int write_map(struct markup *m, const struct groups *g, const double *values,
                     const char *what, const char *caption)
{
	static const struct treemap_config cfg = { .limit = 600, .most = 1500 };
	struct treemap t;
	int rc = treemap_make(&t, g->bgp, g->by_prefix, values, &cfg);

	if (rc < 0)
		return rc;
	if (t.n) {
		report_figure(m);
		treemap_draw(m, &t, what, false);
		report_figure_end(m, caption);
	}
	treemap_fini(&t);
	return 0;
}

static int write_scan(struct markup *m, const struct report *r)
{
	double *means = NULL;
	int rc = 0;

	report_section(
		m, "What the scan was answered",
		"Answers by service; a host that was asked for several, or several "
		"times, has as many.");
	put_table(m, r, "answers", 30);
	put_table(m, r, "round_trips", 10);
	if (r->scan.hopped) {
		report_figure(m);
		chart_hops(m, &r->scan, false);
		report_figure_end(m, "Hop limit of the answers: what the way has left of "
		                     "64, 128 or 255");
	}
	if (r->bgp && r->scan.hopped)
		rc = scan_hop_means(&r->scan, &means);
	if (means)
		rc = write_map(m, &r->g, means, "hop limit",
		               "Announced prefixes, colour is the mean hop limit");
	free(means);
	report_section_end(m);
	return rc;
}

static int write_places(struct markup *m, const struct report *r)
{
	int rc;

	report_section(m, "Where the addresses are",
	               "How many addresses prefixes hold, and how much the largest have "
	               "of all (top n: the largest 100). A Gini coefficient of 0 means "
	               "that all have the same.");
	rc = write_map(m, r->bgp ? &r->g : &r->m, NULL, "addresses",
	               r->bgp ? "Announced prefixes; shorter ones are larger, colour is "
	                        "the count"
	                      : "/32 prefixes, colour is the count");
	report_figure(m);
	chart_distribution(m, &r->dn, r->bgp ? &r->g : NULL, false);
	report_figure_end(
		m, r->bgp ? "Share of the prefixes, and of the networks (AS), with "
			    "at most so many addresses"
			  : "Share of the prefixes with at most so many addresses");
	put_table(m, r, "concentration", 10);
	put_table(m, r, "top_as", 15);
	put_table(m, r, "top_announced", 15);
	put_table(m, r, "top_prefixes", 30);
	put_table(m, r, "dense", 30);
	put_table(m, r, "countries", 20);
	report_section_end(m);
	return rc;
}

static void write_structure(struct markup *m, const struct report *r)
{
	report_section(
		m, "How they are made up",
		"Entropy of each hexadecimal digit: 0 is always the same, 1 is any "
		"with equal chance. Letters are segments of similar entropy.");
	report_figure(m);
	chart_entropy(m, &r->e, &r->dn, false);
	report_figure_end(m, "Entropy and aggregate count ratio of each digit");
	report_figure(m);
	chart_digits(m, &r->e, false);
	report_figure_end(m,
	                  "Which digits occur where; the stronger the colour, the more");
	report_figure(m);
	chart_mra(m, &r->dn, false);
	report_figure_end(m, "Ratio of prefixes p + k bits long to prefixes p bits long");
	if (r->clusters.k) {
		report_figure(m);
		chart_clusters(m, &r->clusters, false);
		report_figure_end(m,
		                  "/32s that are addressed alike, clustered by entropy");
	}
	put_table(m, r, "segments", SEGMENTS_MAX);
	put_table(m, r, "values", 5 * (size_t)SEGMENTS_MAX);
	report_section_end(m);
}

static void write_identifiers(struct markup *m, const struct report *r)
{
	report_section(
		m, "Interface identifiers",
		"The lower 64 bits: chosen by people, made from hardware addresses, "
		"or random.");
	report_figure(m);
	chart_kinds(m, &r->ids, false);
	report_figure_end(m, "Kinds of interface identifiers");
	report_figure(m);
	chart_hamming(m, r->ids.weights, false);
	report_figure_end(m, "Bits set in the identifiers, and what random ones have");
	put_table(m, r, "vendors", 15);
	put_table(m, r, "addr6_classes", IID_CLASSES);
	put_table(m, r, "ports", 15);
	report_section_end(m);
}

static void write_neighbours(struct markup *m, const struct report *r)
{
	char text[240];

	snprintf(
		text, sizeof(text),
		"Runs have no gap. kIP(32) prefixes each hide at least 32 addresses: what "
		"can be published instead of addresses; %llu addresses are in none.",
		(unsigned long long)r->kip.uncovered);
	report_section(m, "How near they are to each other", text);
	report_figure(m);
	chart_runs(m, &r->runs, false);
	report_figure_end(m, "Addresses in runs, by the length of the runs");
	put_table(m, r, "chains", 15);
	put_table(m, r, "kip_lengths", 129);
	report_section_end(m);
}

static void write_history(struct markup *m, const struct report *r)
{
	report_section(
		m, "Answers over time",
		"From the history in the hitlist: who came and went, for how long hosts "
		"stay, and which services answer together.");
	report_figure(m);
	chart_up(m, &r->lifetimes, false);
	report_figure_end(m, "Hosts that were up, by day");
	report_figure(m);
	chart_services(m, &r->stability, false);
	report_figure_end(m,
	                  "Of the hosts that answer on a row's service, the share that "
	                  "answers on a column's");
	put_table(m, r, "lifetimes", 20);
	put_table(m, r, "stable", 20);
	put_table(m, r, "services", SERVICES);
	put_table(m, r, "age", 20);
	put_table(m, r, "streaks", 20);
	put_table(m, r, "transitions", 21);
	report_section_end(m);
}

static int write_page(struct markup *m, const struct report *r, const char *title)
{
	struct source_stats st = source_stats(r->s);
	char subtitle[160];
	int rc;

	snprintf(subtitle, sizeof(subtitle),
	         "%llu addresses read, %llu duplicates and %llu of IPv4 left out",
	         (unsigned long long)st.read,
	         (unsigned long long)(st.read - st.v4 - r->dn.n),
	         (unsigned long long)st.v4);
	report_open(m, title, subtitle);
	write_numbers(m, r);
	rc = r->scan.answers ? write_scan(m, r) : 0;
	if (rc == 0)
		rc = write_places(m, r);
	write_structure(m, r);
	write_identifiers(m, r);
	write_neighbours(m, r);
	if (r->has_history)
		write_history(m, r);
	report_close(m);
	return rc;
}

/* ---- the verb ---------------------------------------------------------- */

static void make_title(char *out, size_t cap, int argc, char *argv[])
{
	size_t n = 0;

	snprintf(out, cap, "standard input");
	for (int i = 0; i < argc && n < cap; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? ", " : "", argv[i]);
}

static void report_free(struct report *r)
{
	source_close(r->s);
	density_fini(&r->dn);
	iids_fini(&r->ids);
	chains_fini(&r->runs);
	chains_fini(&r->chains);
	kip_fini(&r->kip);
	groups_fini(&r->g);
	groups_fini(&r->m);
	profiles_fini(&r->profiles);
	scan_fini(&r->scan);
	bgp_free(r->bgp);
	bgp_free(r->map);
	oui_free(r->vendors);
	mmdb_close(r->mmdb);
	doc_free(r->doc);
	free(r);
}

static int make_report(const struct report_opts *o, int argc, char *argv[],
                       struct diag *d)
{
	struct report *r = calloc(1, sizeof(*r));
	struct markup m = { 0 };
	char title[300];
	int rc = -ENOMEM;

	if (!r)
		return rc;
	r->o = o;
	r->doc = doc_new();
	if (r->doc)
		rc = read_all(r, argc, argv, d);
	if (rc == 0)
		rc = fill_tables(r, d);
	make_title(title, sizeof(title), argc, argv);
	if (rc == 0)
		rc = write_page(&m, r, o->title ? o->title : title);
	if (rc == 0)
		rc = markup_save(&m, o->output, d);
	markup_fini(&m);
	report_free(r);
	return rc;
}

int report_run(const void *cfg, int argc, char *argv[])
{
	const struct report_opts *o = cfg;
	struct diag d = { "" };
	int rc;

	if (o->quiet)
		log_set_level(LOG_ERROR);
	rc = make_report(o, argc, argv, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	return cmd_status(rc);
}
