#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/batch.h"

struct link_packet {
	struct link link;
	int fd;
	struct sockaddr_ll to[2]; /* IPv4, IPv6; without Ethernet only */
	struct batch batch;
};

static uint8_t *reserve(struct link *l)
{
	struct link_packet *p = (struct link_packet *)l;

	return l->filled < LINK_BATCH ? p->batch.frame[l->filled] : NULL;
}

/* Without a link-layer header nothing in the frame tells the kernel which
 * protocol it is: the destination address does. */
static void commit(struct link *l, size_t len)
{
	struct link_packet *p = (struct link_packet *)l;
	unsigned i = l->filled++;

	p->batch.iov[i].iov_len = len;
	if (!l->ethernet)
		p->batch.msg[i].msg_hdr.msg_name = &p->to[p->batch.frame[i][0] >> 4 == 6];
}

static bool is_hard(int err)
{
	return err == ENXIO || err == ENODEV || err == ENETDOWN || err == EBADF ||
	       err == EPERM || err == EACCES;
}

static int submit(struct link *l, struct diag *d)
{
	struct link_packet *p = (struct link_packet *)l;

	return batch_send(&p->batch, l, p->fd, is_hard, d);
}

static void close_packet(struct link *l)
{
	struct link_packet *p = (struct link_packet *)l;

	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static const struct link_ops packet_ops = {
	.name = "packet",
	.reserve = reserve,
	.commit = commit,
	.submit = submit,
	.close = close_packet,
};

static void set_destinations(struct link_packet *p, int ifindex)
{
	for (int v6 = 0; v6 < 2; v6++)
		p->to[v6] = (struct sockaddr_ll){
			.sll_family = AF_PACKET,
			.sll_protocol = htons(v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP),
			.sll_ifindex = ifindex,
		};
	for (unsigned i = 0; i < LINK_BATCH && !p->link.ethernet; i++)
		p->batch.msg[i].msg_hdr.msg_namelen = sizeof(p->to[0]);
}

int link_packet_open(struct link **out, int ifindex, bool ethernet, struct diag *d)
{
	struct link_packet *p = calloc(1, sizeof(*p));
	/* Protocol 0: this socket receives nothing, so frames are not copied to it. */
	struct sockaddr_ll me = { .sll_family = AF_PACKET, .sll_ifindex = ifindex };
	int one = 1, rc;

	if (!p)
		return -ENOMEM;
	p->link.ops = &packet_ops;
	p->link.batch = LINK_BATCH;
	p->link.ethernet = ethernet;
	p->fd = socket(AF_PACKET, (ethernet ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (p->fd < 0) {
		rc = diag_set(d, -errno, "cannot open a packet socket: %s%s",
		              strerror(errno),
		              errno == EPERM ? " (it takes CAP_NET_RAW)" : "");
		goto fail;
	}
	if (bind(p->fd, (struct sockaddr *)&me, sizeof(me)) < 0) {
		rc = diag_set(d, -errno, "cannot bind to interface %d: %s", ifindex,
		              strerror(errno));
		goto fail;
	}
	batch_init(&p->batch);
	set_destinations(p, ifindex);
	/* Past the queueing discipline: faster, and taps do not see every probe.
	 * A driver that cannot do it still works. */
	(void)setsockopt(p->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	*out = &p->link;
	return 0;
fail:
	close_packet(&p->link);
	return rc;
}
