/* analysis/oui.h - vendors of hardware addresses, from a file of the IEEE's.
 *
 * Read are oui.csv ("MA-L,001122,Name,..."), oui.txt ("00-11-22   (hex)  Name")
 * and the manuf file of Wireshark ("00:11:22<TAB>Short<TAB>Name").  Other lines
 * are passed over: oui.txt has postal addresses between. */
#ifndef ANALYSIS_OUI_H
#define ANALYSIS_OUI_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct oui_table;

int oui_load(struct oui_table **out, const char *path, struct diag *d);
void oui_free(struct oui_table *t);
size_t oui_count(const struct oui_table *t);
const char *oui_vendor(const struct oui_table *t, uint32_t oui); /* NULL: unknown */

/* Counts by vendor prefix: { 0 } is empty. */
struct oui_entry {
	uint32_t oui;
	uint64_t n; /* 0: a free slot */
};
struct oui_counts {
	struct oui_entry *slots;
	size_t used, cap;
	int rc; /* -ENOMEM sticks */
};
void oui_counts_add(struct oui_counts *c, uint32_t oui);
/* Sort for reading: the used entries come first, most frequent first. */
void oui_counts_finish(struct oui_counts *c);
void oui_counts_fini(struct oui_counts *c);

#endif
