/* tests/common/failing.h - allocation that fails at a chosen call.
 *
 * Include it before the .c file under test, which then allocates through it.
 * To fail each allocation in turn:
 *
 *	for (long n = 0; fail_nth(n), rc = operation(), fail_done(); n++)
 *		assert_int_equal(rc, -ENOMEM);
 *	assert_int_equal(rc, 0);
 */
#ifndef TESTS_COMMON_FAILING_H
#define TESTS_COMMON_FAILING_H

#include <stdbool.h>
#include <stdlib.h>

static long fail_countdown = -1; /* allocations until the one that fails; -1: none */

static inline void fail_nth(long n)
{
	fail_countdown = n;
}

/* Whether it has failed; from here on all succeed. */
static inline bool fail_done(void)
{
	bool failed = fail_countdown < 0;

	fail_countdown = -1;
	return failed;
}

static inline bool fail_now(void)
{
	return fail_countdown >= 0 && fail_countdown-- == 0;
}

static inline void *failing_malloc(size_t n)
{
	return fail_now() ? NULL : malloc(n);
}

static inline void *failing_calloc(size_t n, size_t size)
{
	return fail_now() ? NULL : calloc(n, size);
}

static inline void *failing_realloc(void *p, size_t n)
{
	return fail_now() ? NULL : realloc(p, n);
}

static inline void *failing_aligned_alloc(size_t align, size_t n)
{
	return fail_now() ? NULL : aligned_alloc(align, n);
}

#define malloc(n)               failing_malloc(n)
#define calloc(n, size)         failing_calloc(n, size)
#define realloc(p, n)           failing_realloc(p, n)
#define aligned_alloc(align, n) failing_aligned_alloc(align, n)

#endif
