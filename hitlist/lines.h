/* hitlist/lines.h - small text files of a hitlist: a title, lines, and last a line
 * with the checksum of all before it.  They are our own output, so what does not read
 * exactly as it would be written is damage. */
#ifndef HITLIST_LINES_H
#define HITLIST_LINES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

/* title ends in a newline; what: "opt-outs", for messages. */
struct lines_kind {
	const char *title, *what;
};

/* Verify, and call fn for each line, without its end, which it may change.  text[n] is
 * a NUL; name is for messages; *checksum: of all but the last line. */
int lines_parse(const struct lines_kind *k, char *text, size_t n, const char *name,
                int (*fn)(void *ctx, char *line), void *ctx, uint64_t *checksum,
                struct diag *d);

/* Atomic and durable: title, what put() writes, and the checksum. */
int lines_save(const struct lines_kind *k, const char *path,
               void (*put)(FILE *f, const void *ctx), const void *ctx, uint64_t *bytes,
               uint64_t *checksum, struct diag *d);

#endif
