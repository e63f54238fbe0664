/* common/bytes.h - a window on the bytes of an input, for parsers of records.
 *
 * The window grows as far as a record needs it, up to a limit.  An input that
 * is damaged or cut short is not an error here: what decoded is served first,
 * the window then ends as a file does, and .rc and .why tell why. */
#ifndef COMMON_BYTES_H
#define COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/input.h"

enum { BYTES_MAX = 64 << 20 };

struct bytes {
	struct input *in;
	uint8_t *buf;
	size_t pos, len, cap; /* unread: buf[pos..len) */
	uint64_t offset;      /* of buf[0] in the decompressed input */
	bool end;             /* nothing is left to read */
	int rc;               /* 0, or why the input ended early */
	struct diag why;
};

/* threads: for input_set_threads().  Close it whatever the result. */
int bytes_open(struct bytes *b, const char *path, unsigned threads, struct diag *d);
void bytes_close(struct bytes *b);

/* Try to have n unread bytes.  Returns how many there are, at least n unless the
 * input ends; -ENOMEM; ERR_FORMAT when n is over BYTES_MAX. */
ssize_t bytes_need(struct bytes *b, size_t n);

/* The next line without its end (LF or CRLF), not NUL-terminated, valid until
 * the next call.  1, 0 at the end, ERR_NOT_TEXT when it is longer than max. */
int bytes_line(struct bytes *b, size_t max, const char **text, size_t *len);

static inline const uint8_t *bytes_at(const struct bytes *b)
{
	return b->buf + b->pos;
}

static inline uint64_t bytes_offset(const struct bytes *b)
{
	return b->offset + b->pos;
}

#endif
