#include "tests/test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/common/failing.h"

#include "common/queue.c"
#include "common/rng.h"

enum { PRODUCERS = 4, CONSUMERS = 3, EACH = 30000, BATCH = 10 };

struct item {
	uint32_t producer, number;
	char pad[5]; /* an odd size, so that a wrong stride shows */
};

struct stress {
	struct queue *q;
	atomic_uint id;
	atomic_uchar seen[PRODUCERS][EACH];
	atomic_uint disorder;
};

static void *produce(void *arg)
{
	struct stress *s = arg;
	unsigned id = atomic_fetch_add(&s->id, 1);
	struct item batch[BATCH] = { 0 };
	struct rng r;

	rng_init(&r, id);
	for (uint32_t i = 0; i < EACH;) {
		size_t n = 1 + rng_below(&r, BATCH), done;

		n = min(n, EACH - i);
		for (size_t k = 0; k < n; k++) {
			batch[k].producer = id;
			batch[k].number = i + (uint32_t)k;
		}
		/* Sometimes without waiting, so that a part is taken at times. */
		done = queue_push(s->q, batch, n,
		                  rng_below(&r, 3) ? UINT64_MAX : rng_below(&r, 2000));
		i += (uint32_t)done;
	}
	return NULL;
}

static void *consume(void *arg)
{
	struct stress *s = arg;
	int64_t last[PRODUCERS] = { -1, -1, -1, -1 };
	struct item batch[BATCH];
	struct rng r;

	rng_init(&r, 99);
	while (!queue_is_closed(s->q)) {
		size_t n = queue_pop(s->q, batch, 1 + rng_below(&r, BATCH),
		                     rng_below(&r, 3) ? UINT64_MAX : 1000);

		for (size_t k = 0; k < n; k++) {
			struct item *it = &batch[k];

			atomic_fetch_add(&s->seen[it->producer][it->number], 1);
			if (it->number <= last[it->producer])
				atomic_fetch_add(&s->disorder, 1);
			last[it->producer] = it->number;
		}
	}
	return NULL;
}

/* Several producers and consumers over a ring much smaller than a batch's worth
 * of each: every item arrives once, and one producer's items in order. */
static void nothing_is_lost_or_doubled(void **state)
{
	pthread_t p[PRODUCERS], c[CONSUMERS];
	struct stress *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	s->q = queue_new(sizeof(struct item), 7);
	assert_non_null(s->q);
	for (int i = 0; i < CONSUMERS; i++)
		assert_int_equal(pthread_create(&c[i], NULL, consume, s), 0);
	for (int i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_create(&p[i], NULL, produce, s), 0);
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(p[i], NULL);
	queue_close(s->q);
	for (int i = 0; i < CONSUMERS; i++)
		pthread_join(c[i], NULL);
	for (int i = 0; i < PRODUCERS; i++)
		for (int k = 0; k < EACH; k++)
			if (s->seen[i][k] != 1)
				fail_msg("item %d of %d came %d times", k, i,
				         s->seen[i][k]);
	assert_int_equal(s->disorder, 0);
	queue_free(s->q);
	free(s);
}

static void order_is_kept_around_the_ring(void **state)
{
	struct queue *q = queue_new(sizeof(uint32_t), 5);
	uint32_t in = 0, out = 0, buf[8];
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (int i = 0; i < 10000; i++) {
		size_t n = rng_below(&r, 8), k;

		for (k = 0; k < n; k++)
			buf[k] = in + (uint32_t)k;
		in += (uint32_t)queue_push(q, buf, n, 0);
		assert_int_equal(queue_count(q), in - out);
		assert_true(in - out <= 5);
		n = queue_pop(q, buf, 1 + rng_below(&r, 7), 0);
		for (k = 0; k < n; k++)
			assert_int_equal(buf[k], out++);
	}
	assert_true(out > 10000);
	queue_free(q);
	queue_free(NULL);
}

static void waiting_ends_when_the_time_is_up(void **state)
{
	struct queue *q = queue_new(1, 3);
	uint64_t t0 = clock_mono_ns();
	char buf[5] = "abcd";

	(void)state;
	assert_int_equal(queue_pop(q, buf, 5, 0), 0);
	assert_int_equal(queue_pop(q, buf, 5, 20 * NS_PER_MS), 0);
	assert_true(clock_mono_ns() - t0 >= 20 * NS_PER_MS);
	assert_int_equal(queue_push(q, buf, 0, UINT64_MAX), 0);
	t0 = clock_mono_ns();
	assert_int_equal(queue_push(q, "wxyz", 4, 20 * NS_PER_MS), 3);
	assert_true(clock_mono_ns() - t0 >= 20 * NS_PER_MS);
	assert_int_equal(queue_push(q, "v", 1, 0), 0);
	assert_int_equal(queue_pop(q, buf, 5, UINT64_MAX - 1), 3);
	assert_memory_equal(buf, "wxy", 3);
	queue_free(q);
}

static void *pop_one(void *q)
{
	char c;

	return (void *)queue_pop(q, &c, 1, UINT64_MAX);
}

static void *push_three(void *q)
{
	return (void *)queue_push(q, "def", 3, UINT64_MAX);
}

static void closing_wakes_all_and_keeps_what_is_there(void **state)
{
	struct queue *empty = queue_new(1, 2), *full = queue_new(1, 2);
	pthread_t t[4];
	void *n;
	char buf[3];

	(void)state;
	assert_int_equal(queue_push(full, "ab", 2, 0), 2);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, i < 2 ? pop_one : push_three,
		                                i < 2 ? empty : full),
		                 0);
	clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	queue_close(empty);
	queue_close(full);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &n);
		assert_int_equal((size_t)n, 0);
	}
	assert_true(queue_is_closed(empty));
	assert_false(queue_is_closed(full));
	assert_int_equal(queue_push(empty, "c", 1, UINT64_MAX), 0);
	assert_int_equal(queue_push(full, "c", 1, UINT64_MAX), 0);
	assert_int_equal(queue_pop(full, buf, 3, UINT64_MAX), 2);
	assert_memory_equal(buf, "ab", 2);
	assert_true(queue_is_closed(full));
	assert_int_equal(queue_pop(full, buf, 3, UINT64_MAX), 0);
	queue_free(empty);
	queue_free(full);
}

static void failed_allocations_give_no_queue(void **state)
{
	struct queue *q;

	(void)state;
	for (long n = 0; fail_nth(n), q = queue_new(8, 100), fail_done(); n++)
		assert_null(q);
	assert_non_null(q);
	queue_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_or_doubled),
		cmocka_unit_test(order_is_kept_around_the_ring),
		cmocka_unit_test(waiting_ends_when_the_time_is_up),
		cmocka_unit_test(closing_wakes_all_and_keeps_what_is_there),
		cmocka_unit_test(failed_allocations_give_no_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
