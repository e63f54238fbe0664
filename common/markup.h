/* common/markup.h - SVG and HTML text that grows.
 *
 * Errors stick and are told when it is saved.  The drawings use no identifiers,
 * and colours only through the classes of markup_style, so that any number of
 * them can be put into one page, and follow its light or dark scheme. */
#ifndef COMMON_MARKUP_H
#define COMMON_MARKUP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct markup { /* { 0 } is an empty one */
	char *s;
	size_t n, cap;
	int rc;
};

void markup_fini(struct markup *m);
void markup_printf(struct markup *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void markup_text(struct markup *m, const char *text); /* escaped for XML */

/* <svg ...> of that size, with a title for those who cannot see it; standalone
 * ones carry the style and the name space. */
void markup_svg_open(struct markup *m, double width, double height, const char *title,
                     bool standalone);
void markup_svg_close(struct markup *m);

extern const char markup_style[]; /* CSS of the drawings, light and dark */

/* Write the text to a file: whole or not at all. */
int markup_save(const struct markup *m, const char *path, struct diag *d);

#endif
