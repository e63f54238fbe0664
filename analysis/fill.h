/* analysis/fill.h - results as tables, for the verbs and for the report. */
#ifndef ANALYSIS_FILL_H
#define ANALYSIS_FILL_H

#include "analysis/density.h"
#include "analysis/entropy.h"
#include "analysis/groups.h"
#include "analysis/profiles.h"
#include "common/table.h"

/* n_p, their ratios, and the ratio of aggregate counts of each nibble. */
void fill_prefixes(struct doc *doc, const struct density *d);
/* n@/p-dense prefixes: every level of at least that length with the usual n. */
void fill_dense(struct doc *doc, const struct density *d, unsigned length);
/* Addresses per prefix (levels 32, 48, 64), announced prefix and AS (g may be
 * NULL), in figures and as distribution. */
void fill_concentration(struct doc *doc, const struct density *d, const struct groups *g,
                        size_t top);
void fill_distribution(struct doc *doc, const struct density *d, const struct groups *g);
void fill_top_prefixes(struct doc *doc, const struct density *d, size_t top);
void fill_top_networks(struct doc *doc, const struct groups *g, size_t top);

struct country_counts;
void fill_countries(struct doc *doc, const struct country_counts *c, size_t top);

void fill_nibbles(struct doc *doc, const struct entropy *e, const struct density *d);
void fill_segments(struct doc *doc, const struct segment *s, unsigned n);
void fill_values(struct doc *doc, const struct topvalues *t, const struct segment *s,
                 unsigned n, uint64_t total, size_t top);
void fill_heat(struct doc *doc, const struct entropy *e);
void fill_profiles(struct doc *doc, const struct profiles *p, enum profile_by by,
                   bool clustered);
void fill_clusters(struct doc *doc, const struct clusters *c, size_t networks);

struct chains;
struct kip;
/* Runs (gap 1) by length; the chains that were kept, in their order; kIP
 * prefixes by length, and one by one. */
void fill_run_lengths(struct doc *doc, const struct chains *c);
void fill_chains(struct doc *doc, const struct chains *c, const char *title);
void fill_kip_lengths(struct doc *doc, const struct kip *kip);
void fill_kip(struct doc *doc, const struct kip *kip);

#endif
