/* probe/batch.h - buffers and message headers for sendmmsg(2), made once.
 *
 * Shared by the back-ends that send through sockets; not for others. */
#ifndef PROBE_BATCH_H
#define PROBE_BATCH_H

#include <sys/socket.h>

#include "probe/link.h"

struct batch {
	uint8_t frame[LINK_BATCH][PACKET_MAX];
	struct iovec iov[LINK_BATCH];
	struct mmsghdr msg[LINK_BATCH];
};

void batch_init(struct batch *b);

/* Send messages 0..n-1, all of them; see link.h for what happens to failures.
 * l's counters are updated, and ->filled is 0 afterwards.  hard: whether an
 * errno means that nothing more can be sent. */
int batch_send(struct batch *b, struct link *l, int fd, bool (*hard)(int err),
               struct diag *d);

#endif
