/* seeds/arpa.h - the addresses that a reverse tree (ip6.arpa) has names for.
 *
 * Below a name that does not exist nothing exists (RFC 8020), so that whole networks
 * are left out with one query each.  Signed zones are walked along NSEC.  Referrals
 * are followed, downwards only, to servers that may be asked.  Where the tree has names
 * for everything (wildcards, names made up on request), or for too much, or goes on
 * without ever coming to a host, it is left.  What gets no usable answer is no empty
 * network: it is kept as not seen. */
#ifndef SEEDS_ARPA_H
#define SEEDS_ARPA_H

#include "seeds/dns_find.h"
#include "seeds/dns_sync.h"

struct arpa;

/* The addresses of a host, by asking resolvers: how many, or negative. */
typedef int (*arpa_hosts)(void *arg, const struct dns_name *host,
                          struct addr128 out[static DNS_HOST_ADDRS], struct diag *d);

struct arpa_config {
	uint64_t max_per_64;       /* addresses found in one /64 */
	uint64_t max_queries;      /* in all; 0: no limit */
	uint64_t max_zone_queries; /* to one zone; 0: no limit */
	uint16_t port;             /* of servers that referrals name */
	arpa_hosts hosts;          /* for referrals without addresses; may be NULL */
	void *hosts_arg;
};

struct arpa_stats {
	uint64_t found;
	uint64_t signed_zones; /* walked along NSEC */
	uint64_t zones;        /* entered */
	uint64_t lame;         /* delegations without a server that can be asked */
	uint64_t generated;    /* subtrees that have a name for everything */
	uint64_t endless;      /* zones whose names lead on and on, and to no host */
	uint64_t empty;        /* zones without a name below their apex: or hidden ones */
	uint64_t unknown;   /* names without usable answer: their subtrees are not seen */
	uint64_t full;      /* networks with more than max_per_64 */
	uint64_t cut;       /* zones with more than max_zone_queries */
	uint64_t opted_out; /* names and servers not asked */
	uint64_t broken;    /* zones that deny the parents of names they have */
};

/* ptr: the name that the address has.  Negative ends the walk with that. */
typedef int (*arpa_found)(void *arg, struct addr128 a, const struct dns_name *ptr);

int arpa_new(struct arpa **out, struct dns_sync *s, const struct arpa_config *cfg,
             arpa_found found, void *arg);
void arpa_free(struct arpa *a);

/* Walk what lies below p, an IPv6 prefix (cut to whole nibbles), asking the given
 * servers first.  known: addresses with names, by which servers are found out that
 * deny empty non-terminals.  0, ERR_STOPPED, ERR_POLICY when p is opted out,
 * ERR_EMPTY when no server knows the zone, or negative. */
int arpa_walk(struct arpa *a, struct prefix p, const int *servers, unsigned n,
              const struct addr128 *known, size_t n_known, struct diag *d);

/* What a walk has not seen, because it ended early or for want of answers: prefix i;
 * false: no more. */
bool arpa_rest(const struct arpa *a, size_t i, struct prefix *out);
bool arpa_is_limited(const struct arpa *a); /* max_queries ended it */
const struct arpa_stats *arpa_stats(const struct arpa *a);

#endif
