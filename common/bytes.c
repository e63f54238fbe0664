#include "common/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES_START = 1 << 20 };

int bytes_open(struct bytes *b, const char *path, unsigned threads, struct diag *d)
{
	int rc;

	*b = (struct bytes){ .cap = BYTES_START };
	b->buf = malloc(b->cap);
	if (!b->buf)
		return diag_set(d, -ENOMEM, "%s: %s", path, err_str(-ENOMEM));
	rc = input_open(&b->in, path, d);
	if (rc == 0)
		input_set_threads(b->in, threads);
	return rc;
}

void bytes_close(struct bytes *b)
{
	input_close(b->in);
	free(b->buf);
	*b = (struct bytes){ 0 };
}

/* Room for n unread bytes: move them to the front, and grow. */
static int make_room(struct bytes *b, size_t n)
{
	size_t cap = b->cap;
	uint8_t *p;

	memmove(b->buf, b->buf + b->pos, b->len - b->pos);
	b->offset += b->pos;
	b->len -= b->pos;
	b->pos = 0;
	while (cap < n)
		cap *= 2;
	if (cap == b->cap)
		return 0;
	p = realloc(b->buf, cap);
	if (!p)
		return -ENOMEM;
	b->buf = p;
	b->cap = cap;
	return 0;
}

static void fill(struct bytes *b)
{
	ssize_t n = input_read(b->in, b->buf + b->len, b->cap - b->len, &b->why);

	if (n > 0) {
		b->len += (size_t)n;
		return;
	}
	b->rc = (int)n;
	b->end = true;
}

ssize_t bytes_need(struct bytes *b, size_t n)
{
	int rc;

	if (b->len - b->pos >= n || b->end)
		return (ssize_t)(b->len - b->pos);
	if (n > BYTES_MAX)
		return ERR_FORMAT;
	if (b->pos + n > b->cap) {
		rc = make_room(b, n);
		if (rc < 0)
			return rc;
	}
	while (b->len - b->pos < n && !b->end)
		fill(b);
	return (ssize_t)(b->len - b->pos);
}

int bytes_line(struct bytes *b, size_t max, const char **text, size_t *len)
{
	size_t seen = 0, n;
	const uint8_t *nl;
	ssize_t have;

	for (;;) {
		have = bytes_need(b, seen + 1);
		if (have < 0)
			return (int)have;
		n = (size_t)have;
		if (n == 0)
			return 0;
		nl = memchr(bytes_at(b) + seen, '\n', n - seen);
		if (nl || n == seen)
			break;
		seen = n;
		if (seen > max)
			return ERR_NOT_TEXT;
	}
	*text = (const char *)bytes_at(b);
	*len = nl ? (size_t)(nl - bytes_at(b)) : n;
	if (*len > max)
		return ERR_NOT_TEXT;
	b->pos += *len + (nl != NULL);
	if (*len && (*text)[*len - 1] == '\r')
		--*len;
	return 1;
}
