#include "analysis/entropy.h"

#include <math.h>

/* Bytes are counted, not nibbles: half the work, and each count of a nibble is
 * a sum of 16 of them. */
void entropy_feed(struct entropy *e, const struct addr128 *a, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		uint64_t hi = a[k].hi, lo = a[k].lo;

		for (unsigned i = 8; i-- > 0; hi >>= 8, lo >>= 8) {
			e->bytes[i][hi & 255]++;
			e->bytes[i + 8][lo & 255]++;
		}
	}
	e->n += n;
}

uint64_t entropy_count(const struct entropy *e, unsigned i, unsigned v)
{
	const uint64_t *bytes = e->bytes[i / 2];
	uint64_t n = 0;

	for (unsigned k = 0; k < 16; k++)
		n += bytes[i % 2 ? 16 * k + v : 16 * v + k];
	return n;
}

double entropy_of_counts(const uint64_t counts[static 16], uint64_t n)
{
	double h = 0;

	for (unsigned v = 0; v < 16; v++) {
		double f = n ? (double)counts[v] / (double)n : 0;

		if (f > 0)
			h -= f * log2(f);
	}
	return h / 4 + 0.0;
}

double entropy_nibble(const struct entropy *e, unsigned i)
{
	uint64_t counts[16];

	for (unsigned v = 0; v < 16; v++)
		counts[v] = entropy_count(e, i, v);
	return entropy_of_counts(counts, e->n);
}

double entropy_total(const struct entropy *e)
{
	double h = 0;

	for (unsigned i = 0; i < 32; i++)
		h += entropy_nibble(e, i);
	return h;
}

static unsigned entropy_type(double h)
{
	static const double bounds[] = { .025, .1, .3, .5, .9 };
	unsigned type = 1;

	for (unsigned i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		type += h >= bounds[i];
	return type;
}

unsigned entropy_segments(const struct entropy *e, struct segment s[static SEGMENTS_MAX])
{
	double h[32], sum = 0;
	unsigned n = 0, first = 0;

	for (unsigned i = 0; i < 32; i++)
		h[i] = entropy_nibble(e, i);
	for (unsigned i = 0; i < 32; i++) {
		bool ends = i == 31 || i == 7 || i == 15;

		sum += h[i];
		if (!ends && i >= 8)
			ends = entropy_type(h[i]) != entropy_type(h[i + 1]) &&
			       fabs(h[i] - h[i + 1]) > .05;
		if (!ends)
			continue;
		s[n++] = (struct segment){
			.start = (uint8_t)(4 * first),
			.end = (uint8_t)(4 * (i + 1)),
			.type = (uint8_t)(first ? entropy_type(h[i]) : 0),
			.mean = sum / (i + 1 - first),
		};
		first = i + 1;
		sum = 0;
	}
	return n;
}
