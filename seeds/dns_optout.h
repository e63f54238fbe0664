/* seeds/dns_optout.h - who asked not to be asked.
 *
 * A list has a zone, an address or a prefix on each line.  Nothing is asked at or
 * below a zone on it; no server is asked whose address is covered, or whose name is
 * in such a zone; no reverse name inside a prefix is asked.  Immutable once loaded. */
#ifndef SEEDS_DNS_OPTOUT_H
#define SEEDS_DNS_OPTOUT_H

#include "common/err.h"
#include "common/opt.h"
#include "seeds/dns_wire.h"

struct dns_optout;

/* A line that is none of the three is an error: half a list is worse than none. */
int dns_optout_load(struct dns_optout **out, const struct opt_list *files,
                    struct diag *d);
void dns_optout_free(struct dns_optout *o);

/* o NULL: nobody asked. */
bool dns_optout_has_name(const struct dns_optout *o, const struct dns_name *n);
/* The uppermost of its parents (or itself) that has opted out; false: it has not. */
bool dns_optout_top(const struct dns_optout *o, const struct dns_name *n,
                    struct dns_name *out);
bool dns_optout_has_addr(const struct dns_optout *o, struct addr128 a);

#endif
