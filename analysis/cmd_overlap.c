#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/cmds.h"
#include "analysis/overlap.h"
#include "common/log.h"

static const char *const levels[] = { "128", "64", "48", "32", "as", NULL };

const struct overlap_opts overlap_defaults = {
	.v = VERB_DEFAULTS,
	.top = 40,
};

const struct opt overlap_options[] = {
	OPT_STR("bgp", 0, struct overlap_opts, bgp, "FILE",
	        "announced prefixes with AS numbers (pfx2as, MRT): compare by AS, too"),
	OPT_COUNT("top", 'n', struct overlap_opts, top, "N",
	          "how many combinations of each level to list (40)"),
	VERB_OUTPUT_OPTS(struct overlap_opts, v),
	VERB_SVG_OPT(struct overlap_opts, v),
	OPT_ENUM("level", 0, struct overlap_opts, level, levels, "128|64|48|32|as",
	         "what --svg compares: addresses (default), prefixes, networks"),
	OPT_END,
};

const char overlap_details[] =
	"Compares lists and hitlists (two to twelve), each a set of its own: sizes, Jaccard "
	"indexes of every two, and how many addresses, prefixes and networks are in exactly "
	"which of them. --svg draws the latter (UpSet). IPv4 is left out.";

static void fill_pairs(struct doc *doc, const struct overlap *o, char *const names[])
{
	static const struct column sizes[] = { { "level", 0 },
		                               { "set", 0 },
		                               { "size", 0 } };
	static const struct column pairs[] = { { "level", 0 },  { "a", 0 },
		                               { "b", 0 },      { "both", 0 },
		                               { "either", 0 }, { "jaccard", 4 } };
	struct table *s = DOC_TABLE(doc, "sizes", "Sizes", sizes);
	struct table *t = DOC_TABLE(doc, "pairs", "Pairs", pairs);

	for (unsigned l = 0; l < OVERLAP_LEVELS; l++) {
		if (!o->counts[l])
			continue;
		for (unsigned a = 0; a < o->n; a++) {
			table_string(s, overlap_level_str(l));
			table_string(s, names[a]);
			table_count(s, overlap_size(o, l, a));
		}
		for (unsigned a = 0; a < o->n; a++) {
			for (unsigned b = a + 1; b < o->n; b++) {
				uint64_t both = overlap_both(o, l, a, b);
				uint64_t any = overlap_any(o, l, a, b);

				table_string(t, overlap_level_str(l));
				table_string(t, names[a]);
				table_string(t, names[b]);
				table_count(t, both);
				table_count(t, any);
				table_real(t, (double)both / (double)any);
			}
		}
	}
}

struct combination {
	uint32_t mask;
	uint64_t n;
};

static int by_size(const void *a, const void *b)
{
	const struct combination *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return (x->mask > y->mask) - (x->mask < y->mask);
}

/* Those that occur, largest first; the caller frees *out. */
static int combinations(struct combination **out, size_t *n, const struct overlap *o,
                        unsigned level)
{
	struct combination *c = calloc((size_t)1 << o->n, sizeof(*c));
	size_t k = 0;

	if (!c)
		return -ENOMEM;
	for (uint32_t m = 1; m < 1u << o->n; m++)
		if (o->counts[level][m])
			c[k++] = (struct combination){ m, o->counts[level][m] };
	if (k)
		qsort(c, k, sizeof(*c), by_size);
	*out = c;
	*n = k;
	return 0;
}

static void fill_members(struct table *t, uint32_t mask, char *const names[])
{
	char text[CELL_TEXT_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < OVERLAP_SETS && n < sizeof(text); i++)
		if (mask >> i & 1)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
			                      n ? " & " : "", names[i]);
	table_string(t, text);
}

static int fill_combinations(struct doc *doc, const struct overlap *o, size_t top,
                             char *const names[])
{
	static const struct column columns[] = {
		{ "level", 0 }, { "exactly_in", 0 }, { "sets", 0 }, { "size", 0 }
	};
	struct table *t =
		DOC_TABLE(doc, "combinations",
	                  "Members of exactly these sets and no other", columns);

	for (unsigned l = 0; l < OVERLAP_LEVELS; l++) {
		struct combination *c;
		size_t n;
		int rc;

		if (!o->counts[l])
			continue;
		rc = combinations(&c, &n, o, l);
		if (rc < 0)
			return rc;
		for (size_t i = 0; i < n && i < top; i++) {
			table_string(t, overlap_level_str(l));
			fill_members(t, c[i].mask, names);
			table_count(t, (unsigned)__builtin_popcount(c[i].mask));
			table_count(t, c[i].n);
		}
		free(c);
	}
	return 0;
}

/* ---- the UpSet picture -------------------------------------------------- */

enum { LEFT = 190, COLUMN = 26, ROW = 22, BARS = 180, TOP = 72, SHOWN = 24 };

static void draw_column(struct markup *m, const struct combination *c, unsigned sets,
                        size_t i, uint64_t max)
{
	double x = LEFT + COLUMN * (double)i, h = BARS * (double)c->n / (double)max;
	int first = __builtin_ctz(c->mask), last = 31 - __builtin_clz(c->mask);

	markup_printf(m,
	              "<rect x=\"%g\" y=\"%.2f\" width=\"%d\" height=\"%.2f\" "
	              "class=\"f1\"><title>%" PRIu64 "</title></rect>\n",
	              x, TOP + BARS - h, COLUMN - 8, h, c->n);
	markup_printf(m,
	              "<text class=\"m\" transform=\"translate(%g %.2f) rotate(-60)\" "
	              "style=\"font-size:9px\">%" PRIu64 "</text>\n",
	              x + 11, TOP + BARS - h - 4, c->n);
	for (unsigned s = 0; s < sets; s++)
		markup_printf(m, "<circle cx=\"%g\" cy=\"%d\" r=\"6\" class=\"%s\"/>\n",
		              x + 9, TOP + BARS + 20 + ROW * (int)s,
		              c->mask >> s & 1 ? "f1" : "off");
	markup_printf(m, "<path d=\"M%g %dV%d\" class=\"l1\"/>\n", x + 9,
	              TOP + BARS + 20 + ROW * first, TOP + BARS + 20 + ROW * last);
}

static int draw(struct markup *m, const struct overlap *o, unsigned level,
                char *const names[])
{
	struct combination *c;
	size_t n;
	int rc = combinations(&c, &n, o, level);

	if (rc < 0)
		return rc;
	if (n > SHOWN)
		n = SHOWN;
	markup_svg_open(m, LEFT + COLUMN * (double)(n < 8 ? 8 : n) + 30,
	                TOP + BARS + 30 + ROW * (int)o->n,
	                "Members of exactly these sets", true);
	markup_printf(m, "<text x=\"10\" y=\"18\">by %s</text>\n",
	              overlap_level_str(level));
	for (unsigned s = 0; s < o->n; s++) {
		const char *slash = strrchr(names[s], '/');
		char text[32];

		snprintf(text, sizeof(text), "%.24s",
		         slash && slash[1] ? slash + 1 : names[s]);
		markup_printf(m, "<text x=\"%d\" y=\"%d\" class=\"e s\">", LEFT - 12,
		              TOP + BARS + 24 + ROW * (int)s);
		markup_text(m, text);
		markup_printf(m, "</text>\n");
	}
	for (size_t i = 0; i < n; i++)
		draw_column(m, &c[i], o->n, i, c[0].n);
	markup_svg_close(m);
	free(c);
	return 0;
}

/* ---- the verb ---------------------------------------------------------- */

static int open_sets(struct source *sets[], int argc, char *argv[],
                     const struct verb_opts *v, struct diag *d)
{
	const struct source_config cfg = {
		.memory = (v->memory ? v->memory : UINT64_C(1) << 30) / (unsigned)argc,
		.where = v->where,
		.strict = v->strict
	};
	int rc = 0;

	for (int i = 0; i < argc && rc == 0; i++) {
		const char *path = argv[i];

		rc = source_open(&sets[i], &path, 1, &cfg, d);
	}
	return rc;
}

static int work(const void *cfg, int argc, char *argv[], struct doc *doc,
                struct markup *m, struct diag *d)
{
	const struct overlap_opts *o = cfg;
	struct source *sets[OVERLAP_SETS] = { NULL };
	struct overlap ov = { .n = 0 };
	struct bgp *bgp = NULL;
	int rc = o->bgp ? bgp_load(&bgp, o->bgp, o->v.strict, d) : 0;

	if (rc == 0)
		rc = open_sets(sets, argc, argv, &o->v, d);
	if (rc == 0)
		rc = overlap_make(&ov, sets, (unsigned)argc, bgp, d);
	if (rc == 0) {
		fill_pairs(doc, &ov, argv);
		rc = fill_combinations(doc, &ov, (size_t)o->top, argv);
	}
	if (rc == 0 && m)
		rc = draw(m, &ov, o->level, argv);
	overlap_fini(&ov);
	for (int i = 0; i < argc; i++)
		source_close(sets[i]);
	bgp_free(bgp);
	return rc;
}

int overlap_run(const void *cfg, int argc, char *argv[])
{
	const struct overlap_opts *o = cfg;
	int standard_input = 0;

	for (int i = 0; i < argc; i++)
		standard_input += strcmp(argv[i], "-") == 0;
	if (argc < 2 || argc > OVERLAP_SETS) {
		log_error("overlap compares 2 to %d lists", OVERLAP_SETS);
		return CMD_USAGE;
	}
	if (standard_input > 1) {
		log_error("standard input can be one of the lists only");
		return CMD_USAGE;
	}
	if (o->level == OVERLAP_AS && !o->bgp) {
		log_error("--level as needs --bgp");
		return CMD_USAGE;
	}
	return verb_run_own(&o->v, work, o, argc, argv);
}
