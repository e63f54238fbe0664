/* common/perm.h - keyed permutation of [0, n), and shards of it.
 *
 * A Feistel network over the smallest number of bits (at least 8) that holds
 * n - 1, cycle-walked until the result is below n (Black and Rogaway, "Ciphers
 * with Arbitrary Finite Domains", CT-RSA 2002).  It gives a random order with
 * no state: position i is perm_at(p, i), and to resume is to remember i.  n may
 * be anything from 1 to 2^128 - 1.  For order only: not encryption. */
#ifndef COMMON_PERM_H
#define COMMON_PERM_H

#include <stddef.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 u128;

enum { PERM_ROUNDS = 6 };

struct perm {
	u128 n;
	unsigned left, right; /* bits of the Feistel halves; right - left is 0 or 1 */
	uint64_t key[PERM_ROUNDS];
};

void perm_init(struct perm *p, u128 n, uint64_t seed);
u128 perm_at(const struct perm *p, u128 i); /* i < n */
/* perm_at() of i, i + step, ... (n of them, all below p->n), at half the cost. */
void perm_run(const struct perm *p, u128 i, uint32_t step, u128 *out, size_t n);
u128 perm_find(const struct perm *p, u128 x); /* the inverse: x < n */

/* Shard index of count takes positions index, index + count, ... of [0, n). */
struct shard {
	uint32_t index, count; /* index < count */
};
u128 shard_size(struct shard s, u128 n);
static inline u128 shard_at(struct shard s, u128 j)
{
	return j * s.count + s.index;
}

#endif
