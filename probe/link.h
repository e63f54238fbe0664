/* probe/link.h - how frames leave, and how captured packets come back.
 *
 * Sending back-ends stand behind one table: reserve a frame, fill it in place,
 * commit it, and submit when a batch is full.  A back-end owns its buffers and
 * reuses them; nothing is allocated per packet.  One thread at a time.
 *
 * submit() hands every committed frame to the kernel: full queues are waited
 * for, not dropped.  A frame that the kernel refuses for good is counted in
 * ->errors and skipped; a device that is gone is an error. */
#ifndef PROBE_LINK_H
#define PROBE_LINK_H

#include <stdatomic.h>

#include "common/err.h"
#include "common/observation.h"
#include "probe/packet.h"

enum { LINK_BATCH = 64 };

struct link_ops;

struct link { /* the first member of each back-end's struct */
	const struct link_ops *ops;
	bool ethernet;   /* frames start with an Ethernet header, else with IP */
	unsigned filled; /* committed and not yet submitted */
	unsigned batch;  /* frames that it takes at once, and is efficient with */
	atomic_uint_fast64_t sent, errors;
};

struct link_ops {
	const char *name;

	/* Room for PACKET_MAX bytes; NULL: the batch is full, submit first. */
	uint8_t *(*reserve)(struct link *l);
	void (*commit)(struct link *l, size_t len); /* of the frame reserved last */
	int (*submit)(struct link *l, struct diag *d);

	/* Before the first frame, and with the privileges that opening takes: how long
	 * most frames will be.  NULL: it does not matter. */
	int (*tune)(struct link *l, size_t usual, struct diag *d);
	void (*close)(struct link *l);
};

static inline void link_close(struct link *l)
{
	if (l)
		l->ops->close(l);
}

/* AF_PACKET with sendmmsg(2).  Ethernet interfaces get frames; on those without
 * a link-layer address (tun, PPP, tunnels) the frames start with IP. */
int link_packet_open(struct link **out, int ifindex, bool ethernet, struct diag *d);

/* A packet socket with a ring of frames (PACKET_TX_RING), for Ethernet. */
int link_txring_open(struct link **out, int ifindex, struct diag *d);

/* AF_XDP in copy mode, through one queue of an Ethernet interface, which can have only
 * one such socket. */
int link_xdp_open(struct link **out, int ifindex, unsigned queue, struct diag *d);

/* XDP live frames on an Ethernet interface whose driver can send them; needs tune().
 * Opening takes CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN of the machine, sending no
 * privilege. */
int link_live_open(struct link **out, int ifindex, struct diag *d);

/* Raw IP sockets: the kernel routes each packet and finds each neighbour.  For
 * targets on the link itself, where there is no gateway to send to. */
int link_ip_open(struct link **out, bool v6, const char *interface, struct diag *d);

/* A capture file instead of the network; "-" is standard output.  Appears under
 * its name as it is written. */
int link_pcap_open(struct link **out, const char *path, struct diag *d);

/* Packets in words, on standard output. */
int link_print_open(struct link **out, struct diag *d);

/* Frames are given to sent(), on the sending thread; NULL: only counted. */
typedef void (*link_sent_fn)(void *ctx, const uint8_t *frame, size_t len);
int link_memory_open(struct link **out, link_sent_fn sent, void *ctx);

/* Receiving: the same idea with one call. */
struct receiver_ops;

struct receiver {
	const struct receiver_ops *ops;
	enum packet_l2 l2;
};

/* Who gets what was received: whole packets, of what was captured and when it
 * arrived; or answers that the kernel's own sockets gave and that were judged
 * already, o NULL: as none of ours. */
struct receive_sink {
	void (*packet)(void *ctx, const uint8_t *bytes, size_t captured,
	               uint64_t when_us);
	void (*answer)(void *ctx, const struct observation *o);
	void *ctx;
};

struct receiver_ops {
	/* Wait up to timeout_ms for packets or answers and give them to `to`; how
	 * many, or negative. */
	int (*poll)(struct receiver *r, int timeout_ms, const struct receive_sink *to,
	            struct diag *d);
	uint64_t (*drops)(struct receiver *r); /* lost for lack of room so far */
	void (*close)(struct receiver *r);
};

static inline void receiver_close(struct receiver *r)
{
	if (r)
		r->ops->close(r);
}

/* libpcap (TPACKET_V3 ring) on one interface, with a filter in its language and so many
 * bytes of room; 0: 24 MiB. */
int receiver_pcap_open(struct receiver **out, const char *interface, const char *filter,
                       size_t buffer, struct diag *d);

/* A bounded queue; receiver_inject() may be called from any thread, and waits
 * for room.  captured < len stands for a truncated capture. */
int receiver_memory_open(struct receiver **out, enum packet_l2 l2);
void receiver_inject(struct receiver *r, const uint8_t *bytes, size_t captured,
                     uint64_t when_us);

#endif
