#include "analysis/treemap.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void treemap_fini(struct treemap *t)
{
	free(t->areas);
	*t = (struct treemap){ 0 };
}

/* ---- which areas, in which order ---------------------------------------- */

/* Entries come in the order of address and length: a stack of those that are
 * open gives each its parent. */
static void find_parents(struct treemap_area *a, size_t n)
{
	size_t open[130], depth = 0;

	for (size_t i = 0; i < n; i++) {
		while (depth &&
		       !(a[open[depth - 1]].prefix.len < a[i].prefix.len &&
		         prefix_covers(a[open[depth - 1]].prefix, a[i].prefix.addr)))
			depth--;
		a[i].parent = depth ? (int64_t)open[depth - 1] : -1;
		if (depth)
			a[open[depth - 1]].children++;
		open[depth++] = i;
	}
	for (size_t i = n; i-- > 0;)
		if (a[i].parent >= 0)
			a[a[i].parent].hits += a[i].hits;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

/* Keep the areas with most hits.  What lies inside has no more than what is
 * around it, so all parents stay, and take over the hits of what goes. */
static int thin_out(struct treemap_area *a, size_t *n, size_t most)
{
	uint64_t *hits = calloc(*n + 1, sizeof(*hits)), least;
	size_t k = 0;

	if (!hits)
		return -ENOMEM;
	for (size_t i = 0; i < *n; i++)
		hits[i] = a[i].hits;
	qsort(hits, *n, sizeof(*hits), by_number);
	least = *n > most ? hits[most] : 0;
	free(hits);
	for (size_t i = *n; i-- > 0;)
		if (a[i].hits <= least && a[i].parent >= 0)
			a[a[i].parent].self += a[i].self;
	for (size_t i = 0; i < *n; i++)
		if (a[i].hits > least)
			a[k++] = a[i];
	for (size_t i = 0; i < k; i++) {
		a[i].hits = a[i].self;
		a[i].children = 0;
	}
	*n = k;
	find_parents(a, k);
	return 0;
}

struct top {
	size_t index;
	uint64_t hits;
	uint8_t len;
	uint32_t asn;
	struct addr128 addr;
};

static int by_hits(const void *a, const void *b)
{
	const struct top *x = a, *y = b;

	if (x->hits != y->hits)
		return x->hits < y->hits ? 1 : -1;
	return addr_cmp(x->addr, y->addr);
}

static int by_place(const void *a, const void *b)
{
	const struct top *x = a, *y = b;
	char s[12], t[12];
	int c;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	snprintf(s, sizeof(s), "%" PRIu32, x->asn);
	snprintf(t, sizeof(t), "%" PRIu32, y->asn);
	c = strcmp(s, t);
	return c ? c : addr_cmp(x->addr, y->addr);
}

static size_t choose_tops(struct top *tops, const struct treemap_area *a, size_t n,
                          const struct treemap_config *cfg, size_t *left_out)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (a[i].parent < 0 && (a[i].hits || cfg->all))
			tops[k++] = (struct top){ i, a[i].hits, a[i].prefix.len, a[i].asn,
				                  a[i].prefix.addr };
	if (k)
		qsort(tops, k, sizeof(*tops), by_hits);
	*left_out = k > cfg->limit ? k - cfg->limit : 0;
	k -= *left_out;
	if (k)
		qsort(tops, k, sizeof(*tops), by_place);
	return k;
}

/* ---- where they go ----------------------------------------------------- */

struct row {
	double x, y, w, h; /* the room that is left */
	bool down;         /* the row goes down the left side, else along the top */
};

static double weight(const struct treemap_area *a, const struct treemap_config *cfg)
{
	return cfg->equal ? 1 : pow(1.2, 128 - a->prefix.len);
}

/* The worst ratio of sides in a row along `side` with areas from min to max that
 * sum up to sum. */
static double worst(double side, double sum, double min, double max)
{
	double thick = sum / side;
	double a = max / thick / thick, b = thick * thick / min;

	return a > b ? a : b;
}

/* How many areas from i on make the best row. */
static size_t row_length(const struct row *r, const double *size, size_t n)
{
	double side = r->down ? r->h : r->w;
	double sum = size[0], min = size[0], max = size[0];
	double ratio = worst(side, sum, min, max);
	size_t k = 1;

	for (; k < n; k++) {
		double next;

		min = fmin(min, size[k]);
		max = fmax(max, size[k]);
		next = worst(side, sum + size[k], min, max);
		if (next > ratio)
			break;
		ratio = next;
		sum += size[k];
	}
	return k;
}

static void place_row(struct row *r, struct treemap_area **a, const double *size,
                      size_t n)
{
	double sum = 0, along = 0, thick;

	for (size_t i = 0; i < n; i++)
		sum += size[i];
	thick = sum / (r->down ? r->h : r->w);
	for (size_t i = 0; i < n; i++) {
		double len = size[i] / thick;

		a[i]->x = r->x + (r->down ? 0 : along);
		a[i]->y = r->y + (r->down ? along : 0);
		a[i]->w = r->down ? thick : len;
		a[i]->h = r->down ? len : thick;
		a[i]->stroke = fmin(.5, size[i] / 2000);
		along += len;
	}
	if (r->down) {
		r->x += thick;
		r->w -= thick;
	} else {
		r->y += thick;
		r->h -= thick;
	}
	r->down = !r->down;
}

static void place_all(struct treemap_area **a, double *size, size_t n)
{
	struct row r = { 0, 0, TREEMAP_WIDTH, TREEMAP_HEIGHT, true };
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += size[i];
	for (size_t i = 0; i < n; i++)
		size[i] *= (double)TREEMAP_WIDTH * TREEMAP_HEIGHT / sum;
	for (size_t i = 0, k; i < n; i += k) {
		k = row_length(&r, size + i, n - i);
		place_row(&r, a + i, size + i, k);
	}
}

/* ---- all together ------------------------------------------------------ */

/* Append an area with all that is inside, which lies behind it in the source. */
static void append_tree(struct treemap *t, const struct treemap_area *source, size_t n,
                        size_t i, const struct treemap_area *placed)
{
	size_t begin = i, base = t->n;

	t->areas[t->n++] = *placed;
	t->areas[base].parent = -1;
	for (i++; i < n && source[i].parent >= (int64_t)begin; i++) {
		struct treemap_area a = source[i];

		a.parent = a.parent - (int64_t)begin + (int64_t)base;
		t->areas[t->n++] = a;
	}
}

/* Children share the upper half of their parent, side by side. */
static int place_children(struct treemap *t)
{
	uint32_t *placed = calloc(t->n + 1, sizeof(*placed));

	if (!placed)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++) {
		struct treemap_area *a = &t->areas[i];
		const struct treemap_area *p;

		if (a->parent < 0)
			continue;
		p = &t->areas[a->parent];
		a->w = p->w / p->children;
		a->h = p->h / 2;
		a->x = p->x + a->w * placed[a->parent]++;
		a->y = p->y;
		a->stroke = fmin(.5, p->w * a->h / 2000);
	}
	free(placed);
	return 0;
}

static void find_range(struct treemap *t)
{
	t->min = INFINITY;
	t->max = -INFINITY;
	for (size_t i = 0; i < t->n; i++) {
		double v = t->areas[i].value;

		if (isnan(v) || v == 0)
			continue;
		t->min = fmin(t->min, v);
		t->max = fmax(t->max, v);
	}
}

static int build(struct treemap *out, struct treemap_area *source, size_t n,
                 const struct treemap_config *cfg)
{
	struct top *tops = calloc(n + 1, sizeof(*tops));
	struct treemap_area **chosen = calloc(n + 1, sizeof(*chosen));
	double *size = calloc(n + 1, sizeof(*size));
	int rc = -ENOMEM;
	size_t k;

	out->areas = calloc(n + 1, sizeof(*out->areas));
	if (!tops || !chosen || !size || !out->areas)
		goto out;
	k = choose_tops(tops, source, n, cfg, &out->left_out);
	for (size_t i = 0; i < k; i++) {
		chosen[i] = &source[tops[i].index];
		size[i] = weight(chosen[i], cfg);
	}
	place_all(chosen, size, k);
	for (size_t i = 0; i < k; i++)
		append_tree(out, source, n, tops[i].index, chosen[i]);
	rc = place_children(out);
	find_range(out);
out:
	free(tops);
	free(chosen);
	free(size);
	return rc;
}

int treemap_make(struct treemap *out, const struct bgp *bgp, const uint64_t *hits,
                 const double *values, const struct treemap_config *cfg)
{
	size_t n = bgp_count(bgp);
	struct treemap_area *source = calloc(n + 1, sizeof(*source));
	int rc = -ENOMEM;

	*out = (struct treemap){ 0 };
	if (!source)
		return rc;
	for (size_t i = 0; i < n; i++) {
		const struct bgp_entry *e = bgp_at(bgp, i);

		source[i] = (struct treemap_area){
			.prefix = e->prefix,
			.asn = e->asn,
			.hits = hits[i],
			.self = hits[i],
			.value = values ? values[i] : (double)hits[i],
		};
	}
	find_parents(source, n);
	rc = cfg->most && n ? thin_out(source, &n, cfg->most) : 0;
	if (cfg->most && !values)
		for (size_t i = 0; i < n; i++)
			source[i].value = (double)source[i].self;
	if (rc == 0)
		rc = build(out, source, n, cfg);
	free(source);
	if (rc < 0)
		treemap_fini(out);
	return rc;
}

/* ---- drawing ----------------------------------------------------------- */

enum { LINEAR_RANGE = 1024 };

/* 0 .. 1; logarithmic when the values range far. */
static double scaled(const struct treemap *t, double v)
{
	if (t->max <= t->min)
		return 0;
	if (t->max - t->min > LINEAR_RANGE && t->min > 0)
		return log2(v / t->min) / log2(t->max / t->min);
	return (v - t->min) / (t->max - t->min);
}

/* The value at a place of the scale. */
static double unscaled(const struct treemap *t, double x)
{
	if (t->max - t->min > LINEAR_RANGE && t->min > 0)
		return t->min * exp2(x * log2(t->max / t->min));
	return t->min + x * (t->max - t->min);
}

static void draw_area(struct markup *m, const struct treemap *t,
                      const struct treemap_area *a)
{
	char prefix[PREFIX_STRLEN], fill[48] = "hsl(180, 0%, 90%)";

	if (!isnan(a->value) && a->value != 0)
		snprintf(fill, sizeof(fill), "hsl(%.6f, 90%%, 50%%)",
		         240 * (1 - scaled(t, a->value)));
	prefix_format(prefix, a->prefix);
	markup_printf(m,
	              "<rect data-asn=\"%" PRIu32 "\" data-hits=\"%" PRIu64
	              "\" data-prefix=\"%s\" data-self-hits=\"%" PRIu64
	              "\" fill=\"%s\" height=\"%.6f\" stroke=\"#aaaaaa\" "
	              "stroke-width=\"%.6f\" width=\"%.6f\" x=\"%.6f\" y=\"%.6f\">",
	              a->asn, a->hits, prefix, a->self, fill, a->h, a->stroke, a->w, a->x,
	              a->y);
	markup_printf(m, "<title>%s", prefix);
	if (a->asn)
		markup_printf(m, " AS%" PRIu32, a->asn);
	markup_printf(m, ": %" PRIu64 " hits", a->hits);
	if (!isnan(a->value) && a->value != (double)a->self)
		markup_printf(m, ", %.4g", a->value);
	markup_printf(m, "</title></rect>\n");
}

/* Names only where they can be read. */
static void draw_name(struct markup *m, const struct treemap_area *a)
{
	char text[PREFIX_STRLEN];
	double size;

	if (a->parent >= 0)
		return;
	if (a->asn)
		snprintf(text, sizeof(text), "AS%" PRIu32, a->asn);
	else
		prefix_format(text, a->prefix);
	size = fmin(a->h / 3, 1.4 * a->w / (double)strlen(text));
	if (size < 2.8)
		return;
	markup_printf(
		m,
		"<text class=\"o\" style=\"fill:#111;paint-order:stroke;stroke:#fffc;"
		"stroke-width:.9px;pointer-events:none;font-size:%.2fpx;"
		"text-anchor:middle\" x=\"%.3f\" y=\"%.3f\">%s</text>\n",
		fmin(size, 4), a->x + a->w / 2, a->y + a->h * .75, text);
}

static void draw_legend(struct markup *m, const struct treemap *t, const char *what)
{
	enum { STEPS = 60 };

	if (!isfinite(t->min))
		return;
	for (unsigned i = 0; i < STEPS; i++)
		markup_printf(m,
		              "<rect x=\"163\" y=\"%.3f\" width=\"3\" height=\"%.3f\" "
		              "fill=\"hsl(%.1f, 90%%, 50%%)\"/>\n",
		              8 + 88.0 * i / STEPS, 88.0 / STEPS + .05,
		              240.0 * i / (STEPS - 1));
	/* When all are equal, one label says so. */
	for (unsigned i = t->max > t->min ? 0 : 4; i <= 4; i++) {
		double v = unscaled(t, 1 - i / 4.0);

		markup_printf(m,
		              "<text style=\"font-size:4px\" x=\"167.5\" "
		              "y=\"%.2f\">%.*f</text>\n",
		              10.5 + 85.0 * i / 4, v < 10 ? 2 : 0, v);
	}
	markup_printf(m, "<text style=\"font-size:4px\" x=\"163\" y=\"5\">");
	markup_text(m, what);
	markup_printf(m, "</text>\n");
}

void treemap_draw(struct markup *m, const struct treemap *t, const char *what,
                  bool standalone)
{
	markup_svg_open(m, TREEMAP_WIDTH + TREEMAP_LEGEND, TREEMAP_HEIGHT,
	                "Treemap of prefixes", standalone);
	for (size_t i = 0; i < t->n; i++)
		draw_area(m, t, &t->areas[i]);
	for (size_t i = 0; i < t->n; i++)
		draw_name(m, &t->areas[i]);
	draw_legend(m, t, what);
	markup_svg_close(m);
}
