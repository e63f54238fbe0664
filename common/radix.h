/* common/radix.h - the radix sort of things that have an address.
 *
 * A template: define RADIX_ITEM, the type, and RADIX_ADDR(p), the address of the
 * item that p points to, include this once, and there is
 *   static void radix_sort(RADIX_ITEM *src, RADIX_ITEM *dst, size_t n,
 *                          unsigned i, bool in_dst);
 * Sort n items of src, alike in their first i bytes, into dst (in_dst) or src;
 * the other one is scratch.
 *
 * Most significant byte first.  Each level distributes a bucket by one byte into
 * the other of two arrays and recurses into the 256 parts with the arrays
 * exchanged; small buckets are sorted by insertion.  Addresses share long
 * prefixes and have long runs of zero bytes, so the counting pass also collects
 * which bits differ at all; a byte in which no key differs is never moved by, and
 * equal keys end after one look. */
#ifndef COMMON_RADIX_H
#define COMMON_RADIX_H

#include <stdbool.h>
#include <string.h>

#include "common/addr.h"

enum { RADIX_SMALL = 32, RADIX_BYTES = 16 };

static void radix_insertion(RADIX_ITEM *a, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		RADIX_ITEM x = a[i];
		size_t j = i;

		for (; j > 0 && addr_cmp(RADIX_ADDR(&x), RADIX_ADDR(&a[j - 1])) < 0; j--)
			a[j] = a[j - 1];
		a[j] = x;
	}
}

static inline unsigned radix_byte(struct addr128 a, unsigned i)
{
	return (i < 8 ? a.hi >> (56 - 8 * i) : a.lo >> (120 - 8 * i)) & 255;
}

/* Counts byte i; returns the first byte from i on that differs between keys, or
 * RADIX_BYTES.  The counts are good for byte i alone. */
static unsigned radix_count(size_t count[static 256], const RADIX_ITEM *a, size_t n,
                            unsigned i)
{
	const struct addr128 first = RADIX_ADDR(&a[0]);
	struct addr128 diff = { 0, 0 };

	memset(count, 0, 256 * sizeof(count[0]));
	for (size_t k = 0; k < n; k++) {
		diff.hi |= RADIX_ADDR(&a[k]).hi ^ first.hi;
		diff.lo |= RADIX_ADDR(&a[k]).lo ^ first.lo;
		count[radix_byte(RADIX_ADDR(&a[k]), i)]++;
	}
	while (i < RADIX_BYTES && radix_byte(diff, i) == 0)
		i++;
	return i;
}

static void radix_sort(RADIX_ITEM *src, RADIX_ITEM *dst, size_t n, unsigned i,
                       bool in_dst)
{
	size_t end[256], start = 0;
	unsigned first = i;

	if (n > RADIX_SMALL && i < RADIX_BYTES) {
		first = radix_count(end, src, n, i);
		if (first != i && first < RADIX_BYTES)
			radix_count(end, src, n, first);
	}
	if (n <= RADIX_SMALL || first == RADIX_BYTES) {
		if (in_dst)
			memcpy(dst, src, n * sizeof(*dst));
		if (n <= RADIX_SMALL)
			radix_insertion(in_dst ? dst : src, n);
		return;
	}
	for (unsigned b = 0; b < 256; b++) {
		size_t c = end[b];

		end[b] = start;
		start += c;
	}
	for (size_t k = 0; k < n; k++)
		dst[end[radix_byte(RADIX_ADDR(&src[k]), first)]++] = src[k];
	start = 0;
	for (unsigned b = 0; b < 256; start = end[b++])
		if (end[b] != start)
			radix_sort(dst + start, src + start, end[b] - start, first + 1,
			           !in_dst);
}

#endif
