#include "hitlist/sort.h"

#include <stdlib.h>

struct key {
	struct addr128 a;
	uint32_t i; /* where its record is */
};

#define RADIX_ITEM    struct key
#define RADIX_ADDR(p) ((p)->a)
#include "common/radix.h"

/* Record k[j].i belongs at j: follow the cycles. */
static void permute(struct host_record *r, struct key *k, size_t n)
{
	for (size_t j = 0; j < n; j++) {
		struct host_record first = r[j];
		size_t to = j;

		for (size_t from; (from = k[to].i) != j; to = from) {
			r[to] = r[from];
			k[to].i = (uint32_t)to;
		}
		r[to] = first;
		k[to].i = (uint32_t)to;
	}
}

int records_sort(struct host_record *r, size_t n)
{
	struct key *k;
	size_t i = 1;

	while (i < n && addr_cmp(r[i - 1].addr, r[i].addr) <= 0)
		i++;
	if (i >= n)
		return 0;
	k = malloc(2 * n * sizeof(*k));
	if (!k)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		k[i] = (struct key){ r[i].addr, (uint32_t)i };
	radix_sort(k, k + n, n, 0, false);
	permute(r, k, n);
	free(k);
	return 0;
}
