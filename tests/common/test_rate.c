#include "tests/test.h"

#include <math.h>

#include "common/clock.h"
#include "common/rate.h"
#include "common/rng.h"

static const double rates[] = { 0.5, 1, 3, 100, 1000, 10000, 200000, 3e6, 1e7 };

/* Uptimes at the start: fresh, and more years than a double has digits for. */
static const uint64_t starts[] = { 0, 12345, UINT64_C(300000000000000000) };

/* Follows a stream and says by how much the busiest window so far exceeds
 * pps * window: with S the packets sent before and t the time of a send, that is
 * the largest rise of S - pps * t. */
struct watch {
	double pps, sent, lowest, excess;
	uint64_t start_ns;
};

static void watch_send(struct watch *w, uint64_t now_ns, unsigned n)
{
	double budget = w->pps * (double)(now_ns - w->start_ns) / 1e9;

	w->lowest = fmin(w->lowest, w->sent - budget);
	w->sent += n;
	w->excess = fmax(w->excess, w->sent - budget - w->lowest);
}

/* Whatever the caller does (late, early, greedy, giving back), no window holds
 * more than pps * window + max_burst packets (give or take a clock tick). */
static void no_window_exceeds_the_rate(void **state)
{
	static const unsigned bursts[] = { 1, 2, 16, 64, 1000 };
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (size_t k = 0; k < ARRAY_LEN(rates) * ARRAY_LEN(bursts) * 3; k++) {
		unsigned burst = bursts[k % ARRAY_LEN(bursts)];
		double pps = rates[k / ARRAY_LEN(bursts) % ARRAY_LEN(rates)];
		uint64_t start = starts[k % 3], now = start, wake;
		struct watch w = { .pps = pps, .start_ns = start };
		struct rate rate;

		rate_init(&rate, pps, burst, now);
		for (int i = 0; i < 3000; i++) {
			unsigned want = 1 + (unsigned)rng_below(&r, 2 * burst);
			unsigned n = rate_take(&rate, want, now, &wake);
			unsigned back = (unsigned)rng_below(&r, n + 1);

			assert_true(n <= want);
			assert_true(wake >= now);
			if (rng_below(&r, 4) > 0)
				back = 0;
			rate_give_back(&rate, back);
			watch_send(&w, now, n - back);
			now += (uint64_t)(rng_double(&r) * 3 * burst * 1e9 / pps);
			if (rng_below(&r, 200) == 0)
				now += 10 * NS_PER_S;
		}
		if (w.excess > burst + 1e-3 + pps * 1e-9)
			fail_msg("%g pps, burst %u: %f over", pps, burst, w.excess);
	}
}

/* One who sleeps until wake_ns and wakes a little late gets the rate. */
static void long_run_is_exact(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 2);
	for (size_t k = 0; k < ARRAY_LEN(rates) * ARRAY_LEN(starts); k++) {
		double pps = rates[k / ARRAY_LEN(starts)], got = 0, want;
		uint64_t start = starts[k % ARRAY_LEN(starts)], now = start, wake;
		struct rate rate;

		rate_init(&rate, pps, 64, start);
		for (int i = 0; i < 20000; i++) {
			unsigned n = rate_take(&rate, 32, now, &wake);

			got += n;
			if (n == 0)
				now = wake;
			now += (uint64_t)(rng_double(&r) * 20 * 1e9 / pps);
		}
		want = (double)(now - start) * pps / 1e9;
		assert_true(want > 1000);
		if (fabs(got - want) > want * 0.001 + 64)
			fail_msg("%g pps: %g packets instead of %g", pps, got, want);
	}
}

/* The same in fine steps, where rounding would add up, also after a stall of
 * years: a second has three million packets. */
static void rounding_does_not_add_up(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(starts); k++) {
		uint64_t now = starts[k], wake;
		struct rate rate;

		rate_init(&rate, 3e6, 1, k % 2 ? now : 0);
		for (int i = 0; i < 3000000; i++) {
			while (rate_take(&rate, 1, now, &wake) == 0)
				now = wake;
		}
		assert_in_range(now - starts[k], 999999000, 1000001000);
	}
}

static void a_stall_is_caught_up_by_one_burst_only(void **state)
{
	uint64_t now = NS_PER_S, wake;
	struct rate rate;

	(void)state;
	rate_init(&rate, 1000, 50, now);
	assert_int_equal(rate_take(&rate, 100, now, &wake), 1);
	assert_true(wake == now + NS_PER_MS);
	now += 10 * NS_PER_S;
	assert_int_equal(rate_take(&rate, 1000000, now, &wake), 50);
	assert_int_equal(rate_take(&rate, 1000000, now, &wake), 0);
	assert_in_range(wake, now + NS_PER_MS - 1, now + NS_PER_MS);
	assert_int_equal(rate_take(&rate, 1, wake - 1, &wake), 0);
	assert_int_equal(rate_take(&rate, 1, wake, &wake), 1);
}

static void what_is_given_back_can_be_taken_again(void **state)
{
	uint64_t now = 5, wake;
	struct rate rate;

	(void)state;
	rate_init(&rate, 100, 10, now);
	now += NS_PER_S;
	assert_int_equal(rate_take(&rate, 10, now, &wake), 10);
	rate_give_back(&rate, 4);
	assert_int_equal(rate_take(&rate, 10, now, &wake), 4);
	assert_int_equal(rate_take(&rate, 10, now, &wake), 0);
	/* ... but does not let the burst grow. */
	rate_give_back(&rate, 1000);
	assert_int_equal(rate_take(&rate, 1000, now, &wake), 10);
}

static void odd_arguments(void **state)
{
	static const double unlimited[] = { 0, -1, INFINITY, NAN };
	uint64_t wake;
	struct rate rate;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(unlimited); i++) {
		rate_init(&rate, unlimited[i], 1, 7);
		assert_int_equal(rate_take(&rate, UINT32_MAX, 7, &wake), UINT32_MAX);
		assert_int_equal(rate_take(&rate, 12, 7, &wake), 12);
		rate_give_back(&rate, 3);
	}
	/* A rate so low that one packet is all there will be. */
	rate_init(&rate, 1e-300, 1000, 7);
	assert_int_equal(rate_take(&rate, 5, 7, &wake), 1);
	assert_int_equal(rate_take(&rate, 5, 7 + 1000000 * NS_PER_S, &wake), 0);
	assert_true(wake > UINT64_C(900000000000000000));
	rate_init(&rate, 10, 0, 100);
	assert_int_equal(rate_take(&rate, 0, 100, &wake), 0);
	/* A clock that reads earlier than at the start. */
	assert_int_equal(rate_take(&rate, 1, 50, &wake), 0);
	assert_true(wake == 100);
	assert_int_equal(rate_take(&rate, 2, 100, &wake), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_window_exceeds_the_rate),
		cmocka_unit_test(long_run_is_exact),
		cmocka_unit_test(rounding_does_not_add_up),
		cmocka_unit_test(a_stall_is_caught_up_by_one_burst_only),
		cmocka_unit_test(what_is_given_back_can_be_taken_again),
		cmocka_unit_test(odd_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
