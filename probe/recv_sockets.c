/* Answers that the kernel's sockets give.  Whatever was in the packet and is still
 * there is judged as in a captured one; the rest, checksums and the match of ports
 * and identifiers, is the kernel's word. */
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include "common/clock.h"
#include "probe/sockets.h"

enum {
	BATCH = 64,
	EVENTS = 256,
	ROUNDS = 8, /* batches from one socket before the others have their turn */
	UDP_HEADER = 8,
	ROOM = 2048,
	CONTROL = 256,
};

struct buffer {
	_Alignas(struct cmsghdr) uint8_t control[CONTROL];
	uint8_t bytes[UDP_HEADER + ROOM]; /* room for a header before the data */
	union sockets_addr name;
	struct iovec iov;
};

struct receiver_sockets {
	struct receiver receiver;
	struct sockets *s;
	const struct reply_context *c;
	struct epoll_event events[EVENTS];
	struct mmsghdr msg[BATCH];
	struct buffer b[BATCH];
};

static void prepare(struct receiver_sockets *p)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct buffer *b = &p->b[i];
		struct msghdr *h = &p->msg[i].msg_hdr;

		b->iov = (struct iovec){ b->bytes + UDP_HEADER, ROOM };
		*h = (struct msghdr){ .msg_name = &b->name,
			              .msg_namelen = sizeof(b->name),
			              .msg_iov = &b->iov,
			              .msg_iovlen = 1,
			              .msg_control = b->control,
			              .msg_controllen = sizeof(b->control) };
	}
}

/* The UDP header that the kernel took off, but for the checksum, which held. */
static void put_udp_header(uint8_t *header, uint16_t from, uint16_t to, size_t n)
{
	struct wire_out w = { header, header + UDP_HEADER, false };

	wire_put16(&w, from);
	wire_put16(&w, to);
	wire_put16(&w, (uint16_t)(UDP_HEADER + n));
	wire_put16(&w, 0);
}

static uint64_t arrival(const struct sockets_note *n)
{
	return n->when_us ? n->when_us : clock_wall_us();
}

static bool judge(const struct receiver_sockets *p, const struct datagram_socket *d,
                  struct buffer *b, size_t n, const struct sockets_note *note,
                  struct observation *o)
{
	struct packet packet = { .src = note->peer,
		                 .dst = note->source,
		                 .proto = d->proto,
		                 .v6 = d->v6,
		                 .whole = true,
		                 .l4 = wire_from(b->bytes + UDP_HEADER, n) };

	if (!note->has_source || !reply_is_ours(p->c, note->source))
		return false;
	if (d->proto == IPPROTO_UDP) {
		put_udp_header(b->bytes, note->peer_port, p->s->udp_port, n);
		packet.l4 = wire_from(b->bytes, UDP_HEADER + n);
	}
	*o = (struct observation){
		.from = note->peer,
		.to = note->source,
		.when_us = arrival(note),
		.hop_limit = note->hop_limit,
	};
	return reply_judge(p->c, &packet, o);
}

/* The datagram of this shot, from its UDP header on; how long it is, or 0: none. */
static size_t rebuild(const struct receiver_sockets *p, uint8_t out[PACKET_MAX],
                      const struct module_shot *what)
{
	unsigned family = addr_is_v4(what->flow.dst) ? PROBE_V4 : PROBE_V6;
	struct packet_plan plan = { .v6 = family == PROBE_V6,
		                    .ip_proto = IPPROTO_UDP,
		                    .hop_limit = 64 };
	const struct reply_lane *lane =
		reply_find_lane(p->c, family, IPPROTO_UDP, what->flow.port);
	struct module_shot shot = *what;
	struct packet_template t;
	struct packet_fill fill;
	uint8_t l4[PACKET_L4_MAX];
	struct wire_out w = { l4, l4 + sizeof(l4), false };
	const struct probe_module *m;

	if (!lane)
		return 0;
	m = lane->module;
	plan.checksum_at = m->checksum_at;
	shot.flow.proto = m->proto;
	if (m->layout_of)
		m->layout_of(lane->state, m->variant(lane->state, shot.flow.port), &w);
	else
		m->layout(lane->state, &w);
	if (w.bad || packet_template_init(&t, &plan, l4, (size_t)(w.at - l4)) < 0)
		return 0;
	packet_start(&fill, &t, out, shot.flow.src, shot.flow.dst);
	module_shot_cookies(&shot, m, lane->state, &p->c->scan);
	m->fill(lane->state, &p->c->scan, &shot, &fill);
	if (!packet_finish(&fill, &t))
		return 0;
	memmove(out, out + t.l4_at, (size_t)(t.len - t.l4_at));
	return (size_t)(t.len - t.l4_at);
}

/* Put the UDP header that we must have sent before n bytes of data, which have to be
 * those that went along.  What depends on tag and time may be anything. */
static bool complete_quote(const struct receiver_sockets *p, struct buffer *b, size_t n,
                           const struct probe_flow *flow)
{
	const struct module_shot one = { .flow = *flow };
	const struct module_shot two = { .flow = *flow,
		                         .tag = UINT32_MAX,
		                         .now_us = UINT64_MAX };
	uint8_t ours[PACKET_MAX], again[PACKET_MAX];
	size_t whole = rebuild(p, ours, &one);

	if (whole < UDP_HEADER + n || rebuild(p, again, &two) != whole)
		return false;
	for (size_t i = UDP_HEADER; i < UDP_HEADER + n; i++)
		if (ours[i] == again[i] && b->bytes[i] != ours[i])
			return false;
	memcpy(b->bytes, ours, UDP_HEADER);
	return true;
}

/* The data are what the error quotes, for UDP without the header. */
static bool judge_error(const struct receiver_sockets *p, const struct datagram_socket *d,
                        struct buffer *b, size_t n, const struct sockets_note *note,
                        struct observation *o)
{
	struct packet inner = { .src = note->source,
		                .dst = note->peer,
		                .proto = d->proto,
		                .v6 = d->v6,
		                .l4 = wire_from(b->bytes + UDP_HEADER, n) };
	const struct probe_flow flow = { .src = note->source,
		                         .dst = note->peer,
		                         .port = note->peer_port };

	if (!note->error || !note->has_source || !reply_is_ours(p->c, note->source) ||
	    addr_is_v4(note->peer) == d->v6)
		return false;
	*o = (struct observation){
		.from = note->from,
		.to = note->source,
		.when_us = arrival(note),
		.hop_limit = note->hop_limit,
		.icmp_type = note->type,
		.icmp_code = note->code,
	};
	if (d->proto == IPPROTO_UDP) {
		if (!complete_quote(p, b, n, &flow))
			return false;
		inner.l4 = wire_from(b->bytes, UDP_HEADER + n);
	}
	return reply_judge_quote(p->c, &inner, o);
}

/* Our own kernel's word about a route or a neighbour is no answer. */
static bool is_own_word(const struct sockets_note *n)
{
	return n->local || (n->error && n->has_source && addr_eq(n->from, n->source) &&
	                    !addr_eq(n->from, n->peer));
}

static void take_message(struct receiver_sockets *p, const struct datagram_socket *d,
                         unsigned i, bool is_error, const struct receive_sink *to)
{
	size_t n = p->msg[i].msg_len < ROOM ? p->msg[i].msg_len : ROOM;
	struct sockets_note note;
	struct observation o;
	bool ours;

	sockets_read_note(&note, &p->msg[i].msg_hdr);
	if (is_error && is_own_word(&note)) {
		atomic_fetch_add_explicit(&p->s->refused, 1, memory_order_relaxed);
		return;
	}
	ours = is_error ? judge_error(p, d, &p->b[i], n, &note, &o)
	                : judge(p, d, &p->b[i], n, &note, &o);
	to->answer(to->ctx, ours ? &o : NULL);
}

/* flags: MSG_ERRQUEUE or 0.  How many there were. */
static int drain(struct receiver_sockets *p, const struct datagram_socket *d, int flags,
                 const struct receive_sink *to)
{
	int total = 0, n;

	for (unsigned round = 0; round < ROUNDS; round++) {
		prepare(p);
		/* An error of an earlier probe makes it fail once. */
		n = recvmmsg(d->fd, p->msg, BATCH, flags | MSG_DONTWAIT, NULL);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		for (int i = 0; i < n; i++)
			take_message(p, d, (unsigned)i, flags != 0, to);
		total += n > 0 ? n : 0;
		if (n >= 0 && n < BATCH)
			break;
	}
	return total;
}

static int on_event(struct receiver_sockets *p, const struct epoll_event *ev,
                    const struct receive_sink *to)
{
	const struct datagram_socket *d;
	struct observation o;
	int n = 0;

	if (ev->data.u64 >= SOCKETS_CONNECTION) {
		if (!connects_end(p->s->connects,
		                  (int)(ev->data.u64 - SOCKETS_CONNECTION),
		                  clock_wall_us(), &o))
			return 0;
		to->answer(to->ctx, &o);
		return 1;
	}
	d = &p->s->d[ev->data.u64];
	if (ev->events & EPOLLERR)
		n += drain(p, d, MSG_ERRQUEUE, to);
	/* Always: this is also what clears the error. */
	return n + drain(p, d, 0, to);
}

static int poll_sockets(struct receiver *r, int timeout_ms, const struct receive_sink *to,
                        struct diag *d)
{
	struct receiver_sockets *p = (struct receiver_sockets *)r;
	int n = epoll_wait(p->s->epoll, p->events, EVENTS, timeout_ms), total = 0;

	if (n < 0 && errno != EINTR)
		return diag_set(d, -errno, "receiving failed: %s", strerror(errno));
	for (int i = 0; i < n; i++)
		total += on_event(p, &p->events[i], to);
	if (p->s->connects)
		connects_expire(p->s->connects, clock_mono_ns());
	return total;
}

static uint64_t drops_sockets(struct receiver *r)
{
	struct receiver_sockets *p = (struct receiver_sockets *)r;
	uint64_t total = 0;

	sockets_report(p->s);
	for (unsigned i = 0; i < p->s->n; i++) {
		uint32_t info[SK_MEMINFO_VARS] = { 0 };
		socklen_t len = sizeof(info);

		if (getsockopt(p->s->d[i].fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0 &&
		    len > SK_MEMINFO_DROPS * sizeof(info[0]))
			total += info[SK_MEMINFO_DROPS];
	}
	return total;
}

static void close_receiver_sockets(struct receiver *r)
{
	sockets_release(((struct receiver_sockets *)r)->s);
	free(r);
}

static const struct receiver_ops receiver_sockets_ops = {
	.poll = poll_sockets,
	.drops = drops_sockets,
	.close = close_receiver_sockets,
};

int receiver_sockets_open(struct receiver **out, struct sockets *s,
                          const struct reply_context *c, struct diag *d)
{
	struct receiver_sockets *p = calloc(1, sizeof(*p));

	(void)d;
	if (!p)
		return -ENOMEM;
	p->receiver.ops = &receiver_sockets_ops;
	p->receiver.l2 = PACKET_L2_NONE;
	p->s = s;
	p->c = c;
	s->refs++;
	*out = &p->receiver;
	return 0;
}
