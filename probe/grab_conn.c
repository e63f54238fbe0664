#include "probe/grab_conn.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

enum {
	HANDSHAKE_MAX = 1 << 20, /* bytes of a server's handshake, whatever is in them */
	OVERHEAD = 4, /* of bytes received to bytes of data, at most, behind that */
	REQUEST_MAX = 2048,
};

#define QUIET_NS (500 * NS_PER_MS) /* after an answer: is there more? */

/* --- sockets ----------------------------------------------------------------- */

union endpoint {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t make_endpoint(union endpoint *e, struct addr128 a, uint16_t port)
{
	uint8_t bytes[16];

	addr_store(bytes, a);
	memset(e, 0, sizeof(*e));
	if (addr_is_v4(a)) {
		e->v4.sin_family = AF_INET;
		e->v4.sin_port = htons(port);
		memcpy(&e->v4.sin_addr, bytes + 12, 4);
		return sizeof(e->v4);
	}
	e->v6.sin6_family = AF_INET6;
	e->v6.sin6_port = htons(port);
	memcpy(&e->v6.sin6_addr, bytes, 16);
	return sizeof(e->v6);
}

static enum grab_status status_of(int error)
{
	switch (error) {
	case ECONNREFUSED: return GRAB_REFUSED;
	case ETIMEDOUT: return GRAB_TIMEOUT;
	case ECONNRESET:
	case EPIPE: return GRAB_RESET;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case EADDRNOTAVAIL:
	case EADDRINUSE: return GRAB_LOCAL;
	default: return GRAB_UNREACHABLE;
	}
}

static int start_connect(struct conn *c, const struct conn_shared *s)
{
	bool v6 = !addr_is_v4(c->r.addr);
	struct addr128 from = s->cfg->source[v6];
	union endpoint e;
	socklen_t n;
	int one = 1;

	c->fd = socket(v6 ? AF_INET6 : AF_INET,
	               SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	if (from.hi | from.lo) {
		/* The port is chosen when the other end is known. */
		(void)setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
		                 sizeof(one));
		n = make_endpoint(&e, from, 0);
		if (bind(c->fd, &e.sa, n) < 0)
			return -errno;
	}
	n = make_endpoint(&e, c->r.addr, c->r.port);
	return connect(c->fd, &e.sa, n) == 0 || errno == EINPROGRESS ? 0 : -errno;
}

/* Has this probe a handshake, and does anything come before it? */
static bool has_tls(const struct service_probe *p)
{
	for (unsigned i = 0; p->steps[i].kind != SERVICE_END; i++)
		if (p->steps[i].kind == SERVICE_TLS)
			return true;
	return false;
}

static const struct service_probe *pick_probe(const struct conn *c,
                                              const struct conn_shared *s)
{
	const struct service_probe *p = &s->probes->probe[s->probes->of_port[c->r.port]];

	if (c->second)
		return s->then_tls;
	return s->cfg->tls && !s->cfg->banner && !has_tls(p) ? s->only_tls : p;
}

int conn_open(struct conn *c, const struct conn_shared *s, const struct probe_target *t,
              bool second, uint64_t now_ns)
{
	int rc;

	*c = (struct conn){
		.fd = -1,
		.second = second,
		.began_ns = now_ns,
		.deadline_ns = now_ns + s->cfg->connect_ns,
		.r = { .addr = t->addr,
		       .port = (uint16_t)t->port,
		       .status = GRAB_TIMEOUT,
		       .when_us = clock_wall_us() },
	};
	c->probe = pick_probe(c, s);
	c->r.probe = c->probe->name;
	c->r.service = services_name(s->names, OBS_TCP, c->r.port);
	rc = start_connect(c, s);
	if (rc == 0)
		return 0;
	c->r.status = (uint8_t)status_of(-rc);
	conn_close(c);
	return rc;
}

void conn_close(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	tls_session_free(c->session);
	free(c->in);
	free(c->out);
	c->fd = -1;
	c->session = NULL;
	c->in = c->out = NULL;
}

/* --- bytes ------------------------------------------------------------------- */

/* What the server said, up to max_bytes. */
static void keep(struct conn *c, const struct conn_shared *s, const uint8_t *bytes,
                 size_t n)
{
	size_t room = s->cfg->max_bytes - c->n_in;

	if (n >= room) {
		c->r.truncated = true;
		n = room;
	}
	if (c->n_in + n > c->cap_in) {
		size_t cap = c->cap_in ? 2 * (size_t)c->cap_in : 1024;
		uint8_t *grown;

		while (cap < c->n_in + n)
			cap *= 2;
		grown = realloc(c->in, cap);
		if (!grown) {
			c->r.truncated = true;
			return;
		}
		c->in = grown;
		c->cap_in = (uint32_t)cap;
	}
	if (n)
		memcpy(c->in + c->n_in, bytes, n);
	c->n_in += (uint32_t)n;
}

static bool queue_out(struct conn *c, const uint8_t *bytes, size_t n)
{
	if (c->n_out + n > c->cap_out) {
		size_t cap = c->n_out + n + 1024;
		uint8_t *grown = realloc(c->out, cap);

		if (!grown)
			return false;
		c->out = grown;
		c->cap_out = (uint32_t)cap;
	}
	memcpy(c->out + c->n_out, bytes, n);
	c->n_out += (uint32_t)n;
	return true;
}

/* What the TLS session wants to send. */
static void take_out(struct conn *c)
{
	uint8_t piece[2048];
	size_t n;

	while (c->session && (n = tls_take(c->session, piece, sizeof(piece))))
		if (!queue_out(c, piece, n))
			c->broken = true;
}

static void flush(struct conn *c)
{
	while (c->out_at < c->n_out) {
		ssize_t n = send(c->fd, c->out + c->out_at, c->n_out - c->out_at,
		                 MSG_NOSIGNAL);

		if (n < 0) {
			c->broken |= errno != EAGAIN && errno != EINTR;
			return;
		}
		c->out_at += (uint32_t)n;
	}
	c->n_out = c->out_at = 0;
}

static void read_inside(struct conn *c, const struct conn_shared *s)
{
	int n = 0;

	while (c->n_in < s->cfg->max_bytes &&
	       (n = tls_read(c->session, s->scratch, CONN_SCRATCH)) > 0)
		keep(c, s, s->scratch, (size_t)n);
	if (n < 0)
		c->eof = true;
}

static void take_in(struct conn *c, const struct conn_shared *s, const uint8_t *bytes,
                    size_t n)
{
	if (!c->session) {
		keep(c, s, bytes, n);
		return;
	}
	if (!c->inside) {
		/* The first ones are kept, in case that they are no TLS. */
		if (c->raw == 0 && !c->spoken)
			keep(c, s, bytes, n < 256 ? n : 256);
		/* A record is a handshake or an alert; the library would wait for
		 * more. */
		if (c->raw == 0 && n && bytes[0] != 0x16 && bytes[0] != 0x15)
			c->not_tls = true;
		c->raw += (uint32_t)n;
	}
	/* Messages of TLS without data in them are an endless game otherwise. */
	c->total += n;
	if (c->total > HANDSHAKE_MAX + OVERHEAD * (uint64_t)s->cfg->max_bytes)
		c->eof = true;
	if (c->not_tls)
		return;
	(void)tls_feed(c->session, bytes, n);
}

/* Everything that has come. */
static void receive(struct conn *c, const struct conn_shared *s)
{
	while (!c->eof && !c->broken && c->n_in < s->cfg->max_bytes &&
	       c->raw <= HANDSHAKE_MAX) {
		ssize_t n = recv(c->fd, s->scratch, CONN_SCRATCH, 0);

		if (n > 0) {
			take_in(c, s, s->scratch, (size_t)n);
			if (c->inside)
				read_inside(c, s);
			/* Short of a hang-up, an event will come with the rest. */
			if (n < CONN_SCRATCH && !c->hung_up)
				break;
		} else if (n == 0) {
			c->eof = true;
		} else if (errno != EINTR) {
			c->broken = errno != EAGAIN;
			break;
		}
	}
}

/* --- steps ------------------------------------------------------------------- */

enum progress { NEXT, STAY, DONE };

static bool has_ended(const struct conn *c, const struct conn_shared *s)
{
	return c->eof || c->broken || c->n_in >= s->cfg->max_bytes;
}

/* An answer to what was sent last.  It has come when it is complete, when nothing
 * more comes for a while, or when time is up, however slowly it drips. */
static enum progress wait_answer(struct conn *c, const struct conn_shared *s,
                                 uint64_t now_ns)
{
	uint32_t n = c->n_in - c->answer_at;
	bool first = c->probe->steps[c->step + 1].kind == SERVICE_SILENT;

	if (!c->waiting) {
		c->deadline_ns = now_ns + (first ? s->cfg->banner_ns : s->cfg->read_ns);
		c->until_ns = c->deadline_ns + s->cfg->read_ns;
	}
	if (has_ended(c, s) ||
	    service_is_complete(c->in ? c->in + c->answer_at : NULL, n) ||
	    now_ns >= c->deadline_ns) {
		c->answered = true;
		c->waiting = false;
		return NEXT;
	}
	/* An event brings more bytes, and more time for the rest. */
	if (n)
		c->deadline_ns =
			now_ns + QUIET_NS < c->until_ns ? now_ns + QUIET_NS : c->until_ns;
	c->waiting = true;
	return STAY;
}

static enum progress expect(struct conn *c, const struct conn_shared *s,
                            const struct service_step *step, uint64_t now_ns)
{
	if (!c->answered && wait_answer(c, s, now_ns) == STAY)
		return STAY;
	if (c->n_in - c->answer_at < step->len ||
	    memcmp(c->in + c->answer_at, s->probes->bytes + step->at, step->len) != 0)
		return DONE;
	return NEXT;
}

static enum progress say(struct conn *c, const struct conn_shared *s,
                         const struct service_step *step)
{
	char host[ADDR_STRLEN + 2];
	struct service_words words = { s->cfg->name, s->agent, s->me };
	uint8_t bytes[REQUEST_MAX];
	size_t n;

	if (has_ended(c, s))
		return DONE;
	if (!words.host) {
		char text[ADDR_STRLEN];

		addr_format(text, c->r.addr);
		snprintf(host, sizeof(host), addr_is_v4(c->r.addr) ? "%s" : "[%s]", text);
		words.host = host;
	}
	n = service_send_bytes(bytes, sizeof(bytes), s->probes, step, &words);
	if (!c->inside)
		c->broken |= !queue_out(c, bytes, n);
	else
		c->broken |= !tls_write(c->session, bytes, n);
	take_out(c);
	flush(c);
	c->answer_at = c->n_in;
	c->answered = false;
	return NEXT;
}

/* The first bytes of a handshake were kept, but are no banner. */
static void forget_handshake(struct conn *c)
{
	if (c->raw && !c->inside && !c->spoken)
		c->n_in = 0;
}

static enum progress handshake(struct conn *c, const struct conn_shared *s,
                               uint64_t now_ns)
{
	enum tls_state state;

	if (!c->session) {
		if (has_ended(c, s))
			return DONE;
		c->session = tls_session_new(s->tls, s->cfg->name);
		c->broken |= !c->session;
		if (!c->session)
			return DONE;
		c->r.tls = true;
		c->spoken = c->step > 0 && c->n_in > 0;
		/* Nobody who speaks TLS speaks first. */
		if (!c->spoken && c->n_in) {
			c->not_tls = true;
			c->raw = c->n_in;
		}
		c->deadline_ns = now_ns + s->cfg->read_ns;
		c->waiting = true;
	}
	state = tls_feed(c->session, NULL, 0);
	take_out(c);
	flush(c);
	if (state == TLS_HANDSHAKE)
		return c->eof || c->broken || c->not_tls || c->raw > HANDSHAKE_MAX ||
		                       now_ns >= c->deadline_ns
		               ? DONE
		               : STAY;
	if (state != TLS_READY)
		return DONE;
	forget_handshake(c);
	c->answer_at = c->n_in;
	c->answered = c->waiting = false;
	c->inside = true;
	return s->cfg->tls && !s->cfg->banner ? DONE : NEXT;
}

static enum progress do_step(struct conn *c, const struct conn_shared *s, uint64_t now_ns)
{
	const struct service_step *step = &c->probe->steps[c->step];

	switch ((enum service_step_kind)step->kind) {
	case SERVICE_END: return DONE;
	case SERVICE_WAIT: return wait_answer(c, s, now_ns);
	case SERVICE_SEND: return say(c, s, step);
	case SERVICE_EXPECT: return expect(c, s, step, now_ns);
	case SERVICE_TLS: return handshake(c, s, now_ns);
	case SERVICE_SECURE: return s->cfg->tls ? NEXT : DONE;
	case SERVICE_SILENT: return c->n_in ? DONE : NEXT;
	}
	return DONE;
}

/* --- the end ----------------------------------------------------------------- */

static enum grab_status status_of_tls(const struct conn *c)
{
	const struct tls_info *i = &c->r.info;

	if (c->inside || i->chain)
		return GRAB_OK;
	if (i->too_large || c->raw > HANDSHAKE_MAX)
		return GRAB_TOO_LARGE;
	if (i->not_tls || c->not_tls)
		return GRAB_NOT_TLS;
	if (i->alert >= 0)
		return GRAB_TLS_ALERT;
	if (i->error && c->raw)
		return GRAB_TLS_ERROR;
	if (c->raw)
		return GRAB_TLS_ERROR;
	return c->broken ? GRAB_RESET : c->eof ? GRAB_CLOSED : GRAB_SILENT;
}

static const char *inside_name(const char *service)
{
	static const char *const names[][2] = {
		{ "http", "https" },       { "imap", "imaps" }, { "pop3", "pop3s" },
		{ "smtp", "submissions" }, { "ftp", "ftps" },   { "nntp", "nntps" }
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i][0], service))
			return names[i][1];
	return service;
}

static void name_service(struct conn *c)
{
	struct grab_result *r = &c->r;
	const char *known = r->answer.service;
	bool outside = c->probe->steps[0].kind != SERVICE_TLS;

	if (known) {
		r->service = c->inside && !outside ? inside_name(known) : known;
		r->by_banner = true;
	} else if (c->inside || r->info.chain) {
		r->by_banner = !r->service;
		r->service = r->service ? r->service : "tls";
	}
}

static void conclude(struct conn *c, uint64_t now_ns)
{
	struct grab_result *r = &c->r;

	if (c->session)
		tls_info(c->session, &r->info);
	r->status = (uint8_t)(r->tls      ? status_of_tls(c)
	                      : c->n_in   ? GRAB_OK
	                      : c->broken ? GRAB_RESET
	                      : c->eof    ? GRAB_CLOSED
	                                  : GRAB_SILENT);
	if (r->status != GRAB_NOT_TLS)
		forget_handshake(c);
	r->banner = c->in;
	r->n_banner = c->n_in;
	service_classify(&r->answer, c->in, c->n_in, c->probe->name);
	name_service(c);
	r->total_us = (uint32_t)((now_ns - c->began_ns) / NS_PER_US);
}

static bool contains(const struct conn *c, const char *word)
{
	return c->in && memmem(c->in, c->n_in, word, strlen(word));
}

static bool has_asked(const struct conn *c)
{
	for (unsigned i = 0; i < c->step; i++)
		if (c->probe->steps[i].kind == SERVICE_SEND)
			return true;
	return false;
}

/* A plain request was answered by a TLS alert, by a web server that would rather have
 * TLS, or, on a port that could be anything, by nothing but the end: so do servers on top
 * of OpenSSL.  (Who ends it before a word does not want to talk.) */
static bool wants_tls(const struct conn *c)
{
	const struct service_answer *a = &c->r.answer;

	if (c->r.tls || c->second)
		return false;
	if (!c->n_in && (c->eof || c->broken) && !strcmp(c->probe->name, "any"))
		return has_asked(c);
	if (!a->service)
		return false;
	return !strcmp(a->service, "tls") ||
	       (!strcmp(a->service, "http") && a->http_status == 400 &&
	        (contains(c, "HTTPS") || contains(c, "SSL") || contains(c, "TLS")));
}

static enum conn_verdict finish(struct conn *c, uint64_t now_ns)
{
	conclude(c, now_ns);
	if (wants_tls(c))
		return CONN_AGAIN;
	if (c->session && c->inside && !c->eof && !c->broken) {
		tls_end(c->session);
		take_out(c);
		flush(c);
	}
	return CONN_OVER;
}

/* True: go on. */
static bool check_connected(struct conn *c, uint64_t now_ns)
{
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	if (error) {
		c->r.status = (uint8_t)status_of(error);
		return false;
	}
	c->connected = true;
	c->r.connect_us = (uint32_t)((now_ns - c->began_ns) / NS_PER_US);
	c->r.connect_us += c->r.connect_us == 0;
	return true;
}

enum conn_verdict conn_drive(struct conn *c, const struct conn_shared *s, uint32_t events,
                             uint64_t now_ns)
{
	enum progress p = NEXT;

	if (!c->connected) {
		if (!events)
			return now_ns >= c->deadline_ns ? CONN_OVER : CONN_GOES_ON;
		if (!check_connected(c, now_ns))
			return CONN_OVER;
	}
	c->hung_up |= events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
	flush(c);
	receive(c, s);
	while (p == NEXT) {
		if (c->inside)
			read_inside(c, s);
		p = do_step(c, s, now_ns);
		c->step += p == NEXT;
	}
	return p == DONE ? finish(c, now_ns) : CONN_GOES_ON;
}
