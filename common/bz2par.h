/* common/bz2par.h - bzip2 on several cores, with the stock library.
 *
 * The blocks of a bzip2 stream are independent, but begin at any bit.  The
 * calling thread finds their magic numbers, shifts each block to a byte boundary
 * and makes it a stream of its own; workers decompress those; the output comes in
 * order and is the same as that of one core.  Every checksum is verified.
 * Concatenated streams are read as one.
 *
 * A block that holds a magic number by chance, one in some 10,000 GB of compressed
 * data, reads as damaged: one core alone does not look for them.
 *
 * One thread at a time may call these functions. */
#ifndef COMMON_BZ2PAR_H
#define COMMON_BZ2PAR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

struct bz2par;

/* Gives the compressed bytes: up to cap of them, 0 at the end, or negative. */
typedef ssize_t (*bz2par_source)(void *arg, void *buf, size_t cap);

/* threads >= 1 workers.  0, -ENOMEM, or -EAGAIN (no threads to be had). */
int bz2par_new(struct bz2par **out, unsigned threads, bz2par_source source, void *arg);
void bz2par_free(struct bz2par *p);

/* Up to cap > 0 bytes; 0: end.  ERR_TRUNC: cut short; ERR_FORMAT: damaged, or no
 * bzip2; -ENOMEM; or what the source said.  What decodes before the fault is
 * returned first. */
ssize_t bz2par_read(struct bz2par *p, void *buf, size_t cap);

/* Compressed bytes of the blocks that were found so far: where a fault is. */
uint64_t bz2par_offset(const struct bz2par *p);

#endif
