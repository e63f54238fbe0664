/* probe/key_file.h - the key of the cookies in a file, for runs that share it.
 *
 * Whoever reads it can forge answers: it is made with mode 0600, and one that others can
 * read is refused. */
#ifndef PROBE_KEY_FILE_H
#define PROBE_KEY_FILE_H

#include <stdbool.h>

#include "common/err.h"
#include "common/mac.h"

/* The key in the file; where there is no such file, a fresh one that is written there
 * (may_make), or -ENOENT.  -EPERM: others may read it; ERR_FORMAT: it is no key. */
int key_file_open(struct mac_key *key, const char *path, bool may_make, struct diag *d);

#endif
