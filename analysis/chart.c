#include "analysis/chart.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* The area between the axes. */
struct frame {
	double x, y, w, h;
};

static const struct frame wide = { 66, 28, 640, 250 };
enum { WIDTH = 720, HEIGHT = 334 };

static void label(struct markup *m, double x, double y, const char *class,
                  const char *text)
{
	markup_printf(m, "<text x=\"%g\" y=\"%g\" class=\"%s\">", x, y, class);
	markup_text(m, text);
	markup_printf(m, "</text>\n");
}

static void grid_line(struct markup *m, double x1, double y1, double x2, double y2,
                      const char *class)
{
	markup_printf(m, "<path d=\"M%g %gL%g %g\" class=\"%s\"/>\n", x1, y1, x2, y2,
	              class);
}

/* Ticks every 16 bits; the boundary of network and interface stands out. */
static void bit_axis(struct markup *m, const struct frame *f, const char *title)
{
	char text[16];

	for (unsigned bit = 0; bit <= 128; bit += 16) {
		double x = f->x + f->w * bit / 128;

		grid_line(m, x, f->y, x, f->y + f->h, bit == 64 ? "a" : "g");
		snprintf(text, sizeof(text), "%u", bit);
		label(m, x, f->y + f->h + 16, "m c", text);
	}
	label(m, f->x + f->w / 2, f->y + f->h + 36, "m c", title);
}

/* A legend entry at x, above the frame. */
static void legend(struct markup *m, double x, unsigned series, const char *text)
{
	markup_printf(m, "<path d=\"M%g 13h18\" class=\"l%u d%u\"/>\n", x, series,
	              series);
	label(m, x + 23, 17, "", text);
}

/* log2 of what the axis of ratios reaches to: as the plots of Plonka and Berger, 65536,
 * or, for a set whose ratios are far below that, 4096, 256 or 16. */
static double mra_top(const struct density *d, const unsigned steps[static 3])
{
	double top = 4;

	for (unsigned i = 0; i < 3; i++)
		for (unsigned p = 0; p < 128 && d->n; p += steps[i])
			while (log2(density_mra(d, p, steps[i])) > top)
				top += 4;
	return top;
}

void chart_mra(struct markup *m, const struct density *d, bool standalone)
{
	static const unsigned steps[] = { 1, 4, 16 };
	static const char *const names[] = { "bits", "nibbles", "16-bit words" };
	const struct frame *f = &wide;
	double top = mra_top(d, steps);

	markup_svg_open(m, WIDTH, HEIGHT, "Aggregate count ratios by prefix length",
	                standalone);
	bit_axis(m, f, "prefix length p");
	for (unsigned e = 0; e <= top; e += top > 8 ? 4 : 2) {
		double y = f->y + f->h * (1 - e / top);
		char text[16];

		grid_line(m, f->x, y, f->x + f->w, y, "g");
		snprintf(text, sizeof(text), "%u", 1u << e);
		label(m, f->x - 6, y + 4, "m e", text);
	}
	for (unsigned i = 0; i < 3; i++) {
		legend(m, f->x + 130 * i, i + 1, names[i]);
		markup_printf(m, "<path class=\"l%u d%u\" d=\"", i + 1, i + 1);
		for (unsigned p = 0; p < 128 && d->n; p += steps[i]) {
			double y = log2(density_mra(d, p, steps[i])) / top;

			markup_printf(m, "%c%.2f %.2fH%.2f", p ? 'L' : 'M',
			              f->x + f->w * p / 128, f->y + f->h * (1 - y),
			              f->x + f->w * (p + steps[i]) / 128);
		}
		markup_printf(m, "\"/>\n");
	}
	markup_svg_close(m);
}

/* A step line of the 32 nibbles. */
static void nibble_steps(struct markup *m, const struct frame *f, const double *v,
                         unsigned series)
{
	markup_printf(m, "<path class=\"l%u d%u\" d=\"", series, series);
	for (unsigned i = 0; i < 32; i++)
		markup_printf(m, "%c%.2f %.2fH%.2f", i ? 'L' : 'M', f->x + f->w * i / 32,
		              f->y + f->h * (1 - v[i]), f->x + f->w * (i + 1) / 32);
	markup_printf(m, "\"/>\n");
}

void chart_entropy(struct markup *m, const struct entropy *e, const struct density *d,
                   bool standalone)
{
	/* Above it are the letters of the segments. */
	const struct frame area = { 66, 44, 640, 250 }, *f = &area;
	struct segment s[SEGMENTS_MAX];
	unsigned n = e->n ? entropy_segments(e, s) : 0;
	double h[32], acr[32];
	char text[16];

	markup_svg_open(m, WIDTH, HEIGHT + 16, "Entropy of each hexadecimal digit",
	                standalone);
	for (unsigned i = 0; i < n; i++) {
		double x = f->x + f->w * s[i].start / 128;
		double w = f->w * (s[i].end - s[i].start) / 128;

		if (i % 2)
			markup_printf(m,
			              "<rect x=\"%g\" y=\"%g\" width=\"%g\" "
			              "height=\"%g\" class=\"off\"/>\n",
			              x, f->y, w, f->h);
	}
	bit_axis(m, f, "bit");
	for (unsigned i = 0; i <= 4; i++) {
		double y = f->y + f->h * (1 - i / 4.0);

		grid_line(m, f->x, y, f->x + f->w, y, "g");
		snprintf(text, sizeof(text), "%g", i / 4.0);
		label(m, f->x - 6, y + 4, "m e", text);
	}
	for (unsigned i = 0; i < n; i++) {
		char name[2] = { (char)('A' + i % 26), '\0' };

		label(m, f->x + f->w * (s[i].start + s[i].end) / 256, f->y - 5, "m c",
		      name);
	}
	for (unsigned i = 0; i < 32; i++) {
		h[i] = entropy_nibble(e, i);
		acr[i] = density_acr(d, 4 * i);
	}
	nibble_steps(m, f, h, 1);
	nibble_steps(m, f, acr, 2);
	legend(m, f->x, 1, "entropy");
	legend(m, f->x + 130, 2, "aggregate count ratio");
	markup_svg_close(m);
}

/* One hue, stronger where there is more. */
static void heat_cell(struct markup *m, double x, double y, double w, double h, double v)
{
	markup_printf(m,
	              "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" "
	              "class=\"f1\" fill-opacity=\"%.3f\"",
	              x, y, w, h, v);
}

void chart_digits(struct markup *m, const struct entropy *e, bool standalone)
{
	const struct frame f = { 66, 28, 640, 320 };
	double cw = f.w / 32, ch = f.h / 16;
	char text[16];

	markup_svg_open(m, WIDTH, 402, "Digits by position", standalone);
	label(m, f.x, 17, "m", "share of the addresses with a digit in a place");
	for (unsigned i = 0; i < 32; i++) {
		for (unsigned v = 0; v < 16; v++) {
			uint64_t n = entropy_count(e, i, v);
			double share = e->n ? (double)n / (double)e->n : 0;

			if (!n)
				continue;
			heat_cell(m, f.x + cw * i, f.y + ch * (15 - v), cw - 1, ch - 1,
			          .08 + .92 * sqrt(share));
			markup_printf(m,
			              "><title>digit %u = %x: %.2f %%</title></rect>\n",
			              i + 1, v, 100 * share);
		}
	}
	for (unsigned v = 0; v < 16; v++) {
		snprintf(text, sizeof(text), "%x", v);
		label(m, f.x - 8, f.y + ch * (15 - v) + 14, "m e", text);
	}
	for (unsigned i = 0; i < 32; i++) {
		snprintf(text, sizeof(text), "%u", i + 1);
		label(m, f.x + cw * (i + .5), f.y + f.h + 16, i % 2 ? "m c o" : "m c",
		      text);
	}
	label(m, f.x + f.w / 2, f.y + f.h + 37, "m c", "digit from the left");
	markup_svg_close(m);
}

static void cumulative(struct markup *m, const struct frame *f, const struct tally *t,
                       double decades, unsigned series)
{
	struct tally_entry e;
	uint64_t groups = 0;
	size_t pos = 0;
	double y = 0;

	markup_printf(m, "<path class=\"l%u d%u\" d=\"M%g %g", series, series, f->x,
	              f->y + f->h);
	while (tally_next(t, &pos, &e)) {
		double x = f->x + f->w * log10((double)e.count) / decades;

		groups += e.groups;
		y = (double)groups / (double)t->groups;
		markup_printf(m, "H%.2fV%.2f", x, f->y + f->h * (1 - y));
	}
	markup_printf(m, "H%g\"/>\n", f->x + f->w);
}

/* One line of the picture of distributions, its legend at so many pixels. */
struct spread {
	const char *name;
	double at;
	const struct tally *tally;
};

static unsigned find_spreads(struct spread out[5], const struct density *d,
                             const struct groups *g)
{
	static const uint8_t lengths[] = { 64, 48, 32 };
	static const char *const names[] = { "per /64", "per /48", "per /32" };

	for (unsigned i = 0; i < 3; i++) {
		const struct density_level *l = density_level(d, lengths[i]);

		out[i] = (struct spread){ names[i], 105 * i, l ? &l->tally : NULL };
	}
	if (!g)
		return 3;
	out[3] = (struct spread){ "per announced prefix", 315, &g->prefixes };
	out[4] = (struct spread){ "per AS", 530, &g->ases };
	return 5;
}

void chart_distribution(struct markup *m, const struct density *d, const struct groups *g,
                        bool standalone)
{
	const struct frame *f = &wide;
	struct spread of[5];
	unsigned n = find_spreads(of, d, g);
	double decades = 1;
	char text[24];

	for (unsigned i = 0; i < n; i++) {
		uint64_t max = of[i].tally ? tally_max(of[i].tally) : 0;

		while (max && log10((double)max) > decades)
			decades++;
	}
	markup_svg_open(m, WIDTH, HEIGHT,
	                g ? "Distribution of addresses over prefixes and networks"
	                  : "Distribution of addresses over prefixes",
	                standalone);
	for (unsigned i = 0; i <= (unsigned)decades; i++) {
		double x = f->x + f->w * i / decades;

		grid_line(m, x, f->y, x, f->y + f->h, "g");
		snprintf(text, sizeof(text), "%.0f", pow(10, i));
		label(m, x, f->y + f->h + 16, i < decades ? "m c" : "m e", text);
	}
	for (unsigned i = 0; i <= 4; i++) {
		double y = f->y + f->h * (1 - i / 4.0);

		grid_line(m, f->x, y, f->x + f->w, y, "g");
		snprintf(text, sizeof(text), "%u %%", 25 * i);
		label(m, f->x - 6, y + 4, "m e", text);
	}
	label(m, f->x + f->w / 2, f->y + f->h + 36, "m c", "addresses, at most");
	for (unsigned i = 0; i < n; i++) {
		legend(m, f->x + of[i].at, i + 1, of[i].name);
		if (of[i].tally && of[i].tally->groups)
			cumulative(m, f, of[i].tally, decades, i + 1);
	}
	markup_svg_close(m);
}

void chart_clusters(struct markup *m, const struct clusters *c, bool standalone)
{
	const struct frame f = { 186, 28, 516, 26.0 * c->k };
	double cw = f.w / PROFILE_NIBBLES;
	size_t networks = 0, most = 1;
	char text[64];

	markup_svg_open(m, WIDTH, f.h + 80, "Clusters of networks by entropy",
	                standalone);
	for (unsigned i = 0; i < c->k; i++) {
		networks += c->c[i].n;
		most = c->c[i].n > most ? c->c[i].n : most;
	}
	label(m, 8, 17, "m", "networks");
	label(m, f.x, 17, "m", "median entropy of each digit");
	for (unsigned i = 0; i < c->k; i++) {
		double share = (double)c->c[i].n / (double)networks, y = f.y + 26 * i;

		markup_printf(m,
		              "<rect x=\"30\" y=\"%g\" width=\"%.2f\" height=\"20\" "
		              "class=\"f2\"/>\n",
		              y + 2, 76 * (double)c->c[i].n / (double)most);
		snprintf(text, sizeof(text), "%u", i + 1);
		label(m, 22, y + 16, "m e", text);
		snprintf(text, sizeof(text), "%.1f %%", 100 * share);
		label(m, f.x - 8, y + 16, "m e", text);
		for (unsigned k = 0; k < PROFILE_NIBBLES; k++) {
			heat_cell(m, f.x + cw * k, y, cw - 1, 24,
			          .03 + .97 * (double)c->c[i].median[k]);
			markup_printf(m, "><title>digit %u: %.3f</title></rect>\n",
			              k + PROFILE_FIRST + 1, (double)c->c[i].median[k]);
		}
	}
	for (unsigned k = 0; k < PROFILE_NIBBLES; k++) {
		snprintf(text, sizeof(text), "%u", k + PROFILE_FIRST + 1);
		label(m, f.x + cw * (k + .5), f.y + f.h + 16, k % 2 ? "m c o" : "m c",
		      text);
	}
	label(m, f.x + f.w / 2, f.y + f.h + 37, "m c", "digit from the left");
	markup_svg_close(m);
}

/* A bar for each count, with a label at every so many, whose axis reaches at least to a
 * share of `least`; returns what it reaches to. */
static double columns(struct markup *m, const struct frame *f, const uint64_t *counts,
                      unsigned n, unsigned every, double least, const char *unit)
{
	double bw = f->w / n, max = least, total = 0;
	char text[24];

	for (unsigned i = 0; i < n; i++)
		total += (double)counts[i];
	for (unsigned i = 0; i < n && total > 0; i++)
		max = fmax(max, (double)counts[i] / total);
	for (unsigned i = 0; i <= 4; i++) {
		double y = f->y + f->h * (1 - i / 4.0);

		grid_line(m, f->x, y, f->x + f->w, y, "g");
		snprintf(text, sizeof(text), "%.1f %%", 25 * i * max);
		label(m, f->x - 6, y + 4, "m e", text);
	}
	for (unsigned i = 0; i < n; i++) {
		double h = total > 0 ? f->h * (double)counts[i] / total / max : 0;

		if (counts[i])
			markup_printf(m,
			              "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
			              "height=\"%.2f\" class=\"f1\"><title>%s %u: "
			              "%" PRIu64 "</title></rect>\n",
			              f->x + bw * i, f->y + f->h - h, bw * .9, h, unit, i,
			              counts[i]);
		if (i % every == 0) {
			snprintf(text, sizeof(text), "%u", i);
			label(m, f->x + bw * (i + .5), f->y + f->h + 16, "m c", text);
		}
	}
	return max;
}

void chart_histogram(struct markup *m, const char *title, const char *unit,
                     const uint64_t *counts, unsigned n, unsigned every, bool standalone)
{
	const struct frame *f = &wide;

	markup_svg_open(m, WIDTH, HEIGHT, title, standalone);
	columns(m, f, counts, n, every, .04, unit);
	label(m, f->x + f->w / 2, f->y + f->h + 36, "m c", unit);
	markup_svg_close(m);
}

void chart_hamming(struct markup *m, const uint64_t counts[static 65], bool standalone)
{
	const struct frame *f = &wide;
	double bw = f->w / 65, max;

	markup_svg_open(m, WIDTH, HEIGHT, "Set bits of the interface identifiers",
	                standalone);
	max = columns(m, f, counts, 65, 8, .12, "bits");
	markup_printf(m, "<path class=\"l2\" d=\"");
	for (unsigned i = 0; i < 65; i++) {
		double z = (i - 31.5) / 3.97;
		double y = exp(-z * z / 2) / (3.97 * sqrt(2 * M_PI)) / max;

		markup_printf(m, "%c%.2f %.2f", i ? 'L' : 'M', f->x + bw * (i + .5),
		              f->y + f->h * (1 - y));
	}
	markup_printf(m, "\"/>\n");
	legend(m, f->x, 2, "random identifiers: Normal(31.5, 3.97)");
	label(m, f->x + f->w / 2, f->y + f->h + 36, "m c", "bits set in the identifier");
	markup_svg_close(m);
}

/* A round number of at least x: 1, 2 or 5 times a power of ten. */
static double round_up(double x)
{
	double unit = pow(10, floor(log10(fmax(x, 4))));

	return x <= unit       ? unit
	       : x <= 2 * unit ? 2 * unit
	       : x <= 5 * unit ? 5 * unit
	                       : 10 * unit;
}

void chart_days(struct markup *m, const char *title, const uint64_t *by, unsigned n,
                const char *from, const char *to, bool standalone)
{
	const struct frame *f = &wide;
	uint64_t most = 0;
	char text[24];
	double top, unit;

	for (unsigned i = 0; i < n; i++)
		most = by[i] > most ? by[i] : most;
	top = round_up((double)most);
	unit = top >= 4e6 ? 1e6 : top >= 4e3 ? 1e3 : 1;
	markup_svg_open(m, WIDTH, HEIGHT, title, standalone);
	for (unsigned i = 0; i <= 4; i++) {
		double y = f->y + f->h * (1 - i / 4.0);

		grid_line(m, f->x, y, f->x + f->w, y, "g");
		snprintf(text, sizeof(text), "%.4g%s", top * i / 4 / unit,
		         i == 0 || unit < 2 ? ""
		         : unit < 1e6       ? "k"
		                            : "M");
		label(m, f->x - 6, y + 4, "m e", text);
	}
	markup_printf(m, "<path class=\"l1\" d=\"");
	for (unsigned i = n; i--;)
		markup_printf(m, "%c%.2f %.2f", i + 1 == n ? 'M' : 'L',
		              f->x + f->w * (n - 1 - i) / (n > 1 ? n - 1 : 1),
		              f->y + f->h * (1 - (double)by[i] / top));
	markup_printf(m, "\"/>\n");
	label(m, f->x, f->y + f->h + 18, "m", from);
	label(m, f->x + f->w, f->y + f->h + 18, "m e", to);
	markup_svg_close(m);
}

void chart_bars(struct markup *m, const char *title, const struct chart_bar *bars,
                size_t n, bool standalone)
{
	double height = 24.0 * (double)n + 14, total = 0, max = 0;
	char text[64];

	for (size_t i = 0; i < n; i++) {
		total += (double)bars[i].count;
		max = fmax(max, (double)bars[i].count);
	}
	markup_svg_open(m, WIDTH, height, title, standalone);
	for (size_t i = 0; i < n; i++) {
		double y = 8 + 24.0 * (double)i;
		double w = max > 0 ? 380 * (double)bars[i].count / max : 0;

		label(m, 172, y + 14, "e", bars[i].label);
		markup_printf(m,
		              "<rect x=\"180\" y=\"%g\" width=\"%.2f\" height=\"18\" "
		              "class=\"f1\"/>\n",
		              y, w);
		snprintf(text, sizeof(text), "%" PRIu64 " (%.2f %%)", bars[i].count,
		         total > 0 ? 100 * (double)bars[i].count / total : 0);
		label(m, 186 + w, y + 14, "m", text);
	}
	markup_svg_close(m);
}

void chart_matrix(struct markup *m, const char *title, const char *const *labels,
                  const double *values, size_t n, bool standalone)
{
	const double cell = 62, left = 90, top = 30;
	char text[32];

	markup_svg_open(m, left + cell * (double)n + 10, top + 30 * (double)n + 10, title,
	                standalone);
	for (size_t r = 0; r < n; r++) {
		double y = top + 30 * (double)r;

		label(m, left - 8, y + 19, "e s", labels[r]);
		label(m, left + cell * ((double)r + .5), top - 10, "c s", labels[r]);
		for (size_t c = 0; c < n; c++) {
			double v = values[r * n + c], x = left + cell * (double)c;

			if (isnan(v))
				continue;
			heat_cell(m, x, y, cell - 2, 28, .06 + .5 * v);
			snprintf(text, sizeof(text), "%.1f %%", 100 * v);
			markup_printf(m, "/>\n");
			label(m, x + cell / 2 - 1, y + 18, "c s", text);
		}
	}
	markup_svg_close(m);
}
