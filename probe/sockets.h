/* probe/sockets.h - probing through the kernel's own sockets, without privileges.
 *
 * One set of sockets serves a link, which takes packets as other links do and
 * hands their upper layers to the kernel, and a receiver, which hands over what
 * the kernel says of the answers:
 *   echo requests through ICMP datagram sockets.  The kernel writes identifier
 *   and checksum, and gives each socket only replies with its own identifier;
 *   UDP through sockets of one port;
 *   TCP as whole connections, see connects.h.
 * There are several sockets of a kind, because an unprivileged one has room for
 * no more than a few hundred answers.  ICMP errors come by the error queues.
 *
 * Any number of links, on a thread each, and one receiver. */
#ifndef PROBE_SOCKETS_H
#define PROBE_SOCKETS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "probe/connects.h"
#include "probe/link.h"
#include "probe/reply.h"

enum {
	SOCKETS_PING = 16,
	SOCKETS_UDP = 8,
	SOCKETS_MAX = 2 * (SOCKETS_PING + SOCKETS_UDP)
};

struct sockets_plan {
	bool ping[2], udp[2], tcp; /* what to open; by family: IPv4, IPv6 */
	const char *interface;     /* NULL: as the kernel routes */
	bool bind_source;          /* TCP too sends from the address that a probe has */
	unsigned hop_limit;
	uint16_t source_port; /* 0: the kernel chooses */
	uint64_t connect_timeout_ns;
};

struct datagram_socket {
	int fd;
	uint8_t proto; /* IPPROTO_... */
	bool v6;
};

struct sockets {
	struct datagram_socket d[SOCKETS_MAX];
	unsigned n;
	struct {
		unsigned first, n;
	} ping[2], udp[2];         /* where they are in d, by family */
	uint16_t udp_port;         /* of all UDP sockets */
	int epoll;                 /* all of them, and the connections; d[i] is event i */
	struct connects *connects; /* NULL: no TCP */
	atomic_uint_fast64_t refused; /* probes that never left, counted by any thread */
	struct link *reporter;        /* the link that has these among its errors */
	unsigned refs;
};

/* What is no datagram socket has an event number from this on: a connection. */
#define SOCKETS_CONNECTION (UINT64_C(1) << 32)

/* Messages say what is missing: a net.ipv4.ping_group_range that includes us, a
 * port that is free. */
int sockets_open(struct sockets **out, const struct sockets_plan *plan, struct diag *d);
void sockets_release(struct sockets *s); /* the last one of its users closes it */

/* Let the count of the refused be seen. */
static inline void sockets_report(struct sockets *s)
{
	if (s->reporter)
		atomic_store_explicit(&s->reporter->errors, atomic_load(&s->refused),
		                      memory_order_relaxed);
}

/* Each link takes a reference, and the receiver another one; the caller has its own.
 * Links are opened before the receiver.  c is borrowed, and is looked at when answers
 * come. */
int link_sockets_open(struct link **out, struct sockets *s, struct diag *d);
int receiver_sockets_open(struct receiver **out, struct sockets *s,
                          const struct reply_context *c, struct diag *d);

union sockets_addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

socklen_t sockets_addr(union sockets_addr *out, struct addr128 a, uint16_t port);
struct addr128 sockets_addr_load(const union sockets_addr *a);

/* What the kernel says beside the data of a message, be it an answer or, from an
 * error queue, an ICMP error (ip(7), ipv6(7): IP_RECVERR and others). */
struct sockets_note {
	struct addr128 peer;   /* who sent the answer; of an error: who was probed */
	struct addr128 source; /* our own address: where the packet came to */
	struct addr128 from;   /* who sent the error */
	uint64_t when_us;      /* wall clock at arrival; 0: not known */
	uint16_t peer_port;
	uint8_t hop_limit, type, code;
	bool has_source;
	bool error; /* an ICMP error: type, code and from are there */
	bool local; /* an error of our own kernel */
};

/* Never reads beyond the lengths that are in *m. */
void sockets_read_note(struct sockets_note *n, const struct msghdr *m);

#endif
