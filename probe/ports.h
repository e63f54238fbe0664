/* probe/ports.h - lists of ports: "80,443,8000-8100,udp/53,icmp".
 *
 * Ports go from 1 to 65535.  "tcp/" or "udp/" before a port or a range says of
 * which protocol; "T:" and "U:" (nmap's and masscan's) do so for all that follow.
 * "0-65535" and "-" are all of them, as elsewhere.  "icmp" and "icmp6" stand for the modules without ports.  A bare port is of the
 * scan's module. */
#ifndef PROBE_PORTS_H
#define PROBE_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Values are those of probe_target.port. */
struct ports {
	uint32_t *v; /* ascending, each once; owned */
	size_t n;
};

/* Add those that text names.  0, -ENOMEM, or ERR_PARSE with the offending part
 * in *d and *p as it was. */
int ports_add(struct ports *p, const char *text, struct diag *d);

/* Take away those that text names, a bare one of each protocol. */
int ports_remove(struct ports *p, const char *text, struct diag *d);

/* Add port 0, by which the modules without ports are meant. */
int ports_add_none(struct ports *p);
/* Whether there are bare ports, ports of a protocol (PROBE_TCP, PROBE_UDP), or,
 * with 0, the module without ports. */
bool ports_have(const struct ports *p, uint32_t kind);
bool ports_have_bare(const struct ports *p);

/* Turn bare ports into ports of the protocols: PROBE_TCP, PROBE_UDP, or both. */
int ports_resolve(struct ports *p, uint32_t kinds);

/* Each port with each hop limit from first to last (PROBE_HOP).  0 or -ENOMEM. */
int ports_add_hops(struct ports *p, unsigned first, unsigned last);
void ports_fini(struct ports *p);

#endif
