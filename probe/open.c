#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/priv.h"
#include "probe/cap.h"
#include "probe/lanes.h"
#include "probe/scan.h"
#include "probe/sockets.h"

enum { V4 = 0, V6 = 1, FILTER_MAX = 8192 };

/* Above this rate the cost of a packet matters, and AF_XDP has the lower one. */
#define AUTO_XDP_PPS 500e3

static int check_config(const struct probe_config *cfg, struct diag *d)
{
	if (!(cfg->rate_pps > 0) || !isfinite(cfg->rate_pps))
		return diag_set(d, -EINVAL,
		                "the rate must be more than 0 packets a second");
	if (cfg->probes < 1)
		return diag_set(d, -EINVAL, "the probes per target must be 1 or more");
	if (cfg->senders > PROBE_SENDERS || cfg->n_cores > PROBE_SENDERS)
		return diag_set(d, -EINVAL, "at most %d threads send", PROBE_SENDERS);
	if (cfg->vlan > 4094)
		return diag_set(d, -EINVAL, "a VLAN is a number from 1 to 4094");
	if (cfg->source_ports && cfg->source_port + cfg->source_ports > 65536)
		return diag_set(d, -EINVAL, "the source ports end at 65535");
	if (cfg->hop_limit > 255)
		return diag_set(d, -EINVAL, "the hop limit must be within 1 and 255");
	return 0;
}

static bool is_zero(struct addr128 a)
{
	return (a.hi | a.lo) == 0;
}

static bool wants_family(const struct probe_scan *s, int v6)
{
	const struct addr128 *to = s->cfg.route_to;

	if (is_zero(to[v6]) && !is_zero(to[!v6]))
		return false;
	for (unsigned i = 0; i < s->n_lanes; i++)
		if (s->lanes[i].reply.family == (v6 ? PROBE_V6 : PROBE_V4))
			return true;
	return false;
}

/* Whether the user asked for something that only this family can do. */
static bool must_have_family(const struct probe_scan *s, int v6)
{
	for (unsigned i = 0; s->cfg.modules.n && i < s->n_lanes; i++)
		if (s->lanes[i].reply.module->families == (v6 ? PROBE_V6 : PROBE_V4))
			return true;
	return false;
}

static int parse_sources(struct probe_scan *s, struct diag *d)
{
	const struct opt_list *list = &s->cfg.source_ips;
	struct reply_context *r = &s->reply;
	struct prefix p;

	if (list->n > REPLY_SOURCES - 2)
		return diag_set(d, -EINVAL, "more than %d source addresses",
		                REPLY_SOURCES - 2);
	for (int v6 = V4; v6 <= V6; v6++) {
		s->sources[v6].first = r->n_sources;
		for (size_t i = 0; i < list->n; i++) {
			if (!prefix_parse(&p, list->v[i]))
				return diag_set(d, ERR_PARSE, "source address '%s'",
				                list->v[i]);
			if (prefix_is_v4(p) == (v6 == V6))
				continue;
			r->source_bits[r->n_sources] = (uint8_t)(128 - p.len);
			r->sources[r->n_sources++] = p.addr;
		}
		s->sources[v6].n = r->n_sources - s->sources[v6].first;
		r->n_sources++; /* a place for the route's own address */
	}
	return 0;
}

static void drop_family(struct probe_scan *s, int v6)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < s->n_lanes; i++) {
		if (s->lanes[i].reply.family == (v6 ? PROBE_V6 : PROBE_V4))
			lane_fini(&s->lanes[i]);
		else
			s->lanes[kept++] = s->lanes[i];
	}
	s->n_lanes = kept;
}

static int make_templates(struct scan_lane *l, const struct probe_config *cfg,
                          const struct packet_plan *way, bool ethernet, struct diag *d)
{
	const struct probe_module *m = l->reply.module;
	uint8_t l4[PACKET_L4_MAX];
	struct packet_plan plan = *way;
	unsigned n = m->variants ? m->variants(l->reply.state) : 1;
	int rc = 0;

	l->templates = calloc(n, sizeof(*l->templates));
	if (!l->templates)
		return -ENOMEM;

	plan.ethernet = ethernet;
	plan.vlan = cfg->vlan;
	plan.v6 = l->reply.family == PROBE_V6;
	plan.ip_proto = m->ip_proto;
	plan.hop_limit = (uint8_t)(cfg->hop_limit ? cfg->hop_limit : 64);
	plan.checksum_at = m->checksum_at;
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		struct wire_out w = { l4, l4 + sizeof(l4), false };

		if (m->layout_of)
			m->layout_of(l->reply.state, i, &w);
		else
			m->layout(l->reply.state, &w);
		rc = w.bad ? -EMSGSIZE
		           : packet_template_init(&l->templates[i], &plan, l4,
		                                  (size_t)(w.at - l4));
	}
	if (rc < 0)
		return diag_set(d, rc, "%s: its packets do not fit", m->name);
	return 0;
}

/* Most frames are those of the last lane: IPv6, where there are two. */
static int tune_links(struct probe_scan *s, struct diag *d)
{
	const struct scan_lane *lane = s->n_lanes ? &s->lanes[s->n_lanes - 1] : NULL;
	int rc = 0;

	for (unsigned i = 0; lane && rc == 0 && i < s->n_senders; i++) {
		struct link *l = s->senders[i].links[lane->reply.family == PROBE_V6];

		if (l->ops->tune)
			rc = l->ops->tune(l, lane->templates[0].len, d);
	}
	return rc;
}

static int take_way(struct probe_scan *s, const struct scan_way *way, struct diag *d)
{
	for (int v6 = V4; v6 <= V6; v6++) {
		if (!s->senders[0].links[v6]) {
			drop_family(s, v6);
			continue;
		}
		if (s->sources[v6].n == 0) {
			s->reply.sources[s->sources[v6].first] = way->source[v6];
			s->sources[v6].n = 1;
		}
	}
	for (unsigned i = 0; i < s->n_lanes; i++) {
		int v6 = s->lanes[i].reply.family == PROBE_V6, rc;

		rc = make_templates(&s->lanes[i], &s->cfg, &way->plan[v6],
		                    s->senders[0].links[v6]->ethernet, d);
		if (rc < 0)
			return rc;
		s->reply.lanes[i] = s->lanes[i].reply;
	}
	s->reply.n_lanes = s->n_lanes;
	return tune_links(s, d);
}

/* Everything that needs no socket. */
static int scan_new(struct probe_scan **out, const struct probe_config *cfg,
                    struct diag *d)
{
	struct probe_scan *s;
	int rc = check_config(cfg, d);

	if (rc < 0)
		return rc;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->cfg = *cfg;
	s->n_senders = cfg->senders ? cfg->senders : 1;
	for (unsigned i = 0; i < s->n_senders; i++)
		atomic_init(&s->senders[i].oldest, UINT64_MAX);
	atomic_init(&s->scope, cfg->scope);
	atomic_init(&s->rate_pps, cfg->rate_pps);
	s->reply.scan.source_port = cfg->source_port;
	s->reply.scan.trace = cfg->trace;
	s->reply.scan.source_ports = cfg->source_ports;
	if (cfg->key)
		s->reply.scan.key = *cfg->key;
	else
		mac_key_random(&s->reply.scan.key);
	rc = lanes_open(s, d);
	if (rc == 0)
		rc = parse_sources(s, d);
	if (rc == 0 && cfg->dedup) {
		s->dedup = dedup_new(cfg->dedup_window ? cfg->dedup_window : DEDUP_WINDOW,
		                     cfg->dedup_window_only);
		rc = s->dedup ? 0 : -ENOMEM;
	}
	if (rc == 0 && cap_wanted(cfg)) {
		s->cap = cap_new(cfg);
		rc = s->cap ? 0 : -ENOMEM;
	}
	if (rc < 0) {
		probe_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

static void close_pair(struct link *pair[2])
{
	link_close(pair[V4]);
	if (pair[V6] != pair[V4])
		link_close(pair[V6]);
	pair[V4] = pair[V6] = NULL;
}

static void take_links(struct probe_scan *s, const struct scan_way *way)
{
	for (unsigned i = 0; i < s->n_senders; i++)
		memcpy(s->senders[i].links, way->links[i], sizeof(way->links[i]));
}

static void close_links(const struct scan_way *way)
{
	struct scan_way w = *way;

	for (unsigned i = 0; i < PROBE_SENDERS; i++)
		close_pair(w.links[i]);
}

int scan_open(struct probe_scan **out, const struct probe_config *cfg,
              const struct scan_way *way, struct diag *d)
{
	struct probe_scan *s = NULL;
	int rc = scan_new(&s, cfg, d);

	if (rc < 0) {
		close_links(way);
		receiver_close(way->receiver);
		return rc;
	}
	take_links(s, way);
	s->receiver = way->receiver;
	rc = take_way(s, way, d);
	if (rc < 0) {
		probe_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

/* The family's address to ask the way to. */
static struct addr128 hint(const struct probe_config *cfg, int v6)
{
	return is_zero(cfg->route_to[v6]) ? route_anywhere(v6) : cfg->route_to[v6];
}

/* By the targets that are known; by either family, where none is. */
static int find_interface(struct route_interface *i, const struct probe_scan *s,
                          struct diag *d)
{
	struct diag first = { "" };
	int rc = -ENETUNREACH;

	if (s->cfg.interface)
		return route_interface(i, s->cfg.interface, route_anywhere(true), d);
	for (int v6 = V6; v6 >= V4; v6--) {
		if (!wants_family(s, v6))
			continue;
		rc = route_interface(i, NULL, hint(&s->cfg, v6), &first);
		if (rc == 0)
			return 0;
	}
	return diag_set(d, rc, "%s",
	                first.text[0] ? first.text
	                              : "no module of this scan is for such targets");
}

enum link_kind {
	LINK_AUTO,
	LINK_PACKET,
	LINK_TXRING,
	LINK_XDP,
	LINK_LIVE,
	LINK_IP,
	LINK_SOCKETS,
	LINK_PCAP, /* from here on, offline */
	LINK_PRINT,
	LINK_MEMORY,
	LINK_UNKNOWN
};

static enum link_kind link_kind(const char *text)
{
	if (!text || !strcmp(text, "auto"))
		return LINK_AUTO;
	if (!strcmp(text, "packet") || !strcmp(text, "sendmmsg"))
		return LINK_PACKET;
	if (!strcmp(text, "afxdp"))
		return LINK_XDP;
	if (!strcmp(text, "txring"))
		return LINK_TXRING;
	if (!strcmp(text, "xdp-live"))
		return LINK_LIVE;
	if (!strcmp(text, "ip"))
		return LINK_IP;
	if (!strcmp(text, "sockets"))
		return LINK_SOCKETS;
	if (!strncmp(text, "pcap:", 5) && text[5])
		return LINK_PCAP;
	if (!strcmp(text, "print"))
		return LINK_PRINT;
	return !strcmp(text, "memory") ? LINK_MEMORY : LINK_UNKNOWN;
}

struct way_finder {
	struct probe_scan *s;
	enum link_kind kind;
	struct route_interface interface;
	struct scan_way way;
	bool by_kernel[2];   /* a family's packets go through a raw IP socket */
	unsigned sender;     /* whose links are being opened */
	struct link *frames; /* its, shared by the families that send frames */
	bool found[2];
};

static int open_frames(struct way_finder *f, struct diag *d)
{
	if (f->frames)
		return 0;
	if (f->kind == LINK_PCAP)
		return link_pcap_open(&f->frames, f->s->cfg.link + 5, d);
	if (f->kind == LINK_PRINT)
		return link_print_open(&f->frames, d);
	if (f->kind == LINK_MEMORY)
		return link_memory_open(&f->frames, NULL, NULL);
	if (f->kind >= LINK_TXRING && f->kind <= LINK_LIVE && !f->interface.ethernet)
		return diag_set(d, -EOPNOTSUPP, "%s: %s is for Ethernet",
		                f->interface.link.name, f->s->cfg.link);
	if (f->kind == LINK_TXRING)
		return link_txring_open(&f->frames, f->interface.link.ifindex, d);
	if (f->kind == LINK_LIVE)
		return link_live_open(&f->frames, f->interface.link.ifindex, d);
	if (f->kind == LINK_XDP)
		return link_xdp_open(&f->frames, f->interface.link.ifindex, f->sender, d);
	if (f->kind == LINK_AUTO && f->interface.ethernet &&
	    f->s->cfg.rate_pps >= AUTO_XDP_PPS &&
	    link_xdp_open(&f->frames, f->interface.link.ifindex, f->sender, NULL) == 0)
		return 0;
	return link_packet_open(&f->frames, f->interface.link.ifindex,
	                        f->interface.ethernet, d);
}

static bool frames_have_tags(const struct way_finder *f)
{
	return f->kind >= LINK_PCAP || f->interface.ethernet;
}

static int open_family(struct way_finder *f, int v6, struct diag *d)
{
	struct link **l = &f->way.links[f->sender][v6];
	int rc;

	if (f->s->cfg.vlan && (f->by_kernel[v6] || !frames_have_tags(f)))
		return diag_set(d, -EINVAL,
		                "%s: a VLAN tag is for Ethernet frames (--gateway-mac?)",
		                f->interface.link.name);
	if (f->by_kernel[v6])
		return link_ip_open(l, v6, f->interface.link.name, d);
	rc = open_frames(f, d);
	*l = rc < 0 ? NULL : f->frames;
	return rc;
}

/* The same links for the other senders as for the first. */
static int open_others(struct way_finder *f, struct diag *d)
{
	int rc = 0;

	if (f->s->n_senders > 1 && (f->kind == LINK_PCAP || f->kind == LINK_PRINT))
		return diag_set(d, -EINVAL, "packets are written by one thread");
	for (unsigned i = 1; rc == 0 && i < f->s->n_senders; i++) {
		f->sender = i;
		f->frames = NULL;
		for (int v6 = V4; rc == 0 && v6 <= V6; v6++)
			if (f->way.links[0][v6])
				rc = open_family(f, v6, d);
	}
	return rc;
}

static int find_family(struct way_finder *f, int v6, struct diag *d)
{
	const struct probe_scan *s = f->s;
	bool offline = f->kind >= LINK_PCAP;
	const char *gateway =
		s->cfg.gateway_macs[v6] ? s->cfg.gateway_macs[v6] : s->cfg.gateway_mac;
	struct route_wish wish = {
		.to = hint(&s->cfg, v6),
		.has_source = s->sources[v6].n > 0,
		.source = s->reply.sources[s->sources[v6].first],
		.has_mac = gateway != NULL,
		.quiet = offline || f->kind == LINK_IP || f->kind == LINK_SOCKETS,
	};
	struct route_path path;
	int rc;

	if (wish.has_mac && !route_parse_mac(wish.mac, gateway))
		return diag_set(d, ERR_PARSE, "MAC address '%s'", gateway);
	if (offline && wish.has_source)
		path = (struct route_path){ .source = wish.source };
	else if ((rc = route_path(&path, &f->interface, &wish, d)) < 0)
		return rc;
	if (f->kind >= LINK_PACKET && f->kind <= LINK_LIVE && path.via == ROUTE_KERNEL)
		return diag_set(d, -EHOSTUNREACH,
		                "%s: the targets are on the link itself: use --link ip, "
		                "or give a --gateway-mac",
		                f->interface.link.name);
	f->way.source[v6] = path.source;
	f->found[v6] = true;
	if (f->kind == LINK_SOCKETS)
		return 0;
	f->by_kernel[v6] = !offline && (f->kind == LINK_IP || path.via == ROUTE_KERNEL);
	memcpy(f->way.plan[v6].src_mac, f->interface.link.mac, 6);
	if (s->cfg.source_mac &&
	    !route_parse_mac(f->way.plan[v6].src_mac, s->cfg.source_mac))
		return diag_set(d, ERR_PARSE, "MAC address '%s'", s->cfg.source_mac);
	memcpy(f->way.plan[v6].dst_mac, path.next_mac, 6);
	return open_family(f, v6, d);
}

/* A family that nothing depends on may be missing; not both. */
static int find_families(struct way_finder *f, struct diag *d)
{
	struct diag why[2] = { { "" }, { "" } };
	int rc[2] = { 0, 0 }, wanted = 0, found = 0;

	for (int v6 = V6; v6 >= V4; v6--) {
		if (!wants_family(f->s, v6))
			continue;
		wanted++;
		rc[v6] = find_family(f, v6, &why[v6]);
		found += rc[v6] == 0;
		if (rc[v6] < 0 && must_have_family(f->s, v6))
			return diag_set(d, rc[v6], "%s", diag_str(&why[v6], rc[v6]));
	}
	if (!wanted)
		return diag_set(d, -EAFNOSUPPORT,
		                "no module of this scan is for such targets");
	for (int v6 = V6; v6 >= V4; v6--) {
		if (rc[v6] < 0 && !found)
			return diag_set(d, rc[v6], "%s", diag_str(&why[v6], rc[v6]));
		if (rc[v6] < 0)
			log_info("no %s targets: %s", v6 ? "IPv6" : "IPv4",
			         diag_str(&why[v6], rc[v6]));
	}
	return 0;
}

/* One set of sockets for all that the found families' modules send. */
static int open_sockets(struct way_finder *f, struct diag *d)
{
	struct probe_scan *s = f->s;
	struct sockets_plan plan = {
		.interface = s->cfg.interface,
		.bind_source = s->cfg.source_ips.n > 0,
		.hop_limit = s->cfg.hop_limit ? s->cfg.hop_limit : 64,
		.source_port = s->cfg.source_port,
	};
	struct sockets *sockets;
	int rc;

	for (unsigned i = 0; i < s->n_lanes; i++) {
		const struct reply_lane *l = &s->lanes[i].reply;
		int v6 = l->family == PROBE_V6;

		if (!f->found[v6])
			continue;
		plan.ping[v6] |= l->module->sockets == MODULE_PING;
		plan.udp[v6] |= l->module->sockets == MODULE_UDP;
		if (l->module->sockets != MODULE_CONNECT)
			continue;
		plan.tcp = true;
		plan.connect_timeout_ns = module_connect_timeout(l->state);
	}
	rc = sockets_open(&sockets, &plan, d);
	if (rc < 0)
		return rc;
	s->reply.scan.kernel_id = true;
	s->reply.scan.source_port = sockets->udp_port;
	s->reply.scan.source_ports = 1;
	for (unsigned i = 0; rc == 0 && i < s->n_senders; i++) {
		struct link *link;

		rc = link_sockets_open(&link, sockets, d);
		for (int v6 = V4; rc == 0 && v6 <= V6; v6++)
			f->way.links[i][v6] = f->found[v6] ? link : NULL;
	}
	if (rc == 0)
		rc = receiver_sockets_open(&s->receiver, sockets, &s->reply, d);
	sockets_release(sockets);
	return rc;
}

/* Which link it is to be: *cfg->unprivileged says the same in the end. */
static int choose_link(enum link_kind *kind, struct probe_config *cfg, struct diag *d)
{
	*kind = link_kind(cfg->link);
	if (*kind == LINK_UNKNOWN)
		return diag_set(d, -EINVAL, "there is no link '%s'", cfg->link);
	if (cfg->unprivileged && *kind != LINK_AUTO && *kind != LINK_SOCKETS)
		return diag_set(d, -EINVAL, "the link %s and --unprivileged: give one",
		                cfg->link);
	if (*kind == LINK_AUTO && !cfg->unprivileged && !priv_has_net_raw()) {
		log_warn("no CAP_NET_RAW: probing through the kernel's own sockets, as "
		         "with --unprivileged");
		cfg->unprivileged = true;
	}
	if (cfg->unprivileged)
		*kind = LINK_SOCKETS;
	cfg->unprivileged = *kind == LINK_SOCKETS;
	if (cfg->unprivileged && cfg->vlan)
		return diag_set(d, -EINVAL, "a VLAN tag takes raw packets");
	for (size_t i = 0; cfg->unprivileged && i < cfg->source_ips.n; i++)
		if (strchr(cfg->source_ips.v[i], '/'))
			return diag_set(d, -EINVAL,
			                "source prefix '%s': that takes raw packets",
			                cfg->source_ips.v[i]);
	return 0;
}

int probe_open(struct probe_scan **out, const struct probe_config *config, struct diag *d)
{
	struct probe_config chosen = *config, *cfg = &chosen;
	struct way_finder f = { .kind = LINK_AUTO };
	char filter[FILTER_MAX];
	int rc = choose_link(&f.kind, cfg, d);

	if (rc < 0)
		return rc;
	rc = scan_new(&f.s, cfg, d);
	if (rc < 0)
		return rc;
	if (f.kind < LINK_PCAP || cfg->source_ips.n == 0)
		rc = find_interface(&f.interface, f.s, d);
	if (rc == 0)
		rc = find_families(&f, d);
	if (rc == 0)
		rc = f.kind == LINK_SOCKETS ? open_sockets(&f, d) : open_others(&f, d);
	take_links(f.s, &f.way);
	if (rc == 0)
		rc = take_way(f.s, &f.way, d);
	if (rc == 0 && f.kind < LINK_SOCKETS) {
		rc = scan_filter(f.s, filter, sizeof(filter));
		if (rc == 0)
			rc = receiver_pcap_open(&f.s->receiver, f.interface.link.name,
			                        filter, cfg->receive_buffer, d);
	}
	if (rc < 0) {
		probe_close(f.s);
		return rc;
	}
	snprintf(f.s->interface, sizeof(f.s->interface), "%s", f.interface.link.name);
	if (f.kind < LINK_SOCKETS)
		(void)netlink_link(&f.s->before, f.interface.link.name, 0);
	*out = f.s;
	return 0;
}

void probe_way(const struct probe_scan *s, struct probe_way *way)
{
	*way = (struct probe_way){ .frame_bytes = 0 };
	memcpy(way->interface, s->interface, sizeof(way->interface));
	for (unsigned i = 0; i < s->n_lanes; i++) {
		const struct scan_lane *l = &s->lanes[i];
		const struct probe_module *m = l->reply.module;
		unsigned n = m->variants ? m->variants(l->reply.state) : 1;
		int v6 = l->reply.family == PROBE_V6;
		const struct link *link = s->senders[0].links[v6];

		for (unsigned k = 0; k < n; k++)
			if (l->templates[k].len > way->frame_bytes)
				way->frame_bytes = l->templates[k].len;
		way->family[v6].link = link->ops->name;
		way->family[v6].ethernet = link->ethernet;
		way->family[v6].source = s->reply.sources[s->sources[v6].first];
		if (!link->ethernet)
			continue;
		memcpy(way->family[v6].gateway_mac, l->templates[0].bytes, 6);
		memcpy(way->family[v6].mac, l->templates[0].bytes + 6, 6);
	}
}

int probe_interface_count(const struct probe_scan *s, struct probe_interface *out)
{
	struct netlink_link now;
	int rc =
		s->before.ifindex ? netlink_link(&now, NULL, s->before.ifindex) : -ENODEV;

	if (rc < 0)
		return rc;
	out->packets = now.tx_packets - s->before.tx_packets;
	out->dropped = now.tx_dropped - s->before.tx_dropped;
	return 0;
}

void probe_set_rate(struct probe_scan *s, double pps)
{
	atomic_store(&s->rate_pps, pps);
}

double probe_rate(const struct probe_scan *s)
{
	return atomic_load(&s->rate_pps);
}

void probe_set_scope(struct probe_scan *s, const struct scope *scope)
{
	atomic_store(&s->scope, scope);
}

void probe_close(struct probe_scan *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->n_lanes; i++)
		lane_fini(&s->lanes[i]);
	for (unsigned i = 0; i < PROBE_SENDERS; i++)
		close_pair(s->senders[i].links);
	receiver_close(s->receiver);
	dedup_free(s->dedup);
	cap_free(s->cap);
	free(s);
}
