#include "seeds/dns_client.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mac.h"
#include "common/rate.h"
#include "common/rng.h"
#include "seeds/dns_tcp.h"

enum {
	BATCH = 64,
	RECV_SIZE = 2048, /* more than we say that we take */
	LEVELS = 3,       /* of time-outs: each twice the one before */
	NONE = UINT32_MAX,
	CWND_START = 64,
	CWND_MIN = 16,
	DEAD_STRIKES = 5,
	SOCKET_BUFFER = 4 << 20,
	EVENTS = 64,
	HEADER = 12,
};

/* Which kind of descriptor an event is about; the rest is its index. */
#define EVENT_TCP (UINT64_C(1) << 32)

struct list {
	uint32_t head, tail, n;
};

struct slot {
	struct dns_name name; /* with the letter case that was sent */
	uint64_t user, sent_ns, deadline_ns;
	uint32_t next, prev, sock;
	uint16_t type, id, server;
	uint8_t tries, level;
	bool any_server, recurse, dnssec;
	bool mapped; /* its id is in the socket's table */
	bool failed; /* answered, and not well: it waits for its next try */
	struct dns_tcp *tcp;
};

struct sock {
	int fd;
	uint16_t *by_id; /* slot + 1 */
};

struct server {
	struct dns_addr addr;
	struct sockaddr_storage sa;
	socklen_t sa_len;
	uint32_t first_sock;
	struct list queue; /* slots that wait to be sent */
	unsigned in_flight, cwnd, ssthresh, epoch_n, epoch_bad;
	struct rate rate;
	double rate_now, failing; /* failing: moving average of failures, 0..1 */
	uint64_t changed_ns;
	unsigned strikes;
};

struct dns_client {
	struct dns_client_config cfg;
	dns_done done;
	void *arg;
	int epoll;
	struct mac_key key;
	uint64_t counter;
	struct slot *slots;
	struct list free, flight[LEVELS];
	struct server *servers;
	unsigned n_servers, cap_servers, turn;
	struct sock *socks;
	unsigned n_socks, cap_socks;
	struct rate rate;
	uint64_t wake_ns; /* when a limit allows the next query; 0: none waits */
	struct dns_client_stats stats;
	uint8_t out[BATCH][DNS_QUERY_MAX];
	uint8_t in[BATCH][RECV_SIZE];
};

/* ---- lists of slots --------------------------------------------------------------- */

static void list_push(struct dns_client *c, struct list *l, uint32_t i)
{
	struct slot *s = &c->slots[i];

	s->next = NONE;
	s->prev = l->tail;
	if (l->tail == NONE)
		l->head = i;
	else
		c->slots[l->tail].next = i;
	l->tail = i;
	l->n++;
}

static void list_remove(struct dns_client *c, struct list *l, uint32_t i)
{
	struct slot *s = &c->slots[i];

	if (s->prev == NONE)
		l->head = s->next;
	else
		c->slots[s->prev].next = s->next;
	if (s->next == NONE)
		l->tail = s->prev;
	else
		c->slots[s->next].prev = s->prev;
	l->n--;
}

static uint64_t random64(struct dns_client *c)
{
	c->counter++;
	return mac64(&c->key, &c->counter, sizeof(c->counter));
}

/* ---- servers ----------------------------------------------------------------------- */

static void set_sockaddr(struct server *s)
{
	if (addr_is_v4(s->addr.addr)) {
		struct sockaddr_in *in = (void *)&s->sa;

		in->sin_family = AF_INET;
		in->sin_port = htons(s->addr.port);
		in->sin_addr.s_addr = htonl((uint32_t)s->addr.addr.lo);
		s->sa_len = sizeof(*in);
	} else {
		struct sockaddr_in6 *in = (void *)&s->sa;

		in->sin6_family = AF_INET6;
		in->sin6_port = htons(s->addr.port);
		addr_store(&in->sin6_addr, s->addr.addr);
		s->sa_len = sizeof(*in);
	}
}

/* Connected: the kernel then drops what comes from another address or port. */
static int open_sock(struct dns_client *c, struct server *s)
{
	struct sock *k = &c->socks[c->n_socks];
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = c->n_socks };
	int size = SOCKET_BUFFER, rc;

	k->by_id = calloc(65536, sizeof(*k->by_id));
	if (!k->by_id)
		return -ENOMEM;
	k->fd = socket(s->sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (k->fd < 0 || connect(k->fd, (struct sockaddr *)&s->sa, s->sa_len) < 0 ||
	    epoll_ctl(c->epoll, EPOLL_CTL_ADD, k->fd, &ev) < 0) {
		rc = -errno;
		if (k->fd >= 0)
			close(k->fd);
		free(k->by_id);
		return rc;
	}
	setsockopt(k->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	c->n_socks++;
	return 0;
}

static int reserve_server(struct dns_client *c)
{
	if (c->n_servers == c->cap_servers) {
		unsigned cap = c->cap_servers * 2 + 8;
		void *p = realloc(c->servers, cap * sizeof(*c->servers));

		if (!p)
			return -ENOMEM;
		c->servers = p;
		c->cap_servers = cap;
	}
	if (c->n_socks + c->cfg.ports > c->cap_socks) {
		unsigned cap = c->cap_socks * 2 + c->cfg.ports;
		void *p = realloc(c->socks, cap * sizeof(*c->socks));

		if (!p)
			return -ENOMEM;
		c->socks = p;
		c->cap_socks = cap;
	}
	return 0;
}

/* What is missed while waiting is caught up by ten milliseconds' worth: slow rates
 * have no bursts at all. */
static void set_rate(struct server *s, double rate, uint64_t now)
{
	s->rate_now = rate;
	s->changed_ns = now;
	rate_init(&s->rate, rate, 1 + (unsigned)(rate < 1e8 ? rate / 100 : 1e6), now);
}

int dns_client_server(struct dns_client *c, struct dns_addr a, struct diag *d)
{
	char text[DNS_ADDR_STRLEN];
	struct server *s;
	int rc;

	for (unsigned i = 0; i < c->n_servers; i++)
		if (addr_eq(c->servers[i].addr.addr, a.addr) &&
		    c->servers[i].addr.port == a.port)
			return (int)i;
	dns_addr_format(text, a);
	if (dns_optout_has_addr(c->cfg.optout, a.addr))
		return diag_set(d, ERR_POLICY, "server %s: it is on the opt-out list",
		                text);
	rc = c->n_servers < UINT16_MAX ? reserve_server(c) : -ENOMEM;
	if (rc < 0)
		return diag_set(d, rc, "server %s: %s", text, err_str(rc));
	s = &c->servers[c->n_servers];
	*s = (struct server){
		.addr = a,
		.first_sock = c->n_socks,
		.queue = { NONE, NONE, 0 },
		.cwnd = CWND_START,
		.ssthresh = c->cfg.window,
	};
	set_rate(s, c->cfg.server_rate, clock_mono_ns());
	set_sockaddr(s);
	for (unsigned i = 0; i < c->cfg.ports; i++) {
		rc = open_sock(c, s);
		if (rc < 0)
			return diag_set(d, rc, "server %s: %s", text, err_str(rc));
	}
	return (int)c->n_servers++;
}

int dns_client_found_server(struct dns_client *c, struct dns_addr a, struct diag *d)
{
	enum scope_verdict v =
		c->cfg.scope ? scope_check(c->cfg.scope, a.addr) : SCOPE_OK;
	char text[DNS_ADDR_STRLEN];

	/* What is not on an allowlist of hosts may be a server all the same. */
	if (v == SCOPE_OK || v == SCOPE_NOT_ALLOWED)
		return dns_client_server(c, a, d);
	dns_addr_format(text, a);
	return diag_set(d, ERR_POLICY, "server %s: %s", text, scope_verdict_str(v));
}

struct dns_addr dns_client_server_addr(const struct dns_client *c, unsigned server)
{
	return c->servers[server].addr;
}

const struct dns_optout *dns_client_optout(const struct dns_client *c)
{
	return c->cfg.optout;
}

bool dns_client_is_dead(const struct dns_client *c, unsigned server)
{
	return c->servers[server].strikes >= DEAD_STRIKES;
}

/* Additive increase, multiplicative decrease: of the queries in flight, once for
 * each windowful of them, when one in four fails (less is plain loss); of the rate,
 * at most once a second, when failures come in a burst. */
static void note_outcome(struct dns_client *c, struct server *s, bool good, uint64_t now)
{
	s->failing += ((good ? 0.0 : 1.0) - s->failing) / 8;
	if (s->rate_now > 0 && s->failing > 0.2 && now - s->changed_ns > NS_PER_S) {
		double low = c->cfg.server_rate < 0.5 ? c->cfg.server_rate : 0.5;

		set_rate(s, s->rate_now / 2 > low ? s->rate_now / 2 : low, now);
	} else if (s->rate_now < c->cfg.server_rate && good &&
	           now - s->changed_ns > 10 * NS_PER_S) {
		double up = s->rate_now + 1;

		set_rate(s, up < c->cfg.server_rate ? up : c->cfg.server_rate, now);
	}
	s->epoch_n++;
	s->epoch_bad += !good;
	if (s->epoch_n < s->cwnd)
		return;
	if (s->epoch_bad * 4 > s->epoch_n) {
		s->cwnd = s->cwnd / 2 > CWND_MIN ? s->cwnd / 2 : CWND_MIN;
		s->ssthresh = s->cwnd;
	} else {
		s->cwnd = s->cwnd < s->ssthresh ? s->cwnd * 2 : s->cwnd + CWND_MIN;
		if (s->cwnd > c->cfg.window)
			s->cwnd = c->cfg.window;
	}
	s->epoch_n = s->epoch_bad = 0;
}

/* ---- asking ------------------------------------------------------------------------ */

/* Servers in turn; dead ones only when there is no other. */
static uint16_t next_server(struct dns_client *c)
{
	for (unsigned i = 0; i < c->n_servers; i++) {
		c->turn = (c->turn + 1) % c->n_servers;
		if (c->servers[c->turn].strikes < DEAD_STRIKES)
			return (uint16_t)c->turn;
	}
	c->turn = (c->turn + 1) % c->n_servers;
	return (uint16_t)c->turn;
}

int dns_client_ask(struct dns_client *c, const struct dns_ask *q)
{
	uint32_t i = c->free.head;
	struct slot *s;

	if (c->cfg.optout && dns_optout_has_name(c->cfg.optout, q->name)) {
		c->stats.opted_out++;
		return ERR_POLICY;
	}
	if (i == NONE || !c->n_servers)
		return -EAGAIN;
	list_remove(c, &c->free, i);
	s = &c->slots[i];
	s->name.len = q->name->len;
	memcpy(s->name.b, q->name->b, q->name->len);
	s->user = q->user;
	s->type = q->type;
	s->any_server = q->server == DNS_ANY_SERVER;
	s->server = s->any_server ? next_server(c) : (uint16_t)q->server;
	s->recurse = q->recurse;
	s->dnssec = q->dnssec;
	s->tries = 0;
	s->mapped = s->failed = false;
	s->tcp = NULL;
	list_push(c, &c->servers[s->server].queue, i);
	return 0;
}

unsigned dns_client_room(const struct dns_client *c)
{
	return c->free.n;
}

unsigned dns_client_pending(const struct dns_client *c)
{
	return c->cfg.window - c->free.n;
}

static void unmap(struct dns_client *c, struct slot *s)
{
	if (s->mapped)
		c->socks[s->sock].by_id[s->id] = 0;
	s->mapped = false;
}

static void close_tcp(struct slot *s)
{
	if (!s->tcp)
		return;
	dns_tcp_close(s->tcp);
	free(s->tcp);
	s->tcp = NULL;
}

/* Tell the caller, and free the slot (only then: its name is in use). */
static void finish(struct dns_client *c, uint32_t i, const uint8_t *msg, size_t n,
                   uint64_t now)
{
	struct slot *s = &c->slots[i];
	const struct dns_result r = {
		.status = msg ? DNS_ANSWERED : DNS_NO_ANSWER,
		.user = s->user,
		.name = &s->name,
		.type = s->type,
		.server = s->server,
		.tries = s->tries,
		.tcp = s->tcp != NULL,
		.rtt_ns = now - s->sent_ns,
		.msg = msg,
		.n = n,
	};

	c->done(c->arg, &r);
	close_tcp(s);
	list_push(c, &c->free, i);
}

/* ---- sending ------------------------------------------------------------------------ */

static void randomize(struct dns_client *c, struct slot *s, uint32_t sock)
{
	uint64_t bits = random64(c), flips = bits >> 16;
	uint16_t id = (uint16_t)bits;

	while (c->socks[sock].by_id[id])
		id = (uint16_t)random64(c);
	s->id = id;
	s->sock = sock;
	for (unsigned i = 0, used = 0; i < s->name.len; i++) {
		uint8_t lower = s->name.b[i] | 0x20;

		/* Length bytes are no letters: they are below 64. */
		if (lower < 'a' || lower > 'z' || s->name.b[i] < 64)
			continue;
		if (++used % 48 == 0)
			flips = random64(c);
		s->name.b[i] = lower ^ (uint8_t)((flips & 1) << 5);
		flips >>= 1;
	}
}

static void put_in_flight(struct dns_client *c, uint32_t i, uint64_t now)
{
	struct slot *s = &c->slots[i];

	s->level = s->tries < LEVELS ? s->tries : LEVELS - 1;
	s->tries++;
	s->sent_ns = now;
	s->deadline_ns = now + (c->cfg.timeout_ns << s->level);
	s->failed = false;
	s->mapped = true;
	c->socks[s->sock].by_id[s->id] = (uint16_t)(i + 1);
	c->servers[s->server].in_flight++;
	list_push(c, &c->flight[s->level], i);
}

/* How many of the queue may go now. */
static unsigned allowance(struct dns_client *c, struct server *s, uint64_t now)
{
	unsigned n = s->cwnd > s->in_flight ? s->cwnd - s->in_flight : 0, m;
	uint64_t wake = 0;

	n = n < s->queue.n ? n : s->queue.n;
	n = n < BATCH ? n : BATCH;
	if (!n)
		return 0;
	m = rate_take(&c->rate, n, now, &wake);
	if (m < n && (!c->wake_ns || wake < c->wake_ns))
		c->wake_ns = wake;
	if (!m)
		return 0;
	n = rate_take(&s->rate, m, now, &wake);
	if (n < m) {
		rate_give_back(&c->rate, m - n);
		if (!c->wake_ns || wake < c->wake_ns)
			c->wake_ns = wake;
	}
	return n;
}

/* Send the first n of the queue; returns how many went. */
static unsigned send_batch(struct dns_client *c, struct server *s, unsigned n,
                           uint64_t now)
{
	uint32_t sock = s->first_sock + (uint32_t)(random64(c) % c->cfg.ports);
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	uint32_t i = s->queue.head;
	int sent;

	for (unsigned k = 0; k < n; k++, i = c->slots[i].next) {
		struct slot *q = &c->slots[i];

		randomize(c, q, sock);
		/* Taken already, so that no two of a batch have one id. */
		c->socks[sock].by_id[q->id] = (uint16_t)(i + 1);
		iov[k].iov_base = c->out[k];
		iov[k].iov_len = dns_query_build(
			c->out[k], &(struct dns_query){ &q->name, q->id, q->type,
		                                        q->recurse, q->dnssec });
		msgs[k] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[k],
			                                 .msg_iovlen = 1 } };
	}
	sent = sendmmsg(c->socks[sock].fd, msgs, n, 0);
	/* The error of an earlier packet (port unreachable) is reported once. */
	if (sent < 0 && errno != EAGAIN)
		sent = sendmmsg(c->socks[sock].fd, msgs, n, 0);
	i = s->queue.head;
	for (unsigned k = 0; k < n; k++) {
		uint32_t next = c->slots[i].next;

		if ((int)k < sent) {
			list_remove(c, &s->queue, i);
			put_in_flight(c, i, now);
		} else {
			c->socks[sock].by_id[c->slots[i].id] = 0;
		}
		i = next;
	}
	return sent > 0 ? (unsigned)sent : 0;
}

static void send_queued(struct dns_client *c, uint64_t now)
{
	c->wake_ns = 0;
	for (unsigned i = 0; i < c->n_servers; i++) {
		struct server *s = &c->servers[i];
		unsigned n, sent;

		while ((n = allowance(c, s, now)) > 0) {
			sent = send_batch(c, s, n, now);
			c->stats.sent += sent;
			if (sent == n)
				continue;
			rate_give_back(&c->rate, n - sent);
			rate_give_back(&s->rate, n - sent);
			/* The socket is full, or there is no route: not in a tight loop. */
			c->wake_ns = now + NS_PER_MS;
			break;
		}
	}
}

/* ---- receiving ----------------------------------------------------------------------- */

static void leave_flight(struct dns_client *c, uint32_t i)
{
	struct slot *s = &c->slots[i];

	list_remove(c, &c->flight[s->level], i);
	c->servers[s->server].in_flight--;
	unmap(c, s);
}

/* Ask again over TCP; the time-out of the try goes on. */
static void start_tcp(struct dns_client *c, uint32_t i)
{
	struct epoll_event ev = { .events = EPOLLOUT, .data.u64 = EVENT_TCP | i };
	struct slot *s = &c->slots[i];
	struct server *v = &c->servers[s->server];
	struct dns_query q = { &s->name, s->id, s->type, s->recurse, s->dnssec };

	unmap(c, s);
	s->tcp = malloc(sizeof(*s->tcp));
	if (!s->tcp)
		return; /* the time-out tries again */
	if (dns_tcp_open(s->tcp, (struct sockaddr *)&v->sa, v->sa_len, &q) < 0) {
		free(s->tcp);
		s->tcp = NULL;
		return;
	}
	c->stats.tcp++;
	epoll_ctl(c->epoll, EPOLL_CTL_ADD, s->tcp->fd, &ev);
}

enum match { MATCH_NOT, MATCH_CASE, MATCH_YES };

/* Whether a reply answers the query of a slot; MATCH_CASE: but for the letters'
 * case, which some servers do not keep. */
static enum match match_reply(const struct slot *s, const uint8_t *p, size_t n)
{
	struct dns_name sent_back;
	struct dns_msg m;

	if (!dns_msg_open(&m, p, n, &sent_back) || m.id != s->id ||
	    (m.flags & 0xf800) != DNS_QR)
		return MATCH_NOT;
	/* Servers that cannot read a query may send its header alone. */
	if (!sent_back.len)
		return m.rcode == DNS_FORMERR || m.rcode == DNS_NOTIMP ? MATCH_YES
		                                                       : MATCH_NOT;
	if (m.qtype != s->type || !dns_name_eq(&sent_back, &s->name))
		return MATCH_NOT;
	return memcmp(sent_back.b, s->name.b, s->name.len) ? MATCH_CASE : MATCH_YES;
}

static void take_reply(struct dns_client *c, uint32_t i, const uint8_t *p, size_t n,
                       uint64_t now)
{
	struct slot *s = &c->slots[i];
	struct server *v = &c->servers[s->server];
	unsigned rcode = p[3] & 15;
	bool good = rcode != DNS_SERVFAIL && rcode != DNS_REFUSED, again = false;

	c->stats.replies++;
	c->stats.servfail += rcode == DNS_SERVFAIL;
	c->stats.refused += rcode == DNS_REFUSED;
	v->strikes = 0;
	note_outcome(c, v, good, now);
	/* A refusal is final, but another server may have other rules. */
	if (rcode == DNS_SERVFAIL ||
	    (rcode == DNS_REFUSED && s->any_server && c->n_servers > 1))
		again = s->tries < c->cfg.tries;
	if (again) {
		unmap(c, s);
		close_tcp(s);
		s->failed = true; /* until its time-out */
		return;
	}
	leave_flight(c, i);
	finish(c, i, p, n, now);
}

static void take_datagram(struct dns_client *c, uint32_t sock, const uint8_t *p, size_t n,
                          bool cut, uint64_t now)
{
	uint32_t i = n >= HEADER ? c->socks[sock].by_id[p[0] << 8 | p[1]] : 0;

	if (!i--) {
		c->stats.bad++;
		return;
	}
	switch (match_reply(&c->slots[i], p, n)) {
	case MATCH_NOT: c->stats.bad++; return;
	case MATCH_CASE: start_tcp(c, i); return;
	case MATCH_YES: break;
	}
	if (cut || p[2] & DNS_TC >> 8)
		start_tcp(c, i);
	else
		take_reply(c, i, p, n, now);
}

/* By number: what the caller does with a reply may move the array of sockets. */
static void receive(struct dns_client *c, uint32_t sock, uint64_t now)
{
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	int n;

	do {
		for (unsigned i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){ c->in[i], RECV_SIZE };
			msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i],
				                                 .msg_iovlen = 1 } };
		}
		n = recvmmsg(c->socks[sock].fd, msgs, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			take_datagram(c, sock, c->in[i], msgs[i].msg_len,
			              msgs[i].msg_hdr.msg_flags & MSG_TRUNC, now);
	} while (n == BATCH);
}

static void tcp_event(struct dns_client *c, uint32_t i, uint64_t now)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = EVENT_TCP | i };
	struct slot *s = &c->slots[i];
	const uint8_t *p;
	bool sent;
	size_t n;
	int rc;

	if (!s->tcp)
		return;
	sent = s->tcp->sent == s->tcp->query_n;
	rc = dns_tcp_step(s->tcp);
	if (rc == 0) {
		if (!sent && s->tcp->sent == s->tcp->query_n)
			epoll_ctl(c->epoll, EPOLL_CTL_MOD, s->tcp->fd, &ev);
		return;
	}
	p = rc > 0 ? dns_tcp_reply(s->tcp, &n) : NULL;
	if (p && n >= HEADER && match_reply(s, p, n) != MATCH_NOT) {
		take_reply(c, i, p, n, now);
		return;
	}
	c->stats.bad += p != NULL;
	close_tcp(s);
}

/* ---- time ----------------------------------------------------------------------------- */

static void expire_slot(struct dns_client *c, uint32_t i, uint64_t now)
{
	struct slot *s = &c->slots[i];
	struct server *v = &c->servers[s->server];

	if (!s->failed) {
		c->stats.timeouts++;
		v->strikes++;
		note_outcome(c, v, false, now);
	}
	leave_flight(c, i);
	if (s->tries >= c->cfg.tries) {
		finish(c, i, NULL, 0, now);
		return;
	}
	close_tcp(s);
	c->stats.retries++;
	if (s->any_server)
		s->server = next_server(c);
	list_push(c, &c->servers[s->server].queue, i);
}

static void expire(struct dns_client *c, uint64_t now)
{
	for (unsigned l = 0; l < LEVELS; l++)
		while (c->flight[l].head != NONE &&
		       c->slots[c->flight[l].head].deadline_ns <= now)
			expire_slot(c, c->flight[l].head, now);
}

/* How long to wait at most, in milliseconds, rounded up. */
static int wait_ms(const struct dns_client *c, uint64_t max_ns, uint64_t now)
{
	uint64_t until = now + max_ns;

	for (unsigned l = 0; l < LEVELS; l++)
		if (c->flight[l].head != NONE &&
		    c->slots[c->flight[l].head].deadline_ns < until)
			until = c->slots[c->flight[l].head].deadline_ns;
	if (c->wake_ns && c->wake_ns < until)
		until = c->wake_ns;
	if (until <= now)
		return 0;
	return (int)((until - now + NS_PER_MS - 1) / NS_PER_MS);
}

int dns_client_step(struct dns_client *c, uint64_t max_wait_ns, struct diag *d)
{
	struct epoll_event ev[EVENTS];
	uint64_t now = clock_mono_ns();
	int n;

	if (max_wait_ns > 60 * NS_PER_S)
		max_wait_ns = 60 * NS_PER_S;
	send_queued(c, now);
	n = epoll_wait(c->epoll, ev, EVENTS, wait_ms(c, max_wait_ns, now));
	if (n < 0 && errno != EINTR)
		return diag_set(d, -errno, "epoll: %s", err_str(-errno));
	now = clock_mono_ns();
	for (int i = 0; i < n; i++) {
		uint32_t index = (uint32_t)ev[i].data.u64;

		if (ev[i].data.u64 & EVENT_TCP)
			tcp_event(c, index, now);
		else
			receive(c, index, now);
	}
	expire(c, now);
	return 0;
}

const struct dns_client_stats *dns_client_stats(const struct dns_client *c)
{
	return &c->stats;
}

int dns_client_new(struct dns_client **out, const struct dns_client_config *cfg,
                   dns_done done, void *arg, struct diag *d)
{
	struct dns_client *c = calloc(1, sizeof(*c));
	int rc = -ENOMEM;

	if (!c)
		return diag_set(d, rc, "%s", err_str(rc));
	c->cfg = *cfg;
	c->done = done;
	c->arg = arg;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->slots = calloc(cfg->window, sizeof(*c->slots));
	if (c->epoll < 0 || !c->slots) {
		rc = c->slots ? -errno : -ENOMEM;
		diag_set(d, rc, "%s", err_str(rc));
		dns_client_free(c);
		return rc;
	}
	c->free = (struct list){ NONE, NONE, 0 };
	for (unsigned l = 0; l < LEVELS; l++)
		c->flight[l] = (struct list){ NONE, NONE, 0 };
	for (unsigned i = 0; i < cfg->window; i++)
		list_push(c, &c->free, i);
	mac_key_random(&c->key);
	rate_init(&c->rate, cfg->rate,
	          1 + (unsigned)(cfg->rate < 1e8 ? cfg->rate / 100 : 1e6),
	          clock_mono_ns());
	*out = c;
	return 0;
}

void dns_client_free(struct dns_client *c)
{
	if (!c)
		return;
	for (unsigned i = 0; c->slots && i < c->cfg.window; i++)
		close_tcp(&c->slots[i]);
	for (unsigned i = 0; i < c->n_socks; i++) {
		close(c->socks[i].fd);
		free(c->socks[i].by_id);
	}
	if (c->epoll >= 0)
		close(c->epoll);
	free(c->socks);
	free(c->servers);
	free(c->slots);
	free(c);
}
