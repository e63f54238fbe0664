/* PACKET_TX_RING (packet(7), Documentation/networking/packet_mmap.rst), version 2 of
 * its headers: frames lie in memory that is shared with the kernel, which sends them
 * from there.  Frames of the ring go in order; a slot is free again when the packet
 * that refers to it is gone, which may be later.
 *
 * A packet refers to its slot instead of having a copy of it, which suits drivers that
 * read it from there.  Where the other end is software, as with veth, the kernel gives
 * each packet a page and copies the frame at last (skb_copy_ubufs()): 0.85 us a packet,
 * where sendmmsg(2) takes 0.74. */
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "probe/link.h"

enum {
	SLOTS = 1024,
	SLOT_BYTES = 2048,
	BLOCK_BYTES = 65536,
	DATA_AT = TPACKET_ALIGN(sizeof(struct tpacket2_hdr)),
	TAG_BYTES = 4, /* a VLAN tag counts for no MTU */
};

_Static_assert((int)PACKET_MAX <= (int)SLOT_BYTES - (int)DATA_AT,
               "a frame fits its slot");

/* A queue that has taken nothing for this long is stuck. */
#define STUCK_NS   (5 * NS_PER_S)
#define BACKOFF_NS (50 * NS_PER_US)

struct link_txring {
	struct link link;
	int fd;
	uint8_t *ring;
	uint32_t at; /* the slot of the next frame */
	size_t longest;
	uint64_t too_long; /* of the frames that are committed */
};

static struct tpacket2_hdr *slot(struct link_txring *x, uint32_t i)
{
	return (struct tpacket2_hdr *)(void *)(x->ring +
	                                       (size_t)(i % SLOTS) * SLOT_BYTES);
}

static uint32_t status(const struct tpacket2_hdr *h)
{
	return __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);
}

static uint8_t *reserve(struct link *l)
{
	struct link_txring *x = (struct link_txring *)l;
	struct tpacket2_hdr *h = slot(x, x->at + l->filled);

	if (l->filled == LINK_BATCH || status(h) != TP_STATUS_AVAILABLE)
		return NULL;
	return (uint8_t *)h + DATA_AT;
}

/* The kernel would stop at a frame that is too long for the interface. */
static void commit(struct link *l, size_t len)
{
	struct link_txring *x = (struct link_txring *)l;

	if (len > x->longest) {
		x->too_long++;
		return;
	}
	slot(x, x->at + l->filled++)->tp_len = (uint32_t)len;
}

static bool is_full(int err)
{
	return err == EAGAIN || err == ENOBUFS || err == ENOMEM || err == EINTR;
}

/* How many of the n frames at x->at the kernel has taken. */
static unsigned taken(struct link_txring *x, unsigned n)
{
	unsigned i = 0;

	while (i < n && status(slot(x, x->at + i)) != TP_STATUS_SEND_REQUEST)
		i++;
	return i;
}

/* Until n frames are taken, and the slot behind them is free. */
static int push(struct link_txring *x, unsigned n, struct diag *d)
{
	uint64_t since = 0, now;

	for (;;) {
		int rc = 0, err;
		unsigned done;

		if (n)
			rc = (int)send(x->fd, NULL, 0, MSG_DONTWAIT);
		err = errno;
		done = taken(x, n);
		x->at += done;
		n -= done;
		atomic_fetch_add_explicit(&x->link.sent, done, memory_order_relaxed);
		if (n == 0 && status(slot(x, x->at)) == TP_STATUS_AVAILABLE)
			return 0;
		if (rc < 0 && !is_full(err))
			return diag_set(d, -err, "sending failed: %s", strerror(err));
		now = clock_mono_ns();
		if (done || !since)
			since = now;
		if (now - since > STUCK_NS)
			return diag_set(d, -ENOBUFS,
			                "sending failed: the queue is stuck");
		if (!done)
			clock_sleep_until(now + BACKOFF_NS);
	}
}

static int submit(struct link *l, struct diag *d)
{
	struct link_txring *x = (struct link_txring *)l;
	unsigned n = l->filled;

	l->filled = 0;
	atomic_fetch_add_explicit(&l->errors, x->too_long, memory_order_relaxed);
	x->too_long = 0;
	for (unsigned i = 0; i < n; i++)
		__atomic_store_n(&slot(x, x->at + i)->tp_status, TP_STATUS_SEND_REQUEST,
		                 __ATOMIC_RELEASE);
	return push(x, n, d);
}

static void close_txring(struct link *l)
{
	struct link_txring *x = (struct link_txring *)l;

	if (x->ring)
		munmap(x->ring, (size_t)SLOTS * SLOT_BYTES);
	if (x->fd >= 0)
		close(x->fd);
	free(x);
}

static const struct link_ops txring_ops = {
	.name = "txring",
	.reserve = reserve,
	.commit = commit,
	.submit = submit,
	.close = close_txring,
};

static int find_mtu(struct link_txring *x, int ifindex)
{
	struct ifreq r = { .ifr_mtu = 0 };

	if (!if_indextoname((unsigned)ifindex, r.ifr_name) ||
	    ioctl(x->fd, SIOCGIFMTU, &r) < 0)
		return -errno;
	x->longest = (size_t)r.ifr_mtu + ETHER_HDR_LEN + TAG_BYTES;
	return 0;
}

static int set_up(struct link_txring *x, int ifindex)
{
	struct tpacket_req req = { .tp_block_size = BLOCK_BYTES,
		                   .tp_block_nr = SLOTS / (BLOCK_BYTES / SLOT_BYTES),
		                   .tp_frame_size = SLOT_BYTES,
		                   .tp_frame_nr = SLOTS };
	/* Protocol 0: this socket receives nothing. */
	struct sockaddr_ll me = { .sll_family = AF_PACKET, .sll_ifindex = ifindex };
	int version = TPACKET_V2, one = 1;
	void *p;

	if (setsockopt(x->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) <
	            0 ||
	    setsockopt(x->fd, SOL_PACKET, PACKET_LOSS, &one, sizeof(one)) < 0 ||
	    setsockopt(x->fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)) < 0 ||
	    bind(x->fd, (struct sockaddr *)&me, sizeof(me)) < 0)
		return -errno;
	(void)setsockopt(x->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	p = mmap(NULL, (size_t)SLOTS * SLOT_BYTES, PROT_READ | PROT_WRITE,
	         MAP_SHARED | MAP_POPULATE, x->fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	x->ring = p;
	return find_mtu(x, ifindex);
}

int link_txring_open(struct link **out, int ifindex, struct diag *d)
{
	struct link_txring *x = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return -ENOMEM;
	x->link.ops = &txring_ops;
	x->link.batch = LINK_BATCH;
	x->link.ethernet = true;
	x->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	rc = x->fd < 0 ? -errno : set_up(x, ifindex);
	if (rc < 0) {
		diag_set(d, rc, "cannot send through a packet ring: %s%s", strerror(-rc),
		         rc == -EPERM ? " (it takes CAP_NET_RAW)" : "");
		close_txring(&x->link);
		return rc;
	}
	*out = &x->link;
	return 0;
}
