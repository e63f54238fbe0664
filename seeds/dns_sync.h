/* seeds/dns_sync.h - one DNS query after the other, for walkers. */
#ifndef SEEDS_DNS_SYNC_H
#define SEEDS_DNS_SYNC_H

#include <stdatomic.h>
#include <stdbool.h>

#include "seeds/dns_client.h"

struct dns_sync {
	struct dns_client *client;
	const atomic_bool *stop;
	bool done, answered;
	/* Called every few seconds while there is asking; may be NULL. */
	void (*status)(void *arg);
	void *status_arg;
	uint64_t status_ns; /* of the last call */
	uint8_t *msg;       /* the last reply, a copy */
	size_t n;
};

int dns_sync_init(struct dns_sync *s, const struct dns_client_config *cfg,
                  const atomic_bool *stop, struct diag *d);
void dns_sync_fini(struct dns_sync *s);

/* Ask, and wait.  1: answered, *m is the message with its question read; 0: no
 * answer, or a malformed one; ERR_POLICY: opted out; ERR_STOPPED; negative. */
int dns_sync_ask(struct dns_sync *s, const struct dns_ask *q, struct dns_msg *m,
                 struct diag *d);

#endif
