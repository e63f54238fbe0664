#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "probe/sockets.h"

/* A queue that takes nothing for so long is stuck. */
#define STUCK_NS   (5 * NS_PER_S)
#define BACKOFF_NS (100 * NS_PER_US)

enum {
	/* An ICMP error of an earlier probe makes a sendmsg(2) fail once. */
	RETRIES = 16,
	SRC_AT_V4 = 12,
	SRC_AT_V6 = 8,
	HEADER_V4 = 20,
	HEADER_V6 = 40,
	KINDS = 4, /* echo requests and UDP, of both families */
	CONTROL = CMSG_SPACE(sizeof(struct in6_pktinfo)),
};

struct message {
	uint8_t frame[PACKET_MAX];
	union sockets_addr to;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL];
	struct iovec iov;
};

struct link_sockets {
	struct link link;
	struct sockets *s;
	unsigned turn; /* of the sockets of a kind */
	struct {
		struct mmsghdr msg[LINK_BATCH];
		unsigned n;
	} kind[KINDS];
	struct connect_target connect[LINK_BATCH];
	unsigned n_connect;
	struct message m[LINK_BATCH];
};

static uint8_t *reserve(struct link *l)
{
	struct link_sockets *p = (struct link_sockets *)l;

	return l->filled < LINK_BATCH ? p->m[l->filled].frame : NULL;
}

/* The source address goes along with every message: there may be several. */
static void put_source(struct msghdr *h, struct message *m, struct addr128 src)
{
	struct in6_pktinfo v6 = { .ipi6_ifindex = 0 };
	struct in_pktinfo v4 = { .ipi_ifindex = 0 };
	bool is_v4 = addr_is_v4(src);
	struct cmsghdr *c;

	h->msg_control = m->control;
	h->msg_controllen = CMSG_SPACE(is_v4 ? sizeof(v4) : sizeof(v6));
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
	c->cmsg_type = is_v4 ? IP_PKTINFO : IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(is_v4 ? sizeof(v4) : sizeof(v6));
	v4.ipi_spec_dst.s_addr = htonl((uint32_t)src.lo);
	addr_store(&v6.ipi6_addr, src);
	if (is_v4)
		memcpy(CMSG_DATA(c), &v4, sizeof(v4));
	else
		memcpy(CMSG_DATA(c), &v6, sizeof(v6));
}

static void commit(struct link *l, size_t len)
{
	struct link_sockets *p = (struct link_sockets *)l;
	struct message *m = &p->m[l->filled++];
	bool v6 = m->frame[0] >> 4 == 6;
	size_t header = v6 ? HEADER_V6 : HEADER_V4;
	struct wire w = wire_from(m->frame + (v6 ? SRC_AT_V6 : SRC_AT_V4), v6 ? 32 : 8);
	uint8_t proto = m->frame[v6 ? 6 : 9];
	struct wire order = wire_from(m->frame + header, len - header);
	struct addr128 src = v6 ? wire_get_v6(&w) : wire_get_v4(&w);
	struct addr128 dst = v6 ? wire_get_v6(&w) : wire_get_v4(&w);
	struct connect_target *t = &p->connect[p->n_connect];
	unsigned kind = 2 * (proto == IPPROTO_UDP) + v6;
	struct msghdr *h;

	if (proto == IPPROTO_TCP) {
		*t = (struct connect_target){ .source = src, .addr = dst };
		p->n_connect += module_read_order(order, &t->port, &t->tag);
		return;
	}
	h = &p->kind[kind].msg[p->kind[kind].n++].msg_hdr;
	m->iov = (struct iovec){ m->frame + header, len - header };
	h->msg_iov = &m->iov;
	h->msg_iovlen = 1;
	if (proto == IPPROTO_UDP) {
		wire_skip(&order, 2);
		h->msg_namelen = sockets_addr(&m->to, dst, wire_get16(&order));
		/* The kernel makes the header itself. */
		m->iov = (struct iovec){ m->frame + header + 8, len - header - 8 };
	} else {
		h->msg_namelen = sockets_addr(&m->to, dst, 0);
	}
	h->msg_name = &m->to;
	put_source(h, m, src);
}

static bool is_full(int err)
{
	return err == EAGAIN || err == ENOBUFS || err == ENOMEM;
}

static void count_refused(struct link_sockets *p)
{
	atomic_fetch_add_explicit(&p->s->refused, 1, memory_order_relaxed);
}

static int send_all(struct link_sockets *p, int fd, struct mmsghdr *msg, unsigned n,
                    struct diag *d)
{
	uint64_t since = 0, now;
	unsigned at = 0, tries = 0;

	while (at < n) {
		int sent = sendmmsg(fd, msg + at, n - at, MSG_DONTWAIT), err = errno;

		if (sent > 0) {
			at += (unsigned)sent;
			atomic_fetch_add_explicit(&p->link.sent, (unsigned)sent,
			                          memory_order_relaxed);
			since = tries = 0;
			continue;
		}
		if (!is_full(err)) {
			if (tries++ < RETRIES)
				continue;
			count_refused(p);
			tries = 0;
			at++;
			continue;
		}
		now = clock_mono_ns();
		since = since ? since : now;
		if (now - since >= STUCK_NS)
			return diag_set(d, -err, "sending failed: %s", strerror(err));
		clock_sleep_until(now + BACKOFF_NS);
	}
	return 0;
}

static int connect_all(struct link_sockets *p, struct diag *d)
{
	for (unsigned i = 0; i < p->n_connect; i++) {
		int rc = connects_start(p->s->connects, &p->connect[i], d);

		if (rc < 0)
			return rc;
		atomic_fetch_add_explicit(&p->link.sent, (unsigned)rc,
		                          memory_order_relaxed);
	}
	return 0;
}

/* The socket of a kind whose turn it is: of each, the buffer is small. */
static int socket_of(const struct link_sockets *p, unsigned kind)
{
	const struct sockets *s = p->s;
	unsigned v6 = kind % 2;
	unsigned first = kind < 2 ? s->ping[v6].first : s->udp[v6].first;
	unsigned n = kind < 2 ? s->ping[v6].n : s->udp[v6].n;

	return s->d[first + p->turn % n].fd;
}

static int submit(struct link *l, struct diag *d)
{
	struct link_sockets *p = (struct link_sockets *)l;
	int rc = 0;

	l->filled = 0;
	for (unsigned k = 0; k < KINDS && rc == 0; k++) {
		if (p->kind[k].n)
			rc = send_all(p, socket_of(p, k), p->kind[k].msg, p->kind[k].n,
			              d);
		p->kind[k].n = 0;
	}
	p->turn++;
	if (rc == 0)
		rc = connect_all(p, d);
	p->n_connect = 0;
	sockets_report(p->s);
	return rc;
}

static void close_sockets(struct link *l)
{
	struct sockets *s = ((struct link_sockets *)l)->s;

	if (s->reporter == l)
		s->reporter = NULL;
	sockets_release(s);
	free(l);
}

static const struct link_ops sockets_ops = {
	.name = "sockets",
	.reserve = reserve,
	.commit = commit,
	.submit = submit,
	.close = close_sockets,
};

int link_sockets_open(struct link **out, struct sockets *s, struct diag *d)
{
	struct link_sockets *p = calloc(1, sizeof(*p));

	(void)d;
	if (!p)
		return -ENOMEM;
	p->link.ops = &sockets_ops;
	p->link.batch = LINK_BATCH;
	p->s = s;
	if (!s->reporter)
		s->reporter = &p->link;
	p->turn = s->refs;
	s->refs++;
	*out = &p->link;
	return 0;
}
