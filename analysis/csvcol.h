/* analysis/csvcol.h - a number beside each address: one column of a CSV file, such
 * as the hop limit in the results of a scan. */
#ifndef ANALYSIS_CSVCOL_H
#define ANALYSIS_CSVCOL_H

#include <stdbool.h>

#include "common/addr.h"
#include "common/err.h"

/* Read path, whose first column has addresses: each with the text in a column,
 * without quotes.  column: a name in the first line, or a number (1: the first
 * column).  A line without an address is a bad one (see reader.h), one without that
 * column has an empty text.  Negative returns of fn end the reading. */
int csvcol_each(const char *path, const char *column, bool strict,
                int (*fn)(void *ctx, struct addr128 a, const char *text), void *ctx,
                struct diag *d);

/* The same with the numbers in a column.  Lines whose field is empty are passed
 * over; one that is no number is a bad line. */
int csvcol_read(const char *path, const char *column, bool strict,
                int (*fn)(void *ctx, struct addr128 a, double value), void *ctx,
                struct diag *d);

#endif
