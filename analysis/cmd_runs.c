#include <stdlib.h>
#include <string.h>

#include "analysis/chart.h"
#include "analysis/cmds.h"
#include "analysis/fill.h"
#include "analysis/runs.h"

const struct runs_opts runs_defaults = {
	.v = VERB_DEFAULTS,
	.gap = 64,
	.min = 11,
	.k = 32,
};

const struct opt runs_options[] = {
	OPT_COUNT("gap", 'g', struct runs_opts, gap, "N",
	          "neighbours in a chain are at most so far apart (64)"),
	OPT_COUNT("min", 'm', struct runs_opts, min, "N",
	          "list chains of at least so many addresses (11)"),
	OPT_LIST("dense", 'd', struct runs_opts, dense, "N@LEN",
	         "list the prefixes of length LEN with at least N addresses "
	         "(repeatable; 2@/112 is accepted, too)"),
	OPT_COUNT("kip", 'k', struct runs_opts, k, "K",
	          "prefixes that each hide at least K addresses (32)"),
	VERB_OUTPUT_OPTS(struct runs_opts, v),
	VERB_SVG_OPT(struct runs_opts, v),
	OPT_END,
};

const char runs_details[] =
	"Runs are addresses that follow each other without a gap. Chains allow a gap "
	"(--gap). Dense prefixes are those of one length with at least so many addresses "
	"(--dense). kIP(k) prefixes cover all addresses so that each holds at least k that "
	"no longer one does: what can be published instead of addresses; the rest is to be "
	"suppressed. --svg draws how many addresses are in runs of which length. Several "
	"lists and hitlists are counted as one set; IPv4 is left out.";

/* Prefixes of one length with at least min addresses. */
struct dense {
	uint64_t min, count;
	struct addr128 first;
	struct table *table;
	uint64_t prefixes, addresses;
	unsigned len;
};

static bool parse_dense(struct dense *out, const char *text)
{
	char number[32];
	const char *at = strchr(text, '@');
	uint64_t len;

	if (!at || (size_t)(at - text) >= sizeof(number))
		return false;
	memcpy(number, text, (size_t)(at - text));
	number[at - text] = '\0';
	at += at[1] == '/' ? 2 : 1;
	if (!opt_parse_count(&out->min, number) || !opt_parse_count(&len, at))
		return false;
	out->len = (unsigned)len;
	return len <= 128 && out->min >= 1;
}

static void close_dense(struct dense *d)
{
	if (d->count < d->min || !d->count)
		return;
	d->prefixes++;
	d->addresses += d->count;
	table_count(d->table, d->min);
	table_prefix(d->table, prefix_make(d->first, d->len));
	table_count(d->table, d->count);
}

static void feed_dense(struct dense *d, const struct addr128 *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (d->count && addr_common_bits(d->first, a[i]) >= d->len) {
			d->count++;
			continue;
		}
		close_dense(d);
		d->first = a[i];
		d->count = 1;
	}
}

struct work {
	struct chains runs, chains;
	struct kip kip;
	struct dense *dense;
	size_t n_dense;
	uint64_t n;
};

static int read_all(struct work *w, struct source *s, struct diag *d)
{
	const struct addr128 *a;
	size_t n;
	int rc;

	while ((rc = source_next(s, &a, &n, d)) > 0) {
		chains_feed(&w->runs, a, n);
		chains_feed(&w->chains, a, n);
		kip_feed(&w->kip, a, n);
		for (size_t i = 0; i < w->n_dense; i++)
			feed_dense(&w->dense[i], a, n);
		w->n += n;
	}
	for (size_t i = 0; i < w->n_dense; i++)
		close_dense(&w->dense[i]);
	if (rc == 0)
		rc = chains_finish(&w->runs);
	if (rc == 0)
		rc = chains_finish(&w->chains);
	return rc == 0 ? kip_finish(&w->kip) : rc;
}

static void fill_facts(struct doc *doc, const struct work *w, const struct source *s)
{
	struct tally_entry two = tally_at_least(&w->runs.tally, 2);
	struct tally_entry chains = tally_at_least(&w->chains.tally, w->chains.min);

	doc_count(doc, "addresses", w->n);
	doc_count(doc, "ipv4", source_stats(s).v4);
	doc_count(doc, "runs", w->runs.tally.groups);
	doc_count(doc, "runs_of_2_or_more", two.groups);
	doc_count(doc, "addresses_in_runs_of_2_or_more", two.count);
	doc_count(doc, "longest_run", tally_max(&w->runs.tally));
	doc_count(doc, "chains", chains.groups);
	doc_count(doc, "addresses_in_chains", chains.count);
	doc_count(doc, "kip_prefixes", w->kip.n);
	doc_count(doc, "kip_uncovered", w->kip.uncovered);
}

static int prepare(struct work *w, struct doc *doc, const struct runs_opts *o,
                   struct diag *d)
{
	static const struct column columns[] = { { "n", 0 },
		                                 { "prefix", 0 },
		                                 { "addresses", 0 } };
	struct table *t;

	if (o->k < 2)
		return diag_set(d, ERR_USAGE, "--kip: at least 2");
	chains_init(&w->runs, 1, UINT64_MAX);
	chains_init(&w->chains, o->gap, o->min);
	kip_init(&w->kip, o->k);
	w->dense = calloc(o->dense.n + 1, sizeof(*w->dense));
	if (!w->dense)
		return -ENOMEM;
	t = DOC_TABLE(doc, "dense", "Dense prefixes", columns);
	for (size_t i = 0; i < o->dense.n; i++) {
		if (!parse_dense(&w->dense[i], o->dense.v[i]))
			return diag_set(d, ERR_USAGE,
			                "--dense: '%.40s' is not like 2@112",
			                o->dense.v[i]);
		w->dense[i].table = t;
		w->n_dense++;
	}
	return 0;
}

static int fill(const void *cfg, struct source *s, struct doc *doc, struct markup *m,
                struct diag *d)
{
	struct work w = { .n = 0 };
	int rc = prepare(&w, doc, cfg, d);

	if (rc == 0)
		rc = read_all(&w, s, d);
	if (rc == 0) {
		fill_facts(doc, &w, s);
		fill_run_lengths(doc, &w.runs);
		fill_chains(doc, &w.chains, "Chains");
		fill_kip_lengths(doc, &w.kip);
		fill_kip(doc, &w.kip);
		if (m)
			chart_runs(m, &w.runs, true);
	}
	chains_fini(&w.runs);
	chains_fini(&w.chains);
	kip_fini(&w.kip);
	free(w.dense);
	return rc;
}

int runs_run(const void *cfg, int argc, char *argv[])
{
	const struct runs_opts *o = cfg;

	return verb_run(&o->v, fill, o, argc, argv);
}
