/* common/writer.h - output that is whole or absent.
 *
 * A regular file is written as a temporary neighbour and appears under its
 * name only at writer_commit(): flush, fsync, rename, fsync of the directory.
 * "-" is standard output; an existing device or pipe is written directly.
 * Names ending in .gz .bz2 .xz .zst are compressed.  A file that is replaced
 * keeps its mode, and a symbolic link to it stays.
 *
 * Write errors stick: writers may ignore the result until the commit. */
#ifndef COMMON_WRITER_H
#define COMMON_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"

struct writer;

int writer_open(struct writer **out, const char *path, struct diag *d);
/* The other way: write behind what a regular file has, directly, so that a killed
 * process leaves what it had flushed.  A last line without its end is cut off; the
 * size after that in *size (0 for what is no file).  Never compressed. */
int writer_append(struct writer **out, const char *path, uint64_t *size, struct diag *d);

/* The same for records of so many bytes behind a header: what is no whole record, or no
 * whole header, is cut off. */
int writer_append_records(struct writer **out, const char *path, size_t header,
                          size_t record, uint64_t *size, struct diag *d);

/* Written directly and from the start, too: after every flush the file ends with tail
 * (at most WRITER_TAIL_MAX bytes, borrowed), and what follows is written over it.  So
 * what a killed process leaves is whole, as an array with its closing bracket is (but
 * for a kill within that very write, which Linux may stop between two pages).
 * Where there is no going back (pipes, compressed files) as writer_open(). */
enum { WRITER_TAIL_MAX = 32 };
int writer_open_tailed(struct writer **out, const char *path, const char *tail,
                       struct diag *d);

/* The next n <= WRITER_ROOM_MAX bytes stay together: where the buffer is full, the tail
 * comes before them, not amid them. */
int writer_together(struct writer *w, size_t n);

/* The end comes now, and brings its own: no tail any more. */
void writer_drop_tail(struct writer *w);

/* How many bytes were given to it. */
uint64_t writer_size(const struct writer *w);

int writer_write(struct writer *w, const void *buf, size_t n);
int writer_printf(struct writer *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int writer_addr(struct writer *w, struct addr128 a); /* one address and '\n' */

/* The same without a copy: room for n <= WRITER_ROOM_MAX bytes, and how many of them
 * were put there.  Nothing else may be written in between. */
enum { WRITER_ROOM_MAX = 128 * 1024 };
char *writer_room(struct writer *w, size_t n);
int writer_took(struct writer *w, size_t n);

/* Pass on what is buffered (for pipes and terminals); not a commit.  bzip2 may
 * keep the last bits back until the commit: its blocks do not end at a byte. */
int writer_flush(struct writer *w);

/* Make it appear.  0, or the first error that occurred, told in *d. */
int writer_commit(struct writer *w, struct diag *d);

/* Frees; without a commit before it, the file under that name is as it was. */
void writer_close(struct writer *w);

/* fsync(2) the directory that holds path, so that a rename in it lasts. */
int writer_sync_dir(const char *path);

#endif
