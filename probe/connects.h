/* probe/connects.h - a scan by whole TCP connections, for want of raw sockets.
 *
 * The sending thread starts connections, the receiving one learns how they end:
 * open, refused, or an ICMP error.  Those that have ended are closed at once, open
 * ones by a RST, and those that are as silent after a time-out without a word.  The
 * number of connections in progress is bounded by RLIMIT_NOFILE, which is raised as
 * far as it goes; when there are so many, starting another one waits.
 *
 * The kernel sends a SYN again after a second: with a time-out below that, there is
 * one per connection. */
#ifndef PROBE_CONNECTS_H
#define PROBE_CONNECTS_H

#include <stdatomic.h>

#include "common/addr.h"
#include "common/err.h"
#include "probe/link.h"

struct connects;

struct connects_config {
	int epoll;           /* to be told of how they end; borrowed */
	uint64_t event_base; /* ...by events of this number plus the descriptor */
	uint64_t timeout_ns;
	const char *interface; /* NULL: as the kernel routes */
	bool bind_source;      /* send from the address that is given */
	uint16_t source_port;  /* 0: the kernel chooses */
	unsigned hop_limit;
	atomic_uint_fast64_t *refused; /* counts what never left */
};

int connects_new(struct connects **out, const struct connects_config *cfg,
                 struct diag *d);
void connects_free(struct connects *c); /* closes all that is open */

/* How many can be in progress at once. */
unsigned connects_max(const struct connects *c);

struct connect_target {
	struct addr128 source, addr;
	uint16_t port;
	uint32_t tag;
};

/* On the sending thread.  Waits where there are too many.  1: started, 0: refused
 * by the kernel and counted, negative: nothing more will do. */
int connects_start(struct connects *c, const struct connect_target *t, struct diag *d);

/* On the receiving thread: event number event_base + fd has come.  True: *o says
 * how it ended; false: in no way that is an answer. */
bool connects_end(struct connects *c, int fd, uint64_t now_us, struct observation *o);

/* On the receiving thread, now and then: close what is older than the time-out. */
void connects_expire(struct connects *c, uint64_t now_ns);

#endif
