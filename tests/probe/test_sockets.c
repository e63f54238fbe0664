/* Answers and errors of the kernel's own sockets: what is read of them, and scans of
 * loopback, where this machine allows it. */
#include "tests/test.h"

#include <linux/errqueue.h>

#include "tests/common/failing.h"

#include "common/clock.h"
#include "probe/connects.c"
#include "probe/recv_sockets.c"
#include "probe/sockets.c"
#include "tests/probe/forge.h"

struct note_bytes {
	_Alignas(struct cmsghdr) uint8_t b[512];
	size_t n;
};

static void put(struct note_bytes *m, int level, int type, const void *data, size_t n)
{
	struct cmsghdr c = { .cmsg_len = CMSG_LEN(n),
		             .cmsg_level = level,
		             .cmsg_type = type };

	memcpy(m->b + m->n, &c, sizeof(c));
	memcpy(m->b + m->n + CMSG_LEN(0), data, n);
	m->n += CMSG_SPACE(n);
}

static void put_int(struct note_bytes *m, int level, int type, int v)
{
	put(m, level, type, &v, sizeof(v));
}

/* An ICMPv6 error as a kernel queues it; n bytes of its description. */
static struct note_bytes error_v6(const char *from, size_t n)
{
	struct {
		struct sock_extended_err ee;
		struct sockaddr_in6 from;
	} e = { .ee = { .ee_errno = EHOSTUNREACH,
		        .ee_origin = SO_EE_ORIGIN_ICMP6,
		        .ee_type = 1,
		        .ee_code = 3 },
		.from = { .sin6_family = AF_INET6 } };
	struct in6_pktinfo info = { .ipi6_ifindex = 1 };
	struct timeval tv = { 1700000000, 5 };
	struct note_bytes m = { .n = 0 };

	addr_store(&e.from.sin6_addr, forge_addr(from));
	addr_store(&info.ipi6_addr, forge_addr("2001:db8:aaaa::1"));
	put(&m, SOL_SOCKET, SCM_TIMESTAMP, &tv, sizeof(tv));
	put(&m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	put_int(&m, IPPROTO_IPV6, IPV6_HOPLIMIT, 61);
	put(&m, IPPROTO_IPV6, IPV6_RECVERR, &e, n < sizeof(e) ? n : sizeof(e));
	return m;
}

static void read_it(struct sockets_note *n, const struct note_bytes *m, const char *peer)
{
	union sockets_addr a;
	struct msghdr h = { .msg_control = (void *)m->b, .msg_controllen = m->n };

	h.msg_namelen = sockets_addr(&a, forge_addr(peer), 53);
	h.msg_name = &a;
	sockets_read_note(n, &h);
}

static void errors_are_read(void **state)
{
	struct note_bytes m = error_v6("2001:db8::ff", SIZE_MAX);
	struct sockets_note n;

	(void)state;
	read_it(&n, &m, "2001:db8::1");
	assert_true(n.error && n.has_source && !n.local);
	assert_true(addr_eq(n.from, forge_addr("2001:db8::ff")));
	assert_true(addr_eq(n.peer, forge_addr("2001:db8::1")));
	assert_true(addr_eq(n.source, forge_addr("2001:db8:aaaa::1")));
	assert_int_equal(n.peer_port, 53);
	assert_int_equal(n.type, 1);
	assert_int_equal(n.code, 3);
	assert_int_equal(n.hop_limit, 61);
	assert_true(n.when_us == UINT64_C(1700000000000005));
	/* Cut anywhere, it is no error; and nothing is read behind the end. */
	for (size_t cut = 0;
	     cut < sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in6);
	     cut++) {
		m = error_v6("2001:db8::ff", cut);
		read_it(&n, &m, "2001:db8::1");
		assert_false(n.error);
	}
	m = error_v6("2001:db8::ff", SIZE_MAX);
	for (size_t cut = 0; cut < m.n; cut++) {
		struct note_bytes *exact = malloc(sizeof(*exact));

		assert_non_null(exact);
		*exact = m;
		exact->n = cut;
		read_it(&n, exact, "2001:db8::1");
		assert_true(!n.error || cut + 8 > m.n);
		free(exact);
	}
}

/* Judged by what the error quotes: our echo request, or the start of our datagram. */
static void quotes_are_judged(void **state)
{
	struct note_bytes m = error_v6("2001:db8::ff", SIZE_MAX);
	struct receiver_sockets *p = calloc(1, sizeof(*p));
	struct datagram_socket echo = { -1, IPPROTO_ICMPV6, true };
	struct reply_context c;
	struct module_shot shot;
	struct sockets_note n;
	struct observation o;
	struct frame probe;
	uint8_t *data;

	(void)state;
	assert_non_null(p);
	forge_context(&c);
	c.scan.kernel_id = true;
	p->c = &c;
	data = p->b[0].bytes + UDP_HEADER;
	shot = forge_shot(&c, 0, "2001:db8::1", 0);
	forge_probe(&probe, &c, 0, &shot);
	read_it(&n, &m, "2001:db8::1");
	for (size_t quoted = 8; quoted <= probe.n - ETH - 40; quoted++) {
		memcpy(data, probe.b + ETH + 40, quoted);
		data[4] ^= 0x55; /* the identifier is the kernel's */
		assert_true(judge_error(p, &echo, &p->b[0], quoted, &n, &o));
		assert_int_equal(o.outcome, OBS_UNREACHABLE);
		assert_true(addr_eq(o.target, forge_addr("2001:db8::1")));
		assert_true(addr_eq(o.from, forge_addr("2001:db8::ff")));
		assert_int_equal(o.hop_limit, 61);
		data[6] ^= 1; /* the sequence number is ours */
		assert_false(judge_error(p, &echo, &p->b[0], quoted, &n, &o));
	}
	memcpy(data, probe.b + ETH + 40, 8);
	read_it(&n, &m, "2001:db8::2"); /* another target */
	assert_false(judge_error(p, &echo, &p->b[0], 8, &n, &o));
	read_it(&n, &m, "2001:db8::1");
	n.source = forge_addr("2001:db8:aaaa::2"); /* not one of ours */
	assert_false(judge_error(p, &echo, &p->b[0], 8, &n, &o));
	free(p);
}

static void datagrams_are_told_by_what_they_carried(void **state)
{
	struct note_bytes m = error_v6("2001:db8::1", SIZE_MAX);
	struct receiver_sockets *p = calloc(1, sizeof(*p));
	struct datagram_socket udp = { -1, IPPROTO_UDP, true };
	const struct opt_list none = { NULL, 0 };
	struct reply_context c;
	struct module_shot shot;
	struct sockets_note n;
	struct observation o;
	uint8_t ours[PACKET_MAX], *data;
	void *udp_state = NULL;
	size_t len;

	(void)state;
	assert_non_null(p);
	assert_int_equal(module_state_new(&udp_state, &probe_udp, &none, NULL, NULL), 0);
	forge_context(&c);
	c.lanes[4] = (struct reply_lane){ &probe_udp, udp_state, PROBE_V6, NULL };
	c.n_lanes = 5;
	c.scan.source_port = 40000;
	p->c = &c;
	data = p->b[0].bytes + UDP_HEADER;
	read_it(&n, &m, "2001:db8::1");
	n.code = 4; /* port unreachable, by the target itself */
	shot = (struct module_shot){
		.flow = { .src = n.source, .dst = n.peer, .port = 53 }
	};
	len = rebuild(p, ours, &shot);
	assert_true(len > UDP_HEADER + 12); /* a DNS query */
	memcpy(data, ours + UDP_HEADER, len - UDP_HEADER);
	for (size_t quoted = 0; quoted <= len - UDP_HEADER; quoted++) {
		assert_true(judge_error(p, &udp, &p->b[0], quoted, &n, &o));
		assert_int_equal(o.outcome, OBS_CLOSED);
		assert_int_equal(o.port, 53);
		assert_int_equal(o.sport, 40000);
		if (quoted == 0)
			continue;
		data[quoted - 1] ^= 4;
		assert_false(judge_error(p, &udp, &p->b[0], quoted, &n, &o));
		data[quoted - 1] ^= 4;
	}
	assert_false(judge_error(p, &udp, &p->b[0], len - UDP_HEADER + 1, &n, &o));
	free(udp_state);
	free(p);
}

/* --- scans of loopback ------------------------------------------------------------- */

struct seen {
	unsigned n, open, closed;
	struct observation last;
};

static void see(void *ctx, const struct observation *o)
{
	struct seen *s = ctx;

	assert_non_null(o);
	s->n++;
	s->open += o->outcome == OBS_OPEN;
	s->closed += o->outcome == OBS_CLOSED;
	s->last = *o;
}

static int listener(uint16_t *port)
{
	union sockets_addr a;
	socklen_t len = sockets_addr(&a, forge_addr("127.0.0.1"), 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &a.any, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, &a.any, &len), 0);
	*port = ntohs(a.v4.sin_port);
	return fd;
}

static void poll_until(struct receiver *r, const struct seen *seen, unsigned n)
{
	const struct receive_sink to = { NULL, see, (void *)seen };
	uint64_t end = clock_mono_ns() + 5 * NS_PER_S;

	while (seen->n < n && clock_mono_ns() < end)
		assert_true(r->ops->poll(r, 20, &to, NULL) >= 0);
}

static void connections_tell_open_from_closed(void **state)
{
	struct sockets_plan plan = { .tcp = true,
		                     .hop_limit = 64,
		                     .connect_timeout_ns = NS_PER_S };
	struct connect_target t = { .addr = forge_addr("127.0.0.1"), .tag = 77 };
	struct seen seen = { .n = 0 };
	struct reply_context c;
	struct receiver *r = NULL;
	struct sockets *s = NULL;
	uint16_t open, closed;
	int fd = listener(&open);

	(void)state;
	forge_context(&c);
	close(listener(&closed));
	assert_int_equal(sockets_open(&s, &plan, NULL), 0);
	assert_int_equal(receiver_sockets_open(&r, s, &c, NULL), 0);
	t.port = open;
	assert_int_equal(connects_start(s->connects, &t, NULL), 1);
	poll_until(r, &seen, 1);
	assert_int_equal(seen.open, 1);
	assert_int_equal(seen.last.tag, 77);
	assert_int_equal(seen.last.port, open);
	assert_true(seen.last.sport > 0);
	assert_int_equal(seen.last.tcp_flags, 0x12);
	t.port = closed;
	for (int i = 0; i < 50; i++)
		assert_int_equal(connects_start(s->connects, &t, NULL), 1);
	poll_until(r, &seen, 51);
	assert_int_equal(seen.closed, 50);
	assert_int_equal(seen.last.tcp_flags, 0x14);
	/* An event of a descriptor that is no connection's is nobody's. */
	assert_false(connects_end(s->connects, fd, 1, &seen.last));
	assert_false(connects_end(s->connects, -1, 1, &seen.last));
	assert_int_equal(atomic_load(&s->refused), 0);
	receiver_close(r);
	sockets_release(s);
	close(fd);
}

/* Unanswered ones are closed when their time is over, and at the end. */
static void silent_connections_end(void **state)
{
	enum { BACKLOG_IS_FULL = 200 };
	struct sockets_plan plan = { .tcp = true,
		                     .hop_limit = 64,
		                     .connect_timeout_ns = 10 * NS_PER_MS };
	struct connect_target t = { .addr = forge_addr("127.0.0.1") };
	struct seen seen = { .n = 0 };
	struct reply_context c;
	struct receiver *r = NULL;
	struct sockets *s = NULL;
	int fd = listener(&t.port);

	(void)state;
	forge_context(&c);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(sockets_open(&s, &plan, NULL), 0);
	assert_int_equal(receiver_sockets_open(&r, s, &c, NULL), 0);
	for (int i = 0; i < BACKLOG_IS_FULL; i++)
		assert_int_equal(connects_start(s->connects, &t, NULL), 1);
	connects_expire(s->connects, clock_mono_ns() + NS_PER_S);
	poll_until(r, &seen, 0);
	for (int i = 0; i < BACKLOG_IS_FULL; i++) /* for close_all() to close */
		assert_int_equal(connects_start(s->connects, &t, NULL), 1);
	receiver_close(r);
	sockets_release(s);
	close(fd);
}

static void udp_has_one_port(void **state)
{
	struct sockets_plan plan = { .udp = { true, true }, .hop_limit = 64 };
	struct sockets *s, *other;
	struct diag d = { "" };

	(void)state;
	assert_int_equal(sockets_open(&s, &plan, &d), 0);
	assert_true(s->udp_port > 0);
	assert_int_equal(s->udp[0].n + s->udp[1].n, 2 * SOCKETS_UDP);
	plan.source_port = s->udp_port; /* taken: it is not shared with a stranger */
	assert_int_equal(sockets_open(&other, &plan, &d), -EADDRINUSE);
	assert_non_null(strstr(d.text, "cannot send UDP from port"));
	sockets_release(s);
}

static void failed_allocations_are_told(void **state)
{
	struct sockets_plan plan = { .tcp = true,
		                     .hop_limit = 64,
		                     .connect_timeout_ns = 1 };
	struct sockets *s = NULL;
	long n = 0;
	int rc;

	(void)state;
	for (; fail_nth(n), rc = sockets_open(&s, &plan, NULL), fail_done(); n++)
		assert_int_equal(rc, -ENOMEM);
	assert_int_equal(rc, 0);
	assert_true(n >= 2);
	sockets_release(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_read),
		cmocka_unit_test(quotes_are_judged),
		cmocka_unit_test(datagrams_are_told_by_what_they_carried),
		cmocka_unit_test(connections_tell_open_from_closed),
		cmocka_unit_test(silent_connections_end),
		cmocka_unit_test(udp_has_one_port),
		cmocka_unit_test(failed_allocations_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
