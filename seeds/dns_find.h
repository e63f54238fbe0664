/* seeds/dns_find.h - the servers of a zone, and the addresses of hosts. */
#ifndef SEEDS_DNS_FIND_H
#define SEEDS_DNS_FIND_H

#include "seeds/dns_setup.h"
#include "seeds/dns_sync.h"

/* Asks the resolvers of the options for the addresses of hosts, and keeps the answers.
 * Names that are opted out are not asked for. */
struct dns_hosts;

int dns_hosts_new(struct dns_hosts **out, const struct dns_opts *o,
                  const atomic_bool *stop, struct diag *d);
void dns_hosts_free(struct dns_hosts *h);

enum { DNS_HOST_ADDRS = 8 };

/* IPv6 addresses, then IPv4 ones, of a host.  How many, ERR_STOPPED, -ENOMEM. */
int dns_hosts_find(struct dns_hosts *h, const struct dns_name *host,
                   struct addr128 out[static DNS_HOST_ADDRS], struct diag *d);

/* Add the servers that the arguments give as "@ADDR" to c, or, when none does, those
 * that the resolvers of o name for the zone (IPv6 and IPv4 addresses of its NS; ones
 * that may not be asked are skipped).  The number of servers, or negative. */
int dns_find_servers(struct dns_sync *c, const struct dns_name *zone,
                     const struct dns_opts *o, int argc, char *argv[], struct diag *d);

#endif
