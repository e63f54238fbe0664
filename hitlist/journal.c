#include "hitlist/journal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "hitlist/fs.h"
#include "hitlist/journal_format.h"

struct journal {
	int fd, error; /* error: a torn frame that could not be taken back */
	uint64_t offset;
	unsigned *open;
	uint8_t *frame;
	size_t frame_cap;
	char path[];
};

/* Room for a frame with n bytes of payload; the payload, or NULL. */
static uint8_t *frame_payload(struct journal *j, size_t n)
{
	uint8_t *p = j->frame;

	if (JOURNAL_FRAME + n > j->frame_cap) {
		p = realloc(j->frame, JOURNAL_FRAME + n);
		if (!p)
			return NULL;
		j->frame = p;
		j->frame_cap = JOURNAL_FRAME + n;
	}
	return p + JOURNAL_FRAME;
}

/* A frame that could only be written in part is taken back, so that those that
 * follow it can be found. */
static int put(struct journal *j, const void *buf, size_t n)
{
	int rc;

	if (j->error)
		return j->error;
	rc = fs_write_all(j->fd, buf, n);
	if (rc == 0) {
		j->offset += n;
		return 0;
	}
	if (ftruncate(j->fd, (off_t)j->offset) < 0 ||
	    lseek(j->fd, (off_t)j->offset, SEEK_SET) < 0)
		j->error = rc;
	return rc;
}

static int put_frame(struct journal *j, enum journal_frame_type type, size_t n)
{
	uint8_t *f = j->frame;

	memset(f, 0, JOURNAL_FRAME);
	f[JOURNAL_F_TYPE] = (uint8_t)type;
	store32(f + JOURNAL_F_LENGTH, (uint32_t)n);
	store64(f + JOURNAL_F_PAYLOAD, checksum64(f + JOURNAL_FRAME, n, j->offset));
	store64(f + JOURNAL_F_CHECKSUM, checksum64(f, JOURNAL_F_CHECKSUM, j->offset));
	return put(j, f, JOURNAL_FRAME + n);
}

static int put_header(struct journal *j, enum hitlist_source source)
{
	uint8_t h[JOURNAL_HEADER] = JOURNAL_MAGIC;

	store16(h + JOURNAL_H_VERSION, JOURNAL_VERSION);
	store16(h + JOURNAL_H_SOURCE, (uint16_t)source);
	store64(h + JOURNAL_H_CREATED, clock_wall_us());
	store64(h + JOURNAL_H_CHECKSUM, checksum64(h, JOURNAL_H_CHECKSUM, 0));
	return put(j, h, sizeof(h));
}

int journal_create(struct journal **out, const char *path, enum hitlist_source source,
                   unsigned *count, struct diag *d)
{
	size_t len = strlen(path) + 1;
	struct journal *j = calloc(1, sizeof(*j) + len);
	int rc;

	if (!j)
		return -ENOMEM;
	memcpy(j->path, path, len);
	j->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (j->fd < 0) {
		rc = -errno;
		free(j);
		return rc == -EEXIST ? rc
		                     : diag_set(d, rc, "%s: %s", path, strerror(-rc));
	}
	rc = put_header(j, source);
	if (rc == 0 && fdatasync(j->fd) < 0)
		rc = -errno;
	if (rc < 0) {
		diag_set(d, rc, "%s: %s", path, strerror(-rc));
		unlink(path);
		close(j->fd);
		free(j);
		return rc;
	}
	j->open = count;
	++*count;
	*out = j;
	return 0;
}

int journal_append(struct journal *j, const struct observation *o, size_t n)
{
	const size_t most = JOURNAL_PAYLOAD_MAX / OBS_RECORD_SIZE;
	int rc = 0;

	for (size_t k; rc == 0 && n; o += k, n -= k) {
		uint8_t *p;

		k = n < most ? n : most;
		p = frame_payload(j, k * OBS_RECORD_SIZE);
		if (!p)
			return -ENOMEM;
		for (size_t i = 0; i < k; i++)
			obs_encode(p + i * OBS_RECORD_SIZE, &o[i]);
		rc = put_frame(j, JOURNAL_OBSERVED, k * OBS_RECORD_SIZE);
	}
	return rc;
}

int journal_tried(struct journal *j, const struct addr128 *a, size_t n)
{
	const size_t most = JOURNAL_PAYLOAD_MAX / 16;
	int rc = 0;

	for (size_t k; rc == 0 && n; a += k, n -= k) {
		uint8_t *p;

		k = n < most ? n : most;
		p = frame_payload(j, k * 16);
		if (!p)
			return -ENOMEM;
		for (size_t i = 0; i < k; i++)
			store_addr(p + 16 * i, a[i]);
		rc = put_frame(j, JOURNAL_TRIED, k * 16);
	}
	return rc;
}

int journal_aliased(struct journal *j, struct prefix x)
{
	uint8_t *p = frame_payload(j, JOURNAL_PREFIX);

	if (!p)
		return -ENOMEM;
	store_addr(p, x.addr);
	p[16] = x.len;
	return put_frame(j, JOURNAL_ALIASED, JOURNAL_PREFIX);
}

int journal_sync(struct journal *j)
{
	if (j->error)
		return j->error;
	return fdatasync(j->fd) < 0 ? -errno : 0;
}

const char *journal_path(const struct journal *j)
{
	return j->path;
}

/* Without the end frame the journal is still good, only less protected. */
void journal_close(struct journal *j)
{
	if (!j)
		return;
	if (frame_payload(j, 0) && put_frame(j, JOURNAL_END, 0) == 0)
		journal_sync(j);
	close(j->fd);
	--*j->open;
	free(j->frame);
	free(j);
}
