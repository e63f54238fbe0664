/* tgen/sx_pool.h - threads that do the same for many things; private to the
 * "sextant" algorithm. */
#ifndef TGEN_SX_POOL_H
#define TGEN_SX_POOL_H

#include <stddef.h>

struct sx_pool;

/* So many threads, the caller's among them.  NULL: out of memory, or it is one:
 * then sx_pool_run() is a loop.  If threads cannot be had, there are fewer. */
struct sx_pool *sx_pool_new(unsigned threads);
void sx_pool_free(struct sx_pool *p);

/* each(ctx, i) for all i < n, in any order, several at once. */
void sx_pool_run(struct sx_pool *p, void (*each)(void *ctx, size_t i), void *ctx,
                 size_t n);

#endif
