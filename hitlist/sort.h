/* hitlist/sort.h - records into ascending order of address. */
#ifndef HITLIST_SORT_H
#define HITLIST_SORT_H

#include "hitlist/hitlist.h"

/* In place; at most UINT32_MAX records.  Takes 48 bytes of scratch for each: the
 * keys go through a radix sort, and every record moves once.  0 or -ENOMEM (then
 * nothing has moved).  What is in order already costs one look. */
int records_sort(struct host_record *r, size_t n);

#endif
