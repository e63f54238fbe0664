#include "common/input.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "common/bz2par.h"

enum { RAW_SIZE = 256 * 1024, MAGIC_MAX = 6 };

/* A file may ask for gigabytes of dictionary; xz -9 asks for 65 MiB. */
#define XZ_MEMORY_MAX (UINT64_C(512) << 20)

#define AFTER_THE_END "garbage after the end of the"

/* What a codec's step() says: it wants more room or bytes, or its stream ends
 * here.  Negative codes: the stream is damaged, or there is no memory. */
enum { STEP_MORE, STEP_END };

struct codec {
	const char *name;
	uint8_t magic[MAGIC_MAX];
	uint8_t magic_len;
	uint8_t any_low;                /* bits of the first byte that may be anything */
	int (*start)(struct input *in); /* 0 or -ENOMEM */
	int (*step)(struct input *in, void *out, size_t cap, size_t *made);
	void (*stop)(struct input *in);
};

struct input {
	char *name;
	int fd;
	bool raw_end; /* read(2) has returned 0 */
	bool looked;  /* at the magic */
	bool active;  /* inside a compressed stream */
	int rc;       /* an error sticks */
	struct diag why;
	const struct codec *codec; /* NULL: plain */
	unsigned threads;          /* for bzip2 */
	struct bz2par *par;
	struct sha256 *digest; /* NULL: nobody asks */
	uint64_t offset;       /* of buf[0] in the file */
	size_t pos, len;       /* what is unread in buf */
	uint8_t peek[INPUT_PEEK_MAX];
	size_t peek_pos, peek_len;
	union {
		z_stream z;
		lzma_stream xz;
		ZSTD_DStream *zstd;
	} state;
	uint8_t buf[RAW_SIZE];
};

static size_t unread(const struct input *in)
{
	return in->len - in->pos;
}

/* Codecs: the library's cursor is set from ours before a call, and ours from
 * the library's after it. */

static int gzip_start(struct input *in)
{
	memset(&in->state.z, 0, sizeof(in->state.z));
	return inflateInit2(&in->state.z, 16 + MAX_WBITS) == Z_OK ? 0 : -ENOMEM;
}

static int gzip_step(struct input *in, void *out, size_t cap, size_t *made)
{
	z_stream *s = &in->state.z;
	int rc;

	s->next_in = in->buf + in->pos;
	s->avail_in = (unsigned)unread(in);
	s->next_out = out;
	s->avail_out = (unsigned)cap;
	rc = inflate(s, Z_NO_FLUSH);
	in->pos = in->len - s->avail_in;
	*made = cap - s->avail_out;
	if (rc == Z_MEM_ERROR)
		return -ENOMEM;
	if (rc == Z_STREAM_END)
		return STEP_END;
	return rc == Z_OK || rc == Z_BUF_ERROR ? STEP_MORE : ERR_FORMAT;
}

static void gzip_stop(struct input *in)
{
	inflateEnd(&in->state.z);
}

static int xz_start(struct input *in)
{
	lzma_stream fresh = LZMA_STREAM_INIT;

	in->state.xz = fresh;
	if (lzma_stream_decoder(&in->state.xz, XZ_MEMORY_MAX, 0) != LZMA_OK)
		return -ENOMEM;
	return 0;
}

static int xz_step(struct input *in, void *out, size_t cap, size_t *made)
{
	lzma_stream *s = &in->state.xz;
	lzma_ret rc;

	s->next_in = in->buf + in->pos;
	s->avail_in = unread(in);
	s->next_out = out;
	s->avail_out = cap;
	rc = lzma_code(s, LZMA_RUN);
	in->pos = in->len - s->avail_in;
	*made = cap - s->avail_out;
	switch (rc) {
	case LZMA_OK:
	case LZMA_BUF_ERROR: return STEP_MORE;
	case LZMA_STREAM_END: return STEP_END;
	case LZMA_MEM_ERROR:
	case LZMA_MEMLIMIT_ERROR: return -ENOMEM;
	default: return ERR_FORMAT;
	}
}

static void xz_stop(struct input *in)
{
	lzma_end(&in->state.xz);
}

static int zstd_start(struct input *in)
{
	in->state.zstd = ZSTD_createDStream();
	return in->state.zstd ? 0 : -ENOMEM;
}

static int zstd_step(struct input *in, void *out, size_t cap, size_t *made)
{
	ZSTD_inBuffer src = { in->buf + in->pos, unread(in), 0 };
	ZSTD_outBuffer dst = { out, cap, 0 };
	size_t rc = ZSTD_decompressStream(in->state.zstd, &dst, &src);

	in->pos += src.pos;
	*made = dst.pos;
	if (ZSTD_isError(rc))
		return ERR_FORMAT;
	return rc == 0 ? STEP_END : STEP_MORE;
}

static void zstd_stop(struct input *in)
{
	ZSTD_freeDStream(in->state.zstd);
}

#define BZIP2 NULL, NULL, NULL /* see read_bzip2() */
#define GZIP  gzip_start, gzip_step, gzip_stop
#define XZ    xz_start, xz_step, xz_stop
#define ZSTD  zstd_start, zstd_step, zstd_stop

static const struct codec codecs[] = {
	{ "bzip2", { 'B', 'Z', 'h' }, 3, 0, BZIP2 },
	{ "gzip", { 0x1f, 0x8b, 0x08 }, 3, 0, GZIP },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, 0, XZ },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, 0, ZSTD },
	/* A skippable frame (RFC 8878 section 3.1.2) may come first. */
	{ "zstd", { 0x50, 0x2a, 0x4d, 0x18 }, 4, 0x0f, ZSTD },
};

enum { CODECS = sizeof(codecs) / sizeof(codecs[0]) };

static bool starts_as(const struct codec *c, const uint8_t *p, size_t n)
{
	return (p[0] & ~c->any_low) == c->magic[0] && !memcmp(p + 1, c->magic + 1, n - 1);
}

/* The codec whose magic the bytes start with.  Two bytes or more that end in
 * the middle of a magic count: it is a file cut very short. */
static const struct codec *codec_find(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < CODECS; i++) {
		const struct codec *c = &codecs[i];
		size_t len = n < c->magic_len ? n : c->magic_len;

		if (len >= 2 && starts_as(c, p, len))
			return c;
	}
	return NULL;
}

/* Whether the n > 0 bytes are the beginning of a magic, and not all of it. */
static bool could_be_codec(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < CODECS; i++)
		if (n < codecs[i].magic_len && starts_as(&codecs[i], p, n))
			return true;
	return false;
}

/* What went wrong, for this call and the later ones. */
static int fail(struct input *in, int rc, const char *what)
{
	in->rc = rc;
	if (what)
		return diag_set(&in->why, rc, "%s: %s %s data (near byte %" PRIu64 ")",
		                in->name, what, in->codec->name, in->offset + in->pos);
	return diag_set(&in->why, rc, "%s: %s", in->name, err_str(rc));
}

static ssize_t read_fd(struct input *in, void *buf, size_t cap)
{
	ssize_t n;

	do
		n = read(in->fd, buf, cap);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		in->raw_end = true;
	if (in->digest)
		sha256_add(in->digest, buf, (size_t)n);
	return n;
}

/* Try to have at least want unread bytes: fewer only at the end of the file. */
static int fill(struct input *in, size_t want)
{
	if (in->pos) {
		memmove(in->buf, in->buf + in->pos, unread(in));
		in->offset += in->pos;
		in->len -= in->pos;
		in->pos = 0;
	}
	while (in->len < want && !in->raw_end) {
		ssize_t n = read_fd(in, in->buf + in->len, RAW_SIZE - in->len);

		if (n < 0)
			return (int)n;
		in->len += (size_t)n;
	}
	return 0;
}

int input_open(struct input **out, const char *path, struct diag *d)
{
	bool is_stdin = strcmp(path, "-") == 0;
	struct input *in = malloc(sizeof(*in));
	struct stat st;
	int rc = -ENOMEM;

	if (!in)
		return diag_set(d, rc, "%s: %s", path, err_str(rc));
	/* Not the buffer: a short file would pay for touching all of it. */
	memset(in, 0, offsetof(struct input, buf));
	in->fd = -1;
	in->name = strdup(is_stdin ? "<stdin>" : path);
	if (!in->name)
		goto fail;
	in->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (in->fd < 0 || fstat(in->fd, &st) < 0) {
		rc = -errno;
		goto fail;
	}
	if (S_ISDIR(st.st_mode)) {
		rc = -EISDIR;
		goto fail;
	}
	*out = in;
	return 0;
fail:
	diag_set(d, rc, "%s: %s", is_stdin ? "<stdin>" : path, err_str(rc));
	input_close(in);
	return rc;
}

void input_close(struct input *in)
{
	if (!in)
		return;
	if (in->active)
		in->codec->stop(in);
	bz2par_free(in->par);
	if (in->fd > STDIN_FILENO)
		close(in->fd);
	free(in->name);
	free(in);
}

static ssize_t read_plain(struct input *in, void *buf, size_t cap)
{
	size_t n = unread(in);
	ssize_t got;

	if (n) {
		n = n < cap ? n : cap;
		memcpy(buf, in->buf + in->pos, n);
		in->pos += n;
		return (ssize_t)n;
	}
	if (in->raw_end)
		return 0;
	got = read_fd(in, buf, cap);
	return got < 0 ? fail(in, (int)got, NULL) : got;
}

/* Between streams: 1 when another one was started, 0 at the end of the file.
 * Zeros are padding (the xz format, section 2.2; gzip on tapes). */
static int next_stream(struct input *in)
{
	const struct codec *c;
	int rc;

	do {
		rc = fill(in, MAGIC_MAX);
		if (rc < 0)
			return fail(in, rc, NULL);
		while (unread(in) && in->buf[in->pos] == 0)
			in->pos++;
	} while (unread(in) < MAGIC_MAX && !in->raw_end);
	if (!unread(in))
		return 0;
	c = codec_find(in->buf + in->pos, unread(in));
	if (!c || c->start != in->codec->start)
		return fail(in, ERR_FORMAT, AFTER_THE_END);
	rc = c->start(in);
	if (rc < 0)
		return fail(in, rc, NULL);
	in->active = true;
	return 1;
}

/* Decode until there is at least one byte to give out. */
static ssize_t read_coded(struct input *in, void *buf, size_t cap)
{
	size_t made = 0, before;
	int rc;

	cap = cap < INT_MAX ? cap : INT_MAX;
	while (!made) {
		if (!in->active) {
			rc = next_stream(in);
			if (rc <= 0)
				return rc;
		}
		rc = unread(in) ? 0 : fill(in, 1);
		if (rc < 0)
			return fail(in, rc, NULL);
		before = in->pos;
		rc = in->codec->step(in, buf, cap, &made);
		if (rc < 0) {
			fail(in, rc, rc == ERR_FORMAT ? "damaged" : NULL);
			return made ? (ssize_t)made : rc;
		}
		if (rc == STEP_END) {
			in->codec->stop(in);
			in->active = false;
		} else if (!made && in->pos == before) {
			/* No byte in, no byte out: more will not come. */
			return in->raw_end ? fail(in, ERR_TRUNC, "cut short:")
			                   : fail(in, ERR_FORMAT, "damaged");
		}
	}
	return (ssize_t)made;
}

/* Look at the first bytes; no longer than needed, for there may be someone at
 * the other end who waits for an answer. */
static int look(struct input *in)
{
	int rc;

	do {
		rc = fill(in, in->len + 1);
		if (rc < 0)
			return fail(in, rc, NULL);
	} while (!in->raw_end && could_be_codec(in->buf, in->len));
	in->codec = codec_find(in->buf, in->len);
	in->looked = true;
	return 0;
}

/* Compressed bytes for bz2par: the ones that look() has read come first. */
static ssize_t raw_bytes(void *arg, void *buf, size_t cap)
{
	struct input *in = arg;
	size_t n = unread(in);

	if (!n)
		return in->raw_end ? 0 : read_fd(in, buf, cap);
	n = n < cap ? n : cap;
	memcpy(buf, in->buf + in->pos, n);
	in->pos += n;
	return (ssize_t)n;
}

static ssize_t read_bzip2(struct input *in, void *buf, size_t cap)
{
	ssize_t n;
	int rc;

	if (!in->par) {
		rc = bz2par_new(&in->par, in->threads, raw_bytes, in);
		if (rc < 0)
			return fail(in, rc, NULL);
	}
	n = bz2par_read(in->par, buf, cap);
	if (n >= 0)
		return n;
	in->offset = bz2par_offset(in->par);
	in->pos = 0;
	if (bz2par_garbage(in->par))
		return fail(in, (int)n, AFTER_THE_END);
	return fail(in, (int)n,
	            n == ERR_TRUNC    ? "cut short:"
	            : n == ERR_FORMAT ? "damaged"
	                              : NULL);
}

static ssize_t read_any(struct input *in, void *buf, size_t cap)
{
	if (!in->rc && !in->looked)
		look(in);
	if (in->rc)
		return in->rc;
	if (!in->codec)
		return read_plain(in, buf, cap);
	return in->codec->start ? read_coded(in, buf, cap) : read_bzip2(in, buf, cap);
}

ssize_t input_peek(struct input *in, void *buf, size_t cap, struct diag *d)
{
	if (cap > INPUT_PEEK_MAX)
		cap = INPUT_PEEK_MAX;
	while (in->peek_len < cap) {
		ssize_t n = read_any(in, in->peek + in->peek_len, cap - in->peek_len);

		/* What comes before a fault is read first. */
		if (n < 0 && in->peek_len == 0)
			return diag_set(d, (int)n, "%s", in->why.text);
		if (n <= 0)
			break;
		in->peek_len += (size_t)n;
	}
	cap = in->peek_len < cap ? in->peek_len : cap;
	memcpy(buf, in->peek, cap);
	return (ssize_t)cap;
}

ssize_t input_read(struct input *in, void *buf, size_t cap, struct diag *d)
{
	size_t peeked = in->peek_len - in->peek_pos;
	ssize_t n;

	if (peeked) {
		cap = peeked < cap ? peeked : cap;
		memcpy(buf, in->peek + in->peek_pos, cap);
		in->peek_pos += cap;
		return (ssize_t)cap;
	}
	n = read_any(in, buf, cap);
	return n < 0 ? diag_set(d, (int)n, "%s", in->why.text) : n;
}

void input_set_threads(struct input *in, unsigned threads)
{
	in->threads = threads;
}

void input_set_digest(struct input *in, struct sha256 *s)
{
	in->digest = s;
}

const char *input_name(const struct input *in)
{
	return in->name;
}
