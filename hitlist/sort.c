#include "hitlist/sort.h"

#include <stdlib.h>

/* The same structure sorts records: .period is where the record is. */
#define RADIX_ITEM    struct seen_key
#define RADIX_ADDR(p) ((p)->a)
#include "common/radix.h"

/* Record k[j].period belongs at j: follow the cycles. */
static void permute(struct host_record *r, struct seen_key *k, size_t n)
{
	for (size_t j = 0; j < n; j++) {
		struct host_record first = r[j];
		size_t to = j;

		for (size_t from; (from = k[to].period) != j; to = from) {
			r[to] = r[from];
			k[to].period = (uint32_t)to;
		}
		r[to] = first;
		k[to].period = (uint32_t)to;
	}
}

int records_sort(struct host_record *r, size_t n)
{
	struct seen_key *k;
	size_t i = 1;

	while (i < n && addr_cmp(r[i - 1].addr, r[i].addr) <= 0)
		i++;
	if (i >= n)
		return 0;
	k = malloc(2 * n * sizeof(*k));
	if (!k)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		k[i] = (struct seen_key){ r[i].addr, (uint32_t)i, 0 };
	radix_sort(k, k + n, n, 0, false);
	permute(r, k, n);
	free(k);
	return 0;
}

int seen_keys_sort(struct seen_key *k, size_t n)
{
	struct seen_key *scratch = n ? malloc(n * sizeof(*scratch)) : NULL;

	if (!scratch)
		return n ? -ENOMEM : 0;
	radix_sort(k, scratch, n, 0, false);
	free(scratch);
	return 0;
}
