/* tgen eval: hits, diversity, calibration and cost, on held-out addresses. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/markup.h"
#include "tgen/cmd_tgen.h"
#include "tgen/eval.h"

/* Colours and dashes that a drawing has, and names in a line of its legend. */
enum { COLOURS = 3, DASHES = 4, LEGEND_LINE = 4, LEGEND_HEIGHT = 16 };

const struct tgen_eval_cfg tgen_eval_defaults = {
	.number = 1000000,
	.folds = 2,
	.out = { .path = "-" },
};

const struct opt tgen_eval_opts[] = {
	TGEN_SEED_OPTS(struct tgen_eval_cfg, src),
	OPT_LIST("algorithm", 'a', struct tgen_eval_cfg, algorithms, "NAME",
	         "try this algorithm, or `all' (repeatable; default: auto, the first)"),
	OPT_LIST("holdout", 'H', struct tgen_eval_cfg, holdout, "FILE",
	         "the addresses to be found (repeatable); without it, parts of the "
	         "seeds are held out in turn"),
	OPT_COUNT("folds", 'k', struct tgen_eval_cfg, folds, "K",
	          "hold out one part of K at a time (default 2); no more than two "
	          "keep the scale of the probabilities"),
	OPT_STR("fold-by", 0, struct tgen_eval_cfg, fold_by, "LEN|as",
	        "keep the addresses of a prefix of length LEN, or of an AS, in one part "
	        "(default 128)"),
	OPT_COUNT("number", 'n', struct tgen_eval_cfg, number, "N",
	          "candidates in a trial (default 1M)"),
	OPT_COUNT("rounds", 'r', struct tgen_eval_cfg, rounds, "R",
	          "give the answers back in R rounds (default 0: never)"),
	TGEN_BOUND_OPTS(struct tgen_eval_cfg, src),
	OPT_STR("bgp", 0, struct tgen_eval_cfg, bgp, "FILE",
	        "announced prefixes with AS numbers (pfx2as): count ASes"),
	OPT_FLAG("seedless", 0, struct tgen_eval_cfg, seedless,
	         "candidates in the prefixes of --bgp without seeds, too"),
	OPT_FLAG("trade-off", 0, struct tgen_eval_cfg, trade_off,
	         "hits and networks by --diversity-share, in a table of its own"),
	DOC_OUTPUT_OPTS(struct tgen_eval_cfg, out),
	OPT_STR("svg", 0, struct tgen_eval_cfg, svg, "FILE",
	        "draw hits by candidates into FILE"),
	OPT_END,
};

/* ---- what to try -------------------------------------------------------- */

struct plan {
	const char **names; /* of algorithms; owned array */
	size_t n;
	struct addrvec seeds, holdout;
	struct tgen_job job; /* scope, aliased prefixes, bounds; no generator */
	struct tgen_config config;
	struct bgp *bgp;
	struct eval_folds folds;
};

static void plan_fini(struct plan *p)
{
	free(p->names);
	addrvec_fini(&p->seeds);
	addrvec_fini(&p->holdout);
	tgen_job_close(&p->job);
	bgp_free(p->bgp);
}

static bool is_all(const char *name)
{
	return strcmp(name, "all") == 0;
}

static int add_name(struct plan *p, const char *name, struct diag *d)
{
	if (strcmp(name, "auto") == 0)
		name = tgen_algorithm_name(0);
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->names[i], name) == 0)
			return 0;
	for (unsigned i = 0; tgen_algorithm_name(i); i++) {
		if (strcmp(tgen_algorithm_name(i), name) != 0)
			continue;
		p->names[p->n++] = tgen_algorithm_name(i);
		return 0;
	}
	return diag_set(d, ERR_PARSE, "there is no algorithm called `%s'", name);
}

static int choose_names(struct plan *p, const struct opt_list *given, struct diag *d)
{
	unsigned n = 0;
	int rc = 0;

	while (tgen_algorithm_name(n))
		n++;
	p->names = calloc(n, sizeof(*p->names));
	if (!p->names)
		return -ENOMEM;
	if (given->n == 0)
		return add_name(p, tgen_algorithm_name(0), d);
	for (size_t i = 0; i < given->n && rc == 0; i++) {
		if (!is_all(given->v[i])) {
			rc = add_name(p, given->v[i], d);
			continue;
		}
		for (unsigned k = 0; k < n && rc == 0; k++)
			rc = add_name(p, tgen_algorithm_name(k), d);
	}
	return rc;
}

static int choose_folds(struct plan *p, const struct tgen_eval_cfg *o, struct diag *d)
{
	uint64_t len = 128;

	p->folds = (struct eval_folds){ .n = (uint32_t)o->folds, .seed = o->src.seed };
	if (o->fold_by && strcmp(o->fold_by, "as") == 0)
		p->folds.by_as = p->bgp;
	else if (o->fold_by &&
	         (!opt_parse_count(&len, o->fold_by) || len < 1 || len > 128))
		return diag_set(d, ERR_PARSE, "--fold-by: `%.20s' is not 1 to 128, or as",
		                o->fold_by);
	p->folds.length = (uint8_t)len;
	return 0;
}

static int plan_open(struct plan *p, const struct tgen_eval_cfg *o, struct diag *d)
{
	int rc = choose_names(p, &o->algorithms, d);

	if (rc == 0)
		rc = tgen_job_config(&p->job, &p->config, &o->src, d);
	if (rc == 0 && o->bgp)
		rc = bgp_load(&p->bgp, o->bgp, o->src.strict, d);
	if (rc == 0)
		rc = choose_folds(p, o, d);
	if (rc == 0)
		rc = tgen_read_lists(&p->seeds, &o->src.seeds, o->src.strict, d);
	if (rc == 0 && o->holdout.n)
		rc = tgen_read_lists(&p->holdout, &o->holdout, o->src.strict, d);
	if (rc == 0 && p->seeds.n < 2)
		rc = diag_set(d, ERR_EMPTY, "an evaluation takes two seeds or more");
	return rc;
}

/* ---- trials ------------------------------------------------------------- */

static int cross_validate(struct eval_trial *t, const struct eval_setup *s,
                          const struct plan *p, struct diag *d)
{
	int rc = 0;

	for (uint32_t f = 0; f < p->folds.n && rc == 0; f++) {
		struct addrvec in = { 0 }, out = { 0 };
		struct eval_trial one = { 0 };

		rc = eval_fold(&in, &out, &p->seeds, &p->folds, f);
		if (rc == 0)
			rc = eval_run(&one, s, &in, &out, d);
		if (rc == 0)
			rc = eval_add(t, &one);
		eval_fini(&one);
		addrvec_fini(&in);
		addrvec_fini(&out);
	}
	return rc;
}

static int try_one(struct eval_trial *t, const struct tgen_eval_cfg *o,
                   const struct plan *p, const char *name, double diversity,
                   struct diag *d)
{
	struct eval_setup setup = {
		.config = p->config,
		.budget = o->number,
		.rounds = o->rounds,
		.bgp = p->bgp,
	};

	setup.config.algorithm = name;
	setup.config.diversity = diversity;
	setup.config.bgp = o->seedless ? p->bgp : NULL;
	*t = (struct eval_trial){ 0 };
	if (o->holdout.n)
		return eval_run(t, &setup, &p->seeds, &p->holdout, d);
	return cross_validate(t, &setup, p, d);
}

/* ---- tables ------------------------------------------------------------- */

struct pages {
	struct doc *doc;
	struct table *algorithms, *curve, *calibration;
	struct table *trade_off; /* NULL: not wanted */
};

static void pages_init(struct pages *g, struct doc *doc, bool with_trade_off)
{
	static const struct column algorithms[] = {
		{ "algorithm", 0 },
		{ "candidates", 0 },
		{ "hits", 0 },
		{ "found", 4 },
		{ "expected_hits", 0 },
		{ "log_loss_bits", 4 },
		{ "flat_loss_bits", 4 },
		{ "train_us_per_seed", 1 },
		{ "candidates_per_s", 0 },
	};
	static const struct column curve[] = {
		{ "algorithm", 0 },   { "candidates", 0 },  { "hits", 0 },
		{ "hit_rate", 5 },    { "found", 4 },       { "prefixes_64", 0 },
		{ "prefixes_48", 0 }, { "prefixes_32", 0 }, { "ases", 0 },
	};
	static const struct column calibration[] = {
		{ "algorithm", 0 }, { "tenth", 0 },       { "candidates", 0 },
		{ "p_least", 255 }, { "predicted", 255 }, { "observed", 255 },
		{ "ratio", 2 },
	};
	static const struct column trade_off[] = {
		{ "algorithm", 0 },   { "diversity_share", 3 },
		{ "candidates", 0 },  { "hits", 0 },
		{ "hits_kept", 4 },   { "prefixes_48", 0 },
		{ "prefixes_32", 0 }, { "ases", 0 },
	};

	g->doc = doc;
	g->trade_off = NULL;
	g->algorithms = DOC_TABLE(doc, "algorithms", "Algorithms", algorithms);
	g->curve = DOC_TABLE(doc, "curve", "Hits by candidates", curve);
	g->calibration =
		DOC_TABLE(doc, "calibration",
	                  "Calibration: tenths of the candidates, by falling probability",
	                  calibration);
	if (with_trade_off)
		g->trade_off = DOC_TABLE(doc, "trade_off",
		                         "Hits and networks by diversity", trade_off);
}

static double quotient(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static const struct eval_mark *last_mark(const struct eval_trial *t)
{
	return &t->mark[t->n_marks - 1];
}

static void fill_algorithm(struct table *a, const struct eval_trial *t, const char *name)
{
	const struct eval_mark *end = last_mark(t);
	double bits, flat;

	eval_log_loss(t, &bits, &flat);
	table_string(a, name);
	table_count(a, end->candidates);
	table_count(a, end->hits);
	table_real(a, quotient((double)end->hits, (double)t->holdout));
	table_real(a, end->expected * t->scale);
	table_real(a, bits);
	table_real(a, flat);
	table_real(a, quotient((double)t->train_ns / 1e3, (double)t->seeds));
	table_real(a, quotient((double)end->candidates * 1e9, (double)t->next_ns));
}

static void fill_curve(struct table *c, const struct eval_trial *t, const char *name,
                       bool with_as)
{
	for (unsigned i = 0; i < t->n_marks; i++) {
		const struct eval_mark *m = &t->mark[i];

		table_string(c, name);
		table_count(c, m->candidates);
		table_count(c, m->hits);
		table_real(c, quotient((double)m->hits, (double)m->candidates));
		table_real(c, quotient((double)m->hits, (double)t->holdout));
		table_count(c, m->p64);
		table_count(c, m->p48);
		table_count(c, m->p32);
		if (with_as)
			table_count(c, m->as);
		else
			table_none(c);
	}
}

static void fill_calibration(struct table *k, struct eval_trial *t, const char *name)
{
	struct eval_decile tenth[EVAL_DECILES];

	eval_deciles(t, tenth);
	for (unsigned i = 0; i < EVAL_DECILES && t->n_points >= EVAL_DECILES; i++) {
		double n = (double)tenth[i].candidates;

		table_string(k, name);
		table_count(k, i + 1);
		table_count(k, tenth[i].candidates);
		table_real(k, tenth[i].p_least);
		table_real(k, tenth[i].expected / n);
		table_real(k, (double)tenth[i].hits / n);
		table_real(k, quotient((double)tenth[i].hits, tenth[i].expected));
	}
}

/* The same trial with several shares for diversity. */
static int fill_trade_off(struct table *k, const struct tgen_eval_cfg *o,
                          const struct plan *p, const char *name, struct diag *d)
{
	static const double shares[] = { 0, 0.01, 0.02, 0.04, 0.08, 0.16 };
	uint64_t without = 0;
	int rc = 0;

	for (unsigned i = 0; i < sizeof(shares) / sizeof(shares[0]) && rc == 0; i++) {
		const struct eval_mark *end;
		struct eval_trial t;

		rc = try_one(&t, o, p, name, shares[i], d);
		if (rc == 0) {
			end = last_mark(&t);
			without = i == 0 ? end->hits : without;
			table_string(k, name);
			table_real(k, shares[i]);
			table_count(k, end->candidates);
			table_count(k, end->hits);
			table_real(k, quotient((double)end->hits, (double)without));
			table_count(k, end->p48);
			table_count(k, end->p32);
			if (p->bgp)
				table_count(k, end->as);
			else
				table_none(k);
		}
		eval_fini(&t);
	}
	return rc;
}

/* ---- the picture: hits by candidates, both logarithmic ------------------- */

static const struct {
	double x, y, w, h;
} frame = { 62, 30, 600, 300 };

struct axes {
	unsigned decades_x, decades_y;
	double top; /* the frame is shifted down for more than one line of names */
};

static double place(double v, double least, double decades)
{
	return v > least ? log10(v / least) / decades : 0;
}

static unsigned decades(double v, double least)
{
	return v > least ? (unsigned)ceil(log10(v / least) - 1e-9) : 1;
}

static struct axes axes_for(double candidates, double hits, size_t names)
{
	size_t more = names ? (names - 1) / LEGEND_LINE : 0;

	return (struct axes){ decades(candidates, 1000), decades(hits, 1),
		              frame.y + LEGEND_HEIGHT * (double)more };
}

static void draw_axes(struct markup *m, struct axes x)
{
	double bottom = x.top + frame.h;

	markup_svg_open(m, 700, bottom + 50, "Hits by number of candidates", true);
	for (unsigned i = 0; i <= x.decades_x; i++) {
		double at = frame.x + frame.w * i / x.decades_x;

		markup_printf(m, "<path d=\"M%g %gv%g\" class=\"g\"/>", at, x.top,
		              frame.h);
		markup_printf(m, "<text x=\"%g\" y=\"%g\" class=\"m c\">%.0f</text>\n",
		              at, bottom + 16, pow(10, 3 + i));
	}
	for (unsigned i = 0; i <= x.decades_y; i++) {
		double at = bottom - frame.h * i / x.decades_y;

		markup_printf(m, "<path d=\"M%g %gh%g\" class=\"g\"/>", frame.x, at,
		              frame.w);
		markup_printf(m, "<text x=\"%g\" y=\"%g\" class=\"m e\">%.0f</text>\n",
		              frame.x - 6, at + 4, pow(10, i));
	}
	markup_printf(m, "<text x=\"%g\" y=\"%g\" class=\"m c\">candidates</text>\n",
	              frame.x + frame.w / 2, bottom + 36);
}

/* No two of twelve have both the colour and the dashes in common. */
static void draw_curve(struct markup *m, const struct eval_trial *t, const char *name,
                       unsigned series, struct axes x)
{
	unsigned colour = series % COLOURS + 1;
	unsigned dashes = (series % COLOURS + series / COLOURS) % DASHES + 1;
	double legend_x = frame.x + 150 * (series % LEGEND_LINE);
	double legend_y = 13 + LEGEND_HEIGHT * (double)(series / LEGEND_LINE);

	markup_printf(m, "<path class=\"l%u d%u\" d=\"", colour, dashes);
	for (unsigned i = 0; i < t->n_marks; i++)
		markup_printf(m, "%c%.1f %.1f", i ? 'L' : 'M',
		              frame.x + frame.w * place((double)t->mark[i].candidates,
		                                        1000, x.decades_x),
		              x.top + frame.h * (1 - place((double)t->mark[i].hits, 1,
		                                           x.decades_y)));
	markup_printf(m, "\"/><path d=\"M%g %gh18\" class=\"l%u d%u\"/>", legend_x,
	              legend_y, colour, dashes);
	markup_printf(m, "<text x=\"%g\" y=\"%g\">", legend_x + 23, legend_y + 4);
	markup_text(m, name);
	markup_printf(m, "</text>\n");
}

/* ---- the command -------------------------------------------------------- */

static int try_all(const struct tgen_eval_cfg *o, const struct plan *p, struct pages *g,
                   struct markup *m, struct diag *d)
{
	struct axes axes =
		axes_for((double)o->number * (o->holdout.n ? 1 : (double)o->folds),
	                 (double)(o->holdout.n ? p->holdout.n : p->seeds.n), p->n);
	int rc = 0;

	draw_axes(m, axes);
	for (size_t i = 0; i < p->n && rc == 0; i++) {
		struct eval_trial t;

		rc = try_one(&t, o, p, p->names[i], p->config.diversity, d);
		if (o->rounds)
			t.scale = 1; /* feedback has put that right */
		if (rc == 0 && i == 0) {
			doc_count(g->doc, "seeds", t.seeds);
			doc_count(g->doc, "holdout", t.holdout);
			doc_count(g->doc, "trials", o->holdout.n ? 1 : o->folds);
			doc_count(g->doc, "rounds", o->rounds);
		}
		if (rc == 0) {
			fill_algorithm(g->algorithms, &t, p->names[i]);
			fill_curve(g->curve, &t, p->names[i], p->bgp != NULL);
			fill_calibration(g->calibration, &t, p->names[i]);
			draw_curve(m, &t, p->names[i], (unsigned)i, axes);
		}
		eval_fini(&t);
		if (rc == 0 && g->trade_off)
			rc = fill_trade_off(g->trade_off, o, p, p->names[i], d);
	}
	markup_svg_close(m);
	return rc;
}

static int run(const struct tgen_eval_cfg *o, struct diag *d)
{
	struct plan p = { 0 };
	struct markup m = { 0 };
	struct pages g;
	struct doc *doc = doc_new();
	int rc = doc ? plan_open(&p, o, d) : -ENOMEM;

	if (rc == 0) {
		pages_init(&g, doc, o->trade_off);
		rc = try_all(o, &p, &g, &m, d);
	}
	if (rc == 0 && o->svg)
		rc = markup_save(&m, o->svg, d);
	if (rc == 0)
		rc = doc_save(doc, &o->out, d);
	markup_fini(&m);
	doc_free(doc);
	plan_fini(&p);
	return rc;
}

int tgen_eval_run(const void *cfg, int argc, char *argv[])
{
	const struct tgen_eval_cfg *o = cfg;
	struct diag d = { "" };

	if (!tgen_no_args(argc, argv))
		return CMD_USAGE;
	if (o->src.seeds.n == 0) {
		log_error("--seeds FILE is needed");
		return CMD_USAGE;
	}
	if (!o->bgp && (o->seedless || (o->fold_by && strcmp(o->fold_by, "as") == 0))) {
		log_error("--seedless and --fold-by as need --bgp FILE");
		return CMD_USAGE;
	}
	if (o->folds < 2 || o->folds > 100) {
		log_error("--folds: %" PRIu64 " is not within 2 and 100", o->folds);
		return CMD_USAGE;
	}
	if (o->number < 1 || o->number > UINT32_MAX || o->rounds > o->number) {
		log_error(
			"--number must be within 1 and 4294967295, --rounds at most that");
		return CMD_USAGE;
	}
	return tgen_exit_status(run(o, &d), &d);
}
