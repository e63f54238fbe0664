/* common/addrset.h - hash set of addresses (open addressing, XXH3).
 *
 * 16 bytes a slot, grown at 3/4 full.  Not safe for concurrent writers. */
#ifndef COMMON_ADDRSET_H
#define COMMON_ADDRSET_H

#include "common/addr.h"
#include "common/err.h"

struct addrset;

struct addrset *addrset_new(size_t expected); /* NULL: out of memory */
void addrset_free(struct addrset *s);
int addrset_add(struct addrset *s, struct addr128 a); /* 1 new, 0 there, -ENOMEM */
bool addrset_has(const struct addrset *s, struct addr128 a);
bool addrset_remove(struct addrset *s, struct addr128 a); /* whether it was there */
size_t addrset_count(const struct addrset *s);
size_t addrset_bytes(const struct addrset *s); /* of memory */

/* Visit the members in no particular order: start with *pos = 0. */
bool addrset_next(const struct addrset *s, size_t *pos, struct addr128 *a);

/* 64-bit hash of an address; for sets and sharding, not a MAC. */
uint64_t addr_hash(struct addr128 a, uint64_t seed);

#endif
