/* probe/grab_caps.h - how many connections go to one host and one network at once.
 *
 * A network is an IPv6 /64 or an IPv4 /24.  Who would be one too many waits in
 * line there, and comes out when another one has ended. */
#ifndef PROBE_GRAB_CAPS_H
#define PROBE_GRAB_CAPS_H

#include "common/addr.h"
#include "probe/probe.h"

struct caps;

/* At most so many per host and per network (0: no limit).  active and waiting (1 or
 * more) are how many there can be of each.  NULL: out of memory. */
struct caps *caps_new(unsigned per_host, unsigned per_net, unsigned active,
                      unsigned waiting);
void caps_free(struct caps *c);

/* Not to be asked when caps_full().  True: the target may go, and is counted.
 * False: it waits. */
bool caps_take(struct caps *c, const struct probe_target *t);
bool caps_full(const struct caps *c); /* nobody else can wait */

/* One to that address has ended.  True: *next may go, and is counted. */
bool caps_give(struct caps *c, struct addr128 addr, struct probe_target *next);

unsigned caps_waiting(const struct caps *c);

#endif
