/* analysis/report.h - one page with everything: HTML with inline SVG, nothing
 * loaded, no script. */
#ifndef ANALYSIS_REPORT_H
#define ANALYSIS_REPORT_H

#include "common/markup.h"
#include "common/table.h"

/* The page around its sections. */
void report_open(struct markup *m, const char *title, const char *subtitle);
void report_close(struct markup *m);

/* A section: heading, and a paragraph that says what is seen. */
void report_section(struct markup *m, const char *heading, const char *text);
void report_section_end(struct markup *m);

/* A figure: caption and, between, what draws it. */
void report_figure(struct markup *m);
void report_figure_end(struct markup *m, const char *caption);

/* Single figures, large. */
struct report_number {
	const char *name;
	double value;
	unsigned decimals;
};
void report_numbers(struct markup *m, const struct report_number *n, size_t count);

/* A table of the doc, its first rows; the name is the one given to doc_table(). */
void report_table(struct markup *m, const struct table *t, size_t rows);

#endif
