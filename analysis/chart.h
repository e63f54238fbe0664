/* analysis/chart.h - the pictures, as SVG (see markup.h).
 *
 * Every function appends one <svg>; standalone ones are files of their own, the
 * others are parts of a page. */
#ifndef ANALYSIS_CHART_H
#define ANALYSIS_CHART_H

#include "analysis/density.h"
#include "analysis/entropy.h"
#include "analysis/groups.h"
#include "analysis/profiles.h"
#include "common/markup.h"

/* Steps of n_(p+k) / n_p for k = 1, 4, 16 over p, logarithmic. */
void chart_mra(struct markup *m, const struct density *d, bool standalone);
/* Entropy and aggregate count ratio of each nibble, with the segments. */
void chart_entropy(struct markup *m, const struct entropy *e, const struct density *d,
                   bool standalone);
/* Which digits occur where: 32 x 16 cells. */
void chart_digits(struct markup *m, const struct entropy *e, bool standalone);
/* Share of the prefixes with at most x addresses, for /64, /48, /32, and, unless g is
 * NULL, of the announced prefixes and networks with any. */
void chart_distribution(struct markup *m, const struct density *d, const struct groups *g,
                        bool standalone);
/* Median entropies of each cluster, and how many networks it has. */
void chart_clusters(struct markup *m, const struct clusters *c, bool standalone);
/* Set bits of interface identifiers against Normal(31.5, 3.97). */
void chart_hamming(struct markup *m, const uint64_t counts[static 65], bool standalone);

/* Shares of the values 0 .. n - 1 of something, which the unit names, with a label at
 * every so many. */
void chart_histogram(struct markup *m, const char *title, const char *unit,
                     const uint64_t *counts, unsigned n, unsigned every, bool standalone);

/* A line of counts by day, by[0] the latest of n days; from and to are the dates. */
void chart_days(struct markup *m, const char *title, const uint64_t *by, unsigned n,
                const char *from, const char *to, bool standalone);

/* Bars with a label and a share each. */
struct chart_bar {
	const char *label;
	uint64_t count;
};
void chart_bars(struct markup *m, const char *title, const struct chart_bar *bars,
                size_t n, bool standalone);
struct chains;
/* Addresses in runs of 1, 2, 3 to 4, 5 to 8, ... addresses. */
void chart_runs(struct markup *m, const struct chains *c, bool standalone);
/* A square matrix of shares 0..1, NAN for none; labels for rows and columns. */
void chart_matrix(struct markup *m, const char *title, const char *const *labels,
                  const double *values, size_t n, bool standalone);

#endif
