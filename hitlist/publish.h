/* hitlist/publish.h - a hitlist as a static site.
 *
 *   SITE/snapshot-N/     one publication, never changed once it is there
 *   SITE/latest          symbolic link to the newest one: what a web server shows
 * A snapshot is written as SITE/.new and renamed, then the link is replaced: who
 * reads sees the old one or the new one, whole.  Older ones are removed, so that
 * an opt-out is in no publication any more; the time series goes on. */
#ifndef HITLIST_PUBLISH_H
#define HITLIST_PUBLISH_H

#include "hitlist/fs.h"
#include "hitlist/hitlist.h"

enum privacy { PRIVACY_FULL, PRIVACY_NO_EUI64, PRIVACY_48, PRIVACY_64, PRIVACY_KIP };

enum publish_list {
	LIST_RESPONSIVE,
	LIST_SERVICES, /* SERVICES of them */
	LIST_ALIASED = LIST_SERVICES + SERVICES,
	LIST_NOT_ALIASED,
	LISTS
};

struct publish_config {
	const char *site, *title, *contact, *url, *operator_text;
	struct opt_list events; /* "2026-06-02 TEXT" */
	enum privacy privacy;
	uint64_t k, keep;
	uint32_t now, window; /* seconds: answered within */
	bool bz2;
};

/* One publication's numbers. */
struct publish_point {
	uint32_t when;
	uint64_t lines[LISTS];
};

struct publication {
	const struct publish_config *c;
	const struct hitlist *h;
	int lock;                     /* on SITE */
	char dir[FS_PATH_MAX];        /* SITE/.new */
	struct publish_point *series; /* the last one is this one's */
	size_t n;
	uint64_t by_source[SOURCES]; /* responsive hosts; one may have several */
};

const char *publish_list_name(enum publish_list l); /* "responsive-addresses", ... */
const char *privacy_str(enum privacy p);

/* Write the lists, and count their lines. */
int publish_lists(struct publication *p, struct diag *d);

/* Prefixes that each hold at least k of the sorted addresses that no longer one
 * has taken: call put for each, in no particular order. */
int kip_prefixes(const struct addr128 *a, size_t n, uint64_t k,
                 int (*put)(void *ctx, struct prefix p), void *ctx);

int publish_page(const struct publication *p, struct diag *d); /* index.html */

/* All of it. */
int hitlist_publish(const struct hitlist *h, const struct publish_config *c,
                    struct publish_point *out, struct diag *d);

#endif
