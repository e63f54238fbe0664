#include "common/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* A ring under one mutex.  Whoever waits looks again after every wake-up and
 * after its time has run out, so no wake-up can be lost with an item in the
 * ring. */
struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled, drained;
	size_t item_size, capacity, head, count;
	bool closed;
	unsigned char *items;
};

static int init_sync(struct queue *q)
{
	pthread_condattr_t attr;
	int rc = -1;

	if (pthread_condattr_init(&attr))
		return -1;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (pthread_mutex_init(&q->lock, NULL))
		goto out;
	if (pthread_cond_init(&q->filled, &attr))
		goto no_filled;
	if (pthread_cond_init(&q->drained, &attr))
		goto no_drained;
	rc = 0;
	goto out;
no_drained:
	pthread_cond_destroy(&q->filled);
no_filled:
	pthread_mutex_destroy(&q->lock);
out:
	pthread_condattr_destroy(&attr);
	return rc;
}

struct queue *queue_new(size_t item_size, size_t capacity)
{
	struct queue *q;

	if (capacity == 0)
		capacity = 1;
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->item_size = item_size;
	q->capacity = capacity;
	q->items = calloc(capacity, item_size);
	if (!q->items || init_sync(q) < 0) {
		free(q->items);
		free(q);
		return NULL;
	}
	return q;
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	pthread_cond_destroy(&q->drained);
	pthread_cond_destroy(&q->filled);
	pthread_mutex_destroy(&q->lock);
	free(q->items);
	free(q);
}

static uint64_t deadline(uint64_t timeout_ns)
{
	uint64_t now;

	if (timeout_ns == 0 || timeout_ns == UINT64_MAX)
		return timeout_ns;
	now = clock_mono_ns();
	return timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
}

/* false: the time is up (a deadline of 0 always is, UINT64_MAX never). */
static bool wait_until(struct queue *q, pthread_cond_t *cond, uint64_t until_ns)
{
	struct timespec t = {
		.tv_sec = (time_t)(until_ns / NS_PER_S),
		.tv_nsec = (long)(until_ns % NS_PER_S),
	};

	if (until_ns == 0)
		return false;
	if (until_ns == UINT64_MAX)
		return pthread_cond_wait(cond, &q->lock) == 0;
	return pthread_cond_timedwait(cond, &q->lock, &t) == 0;
}

static void wake(pthread_cond_t *cond, size_t moved)
{
	if (moved == 1)
		pthread_cond_signal(cond);
	else if (moved > 1)
		pthread_cond_broadcast(cond);
}

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Copy as many as fit; at most two pieces, because the ring wraps. */
static size_t put(struct queue *q, const unsigned char *from, size_t n)
{
	size_t left = n = min(n, q->capacity - q->count);

	while (left > 0) {
		size_t at = (q->head + q->count) % q->capacity;
		size_t k = min(left, q->capacity - at);

		memcpy(q->items + at * q->item_size, from, k * q->item_size);
		from += k * q->item_size;
		q->count += k;
		left -= k;
	}
	return n;
}

static size_t take(struct queue *q, unsigned char *to, size_t n)
{
	size_t left = n = min(n, q->count);

	while (left > 0) {
		size_t k = min(left, q->capacity - q->head);

		memcpy(to, q->items + q->head * q->item_size, k * q->item_size);
		to += k * q->item_size;
		q->head = (q->head + k) % q->capacity;
		q->count -= k;
		left -= k;
	}
	return n;
}

size_t queue_push(struct queue *q, const void *items, size_t n, uint64_t timeout_ns)
{
	const unsigned char *from = items;
	uint64_t until_ns = deadline(timeout_ns);
	size_t done = 0;
	bool in_time = true;

	pthread_mutex_lock(&q->lock);
	while (done < n && !q->closed) {
		size_t k = put(q, from + done * q->item_size, n - done);

		wake(&q->filled, k);
		done += k;
		if (done == n || (k == 0 && !in_time))
			break;
		if (q->count == q->capacity)
			in_time = wait_until(q, &q->drained, until_ns);
	}
	pthread_mutex_unlock(&q->lock);
	return done;
}

size_t queue_pop(struct queue *q, void *items, size_t max, uint64_t timeout_ns)
{
	uint64_t until_ns = deadline(timeout_ns);
	size_t n;

	pthread_mutex_lock(&q->lock);
	while (q->count == 0 && !q->closed)
		if (!wait_until(q, &q->filled, until_ns))
			break;
	n = take(q, items, max);
	wake(&q->drained, n);
	pthread_mutex_unlock(&q->lock);
	return n;
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->filled);
	pthread_cond_broadcast(&q->drained);
	pthread_mutex_unlock(&q->lock);
}

/* The lock is taken even to look: const is the caller's view of the items. */
static struct queue *locked(const struct queue *q)
{
	struct queue *mut = (struct queue *)q;

	pthread_mutex_lock(&mut->lock);
	return mut;
}

bool queue_is_closed(const struct queue *q)
{
	struct queue *mut = locked(q);
	bool over = mut->closed && mut->count == 0;

	pthread_mutex_unlock(&mut->lock);
	return over;
}

size_t queue_count(const struct queue *q)
{
	struct queue *mut = locked(q);
	size_t n = mut->count;

	pthread_mutex_unlock(&mut->lock);
	return n;
}
