#include "common/addrvec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

/* The sort.  Each level distributes a bucket by one byte into the other of two
 * arrays and recurses into the 256 parts with the arrays exchanged.  Addresses
 * share long prefixes and have long runs of zero bytes, so the counting pass
 * also collects which bits differ at all; a byte in which no key differs is
 * never moved by, and equal keys end after one look. */
enum { SMALL = 32, ADDR_BYTES = 16 };

static void insertion_sort(struct addr128 *a, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct addr128 x = a[i];
		size_t j = i;

		for (; j > 0 && addr_cmp(x, a[j - 1]) < 0; j--)
			a[j] = a[j - 1];
		a[j] = x;
	}
}

static inline unsigned byte_of(const struct addr128 *a, unsigned i)
{
	return (i < 8 ? a->hi >> (56 - 8 * i) : a->lo >> (120 - 8 * i)) & 255;
}

/* Counts byte i; returns the first byte from i on that differs between keys, or
 * ADDR_BYTES.  The counts are good for byte i alone. */
static unsigned count_byte(size_t count[static 256], const struct addr128 *a, size_t n,
                           unsigned i)
{
	struct addr128 diff = { 0, 0 };

	memset(count, 0, 256 * sizeof(count[0]));
	for (size_t k = 0; k < n; k++) {
		diff.hi |= a[k].hi ^ a[0].hi;
		diff.lo |= a[k].lo ^ a[0].lo;
		count[byte_of(&a[k], i)]++;
	}
	while (i < ADDR_BYTES && byte_of(&diff, i) == 0)
		i++;
	return i;
}

/* Sort n keys of src, alike in their first i bytes, into dst (in_dst) or src. */
static void radix_sort(struct addr128 *src, struct addr128 *dst, size_t n, unsigned i,
                       bool in_dst)
{
	size_t end[256], start = 0;
	unsigned first = i;

	if (n > SMALL && i < ADDR_BYTES) {
		first = count_byte(end, src, n, i);
		if (first != i && first < ADDR_BYTES)
			count_byte(end, src, n, first);
	}
	if (n <= SMALL || first == ADDR_BYTES) {
		if (in_dst)
			memcpy(dst, src, n * sizeof(*dst));
		if (n <= SMALL)
			insertion_sort(in_dst ? dst : src, n);
		return;
	}
	for (unsigned b = 0; b < 256; b++) {
		size_t c = end[b];

		end[b] = start;
		start += c;
	}
	for (size_t k = 0; k < n; k++)
		dst[end[byte_of(&src[k], first)]++] = src[k];
	start = 0;
	for (unsigned b = 0; b < 256; start = end[b++])
		if (end[b] != start)
			radix_sort(dst + start, src + start, end[b] - start, first + 1,
			           !in_dst);
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
