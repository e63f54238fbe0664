/* seeds/sources.h - several sources of addresses, run one after the other.
 *
 * A configuration has a source on each line: "NAME: VERB ARGUMENTS...", VERB being
 * one of `sextant seeds`.  Each runs as a process of its own and leaves its addresses
 * in a folder; a source that has run to its end is not run again. */
#ifndef SEEDS_SOURCES_H
#define SEEDS_SOURCES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

enum { SOURCES_MAX = 64, SOURCE_ARGS = 64, SOURCE_NAME = 32 };

struct source {
	char name[SOURCE_NAME];
	char *line;                  /* of the configuration */
	char *words;                 /* what argv points into */
	char *argv[SOURCE_ARGS + 8]; /* of the verb, for exec(3) */
	char *path, *done;           /* its addresses; that it has ended well */
};

struct sources {
	struct source v[SOURCES_MAX];
	size_t n;
};

/* Errors name file and line.  axfr is refused unless it is allowed. */
int sources_load(struct sources *s, const char *config, const char *folder,
                 bool allow_axfr, struct diag *d);
void sources_fini(struct sources *s);

/* Run what has not run yet.  *failed: how many left nothing, or not all.  0,
 * ERR_STOPPED, or negative. */
int sources_run(struct sources *s, const atomic_bool *stop, unsigned *failed,
                struct diag *d);

#endif
