/* common/rib_text.h - lists of prefixes as text, a line at a time.
 *
 *   pfx2as     prefix<TAB>length<TAB>origins (CAIDA), or prefix/length origins;
 *              origins: AS, AS_AS (several), {AS,AS} or AS,AS (an AS_SET)
 *   delegated  the registries' "delegated-extended": allocated and assigned
 *   ranges     CSV of address location: first,last,...; numbers are allowed */
#ifndef COMMON_RIB_TEXT_H
#define COMMON_RIB_TEXT_H

#include "common/err.h"
#include "common/rib.h"

enum rib_format {
	RIB_AUTO,
	RIB_MRT,
	RIB_PFX2AS,
	RIB_DELEGATED,
	RIB_RANGES,
};

enum { RIB_LINE_MAX = 65536 };

/* The format that a line (NUL-terminated) looks like, RIB_AUTO: none. */
enum rib_format rib_text_guess(const char *line);

/* Add what a line says: 1 added, 0 nothing to add (comment, heading, space that
 * is not in use), ERR_PARSE, -ENOMEM. */
int rib_text_line(struct rib *r, enum rib_format format, const char *line);

#endif
