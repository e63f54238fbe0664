/* seeds/names.h - names and addresses out of zone files and certificate logs. */
#ifndef SEEDS_NAMES_H
#define SEEDS_NAMES_H

#include "common/scope.h"
#include "common/writer.h"
#include "seeds/dns_wire.h"

enum names_format { NAMES_NAMES, NAMES_ADDRESSES };

struct names {
	struct writer *w;
	const struct scope *scope; /* for addresses */
	enum names_format format;
	bool v4;
	struct addrset *seen; /* two hashes of each name that was written */
	uint64_t lines, bad, names, addresses, out_of_scope;
};

/* Write a name, unless it was written before.  0 or -ENOMEM. */
int names_add(struct names *n, const struct dns_name *name);
int names_add_addr(struct names *n, struct addr128 a);

/* Master files (RFC 1035 section 5) a line at a time; a record may take several. */
struct zonefile;
int zonefile_new(struct zonefile **out, const struct dns_name *origin);
void zonefile_free(struct zonefile *z);

/* 0; ERR_PARSE: the line is bad, and left out; -ENOMEM.  Names: owners, and the
 * hosts that records lead to.  Addresses: of AAAA (and A) records. */
int zonefile_line(struct zonefile *z, struct names *n, const char *line, size_t len);

/* A line of JSON: every string under a key that holds names in the dumps of
 * certificate transparency logs.  0, ERR_PARSE: it is no JSON, -ENOMEM. */
int ct_line(struct names *n, const char *line, size_t len);

#endif
