/* probe/scopes.h - the scope of something that runs, read again on SIGHUP.
 *
 * A thread may still ask the former one for a moment: it is kept until several more have
 * come.  By one thread. */
#ifndef PROBE_SCOPES_H
#define PROBE_SCOPES_H

#include "common/scope.h"

enum { SCOPES_KEPT = 8 };

struct scopes {
	struct scope *now; /* NULL: not read yet */
	struct scope *retired[SCOPES_KEPT];
	unsigned n_retired;
};

/* Read the lists.  What cannot be read changes nothing: negative, told in *d. */
int scopes_read(struct scopes *s, const struct scope_config *cfg, struct diag *d);

/* The same on SIGHUP, which is logged: the new one, or NULL when it stays. */
const struct scope *scopes_reload(struct scopes *s, const struct scope_config *cfg);
void scopes_fini(struct scopes *s);

#endif
