/* tests/common/bz2ref.h - what the stock library makes of bzip2 streams, told in
 * the terms of common/bz2par.h. */
#ifndef TESTS_COMMON_BZ2REF_H
#define TESTS_COMMON_BZ2REF_H

#include <bzlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/bz2par.h"

/* How much the library is let write at a time. */
enum { BZ2REF_STEP = 4096 };

struct bz2ref {
	int rc;
	uint8_t *out; /* the caller's, of room cap; what is beyond is dropped */
	size_t len, cap;
	uint64_t offset;
	bool garbage;
};

/* Of one stream from *at on; 0, or what ends all. */
static inline int bz2ref_stream(struct bz2ref *r, const uint8_t *data, size_t size,
                                size_t *at)
{
	bz_stream s = { .next_in = (char *)data + *at };
	char step[BZ2REF_STEP];
	int bz;

	s.avail_in = (unsigned)(size - *at);
	if (BZ2_bzDecompressInit(&s, 0, 0) != BZ_OK)
		abort();
	do {
		size_t n, room = r->cap - r->len;

		s.next_out = step;
		s.avail_out = BZ2REF_STEP;
		bz = BZ2_bzDecompress(&s);
		n = BZ2REF_STEP - s.avail_out;
		n = n < room ? n : room;
		memcpy(r->out + r->len, step, n);
		r->len += n;
	} while (bz == BZ_OK && (s.avail_in || !s.avail_out));
	*at = size - s.avail_in;
	BZ2_bzDecompressEnd(&s);
	if (bz == BZ_MEM_ERROR)
		abort();
	return bz == BZ_STREAM_END ? 0 : bz == BZ_OK ? ERR_TRUNC : ERR_FORMAT;
}

/* All streams, one after the other, with zeros between them. */
static inline void bz2ref_read(struct bz2ref *r, const uint8_t *data, size_t size)
{
	size_t at = 0;

	r->len = 0;
	r->rc = size ? 0 : ERR_TRUNC;
	r->garbage = false;
	while (r->rc == 0) {
		size_t n;

		while (at && at < size && data[at] == 0)
			at++;
		if (at == size)
			break;
		n = size - at < 3 ? size - at : 3;
		if (n < 2 || memcmp(data + at, "BZh", n)) {
			r->garbage = at > 0;
			r->rc = ERR_FORMAT;
			break;
		}
		r->rc = bz2ref_stream(r, data, size, &at);
	}
	r->offset = at;
}

/* Bytes in memory as a source: at most piece at a time. */
struct bz2mem {
	const uint8_t *data;
	size_t size, at, piece;
	int end; /* what it says then: 0, or an error */
};

static inline ssize_t bz2mem_read(void *arg, void *buf, size_t cap)
{
	struct bz2mem *m = arg;
	size_t n = m->size - m->at;

	n = n < cap ? n : cap;
	n = n < m->piece ? n : m->piece;
	if (!n)
		return m->end;
	memcpy(buf, m->data + m->at, n);
	m->at += n;
	return (ssize_t)n;
}

/* The same by bz2par. */
static inline void bz2ref_ours(struct bz2ref *r, struct bz2mem *m, unsigned threads)
{
	struct bz2par *p;
	uint8_t rest[4096];
	ssize_t n;

	r->len = 0;
	if (bz2par_new(&p, threads, bz2mem_read, m) < 0)
		abort();
	do {
		size_t room = r->cap - r->len;

		n = bz2par_read(p, room ? r->out + r->len : rest,
		                room ? room : sizeof(rest));
		if (n > 0 && room)
			r->len += (size_t)n;
	} while (n > 0);
	r->rc = (int)n;
	r->offset = bz2par_offset(p);
	r->garbage = bz2par_garbage(p);
	bz2par_free(p);
}

/* Whether both say the same.  Of a text that ends amid a repetition, the library
 * loses what it has written since it was called: less than a step. */
static inline bool bz2ref_equal(const struct bz2ref *want, const struct bz2ref *got)
{
	size_t n = want->len < got->len ? want->len : got->len;
	size_t more = want->len + got->len - 2 * n;

	return want->rc == got->rc && want->garbage == got->garbage &&
	       (want->rc == 0 || want->offset == got->offset) &&
	       more < (want->rc == ERR_FORMAT ? BZ2REF_STEP : 1) &&
	       !memcmp(want->out, got->out, n);
}

#endif
