/* analysis/addr6.h - the statistics of addr6 -s (SI6 toolkit, v2.2), to the
 * letter: every address counts as often as it comes. */
#ifndef ANALYSIS_ADDR6_H
#define ANALYSIS_ADDR6_H

#include "analysis/kind.h"
#include "common/writer.h"

enum { ADDR6_SUBTYPES = 15, ADDR6_SCOPES = 8 };

struct addr6 {
	uint64_t total, unicast, multicast, unspecified;
	uint64_t subtypes[ADDR6_SUBTYPES], scopes[ADDR6_SCOPES]; /* of multicast */
	uint64_t classes[IID_CLASSES];
};

void addr6_add(struct addr6 *s, struct addr128 a);

/* As it prints them, its faults included: under "Global" and "Unassigned" stand
 * the counts of the admin and site scopes, and no identifier is of Teredo. */
void addr6_write(const struct addr6 *s, struct writer *w);

#endif
