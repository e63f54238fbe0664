/* probe/results.h - where results go: a format, a file, and when it is turned over.
 *
 * Not safe for concurrent use. */
#ifndef PROBE_RESULTS_H
#define PROBE_RESULTS_H

#include "probe/formats.h"

struct results;

struct results_config {
	const char *path; /* "-": standard output */
	unsigned format;
	struct obs_fields fields;
	bool no_header; /* of CSV */
	bool append;    /* behind what the file has, directly; for lines and binary */
	/* Turn the file over each so often, at whole multiples plus offset since 1970,
	 * and when it has so many bytes; 0: not. */
	uint64_t rotate_us, rotate_offset_us, rotate_bytes;
	const char *rotate_dir; /* where it is moved to; NULL: that of path */
};

/* "6h", "hourly", "daily", "10min", "6hours", as masscan writes times; 0 as well. */
bool results_parse_rotate(uint64_t *us, const char *text);

/* cfg is copied, what it points to is borrowed. */
int results_open(struct results **out, const struct results_config *cfg, uint64_t now_us,
                 struct diag *d);

/* Whether an answer belongs into such a file. */
bool results_want(const struct results *r, const struct observation *o);
void results_put(struct results *r, const struct observation *o);

/* Pass on what there is; turn the file over when it is time.  A failure is for good:
 * what is put afterwards is lost, and the commit tells it again. */
int results_flush(struct results *r, uint64_t now_us, struct diag *d);

/* The end of the last file. */
int results_commit(struct results *r, uint64_t now_us, struct diag *d);
void results_close(struct results *r); /* without a commit, nothing appears */

#endif
