/* analysis/tally.h - how many groups have how many members.
 *
 * The counts of a million prefixes have few distinct values (their sum is the
 * number of addresses), so the whole distribution is kept, exactly, in little
 * memory, and every figure of concentration comes from it. */
#ifndef ANALYSIS_TALLY_H
#define ANALYSIS_TALLY_H

#include <stddef.h>
#include <stdint.h>

enum { TALLY_SMALL = 256 };

struct tally_entry {
	uint64_t count, groups;
};

struct tally { /* { 0 } is an empty one */
	uint64_t small[TALLY_SMALL];
	struct tally_entry *large; /* ascending counts >= TALLY_SMALL */
	size_t n_large, cap_large;
	uint64_t groups, members;
	int rc; /* -ENOMEM sticks */
};

void tally_fini(struct tally *t);
void tally_add(struct tally *t, uint64_t count); /* a group of count > 0 members */

/* The distinct counts, ascending: start with *pos = 0; returns 0 at the end. */
int tally_next(const struct tally *t, size_t *pos, struct tally_entry *e);

uint64_t tally_max(const struct tally *t);
/* The count of the group at rank (0: the smallest); rank < groups. */
uint64_t tally_at(const struct tally *t, uint64_t rank);
/* Groups with at least min members, and the members of these. */
struct tally_entry tally_at_least(const struct tally *t, uint64_t min);
/* Gini coefficient: 0 all alike, towards 1 one has everything. */
double tally_gini(const struct tally *t);
/* The share of all members that the n largest groups hold, 0..1. */
double tally_top_share(const struct tally *t, uint64_t n);

#endif
