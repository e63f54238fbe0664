/* hitlist/apd.h - the file of tests for aliased prefixes.
 *
 *   header   32 bytes: magic, version, number of entries, checksum
 *   entries  40 bytes each, sorted by prefix: address, length, verdict, rounds,
 *            misses, since, last round, bitmaps
 *   footer   8 bytes: checksum of the entries
 * Checksums are XXH3-64 seeded with the offset of what they cover. */
#ifndef HITLIST_APD_H
#define HITLIST_APD_H

#include <stddef.h>
#include <stdint.h>

#include "hitlist/hitlist.h"

struct apd {
	struct alias_state *e; /* sorted, no prefix twice */
	size_t n;
	uint64_t checksum; /* of the entries, as loaded or saved */
};

void apd_fini(struct apd *a);
int apd_cmp(const void *x, const void *y); /* two alias_state, by prefix */
struct alias_state *apd_find(const struct apd *a, struct prefix p);

int apd_load(struct apd *a, const char *path, struct diag *d);
int apd_parse(struct apd *a, const uint8_t *buf, size_t n, const char *name,
              struct diag *d);
int apd_save(struct apd *a, const char *path, uint64_t *bytes, struct diag *d);

#endif
