#include "probe/connects.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "probe/reply.h"
#include "probe/sockets.h"

#define WAIT_NS  (NS_PER_MS / 2) /* between two looks for room */
#define STUCK_NS (10 * NS_PER_S) /* beyond the time-out: nobody closes anything */

enum {
	FDS_MAX = 1 << 20,
	FDS_SPARE = 64, /* for everything else in the program */
	FDS_FEW = 1024,
	NONE = -1,
	TCP_SYN_ACK = 0x12,
	TCP_RST_ACK = 0x14,
};

/* Indexed by descriptor.  A list in the order of starting, by index, under the
 * lock; the rest of an entry belongs to the sending thread until the connection
 * is in the list, and from then on to the receiving one. */
struct connection {
	struct addr128 addr;
	uint64_t start_ns;
	uint32_t tag;
	uint16_t port;
	int16_t refused; /* errno of a connect(2) that failed at once */
	bool listed;
	int32_t before, after;
};

struct connects {
	struct connects_config cfg;
	struct connection *all;
	int n_all, first, last;
	unsigned max;
	atomic_uint live;
	pthread_mutex_t lock;
};

static bool raise_limit(struct rlimit *lim)
{
	if (getrlimit(RLIMIT_NOFILE, lim) < 0)
		return false;
	if (lim->rlim_cur < lim->rlim_max) {
		struct rlimit more = { lim->rlim_max, lim->rlim_max };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			*lim = more;
	}
	return true;
}

int connects_new(struct connects **out, const struct connects_config *cfg, struct diag *d)
{
	struct connects *c;
	struct rlimit lim;

	if (!raise_limit(&lim))
		return diag_set(d, -errno, "RLIMIT_NOFILE: %s", strerror(errno));
	if (lim.rlim_cur > FDS_MAX)
		lim.rlim_cur = FDS_MAX;
	if (lim.rlim_cur <= 2 * FDS_SPARE)
		return diag_set(d, -EMFILE,
		                "%u open files are too few for a scan of TCP (ulimit -n)",
		                (unsigned)lim.rlim_cur);
	if (lim.rlim_cur < FDS_FEW)
		log_warn("no more than %u open files (ulimit -n) make a slow scan of TCP",
		         (unsigned)lim.rlim_cur);
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->cfg = *cfg;
	c->n_all = (int)lim.rlim_cur;
	c->max = (unsigned)lim.rlim_cur - FDS_SPARE;
	c->first = c->last = NONE;
	pthread_mutex_init(&c->lock, NULL);
	c->all = calloc((size_t)c->n_all, sizeof(*c->all));
	if (!c->all) {
		connects_free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void connects_free(struct connects *c)
{
	if (!c)
		return;
	while (c->first != NONE) {
		int fd = c->first;

		c->first = c->all[fd].after;
		close(fd);
	}
	pthread_mutex_destroy(&c->lock);
	free(c->all);
	free(c);
}

unsigned connects_max(const struct connects *c)
{
	return c->max;
}

/* --- starting ------------------------------------------------------------------------ */

static void append_locked(struct connects *c, int fd)
{
	struct connection *k = &c->all[fd];

	k->before = c->last;
	k->after = NONE;
	k->listed = true;
	if (c->last == NONE)
		c->first = fd;
	else
		c->all[c->last].after = fd;
	c->last = fd;
}

static void remove_locked(struct connects *c, int fd)
{
	struct connection *k = &c->all[fd];

	k->listed = false;
	if (k->before == NONE)
		c->first = k->after;
	else
		c->all[k->before].after = k->after;
	if (k->after == NONE)
		c->last = k->before;
	else
		c->all[k->after].before = k->before;
}

/* Into the list and into epoll, as one step: in the list only, it might be closed
 * for its age, and the descriptor be another file by the time of epoll_ctl(2). */
static bool watch(struct connects *c, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT,
		                  .data.u64 = c->cfg.event_base + (uint64_t)fd };
	bool ok;

	pthread_mutex_lock(&c->lock);
	append_locked(c, fd);
	ok = epoll_ctl(c->cfg.epoll, EPOLL_CTL_ADD, fd, &ev) == 0;
	if (!ok)
		remove_locked(c, fd);
	else
		atomic_fetch_add(&c->live, 1);
	pthread_mutex_unlock(&c->lock);
	return ok;
}

static void set_option(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static bool set_up(const struct connects *c, int fd, const struct connect_target *t)
{
	bool v6 = !addr_is_v4(t->addr);
	union sockets_addr a;
	socklen_t len;

	if (v6)
		set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	else
		set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
	if (c->cfg.hop_limit != 64 && v6)
		set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, (int)c->cfg.hop_limit);
	else if (c->cfg.hop_limit != 64)
		set_option(fd, IPPROTO_IP, IP_TTL, (int)c->cfg.hop_limit);
	if (c->cfg.interface &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, c->cfg.interface,
	               (socklen_t)strlen(c->cfg.interface) + 1) < 0)
		return false;
	if (!c->cfg.bind_source && !c->cfg.source_port)
		return true;
	/* One port for many connections, each to another target. */
	if (c->cfg.source_port)
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	else
		set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	len = sockets_addr(&a, t->source, c->cfg.source_port);
	return bind(fd, &a.any, len) == 0;
}

/* A socket, as soon as there is room for one more. */
static int take_socket(struct connects *c, bool v6, struct diag *d)
{
	uint64_t now = clock_mono_ns(), end = now + c->cfg.timeout_ns + STUCK_NS;

	for (;; now = clock_mono_ns()) {
		int fd = -1, err = EMFILE;

		if (atomic_load(&c->live) < c->max) {
			fd = socket(v6 ? AF_INET6 : AF_INET,
			            SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
			err = errno;
		}
		if (fd >= 0 && fd < c->n_all)
			return fd;
		if (fd >= 0)
			close(fd);
		else if (err != EMFILE && err != ENFILE && err != ENOBUFS &&
		         err != ENOMEM)
			return diag_set(d, -err, "cannot open a TCP socket: %s",
			                strerror(err));
		if (now >= end)
			return diag_set(d, -EMFILE, "no TCP socket becomes free");
		clock_sleep_until(now + WAIT_NS);
	}
}

/* Errnos of connect(2) that may be a target's or a router's word, which the error
 * queue then tells; they are looked at where all answers are. */
static bool may_be_answer(int err)
{
	return err == ECONNREFUSED || err == EHOSTUNREACH || err == ENETUNREACH ||
	       err == EACCES || err == ENOPROTOOPT || err == EHOSTDOWN || err == EPROTO;
}

int connects_start(struct connects *c, const struct connect_target *t, struct diag *d)
{
	int fd = take_socket(c, !addr_is_v4(t->addr), d), err;
	struct connection *k;
	union sockets_addr a;
	socklen_t len;

	if (fd < 0)
		return fd;
	k = &c->all[fd];
	*k = (struct connection){ .addr = t->addr,
		                  .tag = t->tag,
		                  .port = t->port,
		                  .start_ns = clock_mono_ns() };
	len = sockets_addr(&a, t->addr, t->port);
	err = !set_up(c, fd, t) || connect(fd, &a.any, len) < 0 ? errno : 0;
	if (may_be_answer(err))
		k->refused = (int16_t)err;
	if ((k->refused || !err || err == EINPROGRESS) && watch(c, fd))
		return 1;
	atomic_fetch_add(c->cfg.refused, 1);
	close(fd);
	return 0;
}

/* --- ending --------------------------------------------------------------------------- */

/* From here on the descriptor may be the sending thread's again. */
static void finish(struct connects *c, int fd, bool reset)
{
	static const struct linger now = { 1, 0 };

	pthread_mutex_lock(&c->lock);
	remove_locked(c, fd);
	pthread_mutex_unlock(&c->lock);
	if (reset)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	atomic_fetch_sub(&c->live, 1);
}

static struct addr128 own_end(int fd, uint16_t *port)
{
	union sockets_addr a = { 0 };
	socklen_t len = sizeof(a);

	*port = 0;
	if (getsockname(fd, &a.any, &len) < 0)
		return (struct addr128){ 0, 0 };
	*port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
	return sockets_addr_load(&a);
}

/* The kernel has matched the error with the connection, sequence number included. */
static bool read_queue(int fd, struct observation *o)
{
	_Alignas(struct cmsghdr) uint8_t control[512];
	uint8_t data[64];
	union sockets_addr name;
	struct iovec iov = { data, sizeof(data) };
	struct msghdr m = { .msg_name = &name,
		            .msg_namelen = sizeof(name),
		            .msg_iov = &iov,
		            .msg_iovlen = 1,
		            .msg_control = control,
		            .msg_controllen = sizeof(control) };
	struct sockets_note n;
	uint16_t port;

	if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	sockets_read_note(&n, &m);
	if (!n.error || addr_is_v4(n.from) != addr_is_v4(o->target))
		return false;
	/* From an address of our own: our kernel's word about a neighbour. */
	if (addr_eq(n.from, own_end(fd, &port)) && !addr_eq(n.from, o->target))
		return false;
	o->from = n.from;
	o->icmp_type = n.type;
	o->icmp_code = n.code;
	o->hop_limit = n.hop_limit;
	o->outcome = (uint8_t)reply_outcome(o);
	return true;
}

/* How a connection came out, err being its errno. */
static bool read_outcome(int fd, int err, struct observation *o)
{
	if (err == 0 || err == ECONNRESET || err == EPIPE) { /* it was established */
		o->outcome = OBS_OPEN;
		o->tcp_flags = TCP_SYN_ACK;
		return true;
	}
	if (err == ETIMEDOUT)
		return false;
	if (read_queue(fd, o))
		return true;
	o->outcome = OBS_CLOSED;
	o->tcp_flags = TCP_RST_ACK;
	return err == ECONNREFUSED;
}

bool connects_end(struct connects *c, int fd, uint64_t now_us, struct observation *o)
{
	const struct connection *k = &c->all[fd];
	socklen_t len = sizeof(int);
	uint64_t took;
	bool answer;
	int err = 0;

	if (fd < 0 || fd >= c->n_all || !k->listed)
		return false;
	took = (clock_mono_ns() - k->start_ns) / NS_PER_US;
	*o = (struct observation){
		.target = k->addr,
		.from = k->addr,
		.when_us = now_us,
		.rtt_us = took <= UINT32_MAX ? (uint32_t)took : 0,
		.tag = k->tag,
		.port = k->port,
		.proto = OBS_TCP,
	};
	if (k->refused)
		err = k->refused;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	answer = read_outcome(fd, err, o);
	if (answer)
		o->to = own_end(fd, &o->sport);
	else if (err != ETIMEDOUT)
		atomic_fetch_add(c->cfg.refused, 1);
	finish(c, fd, answer && o->outcome == OBS_OPEN);
	return answer;
}

void connects_expire(struct connects *c, uint64_t now_ns)
{
	for (;;) {
		int fd;

		pthread_mutex_lock(&c->lock);
		fd = c->first;
		/* It may have been started after now_ns. */
		if (fd != NONE && c->all[fd].start_ns + c->cfg.timeout_ns > now_ns)
			fd = NONE;
		pthread_mutex_unlock(&c->lock);
		if (fd == NONE)
			return;
		finish(c, fd, false);
	}
}
