/* seeds/walk.h - the names of a signed zone, along its NSEC chain (RFC 4034).
 *
 * One query for each name; parts that are opted out are stepped over.  Zones that do
 * not want it, by NSEC3 (RFC 5155) or by
 * minimally covering NSEC ("black lies", RFC 4470), are recognised and left. */
#ifndef SEEDS_WALK_H
#define SEEDS_WALK_H

#include "seeds/dns_sync.h"

enum walk_verdict {
	WALK_COMPLETE,
	WALK_NOT_AUTHORITATIVE, /* no SOA from the servers */
	WALK_UNSIGNED,
	WALK_NSEC3,
	WALK_MINIMAL,   /* NSEC that cover next to nothing */
	WALK_LOOP,      /* the chain does not lead on */
	WALK_NO_ANSWER, /* the servers fell silent, or refuse */
	WALK_LIMIT,     /* max_names or max_queries reached */
	WALK_VERDICTS
};

const char *walk_verdict_str(enum walk_verdict v);

struct walk_name {
	const struct dns_name *name;
	bool aaaa, a, ptr, delegation; /* what the type bitmap has */
};

/* Negative ends the walk with that; N > 0: the walk goes on after all that lies
 * below the last N labels of the name (1: the top level). */
typedef int (*walk_found)(void *arg, const struct walk_name *n);

struct walk_config {
	int server;           /* or DNS_ANY_SERVER */
	uint64_t max_names;   /* 0: no limit */
	uint64_t max_queries; /* that the client has sent in all; 0: no limit */
	/* Only names in this part of the zone, and only they are asked for; NULL: all. */
	const struct dns_name *below;
};

/* 0 and a verdict, or negative.  *names: how many were found. */
int walk_zone(struct dns_sync *s, const struct dns_name *zone,
              const struct walk_config *cfg, walk_found found, void *arg,
              enum walk_verdict *verdict, uint64_t *names, struct diag *d);

#endif
