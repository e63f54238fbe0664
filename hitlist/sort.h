/* hitlist/sort.h - records into ascending order of address. */
#ifndef HITLIST_SORT_H
#define HITLIST_SORT_H

#include "hitlist/hitlist.h"

/* What is kept of an address tried, on its way to the seen tier. */
struct seen_key {
	struct addr128 a;
	uint32_t period;
	uint16_t sources;
};

/* In place; at most UINT32_MAX records.  Takes 48 bytes of scratch for each: the
 * keys go through a radix sort, and every record moves once.  0 or -ENOMEM (then
 * nothing has moved).  What is in order already costs one look. */
int records_sort(struct host_record *r, size_t n);

int seen_keys_sort(struct seen_key *k, size_t n); /* 0 or -ENOMEM */

#endif
