#include "probe/netlink.h"

#include <linux/genetlink.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_BYTES = 32768, ATTRS = 64 };

struct request {
	struct nlmsghdr h;
	union {
		struct ifinfomsg link;
		struct rtmsg route;
		struct ifaddrmsg address;
		struct ndmsg neighbour;
		struct genlmsghdr generic;
	};
	char attrs[128];
};

/* Called for each message of the answer; nonzero ends the reading. */
typedef int (*message_fn)(void *ctx, const struct nlmsghdr *h);

static void start(struct request *q, uint16_t type, uint16_t flags, size_t body)
{
	memset(q, 0, sizeof(*q));
	q->h.nlmsg_type = type;
	q->h.nlmsg_flags = NLM_F_REQUEST | flags;
	q->h.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
}

static void add_attr(struct request *q, uint16_t type, const void *data, size_t n)
{
	struct rtattr *a = (struct rtattr *)((char *)q + NLMSG_ALIGN(q->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(n);
	memcpy(RTA_DATA(a), data, n);
	q->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->h.nlmsg_len) + RTA_ALIGN(a->rta_len));
}

static void add_addr(struct request *q, uint16_t type, struct addr128 a)
{
	uint8_t net[16];

	addr_store(net, a);
	if (addr_is_v4(a))
		add_attr(q, type, net + 12, 4);
	else
		add_attr(q, type, net, 16);
}

static int read_answer(int fd, message_fn fn, void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[REPLY_BYTES];

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
		unsigned left = (unsigned)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = NLMSG_DATA(h);

				return e->error;
			}
			if (h->nlmsg_type == NLMSG_DONE || fn(ctx, h))
				return 0;
			if (!(h->nlmsg_flags & NLM_F_MULTI))
				return 0;
		}
	}
}

static int ask_protocol(int protocol, struct request *q, message_fn fn, void *ctx)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), rc;
	struct timeval limit = { .tv_sec = 5 };

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	rc = send(fd, q, q->h.nlmsg_len, 0) < 0 ? -errno : read_answer(fd, fn, ctx);
	close(fd);
	return rc;
}

static int ask(struct request *q, message_fn fn, void *ctx)
{
	return ask_protocol(NETLINK_ROUTE, q, fn, ctx);
}

static void index_attrs(const struct rtattr *table[static ATTRS], const struct rtattr *a,
                        size_t left)
{
	memset(table, 0, ATTRS * sizeof(table[0]));
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if ((a->rta_type & NLA_TYPE_MASK) < ATTRS)
			table[a->rta_type & NLA_TYPE_MASK] = a;
}

static bool attr_addr(struct addr128 *out, const struct rtattr *a)
{
	uint8_t net[16] = { [10] = 0xff, [11] = 0xff };

	if (!a || (RTA_PAYLOAD(a) != 4 && RTA_PAYLOAD(a) != 16))
		return false;
	if (RTA_PAYLOAD(a) == 4)
		memcpy(net + 12, RTA_DATA(a), 4);
	else
		memcpy(net, RTA_DATA(a), 16);
	*out = addr_load(net);
	return true;
}

static uint32_t attr_u32(const struct rtattr *a)
{
	uint32_t v = 0;

	if (a && RTA_PAYLOAD(a) >= sizeof(v))
		memcpy(&v, RTA_DATA(a), sizeof(v));
	return v;
}

static int on_link(void *ctx, const struct nlmsghdr *h)
{
	const struct ifinfomsg *m = NLMSG_DATA(h);
	const struct rtattr *at[ATTRS];
	struct netlink_link *out = ctx;

	if (h->nlmsg_type != RTM_NEWLINK)
		return 0;
	index_attrs(at, IFLA_RTA(m), IFLA_PAYLOAD(h));
	out->ifindex = m->ifi_index;
	out->type = m->ifi_type;
	out->flags = m->ifi_flags;
	out->mtu = attr_u32(at[IFLA_MTU]);
	if (at[IFLA_IFNAME] && RTA_PAYLOAD(at[IFLA_IFNAME]) <= sizeof(out->name))
		memcpy(out->name, RTA_DATA(at[IFLA_IFNAME]),
		       RTA_PAYLOAD(at[IFLA_IFNAME]));
	if (at[IFLA_STATS64] && RTA_PAYLOAD(at[IFLA_STATS64]) >= 8 * sizeof(uint64_t)) {
		uint64_t v[8]; /* rx, tx: packets, bytes, errors, dropped */

		memcpy(v, RTA_DATA(at[IFLA_STATS64]), sizeof(v));
		out->tx_packets = v[1];
		out->tx_dropped = v[5] + v[7];
	}
	if (at[IFLA_ADDRESS] && RTA_PAYLOAD(at[IFLA_ADDRESS]) == 6)
		memcpy(out->mac, RTA_DATA(at[IFLA_ADDRESS]), 6);
	return 1;
}

int netlink_link(struct netlink_link *out, const char *name, int ifindex)
{
	struct request q;
	int rc;

	if (name && (!*name || strlen(name) >= IF_NAMESIZE))
		return -ENODEV;
	memset(out, 0, sizeof(*out));
	start(&q, RTM_GETLINK, 0, sizeof(q.link));
	q.link.ifi_index = ifindex;
	if (name)
		add_attr(&q, IFLA_IFNAME, name, strlen(name) + 1);
	rc = ask(&q, on_link, out);
	return rc < 0 ? rc : out->ifindex ? 0 : -ENODEV;
}

struct widest {
	struct netlink_route route;
	int ifindex;
	unsigned len; /* of the best so far; 129: none */
};

static bool read_route(struct netlink_route *out, unsigned *len, const struct nlmsghdr *h)
{
	const struct rtmsg *m = NLMSG_DATA(h);
	const struct rtattr *at[ATTRS];

	if (h->nlmsg_type != RTM_NEWROUTE)
		return false;
	index_attrs(at, RTM_RTA(m), RTM_PAYLOAD(h));
	*out = (struct netlink_route){ .ifindex = (int)attr_u32(at[RTA_OIF]) };
	*len = m->rtm_dst_len;
	out->has_gateway = attr_addr(&out->gateway, at[RTA_GATEWAY]);
	out->has_source = attr_addr(&out->source, at[RTA_PREFSRC]);
	if (!out->has_gateway && at[RTA_VIA] &&
	    RTA_PAYLOAD(at[RTA_VIA]) == sizeof(struct rtvia) + 16) {
		uint8_t net[16]; /* an IPv4 route by way of an IPv6 neighbour */

		memcpy(net, (char *)RTA_DATA(at[RTA_VIA]) + sizeof(struct rtvia), 16);
		out->gateway = addr_load(net);
		out->has_gateway = true;
	}
	return out->ifindex != 0 &&
	       (m->rtm_type == RTN_UNICAST || m->rtm_type == RTN_LOCAL);
}

static int on_route(void *ctx, const struct nlmsghdr *h)
{
	struct netlink_route route;
	unsigned len;

	if (read_route(&route, &len, h))
		*(struct netlink_route *)ctx = route;
	return 1;
}

static int on_any_route(void *ctx, const struct nlmsghdr *h)
{
	struct netlink_route route;
	struct widest *w = ctx;
	unsigned len;

	if (read_route(&route, &len, h) && route.ifindex == w->ifindex &&
	    route.has_gateway && len < w->len) {
		w->route = route;
		w->len = len;
	}
	return 0;
}

int netlink_route(struct netlink_route *out, struct addr128 to, int ifindex)
{
	struct request q;
	int rc;

	memset(out, 0, sizeof(*out));
	start(&q, RTM_GETROUTE, 0, sizeof(q.route));
	q.route.rtm_family = addr_is_v4(to) ? AF_INET : AF_INET6;
	q.route.rtm_dst_len = addr_is_v4(to) ? 32 : 128;
	add_addr(&q, RTA_DST, to);
	if (ifindex)
		add_attr(&q, RTA_OIF, &(uint32_t){ (uint32_t)ifindex }, 4);
	rc = ask(&q, on_route, out);
	return rc < 0 ? rc : out->ifindex ? 0 : -ENETUNREACH;
}

int netlink_widest_route(struct netlink_route *out, bool v6, int ifindex)
{
	struct widest w = { .ifindex = ifindex, .len = 129 };
	struct request q;
	int rc;

	start(&q, RTM_GETROUTE, NLM_F_DUMP, sizeof(q.route));
	q.route.rtm_family = v6 ? AF_INET6 : AF_INET;
	rc = ask(&q, on_any_route, &w);
	if (rc == 0)
		*out = w.route;
	return rc < 0 ? rc : w.len <= 128 ? 0 : -ENETUNREACH;
}

struct address_search {
	struct addr128 address;
	int ifindex;
	bool found;
};

static int on_address(void *ctx, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	const struct rtattr *at[ATTRS];
	struct address_search *s = ctx;
	uint32_t flags;

	if (h->nlmsg_type != RTM_NEWADDR || (int)m->ifa_index != s->ifindex)
		return 0;
	index_attrs(at, IFA_RTA(m), IFA_PAYLOAD(h));
	flags = at[IFA_FLAGS] ? attr_u32(at[IFA_FLAGS]) : m->ifa_flags;
	if (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED) ||
	    m->ifa_scope >= RT_SCOPE_LINK || s->found)
		return 0;
	s->found =
		attr_addr(&s->address, at[IFA_LOCAL] ? at[IFA_LOCAL] : at[IFA_ADDRESS]);
	return 0;
}

int netlink_address(struct addr128 *out, bool v6, int ifindex)
{
	struct address_search s = { .ifindex = ifindex };
	struct request q;
	int rc;

	start(&q, RTM_GETADDR, NLM_F_DUMP, sizeof(q.address));
	q.address.ifa_family = v6 ? AF_INET6 : AF_INET;
	rc = ask(&q, on_address, &s);
	if (rc < 0)
		return rc;
	if (!s.found)
		return -EADDRNOTAVAIL;
	*out = s.address;
	return 0;
}

struct neighbour_search {
	uint8_t mac[6];
	bool found;
};

static int on_neighbour(void *ctx, const struct nlmsghdr *h)
{
	enum {
		USABLE = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT
	};
	const struct ndmsg *m = NLMSG_DATA(h);
	struct neighbour_search *s = ctx;
	const struct rtattr *at[ATTRS];

	if (h->nlmsg_type != RTM_NEWNEIGH)
		return 1;
	index_attrs(at,
	            (const struct rtattr *)((const char *)m + NLMSG_ALIGN(sizeof(*m))),
	            NLMSG_PAYLOAD(h, sizeof(*m)));
	if (m->ndm_state & USABLE && at[NDA_LLADDR] && RTA_PAYLOAD(at[NDA_LLADDR]) == 6) {
		memcpy(s->mac, RTA_DATA(at[NDA_LLADDR]), 6);
		s->found = true;
	}
	return 1;
}

int netlink_neighbour(uint8_t mac[static 6], struct addr128 a, int ifindex)
{
	struct neighbour_search s = { .found = false };
	struct request q;
	int rc;

	start(&q, RTM_GETNEIGH, 0, sizeof(q.neighbour));
	q.neighbour.ndm_family = addr_is_v4(a) ? AF_INET : AF_INET6;
	q.neighbour.ndm_ifindex = ifindex;
	add_addr(&q, NDA_DST, a);
	rc = ask(&q, on_neighbour, &s);
	if (rc < 0)
		return rc;
	if (!s.found)
		return -ENOENT;
	memcpy(mac, s.mac, 6);
	return 0;
}

/* --- the family "netdev" of generic netlink, in Linux since 6.3 ------------------ */

enum { NETDEV_DEV_GET = 1, NETDEV_IFINDEX = 1, NETDEV_XDP_FEATURES = 3 };

static int on_family(void *ctx, const struct nlmsghdr *h)
{
	const char *body = NLMSG_DATA(h);
	const struct rtattr *at[ATTRS], *id;

	if (h->nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN))
		return 0;
	index_attrs(at, (const struct rtattr *)(const void *)(body + GENL_HDRLEN),
	            NLMSG_PAYLOAD(h, GENL_HDRLEN));
	id = at[CTRL_ATTR_FAMILY_ID];
	if (id && RTA_PAYLOAD(id) >= sizeof(uint16_t))
		memcpy(ctx, RTA_DATA(id), sizeof(uint16_t));
	return 1;
}

static int on_features(void *ctx, const struct nlmsghdr *h)
{
	const char *body = NLMSG_DATA(h);
	const struct rtattr *at[ATTRS], *features;

	if (h->nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN))
		return 0;
	index_attrs(at, (const struct rtattr *)(const void *)(body + GENL_HDRLEN),
	            NLMSG_PAYLOAD(h, GENL_HDRLEN));
	features = at[NETDEV_XDP_FEATURES];
	if (features && RTA_PAYLOAD(features) >= sizeof(uint64_t))
		memcpy(ctx, RTA_DATA(features), sizeof(uint64_t));
	return 1;
}

int netlink_xdp_features(uint64_t *out, int ifindex)
{
	uint32_t index = (uint32_t)ifindex;
	struct request q;
	uint16_t family = 0;
	int rc;

	start(&q, GENL_ID_CTRL, 0, sizeof(q.generic));
	q.generic.cmd = CTRL_CMD_GETFAMILY;
	add_attr(&q, CTRL_ATTR_FAMILY_NAME, "netdev", sizeof("netdev"));
	rc = ask_protocol(NETLINK_GENERIC, &q, on_family, &family);
	if (rc < 0 || family == 0)
		return rc < 0 ? rc : -ENOENT;
	*out = UINT64_MAX;
	start(&q, family, 0, sizeof(q.generic));
	q.generic.cmd = NETDEV_DEV_GET;
	add_attr(&q, NETDEV_IFINDEX, &index, sizeof(index));
	rc = ask_protocol(NETLINK_GENERIC, &q, on_features, out);
	if (rc < 0)
		return rc;
	return *out == UINT64_MAX ? -ENOENT : 0;
}
