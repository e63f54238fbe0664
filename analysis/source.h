/* analysis/source.h - where the addresses of an analysis come from.
 *
 * Lists (text, CSV, JSON lines, any compression, "-" is standard input) and hitlist directories,
 * taken together as one set: sorted, each address once, IPv4 counted and left
 * out.  What does not fit into the memory allowed is sorted in parts, which wait
 * in an unnamed temporary file (in $TMPDIR, or /var/tmp) and are merged while
 * they are read; so statistics that need one pass need no more memory for a
 * billion addresses than for a million. */
#ifndef ANALYSIS_SOURCE_H
#define ANALYSIS_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/csvcol.h"
#include "common/addr.h"
#include "common/err.h"

struct source_config {
	uint64_t memory;   /* bytes for addresses and sorting; 0: 1 GiB */
	const char *where; /* NULL, or "COLUMN=VALUE": only such lines of lists */
	bool strict;       /* the first bad line is an error */
	bool keep_v4;      /* IPv4 is part of the set */
	csvcol_row row; /* NULL, or told of each line of a list (not of hitlists), ... */
	const char *const *columns; /* ... with its texts in these columns */
	size_t n_columns;           /* fewer than CSVCOL_MAX */
	void *row_ctx;
};

/* Gets addresses as they come, n > 0 of them; a negative return ends the visit. */
typedef int (*source_visitor)(void *ctx, const struct addr128 *a, size_t n);

/* Every address of a list or hitlist: unsorted, repeated, IPv4 too.  0, what fn
 * returned, or an error of the list. */
int source_visit(const char *path, const struct source_config *cfg, source_visitor fn,
                 void *ctx, struct diag *d);

struct source;

/* Reads everything; n 0: standard input. */
int source_open(struct source **out, const char *const paths[], int n,
                const struct source_config *cfg, struct diag *d);
void source_close(struct source *s);

/* The next addresses, ascending: 1 and *a .. *a + *n - 1, valid until the next
 * call; 0 at the end; negative: error. */
int source_next(struct source *s, const struct addr128 **a, size_t *n, struct diag *d);
void source_rewind(struct source *s);

struct source_stats {
	uint64_t read;    /* items in, IPv4 included */
	uint64_t v4;      /* of these IPv4 */
	uint64_t spilled; /* addresses that went through the temporary file */
};
struct source_stats source_stats(const struct source *s);

#endif
