#include "tests/test.h"

#include <math.h>

#include "common/rng.h"
#include "probe/pace.h"

enum { SECONDS = 6, SENT_MAX = 3000000 };

/* Times at which packets went, in ns. */
struct trace {
	uint64_t *at;
	size_t n;
};

/* Run the loop of a sender whose wake-ups are late by up to late_ns, and now and
 * then by up to hiccup_ns; then the source has not always enough, too. */
static void simulate(struct trace *t, double pps, uint64_t late_ns, uint64_t hiccup_ns,
                     uint64_t seed)
{
	uint64_t now = 12345, end = now + SECONDS * UINT64_C(1000000000);
	struct pace_turn turn;
	struct pace p;
	struct rng r;

	rng_init(&r, seed);
	t->n = 0;
	pace_init(&p, pps, 64, now);
	while (now < end) {
		unsigned may = pace_take(&p, now, &turn), sent;

		assert_true(may <= p.batch + p.extra);
		if (may == 0) {
			assert_true(turn.at_ns > now);
			now = turn.at_ns + (late_ns ? rng_below(&r, late_ns) : 0);
			if (hiccup_ns && rng_below(&r, 500) == 0)
				now += rng_below(&r, hiccup_ns);
			continue;
		}
		sent = may;
		if (hiccup_ns && rng_below(&r, 100) == 0)
			sent = 1 + (unsigned)rng_below(&r, may);
		pace_give_back(&p, may - sent);
		assert_true(t->n + sent <= SENT_MAX);
		now += 200 + 100 * sent;
		if (hiccup_ns && rng_below(&r, 500) == 0)
			now += rng_below(&r, 500000);
		if (now < turn.at_ns)
			now = turn.at_ns;
		pace_leave(&p, &turn, now);
		for (unsigned i = 0; i < sent; i++)
			t->at[t->n++] = now;
		now += 100 + 300 * sent;
	}
}

/* The most packets in any half-open window. */
static size_t most_within(const struct trace *t, uint64_t window_ns)
{
	size_t most = 0;

	for (size_t i = 0, j = 0; i < t->n; i++) {
		while (t->at[i] - t->at[j] >= window_ns)
			j++;
		if (i - j + 1 > most)
			most = i - j + 1;
	}
	return most;
}

static void check(double pps, uint64_t late_ns, uint64_t hiccup_ns, bool keeps)
{
	struct trace t = { .at = malloc(SENT_MAX * sizeof(uint64_t)) };
	double ms = ceil(pps / 1000), most = ms;

	assert_non_null(t.at);
	simulate(&t, pps, late_ns, hiccup_ns, (uint64_t)pps);
	/* Catching up: a tenth more; or two batches of a few packets, a little closer
	 * than a millisecond. */
	if (hiccup_ns)
		most = ms < 10 ? 2 * ms : ms * 1.1;
	assert_true((double)most_within(&t, UINT64_C(1000000000)) <= pps);
	assert_true((double)most_within(&t, 1000000) <= most);
	assert_true((double)most_within(&t, 1) <= (ms < 10 ? ms : ms * 1.1));
	if (keeps)
		assert_true((double)t.n >= SECONDS * pps * 0.99 - 1);
	free(t.at);
}

static void test_never_above_and_hardly_below(void **state)
{
	static const double rates[] = {
		1, 3, 100, 999, 1000, 1500, 10000, 12345, 200000
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		check(rates[i], 0, 0, true);
		check(rates[i], 12000, 0, true);       /* an idle machine */
		check(rates[i], 80000, 3000000, true); /* a busy one */
		check(rates[i], 80000, 900000000, false);
	}
}

static void test_fractional_rate(void **state)
{
	struct pace_turn turn;
	struct pace p;

	(void)state;
	pace_init(&p, 0.5, 64, 1000);
	assert_int_equal(pace_take(&p, 1000, &turn), 1);
	assert_int_equal(pace_take(&p, 2000, &turn), 0);
	assert_true(turn.at_ns >= UINT64_C(1900000000));
	assert_int_equal(pace_take(&p, turn.at_ns, &turn), 1);
	assert_true(turn.at_ns >= UINT64_C(2000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_above_and_hardly_below),
		cmocka_unit_test(test_fractional_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
