#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/queue.h"
#include "probe/link.h"

struct link_memory {
	struct link link;
	link_sent_fn sent;
	void *ctx;
	size_t len[LINK_BATCH];
	uint8_t frame[LINK_BATCH][PACKET_MAX];
};

static uint8_t *reserve(struct link *l)
{
	struct link_memory *m = (struct link_memory *)l;

	return l->filled < LINK_BATCH ? m->frame[l->filled] : NULL;
}

static void commit(struct link *l, size_t len)
{
	struct link_memory *m = (struct link_memory *)l;

	m->len[l->filled++] = len;
}

static int submit(struct link *l, struct diag *d)
{
	struct link_memory *m = (struct link_memory *)l;

	(void)d;
	for (unsigned i = 0; i < l->filled && m->sent; i++)
		m->sent(m->ctx, m->frame[i], m->len[i]);
	atomic_fetch_add_explicit(&l->sent, l->filled, memory_order_relaxed);
	l->filled = 0;
	return 0;
}

static void close_memory(struct link *l)
{
	free(l);
}

static const struct link_ops memory_ops = {
	.name = "memory",
	.reserve = reserve,
	.commit = commit,
	.submit = submit,
	.close = close_memory,
};

int link_memory_open(struct link **out, link_sent_fn sent, void *ctx)
{
	struct link_memory *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->link.ops = &memory_ops;
	m->link.batch = LINK_BATCH;
	m->link.ethernet = true;
	m->sent = sent;
	m->ctx = ctx;
	*out = &m->link;
	return 0;
}

enum { QUEUE_PACKETS = 4096 };

struct memory_packet {
	uint64_t when_us;
	size_t captured;
	uint8_t bytes[PACKET_MAX];
};

struct receiver_memory {
	struct receiver receiver;
	struct queue *queue;
	struct memory_packet now; /* the one being given out */
};

static int poll_memory(struct receiver *r, int timeout_ms, const struct receive_sink *to,
                       struct diag *d)
{
	struct receiver_memory *m = (struct receiver_memory *)r;
	uint64_t wait = (uint64_t)timeout_ms * NS_PER_MS;
	int n = 0;

	(void)d;
	while (n < QUEUE_PACKETS && queue_pop(m->queue, &m->now, 1, n ? 0 : wait) == 1) {
		to->packet(to->ctx, m->now.bytes, m->now.captured, m->now.when_us);
		n++;
	}
	return n;
}

static uint64_t drops_memory(struct receiver *r)
{
	(void)r;
	return 0;
}

static void close_receiver_memory(struct receiver *r)
{
	queue_free(((struct receiver_memory *)r)->queue);
	free(r);
}

static const struct receiver_ops receiver_memory_ops = {
	.poll = poll_memory,
	.drops = drops_memory,
	.close = close_receiver_memory,
};

int receiver_memory_open(struct receiver **out, enum packet_l2 l2)
{
	struct receiver_memory *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->receiver.ops = &receiver_memory_ops;
	m->receiver.l2 = l2;
	m->queue = queue_new(sizeof(struct memory_packet), QUEUE_PACKETS);
	if (!m->queue) {
		free(m);
		return -ENOMEM;
	}
	*out = &m->receiver;
	return 0;
}

void receiver_inject(struct receiver *r, const uint8_t *bytes, size_t captured,
                     uint64_t when_us)
{
	struct receiver_memory *m = (struct receiver_memory *)r;
	struct memory_packet p = { .when_us = when_us };

	p.captured = captured < sizeof(p.bytes) ? captured : sizeof(p.bytes);
	memcpy(p.bytes, bytes, p.captured);
	queue_push(m->queue, &p, 1, UINT64_MAX);
}
