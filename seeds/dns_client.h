/* seeds/dns_client.h - many DNS queries at once, over UDP and TCP.
 *
 * Each query has a random id, one of several random source ports, and random
 * letter case (draft-vixie-dnsext-dns0x20); a reply counts only when it comes from
 * the asked address and repeats all of that.  Truncated replies are asked for again
 * over TCP.  What gets no answer, SERVFAIL or REFUSED is tried again, later and
 * elsewhere, and in the end told as it is.
 *
 * Pace: queries in flight, queries a second in all and for each server are limited,
 * and both server limits go down by half when a server fails and up again slowly
 * when it does not (AIMD).  Nothing on the opt-out list is ever sent, or sent to.
 *
 * One thread; descriptors and epoll inside. */
#ifndef SEEDS_DNS_CLIENT_H
#define SEEDS_DNS_CLIENT_H

#include "common/err.h"
#include "common/scope.h"
#include "seeds/dns_optout.h"
#include "seeds/dns_wire.h"

struct dns_client;

struct dns_addr {
	struct addr128 addr;
	uint16_t port;
};

enum { DNS_ADDR_STRLEN = ADDR_STRLEN + 8 };

/* "192.0.2.1", "2001:db8::1", "192.0.2.1:5300", "[2001:db8::1]:5300"; port 53. */
bool dns_addr_parse(struct dns_addr *out, const char *text);
size_t dns_addr_format(char buf[static DNS_ADDR_STRLEN], struct dns_addr a);

struct dns_client_config {
	double rate;         /* queries a second in all; 0: no limit */
	double server_rate;  /* to one server; 0: no limit */
	unsigned window;     /* queries in flight, 1..32768 */
	unsigned tries;      /* 1.. */
	uint64_t timeout_ns; /* of the first try; each further one waits twice as long */
	unsigned ports;      /* source ports for each server, 1..16 */
	const struct dns_optout *optout; /* may be NULL; borrowed */
	/* Of servers that an answer names: special and blocked ones are not asked.
	 * May be NULL; borrowed. */
	const struct scope *scope;
};

enum dns_status {
	DNS_ANSWERED,  /* msg is there, whatever its rcode */
	DNS_NO_ANSWER, /* to any try */
};

struct dns_result {
	enum dns_status status;
	uint64_t user;
	const struct dns_name *name;
	uint16_t type;
	unsigned server, tries;
	bool tcp;
	uint64_t rtt_ns;
	const uint8_t *msg; /* valid during the call */
	size_t n;
};

/* May ask further queries. */
typedef void (*dns_done)(void *arg, const struct dns_result *r);

int dns_client_new(struct dns_client **out, const struct dns_client_config *cfg,
                   dns_done done, void *arg, struct diag *d);
void dns_client_free(struct dns_client *c);

/* The number of a server, added when it is new.  ERR_POLICY: it is opted out. */
int dns_client_server(struct dns_client *c, struct dns_addr a, struct diag *d);
/* The same for a server that somebody's answer names, not the user: ERR_POLICY also
 * where it may not be touched. */
int dns_client_found_server(struct dns_client *c, struct dns_addr a, struct diag *d);
struct dns_addr dns_client_server_addr(const struct dns_client *c, unsigned server);

/* The opt-out list of the configuration; may be NULL. */
const struct dns_optout *dns_client_optout(const struct dns_client *c);

/* It left several queries in a row unanswered. */
bool dns_client_is_dead(const struct dns_client *c, unsigned server);

enum { DNS_ANY_SERVER = -1 };

struct dns_ask {
	const struct dns_name *name; /* copied */
	uint16_t type;
	int server; /* or DNS_ANY_SERVER: all that were added, in turn */
	bool recurse, dnssec;
	uint64_t user;
};

/* 0; -EAGAIN: the window is full; ERR_POLICY: opted out, nothing was sent. */
int dns_client_ask(struct dns_client *c, const struct dns_ask *q);
unsigned dns_client_room(const struct dns_client *c);
unsigned dns_client_pending(const struct dns_client *c);

/* Send what may be sent, wait at most so long for replies, handle them and what
 * timed out.  0 or negative. */
int dns_client_step(struct dns_client *c, uint64_t max_wait_ns, struct diag *d);

struct dns_client_stats {
	uint64_t sent, replies, retries, timeouts, tcp, servfail, refused, opted_out;
	uint64_t bad; /* replies that match no query, or are malformed */
};
const struct dns_client_stats *dns_client_stats(const struct dns_client *c);

#endif
