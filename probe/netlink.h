/* probe/netlink.h - questions to the kernel's routing tables (rtnetlink(7)).
 *
 * Needs no privilege and no socket of the family that is asked about, so a host
 * without IPv4 is no special case.  Each call opens and closes its socket. */
#ifndef PROBE_NETLINK_H
#define PROBE_NETLINK_H

#include <net/if.h>
#include <stdbool.h>

#include "common/addr.h"
#include "common/err.h"

struct netlink_link {
	char name[IF_NAMESIZE];
	int ifindex;
	unsigned type, flags; /* ARPHRD_*, IFF_* */
	unsigned mtu;
	uint8_t mac[6];                  /* zeros where there is none */
	uint64_t tx_packets, tx_dropped; /* since it is there; the latter with errors */
};

/* By name, or, with name NULL, by index.  0, -ENODEV, ... */
int netlink_link(struct netlink_link *out, const char *name, int ifindex);

struct netlink_route {
	int ifindex;
	bool has_gateway, has_source;
	struct addr128 gateway, source;
};

/* The route to an address, through an interface (0: any).  0, -ENETUNREACH, ... */
int netlink_route(struct netlink_route *out, struct addr128 to, int ifindex);

/* Of the routes with a gateway on that interface, the one to the largest
 * prefix, which is the default route where there is one. */
int netlink_widest_route(struct netlink_route *out, bool v6, int ifindex);

/* A global address of the interface that is ready for use; -EADDRNOTAVAIL. */
int netlink_address(struct addr128 *out, bool v6, int ifindex);

/* The link-layer address of a neighbour, if the kernel knows it now: 0, or
 * -ENOENT. */
int netlink_neighbour(uint8_t mac[static 6], struct addr128 a, int ifindex);

/* What the driver can do with XDP (NETLINK_XDP_*); -ENOENT: this kernel does not say. */
enum { NETLINK_XDP_TRANSMIT = 1 << 2 };
int netlink_xdp_features(uint64_t *out, int ifindex);

#endif
