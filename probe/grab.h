/* probe/grab.h - talk to open TCP ports: banners, TLS certificates.
 *
 * One thread, one epoll loop, any number of connections up to a bound.  Targets
 * come from a source, and there is exactly one result for each that the scope
 * allows, on the same thread.  What to say to whom is in data/service-probes.txt.
 *
 *     grab_new(&g, &cfg, &d);
 *     grab_run(g, &source, &sink, &d);      until the source ends
 *     grab_free(g);
 */
#ifndef PROBE_GRAB_H
#define PROBE_GRAB_H

#include <stdatomic.h>

#include "probe/probe.h"
#include "probe/services.h"
#include "probe/tls.h"

struct grab;

struct grab_config {
	bool banner, tls; /* neither: banner.  Both: banners, and STARTTLS after them */
	unsigned concurrency, per_host, per_net; /* connections; the latter 0: no limit */
	double rate;                             /* connections a second; 0: no limit */
	uint64_t connect_ns, read_ns, banner_ns; /* how long to wait: for the connection;
	                                            for an answer; for who speaks first */
	unsigned max_bytes;                      /* of what a server says */
	const char *contact, *name; /* who we are; whom to ask for (SNI), may be NULL */
	struct addr128 source[2];   /* by family: IPv4, IPv6; ::, any */
	struct tls_config tls_config;
	bool count_done;           /* ->done is wanted: a target that takes long lets no
	                              more than a million follow */
	const struct scope *scope; /* asked before each connection; borrowed; may be
	                               set later, see grab_set_scope() */
	const atomic_bool *stop;   /* set: no new connections, an end in 2 s; may be
	                               NULL */
};

extern const struct grab_config grab_defaults;

enum grab_status {
	GRAB_OK,          /* it spoke, or showed a certificate */
	GRAB_TIMEOUT,     /* no connection in time */
	GRAB_REFUSED,     /* RST instead of a connection */
	GRAB_UNREACHABLE, /* says the network, or our own routing table */
	GRAB_RESET,       /* connection reset before a byte came */
	GRAB_CLOSED,      /* connection closed before a byte came */
	GRAB_SILENT,      /* nothing was said in time */
	GRAB_NOT_TLS,     /* something else than TLS came; see the banner */
	GRAB_TLS_ALERT,   /* an alert ended the handshake */
	GRAB_TLS_ERROR, /* the handshake failed otherwise, or was not finished in time */
	GRAB_TOO_LARGE, /* a handshake of more bytes than it may have */
	GRAB_LOCAL,     /* we could not: no memory, no descriptors */
	GRAB_STATUSES
};

const char *grab_status_str(enum grab_status s);

struct grab_result {
	struct addr128 addr;
	uint16_t port;
	uint8_t status;      /* enum grab_status */
	bool truncated;      /* max_bytes were reached */
	bool tls;            /* a handshake was begun */
	bool by_banner;      /* the service is known by what it said, not by its port */
	uint64_t when_us;    /* wall clock, of the beginning */
	uint32_t connect_us; /* 0: not connected */
	uint32_t total_us;   /* until the end */
	const char *service; /* NULL: not known */
	const char *probe;   /* name in data/service-probes.txt */
	const uint8_t *banner;
	uint32_t n_banner;
	struct service_answer answer; /* its slices are of the banner */
	struct tls_info info;         /* where tls is set */
};

/* One result; what it points to is gone afterwards. */
struct grab_sink {
	void (*result)(void *ctx, const struct grab_result *r);
	void *ctx;
};

/* A copy can be taken at any time from any thread. */
struct grab_stats {
	uint64_t targets;       /* taken from the source */
	uint64_t refused_scope; /* that the scope forbids: not connected to */
	uint64_t connections;   /* begun, second ones to the same port included */
	uint64_t results, status[GRAB_STATUSES];
	uint64_t handshakes, certificates; /* TLS: complete; seen */
	uint64_t unfinished;               /* given up at a stop */
	uint64_t done; /* with count_done: targets from the first on that need no more */
	uint64_t active, waiting; /* now */
	uint64_t started_us, ended_us;
};

int grab_new(struct grab **out, const struct grab_config *cfg, struct diag *d);
void grab_free(struct grab *g);

/* As probe_set_scope().  The former one may be asked for a millisecond more. */
void grab_set_scope(struct grab *g, const struct scope *scope);

/* Ports of the source are TCP's, whatever they say.  0, ERR_STOPPED, or what
 * failed. */
int grab_run(struct grab *g, const struct probe_source *source,
             const struct grab_sink *sink, struct diag *d);
void grab_stats(const struct grab *g, struct grab_stats *s);

#endif
