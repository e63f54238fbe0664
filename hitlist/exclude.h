/* hitlist/exclude.h - exclude files as ZMap and masscan users have them.
 *
 * Items, one a line or with commas between them (masscan): an address, a prefix, or a
 * range "a-b" ("a - b"), IPv4 and IPv6 mixed; "#" and ";", and "//" where a line
 * begins, begin a comment; blanks, CR and a byte order mark are skipped.  Anything else, a host name above all, is an error that names it:
 * half an exclude file is worse than none. */
#ifndef HITLIST_EXCLUDE_H
#define HITLIST_EXCLUDE_H

#include <stddef.h>

#include "common/addr.h"
#include "common/err.h"

struct exclude {
	struct prefix *p; /* a range as the fewest prefixes that make it up */
	size_t n;
};

void exclude_fini(struct exclude *x);

/* The fewest prefixes from first to last, of one family.  0 or -ENOMEM. */
int exclude_add_range(struct exclude *x, struct addr128 first, struct addr128 last);

/* The items of a line; one without any adds nothing.  ERR_PARSE, ERR_FAMILY (the ends
 * of a range differ), -EINVAL (they are reversed) or -ENOMEM; *d says what. */
int exclude_add_line(struct exclude *x, const char *line, struct diag *d);
int exclude_add_file(struct exclude *x, const char *path, struct diag *d);

#endif
