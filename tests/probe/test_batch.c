#include "tests/test.h"

#include <errno.h>
#include <sys/socket.h>

/* A kernel that does what a test wrote down. */
struct script {
	const int *results; /* > 0: how many it takes; < 0: -errno */
	size_t n, at;
	unsigned taken[64]; /* how often each frame went */
	uint64_t now_ns;
	struct mmsghdr *base;
};

static struct script *script;

static int fake_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	int r = script->at < script->n ? script->results[script->at++] : (int)n;

	(void)fd;
	(void)flags;
	if (r < 0) {
		errno = -r;
		return -1;
	}
	assert_true((unsigned)r <= n);
	for (int i = 0; i < r; i++)
		script->taken[msgs + i - script->base]++;
	return r;
}

static uint64_t fake_mono(void)
{
	return script->now_ns += 1000;
}

static void fake_sleep(uint64_t until)
{
	assert_true(until > script->now_ns); /* it waits, it does not spin */
	script->now_ns = until;
}

#define sendmmsg          fake_sendmmsg
#define clock_mono_ns     fake_mono
#define clock_sleep_until fake_sleep
#include "probe/batch.c"
#undef sendmmsg
#undef clock_mono_ns
#undef clock_sleep_until

static bool hard(int err)
{
	return err == ENETDOWN;
}

static int run(struct script *s, struct link *l, const int *results, size_t n)
{
	static struct batch b; /* too large for the stack */

	*s = (struct script){ .results = results, .n = n, .base = b.msg };
	script = s;
	batch_init(&b);
	memset(l, 0, sizeof(*l));
	l->filled = 10;
	return batch_send(&b, l, -1, hard, NULL);
}

/* Full queues, interruptions and partial sends: each frame goes exactly once. */
static void nothing_is_lost_or_doubled(void **state)
{
	static const int cases[][6] = {
		{ 10 },
		{ 3, 7 },
		{ 1, 1, 1, 1, 1, 5 },
		{ -ENOBUFS, 4, -EAGAIN, -ENOBUFS, 6 },
		{ -EINTR, -EINTR, 10 },
		{ 9, -ENOMEM, -EINTR, -ENOBUFS, 1 },
	};
	struct script s;
	struct link l;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = 0;

		while (n < 6 && cases[i][n] != 0)
			n++;
		assert_int_equal(run(&s, &l, cases[i], n), 0);
		for (unsigned k = 0; k < 10; k++)
			assert_int_equal(s.taken[k], 1);
		assert_int_equal(l.sent, 10);
		assert_int_equal(l.errors, 0);
		assert_int_equal(l.filled, 0);
	}
}

static void a_refused_frame_is_skipped_and_counted(void **state)
{
	static const int results[] = { 2, -EMSGSIZE, 3, -EINVAL, 3 };
	struct script s;
	struct link l;

	(void)state;
	assert_int_equal(run(&s, &l, results, ARRAY_LEN(results)), 0);
	assert_int_equal(l.sent, 8);
	assert_int_equal(l.errors, 2);
	assert_int_equal(s.taken[2] + s.taken[6], 0);
}

static void a_dead_interface_is_an_error(void **state)
{
	static const int down[] = { 2, -ENETDOWN };
	int full[60000];
	struct script s;
	struct link l;

	(void)state;
	assert_int_equal(run(&s, &l, down, ARRAY_LEN(down)), -ENETDOWN);
	assert_int_equal(l.sent, 2);
	for (size_t i = 0; i < ARRAY_LEN(full); i++)
		full[i] = -ENOBUFS;
	assert_int_equal(run(&s, &l, full, ARRAY_LEN(full)), -ENOBUFS);
	assert_true(s.now_ns >= 5 * NS_PER_S && s.now_ns < 6 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_or_doubled),
		cmocka_unit_test(a_refused_frame_is_skipped_and_counted),
		cmocka_unit_test(a_dead_interface_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
