/* common/bgp.h - announced prefixes and the networks that originate them.
 *
 * Text, one prefix a line: "2001:db8::/32 64496", or "2001:db8::<TAB>32<TAB>64496"
 * (pfx2as).  Of several origins ("64496_64497", "64496,64497") the first counts;
 * "AS" in front of the number is allowed.  Or a dump of a routing table (MRT, see mrt.h),
 * in a file that can be read twice: of each prefix the origin that most peers tell, if two
 * do.  IPv4 prefixes are left out. */
#ifndef COMMON_BGP_H
#define COMMON_BGP_H

#include <stddef.h>

#include "common/addr.h"
#include "common/err.h"

struct bgp;

struct bgp_entry {
	struct prefix prefix;
	uint32_t asn;
	uint32_t as; /* index of asn among the distinct ones */
};

/* strict: a bad line, or a dump that is not whole, is an error; else a warning. */
int bgp_load(struct bgp **out, const char *path, bool strict, struct diag *d);
/* The same from prefixes at hand, which are copied. */
int bgp_make(struct bgp **out, const struct bgp_entry *entries, size_t n);
void bgp_free(struct bgp *b);

size_t bgp_count(const struct bgp *b); /* prefixes, each once, in address order */
const struct bgp_entry *bgp_at(const struct bgp *b, size_t i);
size_t bgp_as_count(const struct bgp *b);
uint32_t bgp_asn(const struct bgp *b, size_t as);

/* The most specific prefix that covers a. */
bool bgp_find(const struct bgp *b, struct addr128 a, uint32_t *index);

#endif
