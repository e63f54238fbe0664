/* common/bloom.h - blocked Bloom filter over 64-bit hashes.
 *
 * One 64-byte block per key (split-block layout: Putze, Sanders, Singler,
 * "Cache-, Hash- and Space-Efficient Bloom Filters", 2007): one cache miss per
 * query.  At 12 bits a key about 0.4 % of the queries are false positives.
 * The bits can be stored in a file and used from there. */
#ifndef COMMON_BLOOM_H
#define COMMON_BLOOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bloom {
	uint32_t *words; /* blocks * 16 */
	uint64_t blocks;
};

/* Room for keys at bits_per_key bits each.  0 or -ENOMEM. */
int bloom_init(struct bloom *f, uint64_t keys, unsigned bits_per_key);
void bloom_fini(struct bloom *f); /* not for one that borrows its words */
void bloom_add(struct bloom *f, uint64_t hash);
void bloom_add_all(struct bloom *f, const uint64_t *hash, size_t n); /* faster */
bool bloom_has(const struct bloom *f, uint64_t hash);
size_t bloom_bytes(const struct bloom *f);

#endif
