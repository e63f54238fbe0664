#include "analysis/chart.h"
#include "analysis/cmds.h"
#include "analysis/fill.h"
#include "common/bgp.h"

enum picture { PICTURE_ENTROPY, PICTURE_DIGITS, PICTURE_CLUSTERS };
static const char *const pictures[] = { "entropy", "digits", "clusters", NULL };
static const char *const bys[] = { "32", "bgp", "as", NULL };
enum part { PART_FULL, PART_NET, PART_IID };
static const char *const parts[] = { "full", "net", "iid", NULL };

const struct entropy_opts entropy_defaults = {
	.v = VERB_DEFAULTS,
	.top = 10,
	.min = 100,
	.seed = 1,
};

const struct opt entropy_options[] = {
	OPT_COUNT("top", 'n', struct entropy_opts, top, "N",
	          "how many values of each segment to name (10)"),
	OPT_FLAG("profiles", 'p', struct entropy_opts, profiles,
	         "profiles of networks, and clusters of them (--by, --part and "
	         "--clusters imply it)"),
	OPT_ENUM("by", 0, struct entropy_opts, by, bys, "32|bgp|as",
	         "what a network is: a /32 (default), an announced prefix, an AS"),
	OPT_STR("bgp", 0, struct entropy_opts, bgp, "FILE",
	        "announced prefixes with AS numbers (pfx2as, MRT)"),
	OPT_COUNT("min", 0, struct entropy_opts, min, "N",
	          "networks with fewer addresses have no profile (100)"),
	OPT_ENUM("part", 0, struct entropy_opts, part, parts, "full|net|iid",
	         "what is clustered: digits 9 to 32 (default), 9 to 16, 17 to 32"),
	OPT_COUNT("clusters", 'k', struct entropy_opts, k, "K",
	          "how many clusters, at most 20 (default: by the elbow of the errors)"),
	OPT_COUNT("seed", 0, struct entropy_opts, seed, "N",
	          "seed of the clustering (1)"),
	VERB_OUTPUT_OPTS(struct entropy_opts, v),
	VERB_SVG_OPT(struct entropy_opts, v),
	OPT_ENUM("picture", 0, struct entropy_opts, picture, pictures,
	         "entropy|digits|clusters",
	         "what --svg draws: entropy by digit (default), which digits occur "
	         "where, clusters of networks"),
	OPT_END,
};

const char entropy_details[] =
	"Entropy of each of the 32 hexadecimal digits, segments of similar entropy with "
	"their most frequent values, and, with --profiles, the same for every network that "
	"has enough addresses, and clusters of networks that are addressed alike (k-means). "
	"Several lists and hitlists are counted as one set; IPv4 is left out.";

static int feed(struct entropy *e, struct density *dn, struct source *s, struct diag *d)
{
	const struct addr128 *a;
	size_t n;
	int rc;

	while ((rc = source_next(s, &a, &n, d)) > 0) {
		entropy_feed(e, a, n);
		density_feed(dn, a, n);
	}
	return rc < 0 ? rc : density_finish(dn);
}

static int feed_values(struct topvalues *t, struct source *s, struct diag *d)
{
	const struct addr128 *a;
	size_t n;
	int rc;

	source_rewind(s);
	while ((rc = source_next(s, &a, &n, d)) > 0)
		topvalues_feed(t, a, n);
	return rc;
}

static int fill_top_values(struct doc *doc, const struct entropy_opts *o,
                           const struct entropy *e, const struct segment *seg, unsigned n,
                           struct source *s, struct diag *d)
{
	struct topvalues *t = topvalues_new(seg, n);
	int rc = t ? feed_values(t, s, d) : -ENOMEM;

	if (rc == 0 && topvalues_need_recount(t)) {
		topvalues_start_recount(t);
		rc = feed_values(t, s, d);
	}
	if (rc == 0)
		fill_values(doc, t, seg, n, e->n, (size_t)o->top);
	topvalues_free(t);
	return rc;
}

static int fill_networks(struct doc *doc, const struct entropy_opts *o, struct source *s,
                         struct markup *m, struct diag *d)
{
	static const unsigned from[] = { 8, 8, 16 }, to[] = { 31, 15, 31 };
	struct profiles p = { 0 };
	struct clusters c;
	struct bgp *bgp = NULL;
	int rc = 0;

	if (o->by != PROFILE_BY_32) {
		if (!o->bgp)
			return diag_set(d, ERR_USAGE, "--by %s needs --bgp", bys[o->by]);
		rc = bgp_load(&bgp, o->bgp, o->v.strict, d);
	}
	if (rc == 0)
		rc = profiles_make(&p, s, (enum profile_by)o->by, bgp, o->min, d);
	if (rc == 0)
		rc = profiles_cluster(&c, &p, from[o->part], to[o->part], (unsigned)o->k,
		                      o->seed);
	if (rc == 0) {
		doc_count(doc, "networks", p.n);
		fill_clusters(doc, &c, p.n);
		fill_profiles(doc, &p, (enum profile_by)o->by, true);
		if (m)
			chart_clusters(m, &c, true);
	}
	profiles_fini(&p);
	bgp_free(bgp);
	return rc;
}

/* Options that only mean something to profiles ask for them. */
static bool wants_profiles(const struct entropy_opts *o)
{
	return o->profiles || o->by || o->part || o->k || o->picture == PICTURE_CLUSTERS;
}

static int fill_all(const struct entropy_opts *o, struct source *s, struct doc *doc,
                    struct markup *m, struct entropy *e, struct diag *d)
{
	struct segment seg[SEGMENTS_MAX];
	struct density dn;
	unsigned n = 0;
	int rc = density_init(&dn, NULL, 0, 0);

	if (rc == 0)
		rc = feed(e, &dn, s, d);
	if (rc < 0)
		goto out;
	doc_count(doc, "addresses", e->n);
	doc_count(doc, "ipv4", source_stats(s).v4);
	doc_real(doc, "total_entropy", entropy_total(e), 4);
	if (e->n)
		n = entropy_segments(e, seg);
	fill_nibbles(doc, e, &dn);
	fill_segments(doc, seg, n);
	rc = fill_top_values(doc, o, e, seg, n, s, d);
	fill_heat(doc, e);
	if (rc == 0 && wants_profiles(o))
		rc = fill_networks(doc, o, s, o->picture == PICTURE_CLUSTERS ? m : NULL,
		                   d);
	if (m && o->picture == PICTURE_ENTROPY)
		chart_entropy(m, e, &dn, true);
	if (m && o->picture == PICTURE_DIGITS)
		chart_digits(m, e, true);
out:
	density_fini(&dn);
	return rc;
}

static int fill(const void *cfg, struct source *s, struct doc *doc, struct markup *m,
                struct diag *d)
{
	const struct entropy_opts *o = cfg;
	struct entropy e = { .n = 0 };

	if (o->top > TOPVALUES_KEPT)
		return diag_set(d, ERR_USAGE, "--top: at most %d", TOPVALUES_KEPT);
	if (o->k > CLUSTERS_MAX)
		return diag_set(d, ERR_USAGE, "--clusters: at most %d", CLUSTERS_MAX);
	return fill_all(o, s, doc, m, &e, d);
}

int entropy_run(const void *cfg, int argc, char *argv[])
{
	const struct entropy_opts *o = cfg;

	return verb_run(&o->v, fill, o, argc, argv);
}
