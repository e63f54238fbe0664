#include "common/bloom.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

/* A block is eight lanes of 64 bits (two words each); a key sets one bit in
 * every lane.  The block comes from the high bits of the hash, the eight 6-bit
 * lane positions from the upper 48 bits of a product, in which every bit of the
 * hash has a part. */
enum { BLOCK_WORDS = 16, BLOCK_BYTES = 64, BLOCK_BITS = 512, LANES = 8, LANE_BITS = 6 };

static uint32_t *block_of(const struct bloom *f, uint64_t hash)
{
	return f->words + (uint64_t)((wide)hash * f->blocks >> 64) * BLOCK_WORDS;
}

static uint64_t positions(uint64_t hash)
{
	return (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 16;
}

int bloom_init(struct bloom *f, uint64_t keys, unsigned bits_per_key)
{
	wide blocks = ((wide)keys * bits_per_key + BLOCK_BITS - 1) / BLOCK_BITS;

	*f = (struct bloom){ 0 };
	if (blocks == 0)
		blocks = 1;
	if (blocks > SIZE_MAX / 2 / BLOCK_BYTES)
		return -ENOMEM;
	f->words = aligned_alloc(BLOCK_BYTES, (size_t)blocks * BLOCK_BYTES);
	if (!f->words)
		return -ENOMEM;
	f->blocks = (uint64_t)blocks;
	memset(f->words, 0, bloom_bytes(f));
	return 0;
}

void bloom_fini(struct bloom *f)
{
	free(f->words);
	*f = (struct bloom){ 0 };
}

void bloom_add(struct bloom *f, uint64_t hash)
{
	uint32_t *w = block_of(f, hash);
	uint64_t pos = positions(hash);

	for (unsigned i = 0; i < LANES; i++, pos >>= LANE_BITS)
		w[2 * i + (pos >> 5 & 1)] |= UINT32_C(1) << (pos & 31);
}

/* The blocks of the next few keys are fetched meanwhile. */
void bloom_add_all(struct bloom *f, const uint64_t *hash, size_t n)
{
	enum { AHEAD = 16 };

	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			__builtin_prefetch(block_of(f, hash[i + AHEAD]), 1);
		bloom_add(f, hash[i]);
	}
}

bool bloom_has(const struct bloom *f, uint64_t hash)
{
	const uint32_t *w = block_of(f, hash);
	uint64_t pos = positions(hash);
	uint32_t all = 1;

	for (unsigned i = 0; i < LANES; i++, pos >>= LANE_BITS)
		all &= w[2 * i + (pos >> 5 & 1)] >> (pos & 31);
	return all;
}

size_t bloom_bytes(const struct bloom *f)
{
	return (size_t)f->blocks * BLOCK_BYTES;
}
