#include "cli/interleave.h"

#include <stdlib.h>
#include <string.h>

#include "common/rng.h"

struct slot {
	uint64_t site; /* upper 48 bits, plus one: 0 is an empty slot */
	uint32_t count;
};

static uint32_t next_rank(struct slot *table, size_t mask, struct addr128 a)
{
	uint64_t site = (a.hi >> 16) + 1;
	size_t i = rng_mix(site) & mask;

	while (table[i].site && table[i].site != site)
		i = (i + 1) & mask;
	table[i].site = site;
	return table[i].count++;
}

/* A counting sort by rank: rank r is a candidate's number within its site. */
int interleave(struct tgen_candidate *c, size_t n)
{
	size_t cap = 16, at = 0;
	struct tgen_candidate *sorted = malloc(n * sizeof(*sorted) + 1);
	uint32_t *rank = malloc(n * sizeof(*rank) + 1);
	size_t *start = calloc(n + 1, sizeof(*start));
	struct slot *table;
	int rc = -ENOMEM;

	while (cap < 2 * n)
		cap *= 2;
	table = calloc(cap, sizeof(*table));
	if (!sorted || !rank || !start || !table)
		goto out;
	for (size_t i = 0; i < n; i++) {
		rank[i] = next_rank(table, cap - 1, c[i].addr);
		start[rank[i]]++;
	}
	for (size_t r = 0; r <= n; r++) {
		size_t k = start[r];

		start[r] = at;
		at += k;
	}
	for (size_t i = 0; i < n; i++)
		sorted[start[rank[i]]++] = c[i];
	memcpy(c, sorted, n * sizeof(*c));
	rc = 0;
out:
	free(table);
	free(start);
	free(rank);
	free(sorted);
	return rc;
}
