/* probe/keyset.h - set of 128-bit keys that are spread evenly: keyed hashes.
 *
 * 16 bytes a slot, grown at 3/4 full.  The highest bits of a key say where it lies, so
 * that growing reads and writes memory in order: it takes 5 ns a key, and nobody who
 * waits for that waits long.  Not safe for concurrent use. */
#ifndef PROBE_KEYSET_H
#define PROBE_KEYSET_H

#include "common/addr.h"
#include "common/err.h"

struct keyset;

struct keyset *keyset_new(void); /* NULL: out of memory */
void keyset_free(struct keyset *s);
int keyset_add(struct keyset *s, struct addr128 key); /* 1 new, 0 there, -ENOMEM */
bool keyset_has(const struct keyset *s, struct addr128 key);
size_t keyset_count(const struct keyset *s);
size_t keyset_bytes(const struct keyset *s); /* of memory */

/* The key will be asked about soon. */
void keyset_prefetch(const struct keyset *s, struct addr128 key);

/* n * size zero bytes, of large pages where they are worth it; NULL: out of memory. */
void *keyset_alloc(size_t n, size_t size);

#endif
