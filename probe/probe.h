/* probe/probe.h - stateless probing: send, receive, validate.
 *
 * A scan takes targets from a source (called on the sending threads, by one at a
 * time) and gives validated replies to a sink (called on the receiving thread).  Nothing is
 * remembered per probe: a keyed cookie in every packet tells our replies from
 * everything else, and ICMP errors are matched through the packet they quote.
 *
 *     struct probe_scan *s;
 *     probe_open(&s, &cfg, &d);    opens sockets; raw ones, with CAP_NET_RAW
 *     priv_drop(...);              nothing below needs a privilege
 *     probe_run(s, &source, &sink, &d);    until the source ends, + cooldown
 *     probe_close(s);
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "common/addr.h"
#include "common/err.h"
#include "common/mac.h"
#include "common/observation.h"
#include "common/opt.h"
#include "common/scope.h"

struct probe_scan;

enum { PROBE_SENDERS = 64 }; /* threads, at most */

/* What to do to one target.  The module is chosen by its family and port: at
 * most one module of a scan takes a (family, protocol, port); see probe_config. */
struct probe_target {
	struct addr128 addr;
	uint32_t port; /* 0 for ICMP; with PROBE_TCP or PROBE_UDP: of that protocol;
	                  with PROBE_HOP(): with that hop limit */
	uint32_t tag;  /* comes back in the observation where the protocol has room */
};

/* A port without one of these is for the only module of the scan that has ports,
 * or for the first one. */
enum { PROBE_TCP = 1 << 16, PROBE_UDP = 2 << 16 };

/* A hop limit of its own, 1 to 63, in a scan with ->trace: its modules need their
 * option "trace" for that. */
enum { PROBE_HOP_SHIFT = 24, PROBE_HOP_MASK = 0xff };
#define PROBE_HOP(n) ((uint32_t)(n) << PROBE_HOP_SHIFT)

enum { PROBE_SOURCE_END = -1 };

/* Fill up to max targets; how many, 0: none just now (ask again soon), or
 * PROBE_SOURCE_END.  No more is asked for than a millisecond's worth (1 to 64). */
struct probe_source {
	int (*next)(void *ctx, struct probe_target *out, size_t max);
	void *ctx;
};

/* One validated reply.  Must not block for long: packets queue up meanwhile. */
struct probe_sink {
	void (*observe)(void *ctx, const struct observation *o);
	void *ctx;
};

struct probe_config {
	const char *interface; /* NULL: the one that routes to the targets */
	/* An IPv4 and an IPv6 address that will be probed, to ask the routes for.  When
	 * one is ::, nothing of that family is probed or touched; when both are, they
	 * stand for any global address. */
	struct addr128 route_to[2];
	/* Names; none: icmp6-echo and icmp-echo, of which one may find no route: its
	 * targets are refused.  "dns=53,5353": for these ports only.  Where several have
	 * one protocol and no such ports, dns has 53, quic 443, and one other the rest. */
	struct opt_list modules;
	struct opt_list module_args; /* "name=value"; see the modules' options */
	struct opt_list source_ips;  /* addresses and prefixes of both families: one per
	                                target, by a keyed hash of it */
	double rate_pps;             /* packets, retries included; 0 is refused */
	unsigned probes;             /* packets per target, >= 1, spread in time */
	uint64_t probe_interval_ns;  /* between two packets to one target.  At most 4 M
	                               targets wait for their next packet: where rate
	                               times interval is more, the rate is not reached */
	uint64_t cooldown_ns;
	const struct scope *scope; /* asked for every packet; borrowed; required here or
	                              by probe_set_scope() */
	/* NULL: "packet" where there is a gateway, else "ip" (the kernel finds each
	 * neighbour); "afxdp" and "ip" ask for
	 * one; "pcap:FILE" writes the packets into a file, "memory" drops
	 * them: neither receives. */
	const char *link;
	unsigned senders;              /* threads that send; 0 is 1 */
	unsigned cores[PROBE_SENDERS]; /* which they run on, in turn; n_cores 0: any */
	unsigned n_cores;
	/* Through the kernel's own sockets: echo requests, UDP, and whole connections
	 * instead of tcp-syn.  So it is, with a warning, where link is NULL or "auto"
	 * and there is no CAP_NET_RAW; also link "sockets". */
	bool unprivileged;
	const char *gateway_mac;     /* NULL: found by netlink, NDP or ARP */
	const char *gateway_macs[2]; /* of IPv4, of IPv6; NULL: that one */
	const char *source_mac;      /* in frames; NULL: the interface's */
	const struct mac_key *key;   /* of the cookies; copied; NULL: a fresh one */
	uint64_t max_packets;        /* then it is as if stopped; 0: any number */
	bool packet_trace;           /* a line on stderr for each packet */
	unsigned hop_limit;          /* 0: 64 */
	bool trace;                  /* targets have hop limits of their own */
	uint16_t source_port;        /* 0: default range */
	uint16_t source_ports;       /* how many, from that one on; 0 is 1 */
	uint16_t vlan;               /* 802.1Q tag of frames, 1 to 4094; 0: none */
	uint16_t vantage;
	bool dedup;              /* count and suppress repeated answers, see dedup.h: of
	                            (target, port, protocol, class), all of IPv4 and the
	                            last of IPv6 are known, exactly */
	bool dedup_window_only;  /* of both families the last */
	size_t dedup_window;     /* how many at least; 0: 3 M */
	size_t receive_buffer;   /* bytes of packets that wait for us; 0: 24 MiB */
	const atomic_bool *stop; /* set: stop sending, cool down, return; may be NULL */
	uint64_t seed;           /* of the choice among several source addresses */
	/* No IPv6 /48, no /64 and no IPv4 /24 gets more packets per second than this;
	 * 0: no such cap.  Targets that come too early wait, up to 64 k of them; then
	 * the source does. */
	double cap_48_pps, cap_64_pps, cap_24_pps;
};

/* Counters of a scan; a copy can be taken at any time from any thread. */
struct probe_stats {
	uint64_t targets; /* taken from the source, and sent to or refused */
	uint64_t done;    /* of these, from the first on, with all their packets sent */
	uint64_t sent;    /* packets handed to the link */
	uint64_t send_errors;
	uint64_t refused_scope;        /* targets that the scope forbids: not sent */
	uint64_t refused_family;       /* targets that no module can probe: not sent */
	uint64_t received;             /* packets that passed the filter */
	uint64_t valid;                /* validated replies, repeats included */
	uint64_t open, closed, errors; /* first answers by outcome */
	uint64_t repeats;
	uint64_t invalid;      /* failed validation: forged, damaged, not ours */
	uint64_t kernel_drops; /* lost between kernel and us */
	uint64_t dedup_bytes;  /* of memory, to know repeats */
	bool dedup_forgot_v4, dedup_forgot; /* not all earlier answers are known */
	uint64_t started_us, ended_us;      /* wall clock; 0: not yet */
	bool cooling;                       /* sending has ended */
};

/* Opens sockets and finds the way out (which may send a UDP datagram to the
 * gateway's discard port), but sends no probe and reads no packet.  cfg is
 * copied; what it points to is borrowed until probe_close(). */
int probe_open(struct probe_scan **out, const struct probe_config *cfg, struct diag *d);

/* Whether a target with that port is for one of its modules, in either family. */
bool probe_takes_port(const struct probe_scan *s, uint32_t port);

/* In place of cfg->scope, for those who read their lists after priv_drop().  Also
 * while the scan runs, from any thread: the former scope may still be asked about
 * packets of the batch that is being made, at most a millisecond's worth. */
void probe_set_scope(struct probe_scan *s, const struct scope *scope);

/* Another rate than the one asked for; from any thread, also while the scan runs. */
void probe_set_rate(struct probe_scan *s, double pps);
double probe_rate(const struct probe_scan *s);

/* What the interface itself counted since probe_open(), of all programs: packets, and
 * those that it dropped or failed to send.  0, or negative where there is none. */
struct probe_interface {
	uint64_t packets, dropped;
};
int probe_interface_count(const struct probe_scan *s, struct probe_interface *out);

/* The way that the packets of an open scan take. */
struct probe_way {
	char interface[16]; /* "": none */
	size_t frame_bytes; /* the largest, as handed to the link */
	struct {
		const char *link; /* NULL: this family is not probed */
		bool ethernet;
		struct addr128 source; /* the first one */
		uint8_t mac[6], gateway_mac[6];
	} family[2]; /* IPv4, IPv6 */
};
void probe_way(const struct probe_scan *s, struct probe_way *way);

/* Sends on the calling thread, and others if cfg->senders says so; receives on one of
 * its own.  0, or negative.
 * ERR_STOPPED when cfg->stop ended it (after the cooldown). */
int probe_run(struct probe_scan *s, const struct probe_source *src,
              const struct probe_sink *sink, struct diag *d);
void probe_stats(const struct probe_scan *s, struct probe_stats *st);

/* A line like ZMap's for the statistics now and those of a second ago. */
void probe_status_line(char *buf, size_t cap, const struct probe_stats *now,
                       const struct probe_stats *before, uint64_t total_targets);
void probe_close(struct probe_scan *s);

/* Modules, for listings and --help: NULL past the end. */
const char *probe_module_name(unsigned i);
const char *probe_module_summary(unsigned i);

/* Whether its targets need a port; false when there is no such module. */
bool probe_module_has_port(const char *name);

extern const struct cmd probe_cmds[];

#endif
