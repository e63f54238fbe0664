/* hitlist/optouts.h - the file of opt-outs: who asked for which prefix to be
 * left alone, when, why, and until when.
 *
 * Text, one opt-out a line in the order they came, fields separated by a tab:
 *   prefix  added  expires  removed  requester  reason  evidence
 * Times are seconds since 1970 (expires, removed 0: never); the last line is a
 * checksum.  Nothing is ever taken out: it is the log as well.  The first field
 * is what readers of prefix lists take, so the file can be used as one. */
#ifndef HITLIST_OPTOUTS_H
#define HITLIST_OPTOUTS_H

#include <stddef.h>
#include <stdint.h>

#include "hitlist/hitlist.h"

struct optouts {
	struct hitlist_optout *e; /* their strings too belong to it */
	size_t n;
	struct ivtab *table; /* those in force; value 1; never NULL after init */
	uint64_t checksum;   /* of the file it was loaded from, or saved to */
};

int optouts_init(struct optouts *o); /* empty; 0 or -ENOMEM */
void optouts_fini(struct optouts *o);

/* Add one at the end; its strings are copied.  ERR_PARSE: a control character
 * in one of them.  The table stays as it is until optouts_build(). */
int optouts_add(struct optouts *o, const struct hitlist_optout *e, struct diag *d);
int optouts_copy(struct optouts *to, const struct optouts *from);

/* Make the table of what is in force at `now`. */
int optouts_build(struct optouts *o, uint32_t now);

/* name is for messages; text[n] is a NUL.  On error *o is empty. */
int optouts_parse(struct optouts *o, char *text, size_t n, const char *name, uint32_t now,
                  struct diag *d);
int optouts_load(struct optouts *o, const char *path, uint32_t now, struct diag *d);
int optouts_save(struct optouts *o, const char *path, uint64_t *bytes, struct diag *d);

#endif
