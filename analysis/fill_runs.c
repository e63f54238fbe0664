#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analysis/chart.h"
#include "analysis/fill.h"
#include "analysis/runs.h"

void fill_kip_lengths(struct doc *doc, const struct kip *kip)
{
	static const struct column columns[] = { { "length", 0 }, { "prefixes", 0 } };
	struct table *t =
		DOC_TABLE(doc, "kip_lengths", "kIP prefixes by length", columns);
	uint64_t by_length[129] = { 0 };

	for (size_t i = 0; i < kip->n; i++)
		by_length[kip->p[i].prefix.len]++;
	for (unsigned i = 0; i <= 128; i++) {
		if (!by_length[i])
			continue;
		table_count(t, i);
		table_count(t, by_length[i]);
	}
}

void fill_kip(struct doc *doc, const struct kip *kip)
{
	static const struct column columns[] = { { "prefix", 0 }, { "addresses", 0 } };
	struct table *t = DOC_TABLE(
		doc, "kip", "kIP prefixes, and the addresses that each covers", columns);

	for (size_t i = 0; i < kip->n; i++) {
		table_prefix(t, kip->p[i].prefix);
		table_count(t, kip->p[i].n);
	}
}

void fill_chains(struct doc *doc, const struct chains *c, const char *title)
{
	static const struct column columns[] = { { "first", 0 },
		                                 { "last", 0 },
		                                 { "addresses", 0 } };
	struct table *t = DOC_TABLE(doc, "chains", title, columns);

	for (size_t i = 0; i < c->n_kept; i++) {
		table_addr(t, c->kept[i].first);
		table_addr(t, c->kept[i].last);
		table_count(t, c->kept[i].n);
	}
}

/* Runs of 1, 2, 3 to 4, 5 to 8, ... addresses. */
enum { LENGTHS = 65 };

struct length {
	uint64_t runs, addresses;
};

static unsigned by_length(struct length out[static LENGTHS], const struct tally *t)
{
	struct tally_entry e;
	unsigned n = 0;
	size_t pos = 0;

	memset(out, 0, LENGTHS * sizeof(*out));
	while (tally_next(t, &pos, &e)) {
		unsigned i =
			e.count > 1 ? 64 - (unsigned)__builtin_clzll(e.count - 1) : 0;

		out[i].runs += e.groups;
		out[i].addresses += e.groups * e.count;
		n = i + 1;
	}
	return n;
}

static void range_of(uint64_t range[static 2], unsigned i)
{
	range[0] = i ? (UINT64_C(1) << (i - 1)) + 1 : 1;
	range[1] = i < 64 ? UINT64_C(1) << i : UINT64_MAX;
}

void fill_run_lengths(struct doc *doc, const struct chains *c)
{
	static const struct column columns[] = {
		{ "at_least", 0 }, { "at_most", 0 }, { "runs", 0 }, { "addresses", 0 }
	};
	struct table *t = DOC_TABLE(doc, "lengths",
	                            "Runs by how many addresses they have", columns);
	struct length l[LENGTHS];
	unsigned n = by_length(l, &c->tally);

	for (unsigned i = 0; i < n; i++) {
		uint64_t range[2];

		range_of(range, i);
		table_count(t, range[0]);
		table_count(t, range[1]);
		table_count(t, l[i].runs);
		table_count(t, l[i].addresses);
	}
}

void chart_runs(struct markup *m, const struct chains *c, bool standalone)
{
	char labels[LENGTHS][48];
	struct chart_bar bars[LENGTHS];
	struct length l[LENGTHS];
	unsigned n = by_length(l, &c->tally);

	for (unsigned i = 0; i < n; i++) {
		uint64_t range[2];

		range_of(range, i);
		if (range[0] == range[1])
			snprintf(labels[i], sizeof(labels[i]), "%" PRIu64, range[0]);
		else
			snprintf(labels[i], sizeof(labels[i]), "%" PRIu64 " to %" PRIu64,
			         range[0], range[1]);
		bars[i] = (struct chart_bar){ labels[i], l[i].addresses };
	}
	chart_bars(m, "Addresses in runs of which length", bars, n, standalone);
}
