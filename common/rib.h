/* common/rib.h - what is routed: prefixes, who originates them, and how many
 * peers say so.
 *
 * Filled from any number of sources; the same prefix may come many times, a peer
 * counts once for each origin of it.  Not safe for concurrent use. */
#ifndef COMMON_RIB_H
#define COMMON_RIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"
#include "common/mrt.h"

struct rib;

struct rib *rib_new(void); /* NULL: out of memory */
void rib_free(struct rib *r);

/* All paths of a record.  0 or -ENOMEM. */
int rib_add_routes(struct rib *r, const struct mrt_rib *m);

/* A prefix out of a list: no peer saw it, and it passes any minimum of peers.
 * origin 0 and n 0: not known.  n > 0: the AS_SET set[0..n), sorted. */
int rib_add_listed(struct rib *r, struct prefix p, uint32_t origin, const uint32_t *set,
                   size_t n);

size_t rib_count(const struct rib *r); /* prefixes */

/* Bring the prefixes into order (address, then length).  0 or -ENOMEM. */
int rib_sort(struct rib *r);

struct rib_origin {
	uint32_t as; /* 0: a set */
	const uint32_t *set;
	uint32_t set_n;
	uint32_t peers; /* that have this origin; 0 when it is only listed */
};

struct rib_route {
	struct prefix prefix;
	uint32_t peers;                   /* that have the prefix, whatever its origin */
	bool listed;                      /* it came out of a list */
	size_t n;                         /* origins: most peers first */
	const struct rib_origin *origins; /* valid until the next call */
};

/* Route i of a sorted rib, with the origins that min_peers peers have at least
 * (or a list).  0 or -ENOMEM. */
int rib_route(struct rib *r, size_t i, uint32_t min_peers, struct rib_route *out);

#endif
