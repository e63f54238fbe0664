/* common/addrvec.h - growing array of addresses, with the radix sort.
 *
 * The struct is the caller's and its fields are for reading; functions that
 * add may move .a.  { 0 } is an empty vector. */
#ifndef COMMON_ADDRVEC_H
#define COMMON_ADDRVEC_H

#include "common/addr.h"
#include "common/err.h"

struct addrvec {
	struct addr128 *a;
	size_t n, cap;
};

void addrvec_fini(struct addrvec *v);
int addrvec_push(struct addrvec *v, struct addr128 a); /* 0 or -ENOMEM */
int addrvec_reserve(struct addrvec *v, size_t n);      /* room for n in all */

/* Sort ascending: MSD radix on bytes out of place, insertion sort for small
 * buckets; needs n * 16 bytes of scratch.  0 or -ENOMEM (v is unchanged). */
int addrvec_sort(struct addrvec *v);
size_t addrvec_unique(struct addrvec *v); /* of a sorted v; returns how many went */

/* In a sorted vector: the index of the first element >= a (n: none). */
size_t addrvec_lower_bound(const struct addrvec *v, struct addr128 a);
bool addrvec_contains(const struct addrvec *v, struct addr128 a);

#endif
