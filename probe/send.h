/* probe/send.h - the sending half of a scan: one thread or several.
 *
 * All threads send at one pace and take their targets from one source: who has the
 * turn waits until packets are due and passes it on; targets for them are taken by
 * one thread at a time, and their packets sent through links of the thread's own.
 * So the rate, and which targets are probed, do not depend on the number of
 * threads. */
#ifndef PROBE_SEND_H
#define PROBE_SEND_H

#include "probe/scan.h"

/* Until the source ends, and every target has had its packets.  halt: stop because
 * something else failed.  On the calling thread and s->n_senders - 1 more.  0,
 * ERR_STOPPED, or what failed first. */
int send_run(struct probe_scan *s, const struct probe_source *src,
             const atomic_bool *halt, struct diag *d);

#endif
