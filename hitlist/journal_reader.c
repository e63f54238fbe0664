#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "hitlist/journal.h"
#include "hitlist/journal_format.h"

/* A live journal grows, and shrinks when a write fails: so it is read by
 * read(2) up to the size it had at the open, and never mapped. */
struct journal_reader {
	int fd; /* -1: bytes in memory */
	const uint8_t *bytes;
	uint64_t size, torn;
	enum hitlist_source source;
	uint32_t created;
	uint8_t *buf;
	size_t cap;
	char name[];
};

#define FAULT(r, rc, at, ...) \
	diag_set(d, rc, "%s: offset %" PRIu64 ": " __VA_ARGS__, (r)->name, (uint64_t)(at))

/* n bytes at offset `at`, all before the size; valid until the next call. */
static int fetch(struct journal_reader *r, uint64_t at, size_t n, const uint8_t **out,
                 struct diag *d)
{
	size_t got = 0;

	if (r->fd < 0) {
		*out = r->bytes + at;
		return 0;
	}
	if (n > r->cap) {
		uint8_t *p = realloc(r->buf, n);

		if (!p)
			return -ENOMEM;
		r->buf = p;
		r->cap = n;
	}
	while (got < n) {
		ssize_t k = pread(r->fd, r->buf + got, n - got, (off_t)(at + got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return diag_set(d, -errno, "%s: %s", r->name, strerror(errno));
		if (k == 0)
			return FAULT(r, ERR_TRUNC, at + got, "the file has shrunk");
		got += (size_t)k;
	}
	*out = r->buf;
	return 0;
}

static int read_header(struct journal_reader *r, struct diag *d)
{
	const uint8_t *h;
	int rc;

	if (r->size < JOURNAL_HEADER) { /* died before anything was acknowledged */
		r->torn = r->size;
		return 0;
	}
	rc = fetch(r, 0, JOURNAL_HEADER, &h, d);
	if (rc < 0)
		return rc;
	if (memcmp(h, JOURNAL_MAGIC, 8) != 0)
		return FAULT(r, ERR_FORMAT, 0, "not a journal of a hitlist");
	if (checksum64(h, JOURNAL_H_CHECKSUM, 0) != load64(h + JOURNAL_H_CHECKSUM))
		return FAULT(r, ERR_CHECKSUM, 0, "header is damaged");
	if (load16(h + JOURNAL_H_VERSION) != JOURNAL_VERSION)
		return diag_set(d, ERR_VERSION,
		                "%s: offset %d: format version %u, this program reads %d",
		                r->name, JOURNAL_H_VERSION, load16(h + JOURNAL_H_VERSION),
		                JOURNAL_VERSION);
	if (load16(h + JOURNAL_H_SOURCE) >= SOURCES)
		return FAULT(r, ERR_VERSION, JOURNAL_H_SOURCE, "unknown source");
	r->source = (enum hitlist_source)load16(h + JOURNAL_H_SOURCE);
	r->created = (uint32_t)(load64(h + JOURNAL_H_CREATED) / (NS_PER_S / NS_PER_US));
	return 0;
}

static struct journal_reader *reader_new(const char *name)
{
	size_t len = strlen(name) + 1;
	struct journal_reader *r = calloc(1, sizeof(*r) + len);

	if (r) {
		r->fd = -1;
		memcpy(r->name, name, len);
	}
	return r;
}

int journal_reader_open_bytes(struct journal_reader **out, const void *buf, size_t n,
                              const char *name, struct diag *d)
{
	struct journal_reader *r = reader_new(name);
	int rc;

	if (!r)
		return -ENOMEM;
	r->bytes = buf;
	r->size = n;
	rc = read_header(r, d);
	if (rc < 0)
		journal_reader_close(r);
	else
		*out = r;
	return rc;
}

int journal_reader_open(struct journal_reader **out, const char *path, struct diag *d)
{
	struct journal_reader *r = reader_new(path);
	struct stat st;
	int rc;

	if (!r)
		return -ENOMEM;
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0 || fstat(r->fd, &st) < 0) {
		rc = diag_set(d, -errno, "%s: %s", path, strerror(errno));
	} else {
		r->size = (uint64_t)st.st_size;
		rc = read_header(r, d);
	}
	if (rc < 0)
		journal_reader_close(r);
	else
		*out = r;
	return rc;
}

void journal_reader_close(struct journal_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	free(r->buf);
	free(r);
}

enum hitlist_source journal_reader_source(const struct journal_reader *r)
{
	return r->source;
}

uint32_t journal_reader_created(const struct journal_reader *r)
{
	return r->created;
}

uint64_t journal_reader_torn(const struct journal_reader *r)
{
	return r->torn;
}

static int rest_is_zero(struct journal_reader *r, uint64_t at, struct diag *d)
{
	while (at < r->size) {
		size_t n = r->size - at < 65536 ? (size_t)(r->size - at) : 65536;
		const uint8_t *p;
		int rc = fetch(r, at, n, &p, d);

		if (rc < 0)
			return rc;
		for (size_t i = 0; i < n; i++)
			if (p[i])
				return 0;
		at += n;
	}
	return 1;
}

struct frame {
	unsigned type;
	uint32_t length;
	uint64_t at, sum;
};

/* 1: a frame whose payload is at `at`, 0: end or torn tail, negative. */
static int next_frame(struct journal_reader *r, uint64_t at, struct frame *f,
                      struct diag *d)
{
	const uint8_t *h;
	int rc;

	if (r->size - at < JOURNAL_FRAME) {
		r->torn = r->size - at;
		return 0;
	}
	rc = fetch(r, at, JOURNAL_FRAME, &h, d);
	if (rc < 0)
		return rc;
	*f = (struct frame){ h[JOURNAL_F_TYPE], load32(h + JOURNAL_F_LENGTH),
		             at + JOURNAL_FRAME, load64(h + JOURNAL_F_PAYLOAD) };
	if (checksum64(h, JOURNAL_F_CHECKSUM, at) != load64(h + JOURNAL_F_CHECKSUM)) {
		rc = rest_is_zero(r, at, d);
		if (rc == 0)
			return FAULT(r, ERR_CHECKSUM, at, "head of a frame is damaged");
		r->torn = r->size - at;
		return rc < 0 ? rc : 0;
	}
	if (f->length > JOURNAL_PAYLOAD_MAX)
		return FAULT(r, ERR_FORMAT, at, "frame is too long");
	if (f->length > r->size - f->at) {
		r->torn = r->size - at;
		return 0;
	}
	return 1;
}

static int visit_observed(struct journal_reader *r, const struct journal_visitor *v,
                          const uint8_t *p, const struct frame *f, struct diag *d)
{
	int rc = 0;

	for (uint32_t i = 0; rc >= 0 && i < f->length; i += OBS_RECORD_SIZE) {
		struct observation o;

		rc = obs_decode(&o, p + i);
		if (rc < 0)
			return FAULT(r, rc, f->at + i, "observation is damaged");
		if (v->observed)
			rc = v->observed(v->ctx, &o);
	}
	return rc;
}

static int visit_tried(const struct journal_visitor *v, const uint8_t *p,
                       const struct frame *f)
{
	int rc = 0;

	for (uint32_t i = 0; v->tried && rc >= 0 && i < f->length; i += 16)
		rc = v->tried(v->ctx, load_addr(p + i));
	return rc;
}

static int visit_aliased(struct journal_reader *r, const struct journal_visitor *v,
                         const uint8_t *p, const struct frame *f, struct diag *d)
{
	int rc = 0;

	for (uint32_t i = 0; rc >= 0 && i < f->length; i += JOURNAL_PREFIX) {
		if (p[i + 16] > 128)
			return FAULT(r, ERR_FORMAT, f->at + i, "prefix length over 128");
		if (v->aliased)
			rc = v->aliased(v->ctx, prefix_make(load_addr(p + i), p[i + 16]));
	}
	return rc;
}

static int visit_frame(struct journal_reader *r, const struct journal_visitor *v,
                       const uint8_t *p, const struct frame *f, struct diag *d)
{
	static const uint32_t unit[] = {
		[JOURNAL_OBSERVED] = OBS_RECORD_SIZE,
		[JOURNAL_TRIED] = 16,
		[JOURNAL_ALIASED] = JOURNAL_PREFIX,
	};

	if (f->type < JOURNAL_OBSERVED || f->type > JOURNAL_ALIASED || f->length == 0 ||
	    f->length % unit[f->type])
		return FAULT(r, ERR_FORMAT, f->at - JOURNAL_FRAME,
		             "frame of no known kind");
	if (f->type == JOURNAL_OBSERVED)
		return visit_observed(r, v, p, f, d);
	if (f->type == JOURNAL_TRIED)
		return visit_tried(v, p, f);
	return visit_aliased(r, v, p, f, d);
}

int journal_visit(struct journal_reader *r, const struct journal_visitor *v,
                  struct diag *d)
{
	uint64_t at = JOURNAL_HEADER;
	const uint8_t *p;
	struct frame f;
	int rc = 0;

	if (r->size < JOURNAL_HEADER)
		return 0;
	r->torn = 0;
	while (rc >= 0 && (rc = next_frame(r, at, &f, d)) > 0) {
		uint64_t end = f.at + f.length;

		rc = fetch(r, f.at, f.length, &p, d);
		if (rc < 0)
			return rc;
		if (checksum64(p, f.length, at) != f.sum) {
			if (end < r->size)
				return FAULT(r, ERR_CHECKSUM, f.at,
				             "payload of a frame is damaged");
			r->torn = r->size - at;
			return 0;
		}
		if (f.type == JOURNAL_END && end != r->size)
			return FAULT(r, ERR_FORMAT, end, "bytes after the end");
		if (f.type == JOURNAL_END)
			return 0;
		rc = visit_frame(r, v, p, &f, d);
		at = end;
	}
	return rc < 0 ? rc : 0;
}
