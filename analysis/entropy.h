/* analysis/entropy.h - entropy of each hexadecimal digit, and what follows from
 * it: segments, their frequent values.
 *
 * Foremski, Plonka and Berger, "Entropy/IP: Uncovering Structure in IPv6
 * Addresses" (IMC 2016). */
#ifndef ANALYSIS_ENTROPY_H
#define ANALYSIS_ENTROPY_H

#include <stddef.h>

#include "common/addr.h"

struct entropy {
	uint64_t n;
	uint64_t bytes[16][256];
};

void entropy_feed(struct entropy *e, const struct addr128 *a, size_t n);

/* How many addresses have value v in nibble i (from the top, 0..31). */
uint64_t entropy_count(const struct entropy *e, unsigned i, unsigned v);
/* Of nibble i, in [0, 1]: 0 constant, 1 uniform. */
double entropy_nibble(const struct entropy *e, unsigned i);
double entropy_total(const struct entropy *e); /* sum over the nibbles, 0..32 */

/* Of 16 counts that sum up to n, in [0, 1]. */
double entropy_of_counts(const uint64_t counts[static 16], uint64_t n);

enum { SEGMENTS_MAX = 32 };
struct segment {
	uint8_t start, end; /* bits: start inclusive, end exclusive */
	uint8_t type;       /* 1..6 by entropy; 0: the first 32 bits */
	double mean;        /* entropy of its nibbles */
};

/* Segments of the address, from the top; returns how many. */
unsigned entropy_segments(const struct entropy *e, struct segment s[static SEGMENTS_MAX]);

/* The most frequent values of segments.  Narrow ones are counted exactly; wider
 * ones, if they have more distinct values than fit, keep those that can occur in
 * more than 1 / TOPVALUES_KEPT of the addresses (Misra and Gries 1982), which a
 * second pass counts exactly. */
enum { TOPVALUES_KEPT = 4096 };
struct topvalues;
struct topvalue {
	uint64_t value, count;
};
struct topvalues *topvalues_new(const struct segment *s, unsigned n); /* NULL: ENOMEM */
void topvalues_free(struct topvalues *t);
void topvalues_feed(struct topvalues *t, const struct addr128 *a, size_t n);
bool topvalues_need_recount(const struct topvalues *t);
void topvalues_start_recount(struct topvalues *t); /* then feed all again */
/* The values of segment i, most frequent first, at most max; returns how many. */
size_t topvalues_get(const struct topvalues *t, unsigned i, struct topvalue *out,
                     size_t max);

#endif
