/* common/ivtab.h - interval table: longest-prefix match over IPv4 and IPv6.
 *
 * The one prefix container of the toolkit: blocklists, allowlists, aliased
 * prefixes and prefix-to-AS tables are all an ivtab with different values.
 * Prefixes and ranges are collected in a builder, then flattened to disjoint
 * sorted intervals under a first-level index, so that a lookup is one indexed
 * load and a short branch-free search.  Where entries nest, the most specific
 * one wins; of two equal ones, the one added last.
 *
 * The families have separate roots: ::/8 does not cover IPv4 (which is held as
 * ::ffff:0:0/96), and 0.0.0.0/0 covers all of IPv4 and nothing else.
 *
 * A built table is immutable: any number of threads may look things up. */
#ifndef COMMON_IVTAB_H
#define COMMON_IVTAB_H

#include "common/addr.h"
#include "common/err.h"

struct ivtab;
struct ivtab_builder;

struct ivtab_builder *ivtab_builder_new(void); /* NULL: out of memory */
void ivtab_builder_free(struct ivtab_builder *b);

/* Collect an entry.  value is the caller's, UINT32_MAX excepted.  0 or -ENOMEM;
 * a range whose ends are of different families, or reversed, is -EINVAL. */
int ivtab_add(struct ivtab_builder *b, struct prefix p, uint32_t value);
int ivtab_add_range(struct ivtab_builder *b, struct addr128 first, struct addr128 last,
                    uint32_t value);

/* Flatten; the builder keeps its entries, so more can be added and a newer
 * table built.  0 or -ENOMEM. */
int ivtab_build(struct ivtab **out, const struct ivtab_builder *b);
void ivtab_free(struct ivtab *t);

/* The value of the most specific entry that covers a; false: none. */
bool ivtab_lookup(const struct ivtab *t, struct addr128 a, uint32_t *value);
bool ivtab_covers(const struct ivtab *t, struct addr128 a);

/* Whether any / every address of p is covered (by whatever entries). */
bool ivtab_overlaps(const struct ivtab *t, struct prefix p);
bool ivtab_covers_all(const struct ivtab *t, struct prefix p);

/* The disjoint intervals in address order, IPv6 first: i in 0..count-1.  Both
 * ends are of the interval's family; one of IPv6 may have all of ::ffff:0:0/96
 * (IPv4, and so not in it) between them. */
struct ivtab_interval {
	struct addr128 first, last;
	uint32_t value;
};
size_t ivtab_count(const struct ivtab *t);
struct ivtab_interval ivtab_at(const struct ivtab *t, size_t i);

/* Load files of prefixes, addresses and ranges (see reader.h) into a builder,
 * each with the given value.  A file that cannot be read whole is an error:
 * half a blocklist is worse than none (what came before stays in the builder). */
int ivtab_add_file(struct ivtab_builder *b, const char *path, uint32_t value,
                   struct diag *d);

#endif
