/* hitlist/aliased.h - the file of aliased prefixes: text, one a line in
 * numeric order, no prefix inside another, the last line a checksum. */
#ifndef HITLIST_ALIASED_H
#define HITLIST_ALIASED_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"
#include "common/ivtab.h"

struct aliased {
	struct prefix *p;
	size_t n;
	struct ivtab *table; /* the same, value 1; never NULL after init */
	uint64_t checksum;   /* of the file it was loaded from */
};

int aliased_init(struct aliased *a); /* empty; 0 or -ENOMEM */
void aliased_fini(struct aliased *a);

/* out = a and the prefixes more; *grew: whether that covers more than a does.
 * On failure *out needs no fini. */
int aliased_union(struct aliased *out, const struct aliased *a, const struct prefix *more,
                  size_t n, bool *grew);

int aliased_load(struct aliased *a, const char *path, struct diag *d);
int aliased_parse(struct aliased *a, char *text, size_t n, const char *name,
                  struct diag *d);
int aliased_save(const struct aliased *a, const char *path, uint64_t *bytes,
                 uint64_t *checksum, struct diag *d);

#endif
