#include <math.h>

#include "analysis/fill.h"
#include "analysis/mmdb.h"

void fill_prefixes(struct doc *doc, const struct density *d)
{
	static const struct column columns[] = {
		{ "length", 0 }, { "prefixes", 0 }, { "gamma1", 4 },
		{ "gamma4", 4 }, { "gamma16", 4 },  { "acr", 4 },
	};
	struct table *t = DOC_TABLE(doc, "prefixes",
	                            "Prefixes that hold any address (n_p), and ratios "
	                            "n_(p+k) / n_p",
	                            columns);
	static const unsigned steps[] = { 1, 4, 16 };

	for (unsigned p = 0; p <= 128; p++) {
		table_count(t, p);
		table_count(t, d->prefixes[p]);
		for (unsigned i = 0; i < 3; i++) {
			if (p + steps[i] <= 128)
				table_real(t, density_mra(d, p, steps[i]));
			else
				table_none(t);
		}
		if (p % 4 == 0 && p < 128)
			table_real(t, density_acr(d, p));
		else
			table_none(t);
	}
}

void fill_dense(struct doc *doc, const struct density *d, unsigned length)
{
	static const struct column columns[] = {
		{ "n", 0 },         { "length", 0 },   { "prefixes", 0 },
		{ "addresses", 0 }, { "possible", 0 }, { "density", DECIMALS_FLOAT },
	};
	static const unsigned least[] = { 2, 3, 8, 16, 64, 100, 256 };
	struct table *t = DOC_TABLE(
		doc, "dense", "Prefixes with at least n addresses (n@/length)", columns);

	for (size_t i = 0; i < d->n_levels; i++) {
		const struct density_level *l = &d->levels[i];

		if (l->len < length)
			continue;
		for (unsigned k = 0; k < sizeof(least) / sizeof(least[0]); k++) {
			struct tally_entry e = tally_at_least(&l->tally, least[k]);
			double possible = ldexp((double)e.groups, 128 - l->len);

			table_count(t, least[k]);
			table_count(t, l->len);
			table_count(t, e.groups);
			table_count(t, e.count);
			if (possible < ldexp(1, 63))
				table_count(t, (uint64_t)possible);
			else
				table_none(t);
			table_real(t, e.groups ? (double)e.count / possible : NAN);
		}
	}
}

struct named_tally {
	const char *name;
	const struct tally *tally;
};

/* What the tables of concentration speak of; returns how many. */
static unsigned named_tallies(struct named_tally out[5], const struct density *d,
                              const struct groups *g)
{
	static const struct {
		uint8_t len;
		const char *name;
	} lengths[] = { { 32, "/32" }, { 48, "/48" }, { 64, "/64" } };
	unsigned n = 0;

	for (unsigned i = 0; i < 3; i++) {
		const struct density_level *l = density_level(d, lengths[i].len);

		if (l)
			out[n++] = (struct named_tally){ lengths[i].name, &l->tally };
	}
	if (g) {
		out[n++] = (struct named_tally){ "announced prefix", &g->prefixes };
		out[n++] = (struct named_tally){ "AS", &g->ases };
	}
	return n;
}

void fill_concentration(struct doc *doc, const struct density *d, const struct groups *g,
                        size_t top)
{
	static const struct column columns[] = {
		{ "per", 0 },  { "groups", 0 }, { "median", 0 },
		{ "p99", 0 },  { "max", 0 },    { "gini", 4 },
		{ "top1", 4 }, { "top10", 4 },  { "top_n", 4 },
	};
	struct table *t =
		DOC_TABLE(doc, "concentration",
	                  "Addresses per prefix, and the share of the largest", columns);
	struct named_tally named[5];
	unsigned n = named_tallies(named, d, g);

	for (unsigned i = 0; i < n; i++) {
		const struct tally *y = named[i].tally;

		table_string(t, named[i].name);
		table_count(t, y->groups);
		table_count(t, tally_at(y, y->groups / 2));
		table_count(t, tally_at(y, (uint64_t)((double)y->groups * .99)));
		table_count(t, tally_max(y));
		table_real(t, tally_gini(y));
		table_real(t, tally_top_share(y, 1));
		table_real(t, tally_top_share(y, 10));
		table_real(t, tally_top_share(y, top));
	}
}

/* One point wherever the count has doubled, and at the ends. */
static void distribution_of(struct table *t, const char *name, const struct tally *y)
{
	uint64_t groups = 0, members = 0, next = 1;
	struct tally_entry e;
	size_t pos = 0;

	while (tally_next(y, &pos, &e)) {
		groups += e.groups;
		members += e.groups * e.count;
		if (e.count < next && groups < y->groups)
			continue;
		while (next <= e.count && next < UINT64_C(1) << 62)
			next *= 2;
		table_string(t, name);
		table_count(t, e.count);
		table_count(t, groups);
		table_real(t, (double)groups / (double)y->groups);
		table_real(t, (double)members / (double)y->members);
	}
}

void fill_distribution(struct doc *doc, const struct density *d, const struct groups *g)
{
	static const struct column columns[] = {
		{ "per", 0 },          { "addresses_at_most", 0 }, { "groups", 0 },
		{ "groups_share", 6 }, { "addresses_share", 6 },
	};
	struct table *t = DOC_TABLE(doc, "distribution",
	                            "Prefixes with at most so many addresses", columns);
	struct named_tally named[5];
	unsigned n = named_tallies(named, d, g);

	for (unsigned i = 0; i < n; i++)
		distribution_of(t, named[i].name, named[i].tally);
}

void fill_top_prefixes(struct doc *doc, const struct density *d, size_t top)
{
	static const struct column columns[] = {
		{ "length", 0 }, { "prefix", 0 }, { "addresses", 0 }, { "share", 4 }
	};
	struct table *t =
		DOC_TABLE(doc, "top_prefixes", "Prefixes with most addresses", columns);

	for (size_t i = 0; i < d->n_levels; i++) {
		const struct density_level *l = &d->levels[i];

		for (size_t k = 0; k < l->n_top && k < top; k++) {
			table_count(t, l->len);
			table_prefix(t, l->top[k].prefix);
			table_count(t, l->top[k].count);
			table_real(t, (double)l->top[k].count / (double)d->n);
		}
	}
}

static void top_announced(struct doc *doc, const struct groups *g, size_t top,
                          uint64_t total)
{
	static const struct column columns[] = {
		{ "prefix", 0 }, { "asn", 0 }, { "addresses", 0 }, { "share", 4 }
	};
	struct table *t = DOC_TABLE(doc, "top_announced",
	                            "Announced prefixes with most addresses", columns);
	size_t best[DENSITY_TOP];
	size_t n = groups_top(g->by_prefix, bgp_count(g->bgp), best, top);

	for (size_t i = 0; i < n; i++) {
		const struct bgp_entry *e = bgp_at(g->bgp, best[i]);

		table_prefix(t, e->prefix);
		table_count(t, e->asn);
		table_count(t, g->by_prefix[best[i]]);
		table_real(t, (double)g->by_prefix[best[i]] / (double)total);
	}
}

void fill_top_networks(struct doc *doc, const struct groups *g, size_t top)
{
	static const struct column columns[] = { { "asn", 0 },
		                                 { "addresses", 0 },
		                                 { "share", 4 } };
	uint64_t total = g->prefixes.members + g->unrouted;
	struct table *t;
	size_t best[DENSITY_TOP], n;

	if (top > DENSITY_TOP)
		top = DENSITY_TOP;
	top_announced(doc, g, top, total);
	t = DOC_TABLE(doc, "top_as", "Networks (AS) with most addresses", columns);
	n = groups_top(g->by_as, bgp_as_count(g->bgp), best, top);
	for (size_t i = 0; i < n; i++) {
		table_count(t, bgp_asn(g->bgp, best[i]));
		table_count(t, g->by_as[best[i]]);
		table_real(t, (double)g->by_as[best[i]] / (double)total);
	}
}

void fill_countries(struct doc *doc, const struct country_counts *c, size_t top)
{
	static const struct column columns[] = { { "country", 0 },
		                                 { "addresses", 0 },
		                                 { "share", 4 } };
	struct table *t =
		DOC_TABLE(doc, "countries", "Countries with most addresses", columns);
	size_t best[COUNTRIES], n;
	uint64_t total = c->unknown;

	for (size_t i = 0; i < COUNTRIES; i++)
		total += c->n[i];
	n = groups_top(c->n, COUNTRIES, best, COUNTRIES);
	for (size_t i = 0; i < n && i < top; i++) {
		char cc[] = { (char)('A' + best[i] / 26), (char)('A' + best[i] % 26), 0 };

		table_string(t, cc);
		table_count(t, c->n[best[i]]);
		table_real(t, (double)c->n[best[i]] / (double)total);
	}
	doc_count(doc, "countries", n);
	doc_count(doc, "without_country", c->unknown);
}
