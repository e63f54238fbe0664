/* probe/grab_output.h - results of `probe grab` as JSON lines and CSV.
 *
 * One table names the fields and makes both forms, the field selection and the
 * listing from it.  A field that a result does not have is left out of JSON, and
 * empty in CSV. */
#ifndef PROBE_GRAB_OUTPUT_H
#define PROBE_GRAB_OUTPUT_H

#include "common/writer.h"
#include "probe/grab.h"

enum { GRAB_FIELDS_MAX = 48 };

struct grab_fields {
	uint8_t index[GRAB_FIELDS_MAX];
	unsigned n;
};

/* NULL: what is usual in CSV, or in JSON.  "*": all.  ERR_PARSE names the unknown
 * one. */
int grab_fields_parse(struct grab_fields *f, const char *text, bool csv, struct diag *d);

void grab_write_csv_header(struct writer *w, const struct grab_fields *f);
/* One line. */
int grab_write(struct writer *w, const struct grab_fields *f, bool csv,
               const struct grab_result *r);

const char *grab_field_name(unsigned i); /* NULL past the end */
const char *grab_field_help(unsigned i);

/* Write each certificate of a result into the folder, once, as its SHA-256 with
 * ".pem" behind it.  0, or what failed. */
int grab_save_certificates(const char *dir, const struct grab_result *r, struct diag *d);

#endif
