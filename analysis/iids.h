/* analysis/iids.h - statistics of interface identifiers. */
#ifndef ANALYSIS_IIDS_H
#define ANALYSIS_IIDS_H

#include "analysis/kind.h"
#include "analysis/oui.h"
#include "common/markup.h"
#include "common/table.h"

enum { IID_PORTS = 65536 };

struct iids {
	uint64_t n, without; /* addresses; of these multicast and unspecified */
	uint64_t kinds[IID_KINDS], classes[IID_CLASSES];
	uint64_t weights[65]; /* by the number of bits set */
	uint64_t v4, v4_verified;
	struct oui_counts ouis;
	uint32_t *ports; /* IID_PORTS counters */
};

int iids_init(struct iids *s); /* 0 or -ENOMEM */
void iids_fini(struct iids *s);
void iids_feed(struct iids *s, const struct addr128 *a, size_t n);
int iids_finish(struct iids *s);

/* vendors may be NULL; top: how many vendors to name. */
void fill_iids(struct doc *doc, const struct iids *s, const struct oui_table *vendors,
               size_t top);
void chart_kinds(struct markup *m, const struct iids *s, bool standalone);

#endif
