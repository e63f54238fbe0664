/* probe/grab_conn.h - one connection: its steps, without the waiting.
 *
 * Driven by the loop: conn_drive() after every event and at every deadline, until
 * it says that the connection is over. */
#ifndef PROBE_GRAB_CONN_H
#define PROBE_GRAB_CONN_H

#include "probe/grab.h"

/* What all connections share. */
struct conn_shared {
	const struct grab_config *cfg;
	const struct service_probes *probes;
	const struct services *names;
	struct tls_client *tls;
	char agent[288], me[128];
	uint8_t *scratch;                                /* CONN_SCRATCH bytes */
	const struct service_probe *only_tls, *then_tls; /* see pick_probe() */
};

enum { CONN_SCRATCH = 32768 };

struct conn {
	struct conn *prev, *next; /* in a slot of the timer wheel, or free */
	uint64_t deadline_ns;     /* when to be driven at the latest */
	uint64_t began_ns, until_ns;
	int fd;
	bool connected, hung_up, eof, broken; /* of the socket */
	bool inside, spoken, not_tls; /* the handshake is done; was begun after other
	                                 words; was answered by something else */
	bool answered, waiting;       /* of the step */
	bool second;
	uint32_t number; /* of the target, by whoever opened it */
	const struct service_probe *probe;
	unsigned step;
	struct tls_session *session;
	uint8_t *in; /* what the server said; NULL: nothing yet; owned */
	uint32_t n_in, cap_in, answer_at;
	uint32_t raw;   /* bytes of the handshake */
	uint64_t total; /* bytes of TLS */
	uint8_t *out;   /* to be sent; owned */
	uint32_t n_out, out_at, cap_out;
	struct grab_result r;
};

enum conn_verdict {
	CONN_GOES_ON,
	CONN_OVER,  /* c->r is complete */
	CONN_AGAIN, /* it speaks TLS: connect once more, as a second one */
};

/* A socket on its way to t.  0, or negative with c->r.status set: there is
 * nothing to close then. */
int conn_open(struct conn *c, const struct conn_shared *s, const struct probe_target *t,
              bool second, uint64_t now_ns);
/* events: of epoll, level or edge; 0: none, but the deadline may be over. */
enum conn_verdict conn_drive(struct conn *c, const struct conn_shared *s, uint32_t events,
                             uint64_t now_ns);

/* Close and free what it owns; c->r is of no use afterwards. */
void conn_close(struct conn *c);

#endif
