/* seeds/dns_find.h - the servers of a zone. */
#ifndef SEEDS_DNS_FIND_H
#define SEEDS_DNS_FIND_H

#include "seeds/dns_setup.h"
#include "seeds/dns_sync.h"

/* Add the servers that the arguments give as "@ADDR" to c, or, when none does, those
 * that the resolvers of o name for the zone (IPv6 and IPv4 addresses of its NS; ones
 * that are opted out are skipped).  The number of servers, or negative. */
int dns_find_servers(struct dns_sync *c, const struct dns_name *zone,
                     const struct dns_opts *o, int argc, char *argv[], struct diag *d);

#endif
