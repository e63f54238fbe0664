/* common/bz2par.h - bzip2 streams, on one core or several.
 *
 * The blocks of a bzip2 stream are independent, but begin at any bit.  The calling
 * thread finds their magic numbers, and it or its workers decode what is between
 * them: by common/bz2block, and what that refuses by the stock library, so that
 * every verdict, and what is saved from a damaged file, is the library's.  The
 * output comes in order.  Every checksum is verified.  Concatenated streams are read
 * as one.
 *
 * Several threads read a block that holds a magic number by chance, one in some
 * 10,000 GB of compressed data, as damaged; one thread alone goes on behind it.
 *
 * Memory, at level 9: 7.2 MB at most for each thread that decodes; the compressed
 * data of a block, at most 2.6 MB; and, for 2 * threads + 2 blocks (one thread: for
 * one), the compressed and the decoded data: 0.9 MB, unless it repeats itself.
 *
 * One thread at a time may call these functions. */
#ifndef COMMON_BZ2PAR_H
#define COMMON_BZ2PAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

struct bz2par;

/* Gives the compressed bytes: up to cap of them, 0 at the end, or negative. */
typedef ssize_t (*bz2par_source)(void *arg, void *buf, size_t cap);

/* So many workers; 0 or 1: none, the calling thread decodes.  0, -ENOMEM, or -EAGAIN
 * (no threads to be had). */
int bz2par_new(struct bz2par **out, unsigned threads, bz2par_source source, void *arg);
void bz2par_free(struct bz2par *p);

/* Up to cap > 0 bytes; 0: end.  ERR_TRUNC: cut short; ERR_FORMAT: damaged, or no
 * bzip2; -ENOMEM; or what the source said.  What decodes before the fault is
 * returned first. */
ssize_t bz2par_read(struct bz2par *p, void *buf, size_t cap);

/* After a fault: how many compressed bytes it takes to see it; and whether those
 * after a stream are no bzip2. */
uint64_t bz2par_offset(const struct bz2par *p);
bool bz2par_garbage(const struct bz2par *p);

#endif
