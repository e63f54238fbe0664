/* Answers that wait for an alias test: hl/untested, observation records one
 * after the other (72 bytes each, each with a check value of its own).
 *
 * They are kept out of the journals, and so out of the hosts, until the prefix
 * they are in has a verdict.  When the process dies before, the next run finds
 * them here and tests them; an address may then be in both places, which is
 * harmless, as records merge. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hitlist/store.h"

#define WAITING_FILE "untested"

struct waiting {
	int fd;
	off_t size; /* of whole records */
	char path[FS_PATH_MAX];
};

static int file_fault(const char *path, size_t offset, int rc, struct diag *d)
{
	return diag_set(d, rc, "%s: offset %zu: %s", path, offset, err_str(rc));
}

/* Visit the whole records of a file; *end: where they end.  A tail that is no
 * whole record was never acknowledged. */
static int visit_file(const char *path, int (*fn)(void *ctx, const struct observation *o),
                      void *ctx, size_t *end, struct diag *d)
{
	struct observation o;
	uint8_t *buf = NULL;
	size_t n = 0, at = 0;
	int rc;

	*end = 0;
	if (access(path, F_OK) != 0)
		return 0;
	rc = fs_read(&buf, &n, path, d);
	for (; rc >= 0 && at + OBS_RECORD_SIZE <= n; at += OBS_RECORD_SIZE) {
		rc = obs_decode(&o, buf + at);
		if (rc < 0)
			rc = file_fault(path, at, rc, d);
		else if (fn)
			rc = fn(ctx, &o);
	}
	free(buf);
	*end = at;
	return rc < 0 ? rc : 0;
}

int hitlist_visit_waiting(const struct hitlist *h,
                          int (*fn)(void *ctx, const struct observation *o), void *ctx,
                          struct diag *d)
{
	char path[FS_PATH_MAX];
	size_t end;
	int rc = store_path(path, h, NULL, WAITING_FILE, d);

	return rc < 0 ? rc : visit_file(path, fn, ctx, &end, d);
}

int waiting_open(struct waiting **out, const struct hitlist *h, struct diag *d)
{
	struct waiting *w = calloc(1, sizeof(*w));
	size_t end = 0;
	int rc;

	if (!w)
		return -ENOMEM;
	w->fd = -1;
	rc = store_path(w->path, h, NULL, WAITING_FILE, d);
	if (rc >= 0)
		rc = visit_file(w->path, NULL, NULL, &end, d);
	if (rc >= 0) {
		w->fd = open(w->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
		w->size = (off_t)end;
		if (w->fd < 0 || ftruncate(w->fd, w->size) < 0 ||
		    lseek(w->fd, w->size, SEEK_SET) < 0)
			rc = diag_set(d, -errno, "%s: %s", w->path, strerror(errno));
	}
	if (rc < 0) {
		waiting_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

int waiting_add(struct waiting *w, const struct observation *o)
{
	uint8_t rec[OBS_RECORD_SIZE];
	int rc;

	obs_encode(rec, o);
	rc = fs_write_all(w->fd, rec, sizeof(rec));
	if (rc == 0) {
		w->size += (off_t)sizeof(rec);
		return 0;
	}
	/* A part of a record would make nonsense of those after it. */
	if (ftruncate(w->fd, w->size) < 0 || lseek(w->fd, w->size, SEEK_SET) < 0)
		return -EIO;
	return rc;
}

int waiting_sync(struct waiting *w)
{
	return fdatasync(w->fd) < 0 ? -errno : 0;
}

int waiting_replace(struct waiting *w, const struct observation *o, size_t n,
                    struct diag *d)
{
	uint8_t *buf = malloc(n * OBS_RECORD_SIZE + 1);
	int rc;

	if (!buf)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		obs_encode(buf + i * OBS_RECORD_SIZE, &o[i]);
	rc = n ? fs_replace(w->path, buf, n * OBS_RECORD_SIZE, d) : 0;
	if (!n && unlink(w->path) < 0 && errno != ENOENT)
		rc = diag_set(d, -errno, "%s: %s", w->path, strerror(errno));
	free(buf);
	return rc;
}

void waiting_close(struct waiting *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}
