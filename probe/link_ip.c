#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/batch.h"

struct link_ip {
	struct link link;
	int fd;
	bool v6;
	struct sockaddr_in to4[LINK_BATCH];
	struct sockaddr_in6 to6[LINK_BATCH];
	struct batch batch;
};

enum { DST_AT_V4 = 16, DST_AT_V6 = 24 };

static uint8_t *reserve(struct link *l)
{
	struct link_ip *p = (struct link_ip *)l;

	return l->filled < LINK_BATCH ? p->batch.frame[l->filled] : NULL;
}

static void commit(struct link *l, size_t len)
{
	struct link_ip *p = (struct link_ip *)l;
	unsigned i = l->filled++;

	p->batch.iov[i].iov_len = len;
	if (p->v6)
		memcpy(&p->to6[i].sin6_addr, p->batch.frame[i] + DST_AT_V6, 16);
	else
		memcpy(&p->to4[i].sin_addr, p->batch.frame[i] + DST_AT_V4, 4);
}

/* Here most errors are about one target: no route, no neighbour. */
static bool is_hard(int err)
{
	return err == ENODEV || err == ENETDOWN || err == EBADF;
}

static int submit(struct link *l, struct diag *d)
{
	struct link_ip *p = (struct link_ip *)l;

	return batch_send(&p->batch, l, p->fd, is_hard, d);
}

static void close_ip(struct link *l)
{
	struct link_ip *p = (struct link_ip *)l;

	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static const struct link_ops ip_ops = {
	.name = "ip",
	.reserve = reserve,
	.commit = commit,
	.submit = submit,
	.close = close_ip,
};

static void set_destinations(struct link_ip *p)
{
	for (unsigned i = 0; i < LINK_BATCH; i++) {
		struct msghdr *h = &p->batch.msg[i].msg_hdr;

		p->to4[i].sin_family = AF_INET;
		p->to6[i].sin6_family = AF_INET6;
		h->msg_name = p->v6 ? (void *)&p->to6[i] : (void *)&p->to4[i];
		h->msg_namelen = p->v6 ? sizeof(p->to6[i]) : sizeof(p->to4[i]);
	}
}

int link_ip_open(struct link **out, bool v6, const char *interface, struct diag *d)
{
	struct link_ip *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	p->link.ops = &ip_ops;
	p->link.batch = LINK_BATCH;
	p->v6 = v6;
	/* IPPROTO_RAW: the packets bring their own IP header, in both families. */
	p->fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (p->fd < 0) {
		rc = diag_set(d, -errno, "cannot open a raw socket: %s%s",
		              strerror(errno),
		              errno == EPERM ? " (it takes CAP_NET_RAW)" : "");
		goto fail;
	}
	if (setsockopt(p->fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
	               (socklen_t)strlen(interface) + 1) < 0) {
		rc = diag_set(d, -errno, "%s: cannot bind to it: %s", interface,
		              strerror(errno));
		goto fail;
	}
	batch_init(&p->batch);
	set_destinations(p);
	*out = &p->link;
	return 0;
fail:
	close_ip(&p->link);
	return rc;
}
