#include "analysis/hilbert.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

int hilbert_init(struct hilbert *h, struct prefix prefix, unsigned bits)
{
	*h = (struct hilbert){ .prefix = prefix, .bits = bits };
	h->counts = calloc((size_t)1 << bits, sizeof(*h->counts));
	return h->counts ? 0 : -ENOMEM;
}

void hilbert_fini(struct hilbert *h)
{
	free(h->counts);
	*h = (struct hilbert){ .bits = 0 };
}

/* Bits prefix.len .. prefix.len + bits - 1 of the address. */
static uint32_t cell_of(const struct hilbert *h, struct addr128 a)
{
	uint32_t i = 0;

	for (unsigned b = 0; b < h->bits; b++)
		i = i << 1 | addr_bit(a, h->prefix.len + b);
	return i;
}

void hilbert_feed(struct hilbert *h, const struct addr128 *a, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		uint32_t i;

		if (!prefix_covers(h->prefix, a[k])) {
			h->outside++;
			continue;
		}
		i = cell_of(h, a[k]);
		h->inside++;
		h->cells += h->counts[i] == 0;
		if (++h->counts[i] > h->max)
			h->max = h->counts[i];
	}
}

/* From the last pair of bits to the first: each level puts four copies of the
 * curve so far into a square, two of them turned. */
void hilbert_place(unsigned bits, uint32_t i, uint32_t *x, uint32_t *y)
{
	uint32_t px = 0, py = 0;

	for (uint32_t s = 1; s < (uint32_t)1 << bits / 2; s *= 2, i /= 4) {
		uint32_t rx = i / 2 & 1, ry = (i ^ rx) & 1, t;

		if (!ry) {
			if (rx) {
				px = s - 1 - px;
				py = s - 1 - py;
			}
			t = px;
			px = py;
			py = t;
		}
		px += s * rx;
		py += s * ry;
	}
	*x = px;
	*y = py;
}

struct prefix hilbert_cell(const struct hilbert *h, uint32_t i)
{
	struct addr128 a = h->prefix.addr;

	for (unsigned b = 0; b < h->bits; b++) {
		unsigned at = h->prefix.len + b;
		uint64_t bit = i >> (h->bits - 1 - b) & 1;

		if (at < 64)
			a.hi |= bit << (63 - at);
		else
			a.lo |= bit << (127 - at);
	}
	return prefix_make(a, h->prefix.len + h->bits);
}

void hilbert_draw(struct markup *m, const struct hilbert *h, bool standalone)
{
	const double width = 640, top = 30;
	double cell = width / exp2(h->bits / 2), max = log2(1 + (double)h->max);
	char text[PREFIX_STRLEN];

	markup_svg_open(m, width + 20, width + top + 30, "Hilbert map of a prefix",
	                standalone);
	prefix_format(text, h->prefix);
	markup_printf(m,
	              "<text x=\"10\" y=\"18\">%s in /%u: %" PRIu64
	              " addresses in %" PRIu64 " cells</text>\n",
	              text, h->prefix.len + h->bits, h->inside, h->cells);
	markup_printf(m,
	              "<rect x=\"10\" y=\"%g\" width=\"%g\" height=\"%g\" "
	              "class=\"off\"/>\n",
	              top, width, width);
	for (uint32_t i = 0; i < (uint32_t)1 << h->bits; i++) {
		uint32_t x, y;

		if (!h->counts[i])
			continue;
		hilbert_place(h->bits, i, &x, &y);
		prefix_format(text, hilbert_cell(h, i));
		markup_printf(m,
		              "<rect x=\"%.3f\" y=\"%.3f\" width=\"%.3f\" "
		              "height=\"%.3f\" class=\"f1\" fill-opacity=\"%.3f\">"
		              "<title>%s: %" PRIu32 "</title></rect>\n",
		              10 + cell * x, top + cell * y, cell, cell,
		              .25 + .75 * log2(1 + (double)h->counts[i]) / max, text,
		              h->counts[i]);
	}
	markup_printf(m,
	              "<text x=\"10\" y=\"%g\" class=\"m\">strongest colour: %" PRIu32
	              " addresses; first cell top left</text>\n",
	              top + width + 18, h->max);
	markup_svg_close(m);
}
