/* probe/expr.h - which results to write: ZMap's filter expressions.
 *
 *     success = 1 && (ttl < 64 || classification = "rst")
 *
 * A comparison is a field of common/observation.h, one of = == != < <= > >=, and a
 * number or a text, which needs quotes only where it is no word (texts can only be
 * equal or not).  && binds closer
 * than ||; parentheses nest.  A field that an answer does not have (the port of a
 * ping) is unequal to everything. */
#ifndef PROBE_EXPR_H
#define PROBE_EXPR_H

#include <stdbool.h>

#include "common/err.h"
#include "common/observation.h"

struct expr;

/* ERR_PARSE names the place in the text. */
int expr_parse(struct expr **out, const char *text, struct diag *d);
void expr_free(struct expr *e);
bool expr_holds(const struct expr *e, const struct observation *o);

#endif
