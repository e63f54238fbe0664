#include "probe/route.h"

#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

#define RESOLVE_NS (5 * NS_PER_S) /* DAD of a fresh address takes 1 to 2 s of it */
#define ASK_NS     (1 * NS_PER_S)
#define LOOK_NS    (10 * NS_PER_MS)

enum { PORT_DISCARD = 9 };

struct addr128 route_anywhere(bool v6)
{
	return v6 ? (struct addr128){ UINT64_C(0x2000) << 48, 1 }
	          : addr_from_v4(UINT32_C(0x01000001));
}

static const char *family_str(bool v6)
{
	return v6 ? "IPv6" : "IPv4";
}

int route_interface(struct route_interface *out, const char *name, struct addr128 to,
                    struct diag *d)
{
	struct netlink_route route = { 0 };
	char text[ADDR_STRLEN];
	int rc;

	addr_format(text, to);
	if (!name) {
		rc = netlink_route(&route, to, 0);
		if (rc < 0)
			return diag_set(d, rc, "no route to %s (%s): name an interface?",
			                text, strerror(-rc));
	}
	rc = netlink_link(&out->link, name, route.ifindex);
	if (rc < 0)
		return diag_set(d, rc, "interface %s: %s", name ? name : text,
		                strerror(-rc));
	if (!(out->link.flags & IFF_UP))
		return diag_set(d, -ENETDOWN, "interface %s is down", out->link.name);
	out->loopback = out->link.type == ARPHRD_LOOPBACK;
	out->ethernet = out->loopback || out->link.type == ARPHRD_ETHER;
	return 0;
}

/* Asked without an interface first: asked with one, the kernel takes any IPv4
 * address for on-link that it has no route to. */
static int find_route(struct netlink_route *out, const struct route_interface *i,
                      struct addr128 to)
{
	int rc = netlink_route(out, to, 0);

	if (rc == 0 && out->ifindex == i->link.ifindex)
		return 0;
	rc = netlink_route(out, to, i->link.ifindex);
	if (rc == 0 && (out->has_gateway || !addr_is_v4(to)))
		return 0;
	return netlink_widest_route(out, !addr_is_v4(to), i->link.ifindex);
}

static int ask_kernel(struct addr128 a, const struct route_interface *i)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		                   .sin6_port = htons(PORT_DISCARD),
		                   .sin6_scope_id = (uint32_t)i->link.ifindex };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		                  .sin_port = htons(PORT_DISCARD) };
	bool is_v4 = addr_is_v4(a);
	int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;
	uint8_t net[16];

	if (fd < 0)
		return -errno;
	addr_store(net, a);
	memcpy(&v6.sin6_addr, net, 16);
	memcpy(&v4.sin_addr, net + 12, 4);
	(void)setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, i->link.name,
	                 (socklen_t)strlen(i->link.name) + 1);
	if (sendto(fd, "", 0, MSG_DONTWAIT, is_v4 ? (void *)&v4 : (void *)&v6,
	           is_v4 ? sizeof(v4) : sizeof(v6)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int resolve(uint8_t mac[static 6], struct addr128 a,
                   const struct route_interface *i, struct diag *d)
{
	uint64_t now = clock_mono_ns(), end = now + RESOLVE_NS, ask_at = now;
	char text[ADDR_STRLEN];
	int rc, asked = 0;

	for (;;) {
		rc = netlink_neighbour(mac, a, i->link.ifindex);
		if (rc == 0)
			return 0;
		now = clock_mono_ns();
		if (now >= end)
			break;
		if (now >= ask_at) {
			asked = ask_kernel(a, i);
			ask_at = now + ASK_NS;
		}
		clock_sleep_until(now + LOOK_NS);
	}
	addr_format(text, a);
	return diag_set(d, -EHOSTUNREACH,
	                "gateway %s on %s does not tell its MAC address%s%s "
	                "(give it with --gateway-mac)",
	                text, i->link.name, asked < 0 ? ": " : "",
	                asked < 0 ? strerror(-asked) : "");
}

static int choose_source(struct route_path *out, const struct netlink_route *route,
                         const struct route_interface *i, const struct route_wish *wish,
                         struct diag *d)
{
	bool v6 = !addr_is_v4(wish->to);
	int rc = 0;

	if (wish->has_source)
		out->source = wish->source;
	else if (route->has_source)
		out->source = route->source;
	else
		rc = netlink_address(&out->source, v6, i->link.ifindex);
	if (rc < 0)
		return diag_set(d, rc,
		                "%s has no %s address to send from: %s "
		                "(give one with --source-ip)",
		                i->link.name, family_str(v6), strerror(-rc));
	return 0;
}

int route_path(struct route_path *out, const struct route_interface *i,
               const struct route_wish *wish, struct diag *d)
{
	bool v6 = !addr_is_v4(wish->to), need_mac = i->ethernet && !i->loopback;
	struct netlink_route route = { 0 };
	int rc = 0;

	memset(out, 0, sizeof(*out));
	if (!wish->has_source || (need_mac && !wish->has_mac))
		rc = find_route(&route, i, wish->to);
	if (rc < 0)
		return diag_set(d, rc, "no %s route through %s: %s", family_str(v6),
		                i->link.name, strerror(-rc));
	rc = choose_source(out, &route, i, wish, d);
	out->via = i->loopback ? ROUTE_KERNEL : ROUTE_FRAMES;
	if (rc < 0 || !need_mac)
		return rc;
	if (wish->has_mac) {
		memcpy(out->next_mac, wish->mac, 6);
		return 0;
	}
	if (!route.has_gateway) {
		out->via = ROUTE_KERNEL;
		return 0;
	}
	return wish->quiet ? 0 : resolve(out->next_mac, route.gateway, i, d);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool route_parse_mac(uint8_t mac[static 6], const char *text)
{
	uint8_t value[6];

	for (unsigned i = 0; i < 6; i++) {
		int hi, lo;

		if (i && *text != ':' && *text != '-')
			return false;
		text += i > 0;
		hi = hex_digit(text[0]);
		lo = hi < 0 ? -1 : hex_digit(text[1]);
		if (lo < 0)
			return false;
		value[i] = (uint8_t)(hi << 4 | lo);
		text += 2;
	}
	if (*text)
		return false;
	memcpy(mac, value, 6);
	return true;
}
