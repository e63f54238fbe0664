#include "common/writer.h"

#include <bzlib.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { BUF_SIZE = WRITER_ROOM_MAX, OUT_SIZE = 64 * 1024, NAME_TRIES = 100 };

/* What a codec is to do with the bytes: take them, also give out all that it
 * has taken, also end the stream. */
enum op { OP_RUN, OP_FLUSH, OP_FINISH };

struct codec {
	const char *suffix;
	int (*start)(struct writer *w); /* 0 or -ENOMEM */
	int (*push)(struct writer *w, const void *p, size_t n, enum op op);
	void (*stop)(struct writer *w);
};

struct writer {
	char *name; /* for messages */
	char *path; /* what the file shall be called; NULL: written directly */
	char *tmp;  /* what it is called until then */
	int fd;
	int rc; /* the first error */
	bool committed;
	const struct codec *codec; /* NULL: plain */
	union {
		bz_stream bz;
		z_stream z;
		lzma_stream xz;
		ZSTD_CCtx *zstd;
	} state;
	const char *tail; /* NULL: none */
	bool cut;         /* at the end, what was there before may reach further */
	uint64_t drained; /* bytes that left buf */
	size_t n;         /* bytes in buf */
	char buf[BUF_SIZE + WRITER_TAIL_MAX];
	char out[OUT_SIZE]; /* of the codec */
};

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

static int bzip2_start(struct writer *w)
{
	memset(&w->state.bz, 0, sizeof(w->state.bz));
	return BZ2_bzCompressInit(&w->state.bz, 9, 0, 0) == BZ_OK ? 0 : -ENOMEM;
}

static int bzip2_push(struct writer *w, const void *p, size_t n, enum op op)
{
	static const int actions[] = { BZ_RUN, BZ_FLUSH, BZ_FINISH };
	bz_stream *s = &w->state.bz;
	bool more = true;

	s->next_in = (char *)p;
	s->avail_in = (unsigned)n;
	while (more) {
		int rc, code;

		s->next_out = w->out;
		s->avail_out = OUT_SIZE;
		code = BZ2_bzCompress(s, actions[op]);
		if (code < 0)
			return -EIO;
		rc = write_all(w->fd, w->out, OUT_SIZE - s->avail_out);
		if (rc < 0)
			return rc;
		/* RUN_OK is the answer to a flush that is complete, too. */
		more = op == OP_FINISH  ? code != BZ_STREAM_END
		       : op == OP_FLUSH ? code != BZ_RUN_OK
		                        : s->avail_in > 0;
	}
	return 0;
}

static void bzip2_stop(struct writer *w)
{
	BZ2_bzCompressEnd(&w->state.bz);
}

static int gzip_start(struct writer *w)
{
	memset(&w->state.z, 0, sizeof(w->state.z));
	return deflateInit2(&w->state.z, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
	                    16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK
	               ? 0
	               : -ENOMEM;
}

static int gzip_push(struct writer *w, const void *p, size_t n, enum op op)
{
	static const int actions[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH };
	z_stream *s = &w->state.z;

	s->next_in = (Bytef *)p;
	s->avail_in = (unsigned)n;
	do {
		int rc;

		s->next_out = (Bytef *)w->out;
		s->avail_out = OUT_SIZE;
		if (deflate(s, actions[op]) == Z_STREAM_ERROR)
			return -EIO;
		rc = write_all(w->fd, w->out, OUT_SIZE - s->avail_out);
		if (rc < 0)
			return rc;
	} while (s->avail_out == 0);
	return 0;
}

static void gzip_stop(struct writer *w)
{
	deflateEnd(&w->state.z);
}

static int xz_start(struct writer *w)
{
	lzma_stream fresh = LZMA_STREAM_INIT;

	w->state.xz = fresh;
	return lzma_easy_encoder(&w->state.xz, LZMA_PRESET_DEFAULT, LZMA_CHECK_CRC64) ==
	                       LZMA_OK
	               ? 0
	               : -ENOMEM;
}

static int xz_push(struct writer *w, const void *p, size_t n, enum op op)
{
	static const lzma_action actions[] = { LZMA_RUN, LZMA_SYNC_FLUSH, LZMA_FINISH };
	lzma_stream *s = &w->state.xz;
	bool more = true;

	s->next_in = p;
	s->avail_in = n;
	while (more) {
		lzma_ret code;
		int rc;

		s->next_out = (uint8_t *)w->out;
		s->avail_out = OUT_SIZE;
		code = lzma_code(s, actions[op]);
		if (code != LZMA_OK && code != LZMA_STREAM_END)
			return code == LZMA_MEM_ERROR ? -ENOMEM : -EIO;
		rc = write_all(w->fd, w->out, OUT_SIZE - s->avail_out);
		if (rc < 0)
			return rc;
		more = op == OP_RUN ? s->avail_in > 0 : code != LZMA_STREAM_END;
	}
	return 0;
}

static void xz_stop(struct writer *w)
{
	lzma_end(&w->state.xz);
}

static int zstd_start(struct writer *w)
{
	w->state.zstd = ZSTD_createCCtx();
	if (!w->state.zstd)
		return -ENOMEM;
	ZSTD_CCtx_setParameter(w->state.zstd, ZSTD_c_checksumFlag, 1);
	return 0;
}

static int zstd_push(struct writer *w, const void *p, size_t n, enum op op)
{
	static const ZSTD_EndDirective actions[] = { ZSTD_e_continue, ZSTD_e_flush,
		                                     ZSTD_e_end };
	ZSTD_inBuffer src = { p, n, 0 };
	bool more = true;

	while (more) {
		ZSTD_outBuffer dst = { w->out, OUT_SIZE, 0 };
		size_t left =
			ZSTD_compressStream2(w->state.zstd, &dst, &src, actions[op]);
		int rc;

		if (ZSTD_isError(left))
			return -EIO;
		rc = write_all(w->fd, w->out, dst.pos);
		if (rc < 0)
			return rc;
		more = op == OP_RUN ? src.pos < src.size : left > 0;
	}
	return 0;
}

static void zstd_stop(struct writer *w)
{
	ZSTD_freeCCtx(w->state.zstd);
}

static const struct codec codecs[] = {
	{ ".bz2", bzip2_start, bzip2_push, bzip2_stop },
	{ ".gz", gzip_start, gzip_push, gzip_stop },
	{ ".xz", xz_start, xz_push, xz_stop },
	{ ".zst", zstd_start, zstd_push, zstd_stop },
};

static const struct codec *codec_find(const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		size_t k = strlen(codecs[i].suffix);

		if (n > k && strcmp(path + n - k, codecs[i].suffix) == 0)
			return &codecs[i];
	}
	return NULL;
}

/* The buffer and the tail in one call, and back to before the tail. */
static int write_tailed(struct writer *w)
{
	size_t n = strlen(w->tail);
	int rc;

	memcpy(w->buf + w->n, w->tail, n);
	rc = write_all(w->fd, w->buf, w->n + n);
	if (rc == 0 && lseek(w->fd, -(off_t)n, SEEK_CUR) < 0)
		rc = -errno;
	return rc;
}

/* Pass on the buffer. */
static int drain(struct writer *w, enum op op)
{
	int rc = w->rc;

	if (!rc && w->codec)
		rc = w->codec->push(w, w->buf, w->n, op);
	else if (!rc && w->tail)
		rc = write_tailed(w);
	else if (!rc)
		rc = write_all(w->fd, w->buf, w->n);
	w->drained += w->n;
	w->n = 0;
	return w->rc = rc;
}

/* "dir/.name.XXXXXXXXXXXX.tmp" beside path, created; rc as open(2). */
static int open_neighbour(struct writer *w, mode_t mode)
{
	const char *slash = strrchr(w->path, '/');
	int dir_len = slash ? (int)(slash + 1 - w->path) : 0;

	for (int i = 0; i < NAME_TRIES; i++) {
		uint64_t r;

		if (getrandom(&r, sizeof(r), 0) != sizeof(r))
			return -errno;
		free(w->tmp);
		/* A name may have 255 bytes: of a long one, the start will do. */
		if (asprintf(&w->tmp, "%.*s.%.200s.%012llx.tmp", dir_len, w->path,
		             w->path + dir_len, (unsigned long long)(r >> 16)) < 0) {
			w->tmp = NULL;
			return -ENOMEM;
		}
		w->fd = open(w->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (w->fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	free(w->tmp);
	w->tmp = NULL;
	return -errno;
}

static int open_direct(struct writer *w, const char *path)
{
	w->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return w->fd < 0 ? -errno : 0;
}

static bool is_stdout_name(const char *path)
{
	return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0 ||
	       strcmp(path, "/dev/fd/1") == 0 || strcmp(path, "/proc/self/fd/1") == 0;
}

static int open_path(struct writer *w, const char *path)
{
	struct stat st;
	bool there;
	int rc;

	if (is_stdout_name(path)) {
		w->fd = STDOUT_FILENO;
		return 0;
	}
	there = stat(path, &st) == 0;
	if (there && S_ISDIR(st.st_mode))
		return -EISDIR;
	/* What a descriptor's name leads to is open already: to rename something
	 * over it would take it away from whoever opened it. */
	if (there && (!S_ISREG(st.st_mode) || strncmp(path, "/dev/fd/", 8) == 0 ||
	              strncmp(path, "/proc/", 6) == 0))
		return open_direct(w, path);
	/* A symbolic link stays; the file that it leads to is replaced. */
	w->path = there ? realpath(path, NULL) : strdup(path);
	if (!w->path)
		return there ? -errno : -ENOMEM;
	rc = open_neighbour(w, 0666);
	if (rc == 0 && there && fchmod(w->fd, st.st_mode & 0777) < 0)
		return -errno;
	return rc;
}

int writer_open(struct writer **out, const char *path, struct diag *d)
{
	struct writer *w = malloc(sizeof(*w));
	const char *name = is_stdout_name(path) ? "<stdout>" : path;
	int rc = -ENOMEM;

	if (!w)
		return diag_set(d, rc, "%s: %s", name, err_str(rc));
	memset(w, 0, offsetof(struct writer, buf));
	w->fd = -1;
	w->name = strdup(name);
	if (w->name)
		rc = open_path(w, path);
	if (rc == 0 && (w->codec = codec_find(path))) {
		rc = w->codec->start(w);
		if (rc < 0)
			w->codec = NULL;
	}
	if (rc < 0) {
		diag_set(d, rc, "%s: %s", name, err_str(rc));
		writer_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

/* The size of the file up to its last line end. */
static int whole_lines(int fd, off_t *size)
{
	char buf[4096];
	off_t end = lseek(fd, 0, SEEK_END);

	*size = 0;
	while (end > 0) {
		off_t from = end > (off_t)sizeof(buf) ? end - (off_t)sizeof(buf) : 0;
		ssize_t n = pread(fd, buf, (size_t)(end - from), from);
		const char *nl;

		if (n < end - from)
			return n < 0 ? -errno : -EIO;
		nl = memrchr(buf, '\n', (size_t)n);
		if (nl) {
			*size = from + (nl + 1 - buf);
			return 0;
		}
		end = from;
	}
	return end < 0 ? -errno : 0;
}

/* The size of the file up to its last whole record; record 0: line. */
static int whole_part(int fd, size_t header, size_t record, off_t *size)
{
	off_t end, h = (off_t)header;

	if (!record)
		return whole_lines(fd, size);
	end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return -errno;
	*size = end < h ? 0 : end - (end - h) % (off_t)record;
	return 0;
}

static int open_append(struct writer *w, const char *path, size_t header, size_t record,
                       uint64_t *size)
{
	struct stat st;
	off_t end;
	int rc;

	*size = 0;
	if (is_stdout_name(path) || (stat(path, &st) == 0 && !S_ISREG(st.st_mode)))
		return open_path(w, path);
	if (codec_find(path))
		return -EINVAL;
	w->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (w->fd < 0)
		return -errno;
	rc = whole_part(w->fd, header, record, &end);
	if (rc < 0)
		return rc;
	*size = (uint64_t)end;
	if (ftruncate(w->fd, end) < 0 || lseek(w->fd, end, SEEK_SET) < 0)
		return -errno;
	return 0;
}

int writer_append_records(struct writer **out, const char *path, size_t header,
                          size_t record, uint64_t *size, struct diag *d)
{
	struct writer *w = malloc(sizeof(*w));
	const char *name = is_stdout_name(path) ? "<stdout>" : path;
	int rc = -ENOMEM;

	if (!w)
		return diag_set(d, rc, "%s: %s", name, err_str(rc));
	memset(w, 0, offsetof(struct writer, buf));
	w->fd = -1;
	w->name = strdup(name);
	if (w->name)
		rc = open_append(w, path, header, record, size);
	if (rc < 0) {
		diag_set(d, rc, "%s: %s", name,
		         rc == -EINVAL ? "a compressed file cannot be appended to"
		                       : err_str(rc));
		writer_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

int writer_append(struct writer **out, const char *path, uint64_t *size, struct diag *d)
{
	return writer_append_records(out, path, 0, 0, size, d);
}

static bool can_go_back(const char *path)
{
	struct stat st;

	if (is_stdout_name(path) || codec_find(path) || strncmp(path, "/dev/", 5) == 0)
		return false;
	return stat(path, &st) < 0 || S_ISREG(st.st_mode);
}

int writer_open_tailed(struct writer **out, const char *path, const char *tail,
                       struct diag *d)
{
	uint64_t size;
	int rc;

	if (!can_go_back(path))
		return writer_open(out, path, d);
	rc = writer_append(out, path, &size, d);
	if (rc < 0)
		return rc;
	if (ftruncate((*out)->fd, 0) < 0 || lseek((*out)->fd, 0, SEEK_SET) < 0) {
		rc = diag_set(d, -errno, "%s: %s", path, strerror(errno));
		writer_close(*out);
		return rc;
	}
	(*out)->tail = tail;
	(*out)->cut = true;
	return 0;
}

int writer_together(struct writer *w, size_t n)
{
	writer_room(w, n);
	return w->rc;
}

void writer_drop_tail(struct writer *w)
{
	w->tail = NULL;
}

uint64_t writer_size(const struct writer *w)
{
	return w->drained + w->n;
}

int writer_write(struct writer *w, const void *buf, size_t n)
{
	const char *p = buf;

	while (n > BUF_SIZE - w->n) {
		size_t k = BUF_SIZE - w->n;

		memcpy(w->buf + w->n, p, k);
		w->n += k;
		p += k;
		n -= k;
		if (drain(w, OP_RUN) < 0)
			return w->rc;
	}
	memcpy(w->buf + w->n, p, n);
	w->n += n;
	return w->rc;
}

char *writer_room(struct writer *w, size_t n)
{
	if (n > BUF_SIZE - w->n)
		drain(w, OP_RUN);
	return w->buf + w->n;
}

int writer_took(struct writer *w, size_t n)
{
	w->n += n;
	return w->rc;
}

int writer_printf(struct writer *w, const char *fmt, ...)
{
	size_t room = BUF_SIZE - w->n;
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->buf + w->n, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		return w->rc = w->rc ? w->rc : -errno;
	if ((size_t)n < room) {
		w->n += (size_t)n;
		return w->rc;
	}
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return w->rc = w->rc ? w->rc : -ENOMEM;
	n = writer_write(w, text, (size_t)n);
	free(text);
	return n;
}

int writer_addr(struct writer *w, struct addr128 a)
{
	if (BUF_SIZE - w->n < ADDR_STRLEN + 1 && drain(w, OP_RUN) < 0)
		return w->rc;
	w->n += addr_format(w->buf + w->n, a);
	w->buf[w->n++] = '\n';
	return w->rc;
}

int writer_flush(struct writer *w)
{
	return drain(w, OP_FLUSH);
}

int writer_sync_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd, rc = 0;

	if (!dir)
		return -ENOMEM;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return -errno;
	/* EINVAL: a file system whose directories cannot be synced. */
	if (fsync(fd) < 0 && errno != EINVAL)
		rc = -errno;
	close(fd);
	return rc;
}

/* Write the end, and put the file in its place. */
static int finish(struct writer *w)
{
	int rc = drain(w, OP_FINISH);
	off_t end;

	if (rc == 0 && w->cut && !w->tail) {
		end = lseek(w->fd, 0, SEEK_CUR);
		if (end < 0 || ftruncate(w->fd, end) < 0)
			return -errno;
	}
	if (rc < 0 || !w->path)
		return rc;
	if (fsync(w->fd) < 0 || rename(w->tmp, w->path) < 0)
		return -errno;
	free(w->tmp);
	w->tmp = NULL;
	return writer_sync_dir(w->path);
}

int writer_commit(struct writer *w, struct diag *d)
{
	if (!w->committed && !w->rc)
		w->rc = finish(w);
	/* Some file systems report a failed write only here. */
	if (!w->committed && w->fd > STDOUT_FILENO) {
		if (close(w->fd) < 0 && !w->rc)
			w->rc = -errno;
		w->fd = -1;
	}
	w->committed = true;
	return w->rc < 0 ? diag_set(d, w->rc, "%s: %s", w->name, err_str(w->rc)) : 0;
}

void writer_close(struct writer *w)
{
	if (!w)
		return;
	if (w->codec)
		w->codec->stop(w);
	if (w->fd > STDOUT_FILENO)
		close(w->fd);
	if (w->tmp)
		unlink(w->tmp);
	free(w->tmp);
	free(w->path);
	free(w->name);
	free(w);
}
