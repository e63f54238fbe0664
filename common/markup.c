#include "common/markup.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/writer.h"

/* Series colours differ in lightness as well as in hue; sequential scales are
 * one hue by opacity, which reads the right way round on either background.  Pictures
 * shrink on a narrow screen, and their texts (in units of the picture) grow: class s does
 * so less, and class o, where there is no room for all, is left out. */
const char markup_style[] =
	"svg.x{--bg:#fff;--fg:#1c2330;--mute:#626c7c;--grid:#e3e7ed;--s1:#1f5fa8;"
	"--s2:#c4541c;--s3:#16806c;--s4:#7d46a8;--s5:#8a6a00;--off:#eceff3}"
	"@media(prefers-color-scheme:dark){svg.x{--bg:#14181f;--fg:#e4e8ee;--mute:#98a2b1;"
	"--grid:#2c333e;--s1:#6cabf2;--s2:#f2925c;--s3:#4fc4aa;--s4:#c39bea;--s5:#d9bb4e;"
	"--off:#232933}}"
	"svg.x{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;background:var(--bg)}"
	"svg.x text{fill:var(--fg)}svg.x .m{fill:var(--mute)}"
	"svg.x .g{stroke:var(--grid);fill:none}svg.x .a{stroke:var(--mute);fill:none}"
	"svg.x .l1,svg.x .l2,svg.x .l3,svg.x .l4,svg.x .l5{fill:none;stroke-width:1.6;stroke-linejoin:round}"
	"svg.x .l1{stroke:var(--s1)}svg.x .l2{stroke:var(--s2)}svg.x .l3{stroke:var(--s3)}"
	"svg.x .l4{stroke:var(--s4)}svg.x .l5{stroke:var(--s5)}"
	"svg.x .f1{fill:var(--s1)}svg.x .f2{fill:var(--s2)}svg.x .f3{fill:var(--s3)}"
	"svg.x .off{fill:var(--off)}svg.x .e{text-anchor:end}svg.x .c{text-anchor:middle}"
	"svg.x .d2{stroke-dasharray:6 3}svg.x .d3{stroke-dasharray:2 2}"
	"svg.x .d4{stroke-dasharray:9 3 2 3}svg.x .d5{stroke-dasharray:12 4}"
	"@media(max-width:600px){svg.x{font-size:17px}svg.x .s{font-size:13px}"
	"svg.x .o{display:none}}";

void markup_fini(struct markup *m)
{
	free(m->s);
	*m = (struct markup){ 0 };
}

static bool reserve(struct markup *m, size_t more)
{
	size_t cap = m->cap ? m->cap : 4096;
	char *s;

	if (m->rc < 0)
		return false;
	while (cap - m->n <= more)
		cap *= 2;
	if (cap == m->cap)
		return true;
	s = realloc(m->s, cap);
	if (!s) {
		m->rc = -ENOMEM;
		return false;
	}
	m->s = s;
	m->cap = cap;
	return true;
}

void markup_printf(struct markup *m, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !reserve(m, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	vsnprintf(m->s + m->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	m->n += (size_t)n;
}

void markup_text(struct markup *m, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&': markup_printf(m, "&amp;"); break;
		case '<': markup_printf(m, "&lt;"); break;
		case '>': markup_printf(m, "&gt;"); break;
		case '"': markup_printf(m, "&quot;"); break;
		default:
			/* Control characters have no place in XML 1.0. */
			if ((unsigned char)*text >= ' ')
				markup_printf(m, "%c", *text);
		}
	}
}

void markup_svg_open(struct markup *m, double width, double height, const char *title,
                     bool standalone)
{
	markup_printf(m, "<svg class=\"x\" viewBox=\"0 0 %g %g\" role=\"img\"", width,
	              height);
	if (standalone)
		markup_printf(m,
		              " xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" "
		              "height=\"%g\"",
		              width, height);
	markup_printf(m, "><title>");
	markup_text(m, title);
	markup_printf(m, "</title>\n");
	if (standalone)
		markup_printf(m, "<style>%s</style>\n", markup_style);
}

void markup_svg_close(struct markup *m)
{
	markup_printf(m, "</svg>\n");
}

int markup_save(const struct markup *m, const char *path, struct diag *d)
{
	struct writer *w;
	int rc = m->rc;

	if (rc < 0)
		return diag_set(d, rc, "%s: %s", path, err_str(rc));
	rc = writer_open(&w, path, d);
	if (rc < 0)
		return rc;
	writer_write(w, m->s, m->n);
	rc = writer_commit(w, d);
	writer_close(w);
	return rc;
}
