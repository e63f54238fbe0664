#include "probe/batch.h"

#include <string.h>

#include "common/clock.h"

/* A transmit queue drains in microseconds to milliseconds; one that has taken
 * nothing for this long is stuck. */
#define STUCK_NS   (5 * NS_PER_S)
#define BACKOFF_NS (100 * NS_PER_US)

void batch_init(struct batch *b)
{
	memset(b->msg, 0, sizeof(b->msg));
	for (unsigned i = 0; i < LINK_BATCH; i++) {
		b->iov[i] = (struct iovec){ b->frame[i], 0 };
		b->msg[i].msg_hdr.msg_iov = &b->iov[i];
		b->msg[i].msg_hdr.msg_iovlen = 1;
	}
}

static bool is_full(int err)
{
	return err == EAGAIN || err == ENOBUFS || err == ENOMEM;
}

int batch_send(struct batch *b, struct link *l, int fd, bool (*hard)(int err),
               struct diag *d)
{
	unsigned at = 0, n = l->filled;
	uint64_t since = 0, now;

	l->filled = 0;
	while (at < n) {
		int sent = sendmmsg(fd, b->msg + at, n - at, 0), err = errno;

		if (sent > 0) {
			at += (unsigned)sent;
			atomic_fetch_add_explicit(&l->sent, (unsigned)sent,
			                          memory_order_relaxed);
			since = 0;
			continue;
		}
		if (sent < 0 && err == EINTR)
			continue;
		now = clock_mono_ns();
		if (!since)
			since = now;
		if (is_full(err) && now - since < STUCK_NS) {
			clock_sleep_until(now + BACKOFF_NS);
			continue;
		}
		if (is_full(err) || hard(err))
			return diag_set(d, -err, "sending failed: %s", strerror(err));
		atomic_fetch_add_explicit(&l->errors, 1, memory_order_relaxed);
		at++;
	}
	return 0;
}
