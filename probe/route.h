/* probe/route.h - which interface, source address and next hop a scan uses.
 *
 * A scan leaves through one interface.  Per family the next hop is, in order:
 *   the MAC address that was given;
 *   none, on interfaces without Ethernet (tun, PPP, tunnels);
 *   the gateway of the route, resolved by the kernel (NDP, ARP), which is made
 *   to do so by one UDP datagram to the gateway's discard port;
 *   otherwise the targets are on the link itself, where each has a MAC address
 *   of its own: ROUTE_KERNEL, that is, raw IP sockets, so that the kernel
 *   resolves every neighbour.  Also on lo, where the kernel takes frames that
 *   did not come through its routing for martians.
 * Everything is asked over netlink: IPv4 is not touched for an IPv6 scan. */
#ifndef PROBE_ROUTE_H
#define PROBE_ROUTE_H

#include "probe/netlink.h"

struct route_interface {
	struct netlink_link link;
	bool ethernet; /* lo included: its addresses are zeros */
	bool loopback;
};

enum route_via { ROUTE_FRAMES, ROUTE_KERNEL };

struct route_path {
	enum route_via via;
	struct addr128 source;
	uint8_t next_mac[6];
};

struct route_wish {
	struct addr128 to; /* an address that the scan will probe */
	bool has_source, has_mac;
	struct addr128 source;
	uint8_t mac[6];
	bool quiet; /* send nothing: the gateway need not be resolved */
};

/* An address of a family to ask the route for when nothing better is known:
 * what everything but on-link and special routes has in common. */
struct addr128 route_anywhere(bool v6);

/* name NULL: the interface through which `to` is reached. */
int route_interface(struct route_interface *out, const char *name, struct addr128 to,
                    struct diag *d);
int route_path(struct route_path *out, const struct route_interface *i,
               const struct route_wish *wish, struct diag *d);

/* "aa:bb:cc:dd:ee:ff", also with dashes. */
bool route_parse_mac(uint8_t mac[static 6], const char *text);

#endif
