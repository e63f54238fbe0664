/* common/bz2bwt.h - the second half of a bzip2 block: from the last column of the
 * sorted rotations to the bytes, and their checksum.  For common/bz2block only. */
#ifndef COMMON_BZ2BWT_H
#define COMMON_BZ2BWT_H

#include <stddef.h>
#include <stdint.h>

#include "common/bz2block.h"

/* The last column is kept as runs of a byte: the length << 8 | the byte. */
enum { BZ2_RUN_SHIFT = 8 };

struct bz2bwt {
	uint32_t *runs; /* room for runs_cap; used up by bz2bwt_undo() */
	size_t n_runs, runs_cap;
	uint32_t count[256]; /* of each byte in the column */
	size_t length;       /* of the column, > 0 */
	uint32_t origin;     /* the row that is the text, < length */

	uint32_t *next; /* rows, then the text */
	size_t next_cap;
	uint32_t crc_table[8][256];
};

void bz2bwt_init(struct bz2bwt *w);
void bz2bwt_fini(struct bz2bwt *w);

/* Have room for so many runs; what is there is lost.  0 or -ENOMEM. */
int bz2bwt_reserve(struct bz2bwt *w, size_t runs);

/* Fill *out from the runs; *crc is of what it then holds.  0, ERR_FORMAT: the text
 * ends amid a repetition, or -ENOMEM. */
int bz2bwt_undo(struct bz2bwt *w, struct bz2out *out, uint32_t *crc);

#endif
