/* common/input.h - bytes of a file, whatever compression it has.
 *
 * Plain, bzip2, gzip, xz and zstd are told apart by their first bytes, not by
 * the name; concatenated streams are read as one.  "-" is standard input. */
#ifndef COMMON_INPUT_H
#define COMMON_INPUT_H

#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/sha256.h"

struct input;

/* A directory, a missing file, ...: negative, with the name in *d. */
int input_open(struct input **out, const char *path, struct diag *d);
void input_close(struct input *in);

/* Up to cap > 0 bytes; 0: end.  ERR_TRUNC: the compressed stream is cut short;
 * ERR_FORMAT: it is damaged.  What decodes before the fault is returned first. */
ssize_t input_read(struct input *in, void *buf, size_t cap, struct diag *d);

/* What the first read will begin with: as many bytes as there are, up to cap <=
 * INPUT_PEEK_MAX; how many, or negative.  They are read again later. */
enum { INPUT_PEEK_MAX = 64 };
ssize_t input_peek(struct input *in, void *buf, size_t cap, struct diag *d);

/* Before the first read: let so many threads decompress, where the format allows
 * it (bzip2).  0 or 1: the calling thread does it. */
void input_set_threads(struct input *in, unsigned threads);

/* Before the first read: what is read from the file is added to s, borrowed. */
void input_set_digest(struct input *in, struct sha256 *s);

const char *input_name(const struct input *in); /* "-" reads as "<stdin>" */

#endif
