/* common/bz2block.h - one block of bzip2, decoded in a third of the usual time.
 *
 * For the blocks that bzip2 writes.  What is damaged, and what is allowed but
 * nobody writes (randomised blocks, codes with too many words), is refused as a
 * whole, and is the caller's to give to the stock library, which then finds the
 * words for it.  What is not refused is what that library gives: the checksum of
 * the block was compared.
 *
 * A decoder takes 8 bytes per byte of the longest block it has seen (level 9:
 * 7.2 MB), keeps them for the next one, and is for one thread at a time. */
#ifndef COMMON_BZ2BLOCK_H
#define COMMON_BZ2BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum {
	BZ2_MAGIC_BITS = 48,
	BZ2_CRC_BITS = 32,
	/* So many bytes behind the end may be read, whatever they are. */
	BZ2_BLOCK_PAD = 160,
};

#define BZ2_BLOCK_MAGIC UINT64_C(0x314159265359)
#define BZ2_END_MAGIC   UINT64_C(0x177245385090)

struct bz2block;

/* Bytes that grow: data is the owner's to free(). */
struct bz2out {
	uint8_t *data;
	size_t len, cap;
};

struct bz2block *bz2block_new(void);
void bz2block_free(struct bz2block *b);

/* The block whose magic is at bit from of in, in a stream of that level (1 to 9);
 * it may use the bits up to limit.  0: *out holds its data (what was there is gone)
 * and *end is the bit behind the block.  ERR_FORMAT: refused.  ERR_TRUNC: its symbols
 * go on behind limit.  -ENOMEM.  After an error, what *out holds is of no use. */
int bz2block_decode(struct bz2block *b, const uint8_t *in, size_t from, size_t limit,
                    unsigned level, struct bz2out *out, size_t *end);

#endif
