/* seeds/resolve.h - names into addresses, in bulk. */
#ifndef SEEDS_RESOLVE_H
#define SEEDS_RESOLVE_H

#include <stdatomic.h>

#include "common/scope.h"
#include "common/writer.h"
#include "seeds/dns_client.h"

enum resolve_format { RESOLVE_JSONL, RESOLVE_CSV, RESOLVE_ADDRESSES };

/* What is asked for each name, beside the AAAA (and A) of all that turns up. */
enum resolve_extra {
	RESOLVE_NS = 1 << 0,
	RESOLVE_MX = 1 << 1,
	RESOLVE_SRV = 1 << 2,
	RESOLVE_SVCB = 1 << 3,
	RESOLVE_HTTPS = 1 << 4,
};

/* "ns,mx,srv,svcb,https"; false: another word. */
bool resolve_extra_parse(unsigned *out, const char *text);

struct resolve_config {
	struct dns_client_config client;
	struct dns_addr *servers;
	size_t n_servers;
	const struct scope *scope;
	enum resolve_format format;
	unsigned extra; /* enum resolve_extra */
	bool v4;
	const atomic_bool *stop; /* set: end early */
};

struct resolve_counts {
	uint64_t names, bad_names, targets, addresses, no_answer, opted_out;
	uint64_t rcode[16]; /* of the final answers */
	uint64_t with_address, without_address;
	uint64_t scope[SCOPE_VERDICTS];
	struct dns_client_stats client;
};

struct resolver;

int resolver_new(struct resolver **out, const struct resolve_config *cfg,
                 struct writer *w, struct diag *d);
void resolver_free(struct resolver *r);

/* Every name of a file ("-": standard input), to the last answer.  ERR_STOPPED
 * when it was told to stop. */
int resolver_run(struct resolver *r, const char *path, struct diag *d);
const struct resolve_counts *resolver_counts(struct resolver *r);

#endif
