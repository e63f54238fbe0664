#include "hitlist/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int fs_join(char out[static FS_PATH_MAX], const char *dir, const char *name,
            struct diag *d)
{
	int n = snprintf(out, FS_PATH_MAX, "%s/%s", dir, name);

	if (n < 0 || n >= FS_PATH_MAX)
		return diag_set(d, -ENAMETOOLONG, "%.200s...: path too long", dir);
	return 0;
}

int fs_read(uint8_t **buf, size_t *n, const char *path, struct diag *d)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	uint8_t *p = NULL;
	struct stat st;
	size_t got = 0;
	ssize_t k = 1;

	if (fd < 0 || fstat(fd, &st) < 0)
		goto fail;
	if (!S_ISREG(st.st_mode)) {
		rc = diag_set(d, ERR_FORMAT, "%s: not a regular file", path);
		goto out;
	}
	p = malloc((size_t)st.st_size + 1);
	if (!p) {
		errno = ENOMEM;
		goto fail;
	}
	while (got < (size_t)st.st_size && k > 0) {
		k = read(fd, p + got, (size_t)st.st_size - got);
		if (k < 0 && errno == EINTR)
			k = 1;
		else if (k < 0)
			goto fail;
		else
			got += (size_t)k;
	}
	p[got] = 0;
	*buf = p;
	*n = got;
	p = NULL;
	rc = 0;
	goto out;
fail:
	rc = -errno;
	diag_set(d, rc, "%s: %s", path, strerror(-rc));
out:
	free(p);
	if (fd >= 0)
		close(fd);
	return rc;
}

int fs_write_all(int fd, const void *buf, size_t n)
{
	const uint8_t *p = buf;

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

int fs_sync_dir(const char *dir, struct diag *d)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd) < 0)
		rc = diag_set(d, -errno, "%s: %s", dir, strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

static int write_tmp(const char *tmp, const void *buf, size_t n)
{
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), rc;

	if (fd < 0)
		return -errno;
	rc = fs_write_all(fd, buf, n);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

int fs_replace(const char *path, const void *buf, size_t n, struct diag *d)
{
	char tmp[FS_PATH_MAX], *slash;
	int rc, len = snprintf(tmp, sizeof(tmp), "%s.tmp", path);

	if (len < 0 || (size_t)len >= sizeof(tmp))
		return diag_set(d, -ENAMETOOLONG, "%.200s...: path too long", path);
	rc = write_tmp(tmp, buf, n);
	if (rc == 0 && rename(tmp, path) < 0)
		rc = -errno;
	if (rc < 0) {
		diag_set(d, rc, "%s: %s", path, strerror(-rc));
		unlink(tmp);
		return rc;
	}
	slash = strrchr(tmp, '/');
	if (slash)
		*slash = 0;
	return fs_sync_dir(slash ? tmp : ".", d);
}

bool fs_has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

int fs_each(const char *dir, int (*fn)(void *ctx, const char *name), void *ctx,
            struct diag *d)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort), rc = 0;

	if (n < 0)
		return diag_set(d, -errno, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		if (rc == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			rc = fn(ctx, name);
		free(list[i]);
	}
	free(list);
	return rc;
}
