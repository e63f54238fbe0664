/* hitlist/inputs.h - the file of inputs: which lists were imported, when, and what came
 * of them, in the order they came.
 *
 * Text, one a line, fields separated by a tab:
 *   when  source  hosts|tried  name  sha256  read  bad  refused
 * when: seconds since 1970; sha256: of the file as it was, compressed or not; read:
 * addresses, of which refused were out of scope or not routed; the last line is a
 * checksum. */
#ifndef HITLIST_INPUTS_H
#define HITLIST_INPUTS_H

#include "hitlist/hitlist.h"

struct inputs {
	struct hitlist_input *e; /* their names belong to it */
	size_t n;
	uint64_t checksum; /* of the file it was loaded from, or saved to */
};

void inputs_fini(struct inputs *x);

/* Add one at the end; its name is copied, with what cannot stand in a line as "?". */
int inputs_add(struct inputs *x, const struct hitlist_input *e); /* or -ENOMEM */
int inputs_copy(struct inputs *to, const struct inputs *from);   /* or -ENOMEM */

/* name is for messages; text[n] is a NUL.  On error *x is empty. */
int inputs_parse(struct inputs *x, char *text, size_t n, const char *name,
                 struct diag *d);
int inputs_load(struct inputs *x, const char *path, struct diag *d);
int inputs_save(struct inputs *x, const char *path, uint64_t *bytes, struct diag *d);

#endif
