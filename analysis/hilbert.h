/* analysis/hilbert.h - the sub-prefixes of one prefix along a Hilbert curve:
 * prefixes near each other in number are near each other in the picture. */
#ifndef ANALYSIS_HILBERT_H
#define ANALYSIS_HILBERT_H

#include "common/addr.h"
#include "common/markup.h"

enum { HILBERT_BITS_MAX = 20 };

struct hilbert {
	struct prefix prefix;
	unsigned bits;    /* cells are 2^bits prefixes of length prefix.len + bits */
	uint32_t *counts; /* of each cell, in the order of addresses */
	uint64_t inside, outside, cells; /* addresses; cells with any */
	uint32_t max;
};

/* bits even, 2 .. HILBERT_BITS_MAX, prefix.len + bits <= 128.  0 or -ENOMEM. */
int hilbert_init(struct hilbert *h, struct prefix prefix, unsigned bits);
void hilbert_fini(struct hilbert *h);
void hilbert_feed(struct hilbert *h, const struct addr128 *a, size_t n);

/* Where cell i lies: x to the right, y down, both 0 .. 2^(bits/2) - 1. */
void hilbert_place(unsigned bits, uint32_t i, uint32_t *x, uint32_t *y);
struct prefix hilbert_cell(const struct hilbert *h, uint32_t i);

void hilbert_draw(struct markup *m, const struct hilbert *h, bool standalone);

#endif
