/* Files for tests of what reads and writes them: a folder of their own, made by
 * files_setup() and removed with all in it by files_teardown(). */
#ifndef TESTS_COMMON_FILES_H
#define TESTS_COMMON_FILES_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct files {
	char dir[64];
	char path[512]; /* of the last files_path() */
};

static inline int files_setup(void **state)
{
	struct files *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->dir, "/tmp/sextant-test-XXXXXX");
	*state = f;
	return mkdtemp(f->dir) ? 0 : -1;
}

/* Visible and hidden entries; a writer's leftovers are hidden. */
static inline unsigned files_count(const struct files *f, bool unlink_them)
{
	DIR *d = opendir(f->dir);
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		n++;
		if (unlink_them)
			unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
	return n;
}

static inline int files_teardown(void **state)
{
	struct files *f = *state;

	files_count(f, true);
	rmdir(f->dir);
	free(f);
	return 0;
}

static inline const char *files_path(struct files *f, const char *name)
{
	snprintf(f->path, sizeof(f->path), "%s/%s", f->dir, name);
	return f->path;
}

static inline const char *files_put(struct files *f, const char *name, const void *data,
                                    size_t n)
{
	FILE *o;

	/* ext4 writes a file that was cut to nothing to the disk when it is closed;
	 * a new one can stay in memory. */
	unlink(files_path(f, name));
	o = fopen(f->path, "wb");
	assert_non_null(o);
	assert_int_equal(fwrite(data, 1, n, o), n);
	assert_int_equal(fclose(o), 0);
	return f->path;
}

/* The bytes of a file, on the heap and NUL-terminated. */
static inline char *files_get(const char *path, size_t *n)
{
	FILE *i = fopen(path, "rb");
	char *data;
	long size;

	assert_non_null(i);
	assert_int_equal(fseek(i, 0, SEEK_END), 0);
	size = ftell(i);
	assert_true(size >= 0);
	rewind(i);
	data = malloc((size_t)size + 1);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, (size_t)size, i), size);
	data[size] = '\0';
	fclose(i);
	*n = (size_t)size;
	return data;
}

/* Make what comes next on descriptor fd the given bytes, at most step of them at
 * a time, and then the end.  Returns a copy of the old one for files_unfeed(). */
static inline int files_feed(int fd, const void *data, size_t n, size_t step)
{
	int pair[2], old = dup(fd);
	const char *p = data;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	for (size_t k; n; p += k, n -= k) {
		k = n < step ? n : step;
		assert_int_equal(send(pair[1], p, k, MSG_DONTWAIT), k);
	}
	close(pair[1]);
	assert_int_equal(dup2(pair[0], fd), fd);
	close(pair[0]);
	return old;
}

static inline void files_unfeed(int fd, int old)
{
	if (old < 0) {
		close(fd);
		return;
	}
	dup2(old, fd);
	close(old);
}

#endif
