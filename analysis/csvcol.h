/* analysis/csvcol.h - what stands beside each address: columns of a CSV file or members of
 * JSON lines, such as the hop limit in the results of a scan. */
#ifndef ANALYSIS_CSVCOL_H
#define ANALYSIS_CSVCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/addr.h"
#include "common/err.h"

/* A line's address, and its texts in the columns asked for, without quotes: empty where the
 * line has none, NULL where the list has no such column. */
typedef int (*csvcol_row)(void *ctx, struct addr128 a, const char *const *texts);

/* Read path ("-": standard input), whose lines are addresses in the ways that reader.h
 * tells.  names: n <= CSVCOL_MAX columns, each a name in the first line (or of a member
 * of JSON lines), or a number (1: the first column); without the first required ones the
 * list is refused.  Negative returns of fn end the reading. */
enum { CSVCOL_MAX = 16 };
int csvcol_rows(const char *path, const char *const *names, size_t n, size_t required,
                bool strict, csvcol_row fn, void *ctx, struct diag *d);

/* Each address with the number in one column.  Lines whose field is empty are passed
 * over; one that is no number is a bad line. */
int csvcol_read(const char *path, const char *column, bool strict,
                int (*fn)(void *ctx, struct addr128 a, double value), void *ctx,
                struct diag *d);

#endif
