/* common/pfxmap.h - hash map from prefix to a 32-bit number.
 *
 * Open addressing with linear probing, grown at 3/4 full; nothing is ever
 * removed.  { 0 } is an empty map.  Not safe for concurrent use. */
#ifndef COMMON_PFXMAP_H
#define COMMON_PFXMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

struct pfxmap_slot {
	struct addr128 addr;
	uint32_t value;
	uint8_t len;
	bool used;
};

struct pfxmap {
	struct pfxmap_slot *slots;
	size_t n, cap; /* cap: 0 or a power of two */
};

void pfxmap_fini(struct pfxmap *m);

/* true: *value is what p was added with. */
bool pfxmap_find(const struct pfxmap *m, struct prefix p, uint32_t *value);

/* The value of p, which is added with 0 if it is not there; valid until the next
 * addition.  NULL: out of memory (the map is unchanged). */
uint32_t *pfxmap_slot(struct pfxmap *m, struct prefix p);

/* Add p, which must not be there yet.  0 or -ENOMEM (the map is unchanged). */
int pfxmap_add(struct pfxmap *m, struct prefix p, uint32_t value);

#endif
