/* hitlist/fs.h - files of a hitlist: names, whole reads, atomic replacement. */
#ifndef HITLIST_FS_H
#define HITLIST_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum { FS_PATH_MAX = 4096 };

/* dir/name; -ENAMETOOLONG when it does not fit. */
int fs_join(char out[static FS_PATH_MAX], const char *dir, const char *name,
            struct diag *d);

/* The whole of a regular file, NUL-terminated past its n bytes; free() it. */
int fs_read(uint8_t **buf, size_t *n, const char *path, struct diag *d);

/* The file is as before, or has these bytes, also after a power failure:
 * path.tmp, fsync, rename, fsync of the directory. */
int fs_replace(const char *path, const void *buf, size_t n, struct diag *d);

int fs_write_all(int fd, const void *buf, size_t n); /* 0 or -errno */
int fs_sync_dir(const char *dir, struct diag *d);

/* Call fn for every entry but "." and "..", in the order of their names, until
 * it returns nonzero, which is then returned. */
int fs_each(const char *dir, int (*fn)(void *ctx, const char *name), void *ctx,
            struct diag *d);

bool fs_has_suffix(const char *name, const char *suffix);

#endif
