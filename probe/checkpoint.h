/* probe/checkpoint.h - how far a scan has come, in a file that a kill cannot tear.
 *
 * A few lines of text with a check value, replaced by rename.  It holds nothing
 * that must be kept secret: the key of the cookies is another one after a resume. */
#ifndef PROBE_CHECKPOINT_H
#define PROBE_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct checkpoint {
	uint64_t config; /* digest of what decides which targets come in which order */
	uint64_t seed;
	uint64_t done; /* targets of the source that need no more packets */
	bool complete;
};

/* 1: read, 0: there is no such file.  ERR_CHECKSUM, ERR_VERSION, ERR_FORMAT. */
int checkpoint_read(struct checkpoint *c, const char *path, struct diag *d);
int checkpoint_write(const struct checkpoint *c, const char *path, struct diag *d);

/* For as long as the descriptor in *fd is open nobody else can have the checkpoint, by
 * PATH.lock, which checkpoint_unlock() removes.  -EBUSY: somebody has it. */
int checkpoint_lock(int *fd, const char *path, struct diag *d);
void checkpoint_unlock(int fd, const char *path); /* fd -1: nothing */

/* What checkpoint_read() does with the file's text; any bytes. */
int checkpoint_parse(struct checkpoint *c, const char *text, const char *path,
                     struct diag *d);

#endif
