#include "probe/sockets.h"

#include <fcntl.h>
#include <linux/errqueue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	BUFFER_BYTES = 8 << 20, /* wished for; the kernel's limit is lower as a rule */
	PORT_TRIES = 32,
};

socklen_t sockets_addr(union sockets_addr *out, struct addr128 a, uint16_t port)
{
	uint8_t net[16];

	memset(out, 0, sizeof(*out));
	addr_store(net, a);
	if (addr_is_v4(a)) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		memcpy(&out->v4.sin_addr, net + 12, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(port);
	memcpy(&out->v6.sin6_addr, net, 16);
	return sizeof(out->v6);
}

struct addr128 sockets_addr_load(const union sockets_addr *a)
{
	if (a->any.sa_family == AF_INET)
		return addr_from_v4(ntohl(a->v4.sin_addr.s_addr));
	return a->any.sa_family == AF_INET6 ? addr_load(&a->v6.sin6_addr)
	                                    : (struct addr128){ 0, 0 };
}

/* --- what comes beside the data --------------------------------------------------- */

/* A control message.  Not by the macros of <sys/socket.h>, which trust its length. */
struct item {
	int level, type;
	const uint8_t *data;
	size_t n;
};

static bool next_item(struct item *out, size_t *at, const struct msghdr *m)
{
	const uint8_t *control = m->msg_control;
	struct cmsghdr c;
	size_t left = m->msg_controllen - *at;

	if (*at > m->msg_controllen || left < sizeof(c))
		return false;
	memcpy(&c, control + *at, sizeof(c));
	if (c.cmsg_len < CMSG_LEN(0) || c.cmsg_len > left)
		return false;
	*out = (struct item){ c.cmsg_level, c.cmsg_type, control + *at + CMSG_LEN(0),
		              c.cmsg_len - CMSG_LEN(0) };
	*at += CMSG_ALIGN(c.cmsg_len);
	return true;
}

/* Its first n bytes; false: it has not so many. */
static bool take(void *out, size_t n, const struct item *c)
{
	if (c->n < n)
		return false;
	memcpy(out, c->data, n);
	return true;
}

static uint8_t hops(const struct item *c)
{
	int v = 0;

	return take(&v, sizeof(v), c) && v > 0 && v <= UINT8_MAX ? (uint8_t)v : 0;
}

/* The sender's address follows struct sock_extended_err (SO_EE_OFFENDER). */
static void read_error(struct sockets_note *n, const struct item *c)
{
	struct {
		struct sock_extended_err ee;
		struct sockaddr_in from;
	} v4;
	struct {
		struct sock_extended_err ee;
		struct sockaddr_in6 from;
	} v6;
	bool is_v4 = c->level == IPPROTO_IP;

	if (!take(&v4.ee, sizeof(v4.ee), c))
		return;
	n->local = v4.ee.ee_origin == SO_EE_ORIGIN_LOCAL;
	n->type = v4.ee.ee_type;
	n->code = v4.ee.ee_code;
	if (is_v4 && v4.ee.ee_origin == SO_EE_ORIGIN_ICMP && take(&v4, sizeof(v4), c) &&
	    v4.from.sin_family == AF_INET) {
		n->from = addr_from_v4(ntohl(v4.from.sin_addr.s_addr));
		n->error = true;
	}
	if (!is_v4 && v4.ee.ee_origin == SO_EE_ORIGIN_ICMP6 && take(&v6, sizeof(v6), c) &&
	    v6.from.sin6_family == AF_INET6) {
		n->from = addr_load(&v6.from.sin6_addr);
		n->error = true;
	}
}

static void read_v4(struct sockets_note *n, const struct item *c)
{
	struct in_pktinfo info;

	if (c->type == IP_RECVERR) {
		read_error(n, c);
	} else if (c->type == IP_TTL) {
		n->hop_limit = hops(c);
	} else if (c->type == IP_PKTINFO && take(&info, sizeof(info), c)) {
		n->source = addr_from_v4(ntohl(info.ipi_addr.s_addr));
		n->has_source = true;
	}
}

static void read_v6(struct sockets_note *n, const struct item *c)
{
	struct in6_pktinfo info;

	if (c->type == IPV6_RECVERR) {
		read_error(n, c);
	} else if (c->type == IPV6_HOPLIMIT) {
		n->hop_limit = hops(c);
	} else if (c->type == IPV6_PKTINFO && take(&info, sizeof(info), c)) {
		n->source = addr_load(&info.ipi6_addr);
		n->has_source = true;
	}
}

static void read_peer(struct sockets_note *n, const struct msghdr *m)
{
	union sockets_addr a = { 0 };

	if (!m->msg_name || m->msg_namelen < sizeof(a.v4))
		return;
	memcpy(&a, m->msg_name, m->msg_namelen < sizeof(a) ? m->msg_namelen : sizeof(a));
	if (a.any.sa_family == AF_INET6 && m->msg_namelen < sizeof(a.v6))
		return;
	n->peer = sockets_addr_load(&a);
	n->peer_port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
}

void sockets_read_note(struct sockets_note *n, const struct msghdr *m)
{
	size_t at = 0;
	struct timeval tv;
	struct item c;

	*n = (struct sockets_note){ .when_us = 0 };
	while (next_item(&c, &at, m)) {
		if (c.level == IPPROTO_IP)
			read_v4(n, &c);
		else if (c.level == IPPROTO_IPV6)
			read_v6(n, &c);
		else if (c.level == SOL_SOCKET && c.type == SCM_TIMESTAMP &&
		         take(&tv, sizeof(tv), &c) && tv.tv_sec > 0)
			n->when_us = (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
	}
	read_peer(n, m);
}

/* --- opening ------------------------------------------------------------------------ */

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Unlike a buffer, these must work: without them an answer could not be judged. */
static int set_options(int fd, bool v6, const struct sockets_plan *plan, struct diag *d)
{
	int rc = 0;

	if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES) < 0)
		(void)set(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
	rc |= set(fd, SOL_SOCKET, SO_TIMESTAMP, 1);
	if (v6) {
		rc |= set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
		rc |= set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		rc |= set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
		rc |= set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, (int)plan->hop_limit);
		rc |= set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	} else {
		rc |= set(fd, IPPROTO_IP, IP_RECVERR, 1);
		rc |= set(fd, IPPROTO_IP, IP_PKTINFO, 1);
		rc |= set(fd, IPPROTO_IP, IP_RECVTTL, 1);
		rc |= set(fd, IPPROTO_IP, IP_TTL, (int)plan->hop_limit);
		rc |= set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	}
	if (rc < 0)
		return diag_set(d, -errno, "cannot set up a socket: %s", strerror(errno));
	if (plan->interface &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, plan->interface,
	               (socklen_t)strlen(plan->interface) + 1) < 0)
		return diag_set(d, -errno, "%s: cannot bind to it: %s", plan->interface,
		                strerror(errno));
	return 0;
}

static int cannot_open(uint8_t proto, bool v6, struct diag *d)
{
	int err = errno;

	if (proto != IPPROTO_UDP && (err == EACCES || err == EPERM))
		return diag_set(d, -err,
		                "echo requests without CAP_NET_RAW need a group of ours "
		                "within net.ipv4.ping_group_range, as after 'sysctl -w "
		                "net.ipv4.ping_group_range=\"0 2147483647\"'");
	return diag_set(d, -err, "cannot open %s socket: %s",
	                proto == IPPROTO_UDP ? "a UDP"
	                : v6                 ? "an ICMPv6 datagram"
	                                     : "an ICMP datagram",
	                strerror(err));
}

static int add(struct sockets *s, uint8_t proto, bool v6, const struct sockets_plan *plan,
               struct diag *d)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLERR, .data.u64 = s->n };
	int fd = socket(v6 ? AF_INET6 : AF_INET,
	                SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);
	int rc;

	if (fd < 0)
		return cannot_open(proto, v6, d);
	s->d[s->n] = (struct datagram_socket){ fd, proto, v6 };
	s->n++;
	rc = set_options(fd, v6, plan, d);
	if (rc == 0 && epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		rc = diag_set(d, -errno, "epoll_ctl: %s", strerror(errno));
	return rc;
}

static int add_ping(struct sockets *s, bool v6, const struct sockets_plan *plan,
                    struct diag *d)
{
	int rc = 0;

	s->ping[v6].first = s->n;
	for (unsigned i = 0; rc == 0 && i < SOCKETS_PING; i++)
		rc = add(s, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, v6, plan, d);
	s->ping[v6].n = s->n - s->ping[v6].first;
	return rc;
}

/* All of one family; SO_REUSEPORT lets the kernel spread the answers over them. */
static int bind_udp(struct sockets *s, bool v6, uint16_t port)
{
	struct addr128 any = v6 ? (struct addr128){ 0, 0 } : addr_from_v4(0);
	union sockets_addr a;

	for (unsigned i = 0; i < s->udp[v6].n; i++) {
		int fd = s->d[s->udp[v6].first + i].fd;
		socklen_t len = sockets_addr(&a, any, port);

		/* The first one alone, so that a port of somebody else's is not
		 * shared with them. */
		if (i == 1 &&
		    set(s->d[s->udp[v6].first].fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0)
			return -errno;
		if (i > 0 && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0)
			return -errno;
		if (bind(fd, &a.any, len) < 0)
			return -errno;
		if (port)
			continue;
		len = sizeof(a);
		if (getsockname(fd, &a.any, &len) < 0)
			return -errno;
		port = ntohs(v6 ? a.v6.sin6_port : a.v4.sin_port);
	}
	s->udp_port = port;
	return 0;
}

static int add_udp(struct sockets *s, bool v6, const struct sockets_plan *plan,
                   struct diag *d)
{
	int rc = 0;

	s->udp[v6].first = s->n;
	for (unsigned i = 0; rc == 0 && i < SOCKETS_UDP; i++) {
		rc = add(s, IPPROTO_UDP, v6, plan, d);
		if (rc == 0 && v6 &&
		    set(s->d[s->n - 1].fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0)
			rc = diag_set(d, -errno, "IPV6_V6ONLY: %s", strerror(errno));
	}
	s->udp[v6].n = s->n - s->udp[v6].first;
	return rc;
}

static void drop_from(struct sockets *s, unsigned n)
{
	while (s->n > n)
		close(s->d[--s->n].fd);
}

/* Both families from one port, so that a scan has one; where the kernel's choice
 * for the first is taken in the second, it is asked for another one. */
static int open_udp(struct sockets *s, const struct sockets_plan *plan, struct diag *d)
{
	unsigned before = s->n;
	int rc = -EADDRINUSE;

	for (unsigned try = 0; try < PORT_TRIES && rc == -EADDRINUSE; try++) {
		drop_from(s, before);
		s->udp_port = plan->source_port;
		rc = 0;
		for (int v6 = 0; v6 < 2 && rc == 0; v6++) {
			if (!plan->udp[v6])
				continue;
			rc = add_udp(s, v6, plan, d);
			if (rc < 0)
				return rc;
			rc = bind_udp(s, v6, s->udp_port);
		}
		if (plan->source_port)
			break;
	}
	if (rc < 0)
		return diag_set(d, rc, "cannot send UDP from port %u: %s",
		                (unsigned)s->udp_port, strerror(-rc));
	return 0;
}

static int open_connects(struct sockets *s, const struct sockets_plan *plan,
                         struct diag *d)
{
	const struct connects_config cfg = {
		.epoll = s->epoll,
		.event_base = SOCKETS_CONNECTION,
		.timeout_ns = plan->connect_timeout_ns,
		.interface = plan->interface,
		.bind_source = plan->bind_source,
		.source_port = plan->source_port,
		.hop_limit = plan->hop_limit,
		.refused = &s->refused,
	};

	return connects_new(&s->connects, &cfg, d);
}

int sockets_open(struct sockets **out, const struct sockets_plan *plan, struct diag *d)
{
	struct sockets *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s)
		return -ENOMEM;
	s->refs = 1;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		rc = diag_set(d, -errno, "epoll_create: %s", strerror(errno));
	for (int v6 = 0; v6 < 2 && rc == 0; v6++)
		if (plan->ping[v6])
			rc = add_ping(s, v6, plan, d);
	if (rc == 0 && (plan->udp[0] || plan->udp[1]))
		rc = open_udp(s, plan, d);
	if (rc == 0 && plan->tcp)
		rc = open_connects(s, plan, d);
	if (rc < 0) {
		sockets_release(s);
		return rc;
	}
	*out = s;
	return 0;
}

void sockets_release(struct sockets *s)
{
	if (!s || --s->refs > 0)
		return;
	connects_free(s->connects);
	drop_from(s, 0);
	if (s->epoll >= 0)
		close(s->epoll);
	free(s);
}
