/* common/bz2stock.h - one block of bzip2, decoded by the stock library: slower than
 * common/bz2block, but it is what others compare with. */
#ifndef COMMON_BZ2STOCK_H
#define COMMON_BZ2STOCK_H

#include <stddef.h>
#include <stdint.h>

#include "common/bz2block.h"

/* What the library writes to *out before the block's own bytes. */
enum { BZ2_STOCK_LEAD = 1 };

/* The block that begins at bit from, 0 to 7, of in, and n bytes with what is behind
 * it, in a stream of that level (1 to 9).  The first from bits are overwritten.
 * *out holds what came before the end or the fault, and *used is how many bytes the
 * library has looked at; but if the text ends amid a repetition, the last bytes, less
 * than 4096, are lost.  ERR_TRUNC: there was no fault, and it wants more than n
 * bytes; the block is whole if there is anything in *out.  ERR_FORMAT: damaged.
 * -ENOMEM.  Never 0. */
int bz2stock_decode(uint8_t *in, unsigned from, size_t n, unsigned level,
                    struct bz2out *out, size_t *used);

#endif
