#include "analysis/cmds.h"
#include "analysis/hilbert.h"
#include "common/log.h"

const struct hilbert_opts hilbert_defaults = {
	.v = VERB_DEFAULTS,
};

const struct opt hilbert_options[] = {
	OPT_COUNT(
		"cells", 'c', struct hilbert_opts, cells, "LEN",
		"length of the prefixes that are the cells: the prefix's own and an even "
		"number of bits, at most 20 (default 16 bits)"),
	VERB_OUTPUT_OPTS(struct hilbert_opts, v),
	VERB_SVG_OPT(struct hilbert_opts, v),
	OPT_END,
};

const char hilbert_details[] =
	"The sub-prefixes of PREFIX along a Hilbert curve: those near each other in number "
	"are near each other in the picture (--svg). The table has the cells that hold any "
	"address.";

static void fill_cells(struct doc *doc, const struct hilbert *h)
{
	static const struct column columns[] = {
		{ "prefix", 0 }, { "x", 0 }, { "y", 0 }, { "addresses", 0 }
	};
	struct table *t = DOC_TABLE(doc, "cells", "Cells with any address", columns);

	for (uint32_t i = 0; i < (uint32_t)1 << h->bits; i++) {
		uint32_t x, y;

		if (!h->counts[i])
			continue;
		hilbert_place(h->bits, i, &x, &y);
		table_prefix(t, hilbert_cell(h, i));
		table_count(t, x);
		table_count(t, y);
		table_count(t, h->counts[i]);
	}
}

struct work {
	struct prefix prefix;
	unsigned bits;
};

static int fill(const void *cfg, struct source *s, struct doc *doc, struct markup *m,
                struct diag *d)
{
	const struct work *w = cfg;
	const struct addr128 *a;
	struct hilbert h;
	size_t n;
	int rc = hilbert_init(&h, w->prefix, w->bits);

	while (rc >= 0 && (rc = source_next(s, &a, &n, d)) > 0)
		hilbert_feed(&h, a, n);
	if (rc == 0) {
		doc_count(doc, "addresses", h.inside);
		doc_count(doc, "outside", h.outside);
		doc_count(doc, "cells_with_any", h.cells);
		doc_count(doc, "most_in_a_cell", h.max);
		fill_cells(doc, &h);
		if (m)
			hilbert_draw(m, &h, true);
	}
	hilbert_fini(&h);
	return rc;
}

static bool choose_bits(struct work *w, const struct hilbert_opts *o)
{
	uint64_t len = o->cells;

	if (!len) {
		len = w->prefix.len + 16u;
		if (len > 128)
			len = w->prefix.len + (128u - w->prefix.len) / 2 * 2;
	}
	if (len <= w->prefix.len || len > 128)
		return false;
	w->bits = (unsigned)len - w->prefix.len;
	return w->bits % 2 == 0 && w->bits <= HILBERT_BITS_MAX;
}

int hilbert_run(const void *cfg, int argc, char *argv[])
{
	const struct hilbert_opts *o = cfg;
	struct work w;

	if (argc < 1) {
		log_error("which prefix?");
		return CMD_USAGE;
	}
	if (!prefix_parse(&w.prefix, argv[0]) || prefix_is_v4(w.prefix)) {
		log_error("'%s' is not an IPv6 prefix", argv[0]);
		return CMD_USAGE;
	}
	if (!choose_bits(&w, o)) {
		log_error(
			"--cells: must be an even number of bits, at most %d, more than "
			"the length of %s",
			HILBERT_BITS_MAX, argv[0]);
		return CMD_USAGE;
	}
	return verb_run(&o->v, fill, &w, argc - 1, argv + 1);
}
