/* seeds/axfr.h - a zone in whole, where its servers give it (RFC 5936). */
#ifndef SEEDS_AXFR_H
#define SEEDS_AXFR_H

#include <stdatomic.h>

#include "common/err.h"
#include "seeds/dns_client.h"
#include "seeds/names.h"

struct axfr_config {
	uint64_t timeout_ns;     /* without a byte from the server */
	uint64_t max_records;    /* 0: no limit */
	const atomic_bool *stop; /* may be NULL */
};

/* Ask one server, once.  1: the zone came to its end; 0: refused, told in *d, or cut
 * short (what came is in out all the same); negative: -ENOMEM, ERR_STOPPED.
 * *records: how many came. */
int axfr_zone(const struct dns_name *zone, struct dns_addr server,
              const struct axfr_config *cfg, struct names *out, uint64_t *records,
              struct diag *d);

#endif
