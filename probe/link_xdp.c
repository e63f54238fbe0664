/* AF_XDP in copy mode (Documentation/networking/af_xdp.rst): frames lie in memory
 * that is shared with the kernel, which makes packets of them without a message
 * header or an address to look at for each.  Only the transmit ring is used, so no
 * XDP program is needed and replies go their usual way.
 *
 * Written against the kernel's own header: the rings are small enough that a
 * library would not make this shorter. */
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "probe/link.h"

enum {
	FRAMES = 2048,
	CHUNK = 2048,
	RING = 2048,
	SPREAD = 8, /* frames begin so many cache lines apart: not all in one set */
};

_Static_assert((int)PACKET_MAX + 64 * (int)SPREAD <= (int)CHUNK,
               "a frame fits its chunk");

/* A transmit queue that has taken nothing for this long is stuck. */
#define STUCK_NS   (5 * NS_PER_S)
#define BACKOFF_NS (20 * NS_PER_US)
#define BUSY_NS    (1 * NS_PER_S)

struct xring {
	_Atomic uint32_t *producer, *consumer;
	void *entries;
	void *map;
	size_t map_size;
};

struct link_xdp {
	struct link link;
	int fd;
	uint8_t *memory;
	struct xring fill, completion, transmit;
	uint32_t produced;     /* our side of the transmit ring */
	uint64_t free[FRAMES]; /* addresses of frames nobody uses */
	unsigned n_free;
	uint64_t at[LINK_BATCH]; /* addresses of the batch */
	uint32_t len[LINK_BATCH];
	uint64_t reserved; /* address */
};

/* Frames that the kernel is done with. */
static void reap(struct link_xdp *x)
{
	const uint64_t *done = x->completion.entries;
	uint32_t from =
		atomic_load_explicit(x->completion.consumer, memory_order_relaxed);
	uint32_t to = atomic_load_explicit(x->completion.producer, memory_order_acquire);

	for (; from != to; from++)
		x->free[x->n_free++] = done[from % RING];
	atomic_store_explicit(x->completion.consumer, from, memory_order_release);
}

static uint8_t *reserve(struct link *l)
{
	struct link_xdp *x = (struct link_xdp *)l;

	if (l->filled == LINK_BATCH)
		return NULL;
	if (x->n_free == 0)
		reap(x);
	if (x->n_free == 0)
		return NULL;
	x->reserved = x->free[x->n_free - 1];
	return x->memory + x->reserved;
}

static void commit(struct link *l, size_t len)
{
	struct link_xdp *x = (struct link_xdp *)l;

	x->n_free--;
	x->at[l->filled] = x->reserved;
	x->len[l->filled++] = (uint32_t)len;
}

static bool is_hard(int err)
{
	return err == ENXIO || err == ENODEV || err == ENETDOWN || err == EBADF ||
	       err == EPERM || err == EACCES || err == EOPNOTSUPP || err == EINVAL;
}

/* Until the kernel has taken all of the ring, a few dozen with each call. */
static int kick(struct link_xdp *x, unsigned n, struct diag *d)
{
	struct link *l = &x->link;
	uint64_t since = 0, now;
	uint32_t left = n;

	while (left > 0) {
		int rc = (int)sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0), err = errno;
		uint32_t at =
			atomic_load_explicit(x->transmit.consumer, memory_order_acquire);
		uint32_t still = x->produced - at;

		if (rc < 0 && is_hard(err))
			return diag_set(d, -err, "sending failed: %s", strerror(err));
		/* The frame was taken, but the queue below dropped it. */
		if (rc < 0 && err == EBUSY && still < left) {
			atomic_fetch_add_explicit(&l->errors, 1, memory_order_relaxed);
			atomic_fetch_sub_explicit(&l->sent, 1, memory_order_relaxed);
		}
		atomic_fetch_add_explicit(&l->sent, left - still, memory_order_relaxed);
		if (still < left) {
			left = still;
			since = 0;
			continue;
		}
		reap(x);
		now = clock_mono_ns();
		if (!since)
			since = now;
		if (now - since > STUCK_NS)
			return diag_set(d, -ENOBUFS,
			                "sending failed: the queue is stuck");
		clock_sleep_until(now + BACKOFF_NS);
	}
	return 0;
}

static int submit(struct link *l, struct diag *d)
{
	struct link_xdp *x = (struct link_xdp *)l;
	struct xdp_desc *descs = x->transmit.entries;
	unsigned n = l->filled;
	int rc = 0;

	for (unsigned i = 0; i < n; i++)
		descs[(x->produced + i) % RING] =
			(struct xdp_desc){ .addr = x->at[i], .len = x->len[i] };
	l->filled = 0;
	x->produced += n;
	atomic_store_explicit(x->transmit.producer, x->produced, memory_order_release);
	if (n)
		rc = kick(x, n, d);
	reap(x);
	return rc;
}

static void unmap(struct xring *r)
{
	if (r->map)
		munmap(r->map, r->map_size);
}

static void close_xdp(struct link *l)
{
	struct link_xdp *x = (struct link_xdp *)l;

	unmap(&x->fill);
	unmap(&x->completion);
	unmap(&x->transmit);
	if (x->fd >= 0)
		close(x->fd);
	if (x->memory)
		munmap(x->memory, FRAMES * CHUNK);
	free(x);
}

static const struct link_ops xdp_ops = {
	.name = "afxdp",
	.reserve = reserve,
	.commit = commit,
	.submit = submit,
	.close = close_xdp,
};

static int map_ring(struct link_xdp *x, struct xring *r, const struct xdp_ring_offset *o,
                    size_t entry, off_t where)
{
	uint8_t *p;

	r->map_size = o->desc + RING * entry;
	p = mmap(NULL, r->map_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
	         x->fd, where);
	if (p == MAP_FAILED)
		return -errno;
	r->map = p;
	r->producer = (_Atomic uint32_t *)(void *)(p + o->producer);
	r->consumer = (_Atomic uint32_t *)(void *)(p + o->consumer);
	r->entries = p + o->desc;
	return 0;
}

static int map_rings(struct link_xdp *x)
{
	struct xdp_mmap_offsets o;
	socklen_t len = sizeof(o);
	int rc;

	if (getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &o, &len) < 0)
		return -errno;
	rc = map_ring(x, &x->fill, &o.fr, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
	if (rc == 0)
		rc = map_ring(x, &x->completion, &o.cr, sizeof(uint64_t),
		              (off_t)XDP_UMEM_PGOFF_COMPLETION_RING);
	if (rc == 0)
		rc = map_ring(x, &x->transmit, &o.tx, sizeof(struct xdp_desc),
		              XDP_PGOFF_TX_RING);
	return rc;
}

/* The kernel gives a queue back a while after its last socket was closed. */
static int bind_queue(struct link_xdp *x, const struct sockaddr_xdp *me)
{
	uint64_t until = clock_mono_ns() + BUSY_NS;

	while (bind(x->fd, (const struct sockaddr *)me, sizeof(*me)) < 0) {
		if (errno != EBUSY || clock_mono_ns() > until)
			return -errno;
		clock_sleep_until(clock_mono_ns() + BUSY_NS / 50);
	}
	return 0;
}

static int set_up(struct link_xdp *x, int ifindex, unsigned queue)
{
	struct xdp_umem_reg reg = { .len = FRAMES * CHUNK, .chunk_size = CHUNK };
	struct sockaddr_xdp me = { .sxdp_family = AF_XDP,
		                   .sxdp_ifindex = (uint32_t)ifindex,
		                   .sxdp_queue_id = queue,
		                   .sxdp_flags = XDP_COPY };
	int size = RING, rc;

	x->memory = mmap(NULL, FRAMES * CHUNK, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (x->memory == MAP_FAILED) {
		x->memory = NULL;
		return -errno;
	}
	reg.addr = (uintptr_t)x->memory;
	if (setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) < 0 ||
	    setsockopt(x->fd, SOL_XDP, XDP_UMEM_FILL_RING, &size, sizeof(size)) < 0 ||
	    setsockopt(x->fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &size, sizeof(size)) <
	            0 ||
	    setsockopt(x->fd, SOL_XDP, XDP_TX_RING, &size, sizeof(size)) < 0)
		return -errno;
	rc = map_rings(x);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < FRAMES; i++)
		x->free[i] = (uint64_t)(FRAMES - 1 - i) * CHUNK + i % SPREAD * 64;
	x->n_free = FRAMES;
	return bind_queue(x, &me);
}

int link_xdp_open(struct link **out, int ifindex, unsigned queue, struct diag *d)
{
	struct link_xdp *x = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return -ENOMEM;
	x->link.ops = &xdp_ops;
	x->link.batch = LINK_BATCH;
	x->link.ethernet = true;
	x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	rc = x->fd < 0 ? -errno : set_up(x, ifindex, queue);
	if (rc < 0) {
		diag_set(d, rc, "cannot send through AF_XDP, queue %u: %s%s", queue,
		         strerror(-rc),
		         rc == -EPERM   ? " (it takes CAP_NET_RAW)"
		         : rc == -EBUSY ? " (another program has it)"
		         : rc == -EINVAL && queue
		                 ? " (each sending thread takes a queue of the interface)"
		                 : "");
		close_xdp(&x->link);
		return rc;
	}
	*out = &x->link;
	return 0;
}
