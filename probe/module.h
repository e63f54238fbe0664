/* probe/module.h - a probe module: what to send, and what counts as a reply.
 *
 * The engine owns everything that is the same for every module: link and IP
 * headers, addresses, checksums, rate, retries, finding the packet that an ICMP
 * error quotes, and deduplication.  A module only knows the bytes above IP.  It
 * is a const table and keeps no static variables; what an option set lives in
 * its state, which is read-only once the scan is open and is used by the
 * sending and the receiving thread at once. */
#ifndef PROBE_MODULE_H
#define PROBE_MODULE_H

#include "common/observation.h"
#include "common/opt.h"
#include "probe/cookie.h"
#include "probe/packet.h"
#include "probe/wire.h"

enum { PROBE_V4 = 1 << 0, PROBE_V6 = 1 << 1 };

/* What all packets of a scan share. */
struct module_scan {
	struct mac_key key;
	uint16_t source_port;  /* 0: the module's default */
	bool kernel_id;        /* ICMP identifiers are the kernel's, not ours */
	bool trace;            /* probes have hop limits of their own */
	uint16_t source_ports; /* how many there are from that one on */
};

/* One packet to send. */
struct module_shot {
	struct probe_flow flow;
	uint32_t tag;
	uint8_t hop;          /* its hop limit, when that differs by target; else 0 */
	uint64_t now_us;      /* wall clock */
	uint64_t cookie;      /* of the flow */
	uint64_t data_cookie; /* of what the module's data() says */
};

/* What a second cookie covers: see cookie_data(). */
struct module_data {
	uint32_t tag;
	uint64_t time_us;
};

/* Which sockets of the kernel can do it without privileges (probe/sockets.h); RAW:
 * none. */
enum module_sockets { MODULE_RAW, MODULE_PING, MODULE_UDP, MODULE_CONNECT };
/* Where a probe has 64 bits of room for the time of sending, the hop limit is in the
 * highest eight of them. */
enum { MODULE_HOP_SHIFT = 56, MODULE_HOP_MAX = 63 };

static inline uint64_t module_time(const struct module_shot *shot)
{
	return (uint64_t)shot->hop << MODULE_HOP_SHIFT | shot->now_us;
}

/* What such a word says of the probe; o->when_us is set. */
static inline void module_read_time(struct observation *o, uint64_t word)
{
	uint64_t then = word & ((UINT64_C(1) << MODULE_HOP_SHIFT) - 1), now = o->when_us;

	o->hop = (uint8_t)(word >> MODULE_HOP_SHIFT);
	o->rtt_us = now > then && now - then <= UINT32_MAX ? (uint32_t)(now - then) : 0;
}

/* One of the source ports that were asked for, by some bits of a cookie. */
static inline uint16_t module_source_port(const struct module_scan *scan, uint64_t bits)
{
	if (scan->source_ports <= 1)
		return scan->source_port;
	return (uint16_t)(scan->source_port + (uint32_t)bits % scan->source_ports);
}

struct probe_module {
	const char *name, *summary;
	unsigned families; /* PROBE_V4 | PROBE_V6 */
	uint8_t proto;     /* enum obs_proto */
	uint8_t ip_proto;
	bool has_port;       /* targets are (address, port); else the port is 0 */
	uint16_t usual_port; /* that it is for, beside others of its protocol; 0: any */
	enum module_sockets sockets;
	bool traces; /* has an option "trace": probes tell their hop limit and time, and
	                look alike to load balancers whatever these are */
	uint16_t checksum_at;        /* within the upper layer */
	const char *bpf_v4, *bpf_v6; /* which packets may be replies; see filter.c */
	const struct opt *opts;      /* --probe-args; fields of the state */
	const void *defaults;
	size_t state_size, defaults_size; /* 0: the same; the rest is zeros */

	/* Work out the rest of a state from its options; may be NULL. */
	int (*prepare)(void *state, struct diag *d);

	/* Refuse a state that cannot work. */
	int (*check)(const void *state, struct diag *d);

	/* The constant bytes of a probe, with zeros where fill() writes.  Where they
	 * depend on the port there are variants, numbered from 0, of which layout()
	 * writes the first; else the other three are NULL. */
	void (*layout)(const void *state, struct wire_out *w);
	unsigned (*variants)(const void *state);
	unsigned (*variant)(const void *state, uint16_t port);
	void (*layout_of)(const void *state, unsigned variant, struct wire_out *w);

	/* What the probe's second cookie covers; NULL: it has none. */
	struct module_data (*data)(const void *state, const struct module_shot *shot);

	/* Patch a packet.  The shot's cookies are there. */
	void (*fill)(const void *state, const struct module_scan *scan,
	             const struct module_shot *shot, struct packet_fill *f);

	/* Does this packet from flow->dst answer our probe?  r holds the upper
	 * layer, its checksum verified; flow->port is the module's to set.  True:
	 * ours, and the module's fields of *o are set (outcome, port, sport, tag,
	 * icmp_type, icmp_code, tcp_flags, rtt_us from o->when_us); false: not ours,
	 * *o may hold anything. */
	bool (*reply)(const void *state, const struct module_scan *scan,
	              struct probe_flow *flow, struct wire r, struct observation *o);

	/* Is this the beginning of our own probe, as quoted in an ICMP error?  r may
	 * end anywhere after what the RFCs promise (8 bytes); its checksum means
	 * nothing.  Sets port, sport, tag, hop and rtt_us of *o. */
	bool (*quote)(const void *state, const struct module_scan *scan,
	              struct probe_flow *flow, struct wire r, struct observation *o);
};

extern const struct probe_module probe_icmp6_echo;
extern const struct probe_module probe_icmp_echo;
extern const struct probe_module probe_tcp_syn;
extern const struct probe_module probe_udp;
extern const struct probe_module probe_tcp_ack;
extern const struct probe_module probe_tcp_synack;
extern const struct probe_module probe_icmp_time;
extern const struct probe_module probe_dns;
extern const struct probe_module probe_quic;
extern const struct probe_module probe_icmp6_ni;
extern const struct probe_module probe_tcp_connect;

/* The cookies of one shot, where there is no batch of them (cookie.h). */
static inline void module_shot_cookies(struct module_shot *shot,
                                       const struct probe_module *m, const void *state,
                                       const struct module_scan *scan)
{
	struct module_data data;

	shot->cookie = cookie_flow(&scan->key, &shot->flow);
	if (!m->data)
		return;
	data = m->data(state, shot);
	shot->data_cookie = cookie_data(&scan->key, &shot->flow, data.tag, data.time_us);
}

/* The list of modules built in: NULL past the end, or when there is none.  What is from
 * a "=" on is no part of a name: it says which ports are the module's in a scan. */
const struct probe_module *module_at(unsigned i);
const struct probe_module *module_find(const char *name);
const char *module_ports(const char *name); /* NULL: not said */

/* ERR_PARSE, with what to use instead where that is known. */
int module_unknown(const char *name, struct diag *d);

/* A module's state: its defaults, changed by those of args ("name=value", for
 * options with value 1: "name") that name one of its options; each one used is
 * marked in used[args->n].  The strings of args are borrowed.  0, -ENOMEM, or
 * ERR_PARSE told in *d. */
int module_state_new(void **out, const struct probe_module *m,
                     const struct opt_list *args, bool used[], struct diag *d);

/* tcp-connect: its time-out, and what it laid out. */
uint64_t module_connect_timeout(const void *state);
bool module_read_order(struct wire order, uint16_t *port, uint32_t *tag);

#endif
