/* analysis/treemap.h - announced prefixes as nested rectangles.
 *
 * The geometry is that of zesplot (Hendriks et al., 2018), so that pictures can
 * be laid side by side: 160 x 100, a rectangle's area grows by 1.2 for each bit
 * that its prefix is shorter, sorted by length and AS number (as text), squarified
 * in rows whose direction alternates; more specific prefixes share the upper half
 * of theirs. */
#ifndef ANALYSIS_TREEMAP_H
#define ANALYSIS_TREEMAP_H

#include "common/bgp.h"
#include "common/markup.h"

enum { TREEMAP_WIDTH = 160, TREEMAP_HEIGHT = 100, TREEMAP_LEGEND = 27 };

struct treemap_area {
	struct prefix prefix;
	uint32_t asn;
	uint64_t hits, self; /* with and without more specific prefixes */
	double value;        /* what colours it; NAN: none */
	double x, y, w, h;
	double stroke;
	int64_t parent;    /* index, or -1 */
	uint32_t children; /* how many directly inside */
};

struct treemap {
	struct treemap_area *areas; /* in drawing order: parents before children */
	size_t n;
	size_t left_out; /* top-level areas beyond the limit */
	double min, max; /* of the values drawn */
};

struct treemap_config {
	size_t limit; /* top-level areas at most: those with most hits */
	size_t most; /* areas in all at most, 0: any: the smallest count as part of theirs */
	bool all;    /* also those without a hit */
	bool equal; /* every area of the same size, whatever its length */
};

/* hits: self hits of each entry of bgp; values: their colours (NULL: the hits;
 * zero and NAN are drawn grey). */
int treemap_make(struct treemap *out, const struct bgp *bgp, const uint64_t *hits,
                 const double *values, const struct treemap_config *cfg);
void treemap_fini(struct treemap *t);

/* what: the legend's title. */
void treemap_draw(struct markup *m, const struct treemap *t, const char *what,
                  bool standalone);

#endif
