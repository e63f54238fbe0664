/* tgen show: what a generator has learned, for people.
 *
 * Whatever the algorithm, what it has learned is what it would emit: the best
 * candidates are drawn, and the hits that they promise are summed by network, by
 * shape of the interface identifier, by its value, and by digit. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/markup.h"
#include "common/pfxmap.h"
#include "tgen/cmd_tgen.h"

enum { BATCH = 4096, DIGITS = 32, VALUES = 16 };

const struct tgen_show_cfg tgen_show_defaults = {
	.number = 100000,
	.top = 20,
	.length = 32,
	.out = { .path = "-" },
};

const struct opt tgen_show_opts[] = {
	TGEN_SOURCE_OPTS(struct tgen_show_cfg, src),
	OPT_STR("model", 'm', struct tgen_show_cfg, model, "FILE",
	        "show a saved model instead of learning from --seeds"),
	OPT_COUNT("number", 'n', struct tgen_show_cfg, number, "N",
	          "look at the best N candidates (default 100k)"),
	OPT_COUNT("top", 0, struct tgen_show_cfg, top, "N",
	          "rows of each table (default 20)"),
	OPT_COUNT("length", 'l', struct tgen_show_cfg, length, "BITS",
	          "prefix length of the table of networks (default 32)"),
	TGEN_BOUND_OPTS(struct tgen_show_cfg, src),
	DOC_OUTPUT_OPTS(struct tgen_show_cfg, out),
	OPT_STR("svg", 0, struct tgen_show_cfg, svg, "FILE",
	        "draw the expected digits at each place into FILE"),
	OPT_END,
};

/* ---- sums --------------------------------------------------------------- */

struct group {
	struct addr128 key; /* network, shape or identifier */
	struct addr128 best;
	uint64_t candidates;
	double expected;
	float best_p;
};

struct grouping {
	struct pfxmap index; /* key to group */
	struct group *groups;
	size_t n, cap;
};

static void grouping_fini(struct grouping *g)
{
	pfxmap_fini(&g->index);
	free(g->groups);
}

static int group_add(struct grouping *g, struct addr128 key,
                     const struct tgen_candidate *c)
{
	const struct prefix p = { key, 128 };
	struct group *x;
	uint32_t i;

	if (!pfxmap_find(&g->index, p, &i)) {
		if (g->n == g->cap) {
			size_t cap = g->cap ? 2 * g->cap : 1024;
			void *q = realloc(g->groups, cap * sizeof(*g->groups));

			if (!q)
				return -ENOMEM;
			g->groups = q;
			g->cap = cap;
		}
		i = (uint32_t)g->n;
		if (pfxmap_add(&g->index, p, i) < 0)
			return -ENOMEM;
		g->groups[g->n++] = (struct group){ .key = key };
	}
	x = &g->groups[i];
	x->candidates++;
	x->expected += (double)c->p;
	if (c->p > x->best_p) {
		x->best_p = c->p;
		x->best = c->addr;
	}
	return 0;
}

static int by_falling_expected(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->expected != y->expected)
		return (x->expected < y->expected) - (x->expected > y->expected);
	return addr_cmp(x->key, y->key);
}

/* Of an identifier: 1 where a digit is not zero. */
static uint64_t shape_of(uint64_t iid)
{
	const uint64_t ones = UINT64_C(0x1111111111111111);

	iid |= iid >> 1;
	iid |= iid >> 2;
	return iid & ones;
}

struct sums {
	struct grouping networks, shapes, identifiers;
	double digits[DIGITS][VALUES], expected;
	uint64_t candidates;
};

static int sum_up(struct sums *s, const struct tgen_candidate *c, unsigned length)
{
	struct addr128 a = c->addr;
	int rc = group_add(&s->networks, prefix_make(a, length).addr, c);

	if (rc == 0)
		rc = group_add(&s->shapes, (struct addr128){ 0, shape_of(a.lo) }, c);
	if (rc == 0)
		rc = group_add(&s->identifiers, (struct addr128){ 0, a.lo }, c);
	for (unsigned i = 0; i < DIGITS; i++) {
		uint64_t half = i < 16 ? a.hi : a.lo;

		s->digits[i][half >> (60 - 4 * (i % 16)) & 15] += (double)c->p;
	}
	s->expected += (double)c->p;
	s->candidates++;
	return rc;
}

static int draw_candidates(struct sums *s, struct tgen *g, const struct tgen_show_cfg *o)
{
	struct tgen_candidate *c = malloc(BATCH * sizeof(*c));
	uint64_t left = o->number;
	int rc = c ? 0 : -ENOMEM;

	while (rc == 0 && left > 0) {
		int n = tgen_next(g, c, left < BATCH ? left : BATCH);

		if (n <= 0) {
			rc = n;
			break;
		}
		for (int i = 0; i < n && rc == 0; i++)
			rc = sum_up(s, &c[i], (unsigned)o->length);
		left -= (uint64_t)n;
	}
	free(c);
	return rc;
}

/* ---- tables ------------------------------------------------------------- */

static void put_numbers(struct table *t, const struct group *g)
{
	table_count(t, g->candidates);
	table_real(t, g->expected);
	table_real(t, g->expected / (double)g->candidates);
	table_real(t, (double)g->best_p);
	table_addr(t, g->best);
}

/* "0000:00xx:0000:xxxx": x for any digit but 0. */
static void put_shape(struct table *t, uint64_t shape)
{
	char text[20], *s = text;

	for (unsigned i = 0; i < 16; i++) {
		if (i && i % 4 == 0)
			*s++ = ':';
		*s++ = shape >> (60 - 4 * i) & 1 ? 'x' : '0';
	}
	*s = '\0';
	table_string(t, text);
}

static void put_identifier(struct table *t, uint64_t iid)
{
	char text[20];

	snprintf(text, sizeof(text), "%04x:%04x:%04x:%04x", (unsigned)(iid >> 48),
	         (unsigned)(iid >> 32 & 0xffff), (unsigned)(iid >> 16 & 0xffff),
	         (unsigned)(iid & 0xffff));
	table_string(t, text);
}

#define NUMBERS                                                         \
	{ "candidates", 0 }, { "expected_hits", 1 }, { "mean_p", 255 }, \
		{ "best_p", 255 },                                      \
	{                                                               \
		"best_candidate", 0                                     \
	}

static void fill(struct doc *doc, struct sums *s, const struct tgen_show_cfg *o)
{
	static const struct column networks[] = { { "network", 0 }, NUMBERS };
	static const struct column shapes[] = { { "shape", 0 }, NUMBERS };
	static const struct column identifiers[] = { { "identifier", 0 }, NUMBERS };
	struct grouping *all[] = { &s->networks, &s->shapes, &s->identifiers };
	struct table *t[] = {
		DOC_TABLE(doc, "networks", "Networks with the most hits to be expected",
		          networks),
		DOC_TABLE(doc, "shapes",
		          "Shapes of interface identifiers (x: a digit that is not 0)",
		          shapes),
		DOC_TABLE(doc, "identifiers", "Interface identifiers", identifiers),
	};

	for (unsigned k = 0; k < 3; k++) {
		if (all[k]->n)
			qsort(all[k]->groups, all[k]->n, sizeof(struct group),
			      by_falling_expected);
		for (size_t i = 0; i < all[k]->n && i < o->top; i++) {
			const struct group *g = &all[k]->groups[i];

			if (k == 0)
				table_prefix(t[k], (struct prefix){ g->key,
				                                    (uint8_t)o->length });
			else if (k == 1)
				put_shape(t[k], g->key.lo);
			else
				put_identifier(t[k], g->key.lo);
			put_numbers(t[k], g);
		}
	}
}

static void fill_facts(struct doc *doc, const struct sums *s, const struct tgen *g)
{
	struct tgen_stats st;

	tgen_stats(g, &st);
	doc_count(doc, "seeds", st.seeds);
	doc_count(doc, "regions", st.regions);
	doc_count(doc, "candidates", s->candidates);
	doc_real(doc, "expected_hits", s->expected, 1);
	doc_count(doc, "distinct_networks", s->networks.n);
	doc_count(doc, "distinct_shapes", s->shapes.n);
	doc_count(doc, "distinct_identifiers", s->identifiers.n);
}

/* ---- the picture: which digit is expected at which place ----------------- */

static void draw(struct markup *m, const struct sums *s)
{
	enum { LEFT = 30, TOP = 20, CELL = 20 };

	markup_svg_open(m, LEFT + DIGITS * CELL + 10, TOP + VALUES * CELL + 50,
	                "Expected hits by digit and place", true);
	for (unsigned v = 0; v < VALUES; v++)
		markup_printf(m, "<text x=\"%d\" y=\"%u\" class=\"m e\">%x</text>\n",
		              LEFT - 8, TOP + CELL * (VALUES - 1 - v) + 14, v);
	for (unsigned i = 0; i < DIGITS; i++) {
		unsigned x = LEFT + CELL * i;

		for (unsigned v = 0; v < VALUES; v++) {
			double share =
				s->expected > 0 ? s->digits[i][v] / s->expected : 0;

			markup_printf(
				m,
				"<rect x=\"%u\" y=\"%u\" width=\"19\" height=\"19\" "
				"class=\"off\"/>",
				x, TOP + CELL * (VALUES - 1 - v));
			if (share > 0)
				markup_printf(
					m,
					"<rect x=\"%u\" y=\"%u\" width=\"19\" "
					"height=\"19\" class=\"f1\" opacity=\"%.3f\">"
					"<title>digit %x at place %u: %.2f %%</title>"
					"</rect>\n",
					x, TOP + CELL * (VALUES - 1 - v), share, v, i + 1,
					100 * share);
		}
		if (i % 4 == 0)
			markup_printf(m,
			              "<text x=\"%u\" y=\"%d\" class=\"m\">%u</text>\n",
			              x + 4, TOP + VALUES * CELL + 15, 4 * i);
	}
	markup_printf(m, "<text x=\"%d\" y=\"%d\" class=\"m c\">bit</text>\n",
	              LEFT + DIGITS * CELL / 2, TOP + VALUES * CELL + 34);
	markup_svg_close(m);
}

/* ---- the command -------------------------------------------------------- */

static int run(const struct tgen_show_cfg *o, struct diag *d)
{
	struct tgen_job job = { 0 };
	struct sums *s = calloc(1, sizeof(*s));
	struct doc *doc = doc_new();
	struct markup m = { 0 };
	int rc = s && doc ? tgen_job_open(&job, &o->src, o->model, d) : -ENOMEM;

	if (rc == 0)
		rc = draw_candidates(s, job.g, o);
	if (rc == 0) {
		fill_facts(doc, s, job.g);
		fill(doc, s, o);
	}
	if (rc == 0 && o->svg) {
		draw(&m, s);
		rc = markup_save(&m, o->svg, d);
	}
	if (rc == 0)
		rc = doc_save(doc, &o->out, d);
	markup_fini(&m);
	doc_free(doc);
	tgen_job_close(&job);
	if (s) {
		grouping_fini(&s->networks);
		grouping_fini(&s->shapes);
		grouping_fini(&s->identifiers);
	}
	free(s);
	return rc;
}

int tgen_show_run(const void *cfg, int argc, char *argv[])
{
	const struct tgen_show_cfg *o = cfg;
	struct diag d = { "" };

	if (!tgen_no_args(argc, argv))
		return CMD_USAGE;
	if ((o->src.seeds.n == 0) == !o->model) {
		log_error("give either --seeds FILE or --model FILE");
		return CMD_USAGE;
	}
	if (o->number < 1 || o->number > UINT32_MAX || o->length < 1 || o->length > 128) {
		log_error("--number must be within 1 and 4294967295, --length within 1 "
		          "and 128");
		return CMD_USAGE;
	}
	return tgen_exit_status(run(o, &d), &d);
}
