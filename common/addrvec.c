#include "common/addrvec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RADIX_ITEM    struct addr128
#define RADIX_ADDR(p) (*(p))
#include "common/radix.h"

void addrvec_fini(struct addrvec *v)
{
	free(v->a);
	*v = (struct addrvec){ 0 };
}

/* Grows by half at least, so that reserving in small steps stays linear. */
int addrvec_reserve(struct addrvec *v, size_t n)
{
	size_t cap = v->cap + v->cap / 2;
	struct addr128 *a;

	if (n <= v->cap)
		return 0;
	if (n > SIZE_MAX / 2 / sizeof(*a))
		return -ENOMEM;
	if (cap < n)
		cap = n;
	a = realloc(v->a, cap * sizeof(*a));
	if (!a)
		return -ENOMEM;
	v->a = a;
	v->cap = cap;
	return 0;
}

int addrvec_push(struct addrvec *v, struct addr128 a)
{
	if (v->n == v->cap && addrvec_reserve(v, v->n ? v->n + 1 : 16) < 0)
		return -ENOMEM;
	v->a[v->n++] = a;
	return 0;
}

int addrvec_sort(struct addrvec *v)
{
	struct addr128 *tmp;
	size_t i = 1;

	while (i < v->n && addr_cmp(v->a[i - 1], v->a[i]) <= 0)
		i++;
	if (i >= v->n)
		return 0;
	tmp = malloc(v->n * sizeof(*tmp));
	if (!tmp)
		return -ENOMEM;
	radix_sort(v->a, tmp, v->n, 0, false);
	free(tmp);
	return 0;
}

size_t addrvec_unique(struct addrvec *v)
{
	size_t kept = 0, n = v->n;

	for (size_t i = 0; i < n; i++)
		if (kept == 0 || !addr_eq(v->a[kept - 1], v->a[i]))
			v->a[kept++] = v->a[i];
	v->n = kept;
	return n - kept;
}

size_t addrvec_lower_bound(const struct addrvec *v, struct addr128 a)
{
	size_t lo = 0, hi = v->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(v->a[mid], a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool addrvec_contains(const struct addrvec *v, struct addr128 a)
{
	size_t i = addrvec_lower_bound(v, a);

	return i < v->n && addr_eq(v->a[i], a);
}
