/* seeds/dns_tcp.h - one query over TCP (RFC 7766), without blocking. */
#ifndef SEEDS_DNS_TCP_H
#define SEEDS_DNS_TCP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "seeds/dns_wire.h"

struct dns_tcp {
	int fd; /* -1: not open */
	uint8_t query[2 + DNS_QUERY_MAX];
	size_t query_n, sent;
	uint8_t *buf; /* length and reply */
	size_t got, want;
};

/* Begin to connect; the caller waits for the descriptor to become writable.
 * 0 or -errno. */
int dns_tcp_open(struct dns_tcp *t, const struct sockaddr *to, socklen_t len,
                 const struct dns_query *q);

/* Go on.  1: the reply is there, 0: wait (for writing while t->sent <
 * t->query_n, then for reading), negative: failed. */
int dns_tcp_step(struct dns_tcp *t);
const uint8_t *dns_tcp_reply(const struct dns_tcp *t, size_t *n);
void dns_tcp_close(struct dns_tcp *t);

#endif
