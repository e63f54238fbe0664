#include "tests/test.h"

#include "tests/common/failing.h"

#include "common/rng.h"
#include "probe/dedup.c"
#include "probe/dedup_v4.c"
#include "probe/keyset.c"

static struct observation answer(uint32_t i, uint16_t port, uint8_t outcome)
{
	return (struct observation){ .target = { 1, i },
		                     .from = { 2, i },
		                     .port = port,
		                     .proto = port ? OBS_TCP : OBS_ICMP6,
		                     .outcome = outcome };
}

static void each_answer_is_new_once(void **state)
{
	struct dedup *t = dedup_new(1000, true);
	struct observation o;

	(void)state;
	assert_non_null(t);
	for (int again = 0; again < 3; again++)
		for (uint32_t i = 0; i < 100; i++)
			for (uint16_t port = 0; port < 3; port++)
				for (uint8_t out = OBS_OPEN; out <= OBS_UNREACHABLE;
				     out++) {
					o = answer(i, port, out);
					assert_int_equal(dedup_seen(t, &o), again > 0);
				}
	/* Kinds of errors are one class: a router may vary them. */
	o = answer(5, 0, OBS_TIME_EXCEEDED);
	assert_true(dedup_seen(t, &o));
	/* Who sends the answer again does not matter. */
	o = answer(5, 0, OBS_OPEN);
	o.from = (struct addr128){ 9, 9 };
	assert_true(dedup_seen(t, &o));
	dedup_free(t);
}

/* Every hop that answers is an answer of its own. */
static void hops_are_told_apart(void **state)
{
	struct dedup *t = dedup_new(1000, true);

	(void)state;
	assert_non_null(t);
	for (int again = 0; again < 2; again++)
		for (unsigned hop = 0; hop < 256; hop++) {
			struct observation o = answer(1, 80, OBS_TIME_EXCEEDED);

			o.hop = (uint8_t)hop;
			assert_int_equal(dedup_seen(t, &o), again);
			assert_int_equal(o.repeat, again);
		}
	dedup_free(t);
}

/* Answers with other addresses to the same question are no repeats: a sign that
 * somebody else answers, too. */
static void different_dns_answers_are_signalled(void **state)
{
	struct dedup *t = dedup_new(1000, true);

	(void)state;
	assert_non_null(t);
	for (uint32_t i = 0; i < 50; i++)
		for (uint32_t k = 0; k < 6; k++) {
			struct observation o = answer(i, 53, OBS_OPEN);

			o.proto = OBS_UDP;
			o.detail = OBS_DNS;
			o.more.dns.n = k > 0; /* the first has no address */
			o.more.dns.digest = k == 5 ? 3 : k / 2;
			if (i < 25)
				o.more.dns.digest = 7; /* always the same */
			/* k: 0 none; 1 new; 2, 4 other ones; 3, 5 again */
			if (i >= 25 && (k == 2 || k == 4 || k == 5)) {
				assert_false(dedup_seen(t, &o));
				assert_int_equal(o.signals, OBS_SIGNAL_DIFFERS);
				assert_true(o.repeat);
			} else {
				assert_int_equal(dedup_seen(t, &o), k > 0);
				assert_int_equal(o.signals, 0);
			}
		}
	dedup_free(t);
}

/* The last `window` answers are always known, however many came before. */
static void the_window_holds(void **state)
{
	enum { WINDOW = 500 };
	struct dedup *t = dedup_new(WINDOW, true);
	unsigned forgotten = 0;
	struct observation o;

	(void)state;
	assert_non_null(t);
	for (uint32_t i = 0; i < 20000; i++) {
		o = answer(i, 80, OBS_OPEN);
		assert_false(dedup_seen(t, &o));
		if (i < WINDOW)
			continue;
		o = answer(i - WINDOW + 1, 80, OBS_OPEN);
		assert_true(dedup_seen(t, &o));
	}
	for (uint32_t i = 0; i < 1000; i++) {
		o = answer(i, 80, OBS_OPEN);
		forgotten += !dedup_seen(t, &o);
	}
	assert_int_equal(forgotten, 1000); /* bounded: the oldest have gone */
	dedup_free(t);
}

/* Out of memory, an answer may be reported twice, but none is swallowed. */
static void no_answer_is_lost_without_memory(void **state)
{
	struct dedup *t;
	long n = 0;

	(void)state;
	for (; fail_nth(n), t = dedup_new(100, false), fail_done(); n++)
		assert_null(t);
	assert_non_null(t);
	assert_true(n > 0);
	for (uint32_t i = 0; i < 20000; i++) {
		struct observation o = answer(i, 80, OBS_OPEN);

		if (i % 3 == 0)
			fail_nth((long)(i % 2));
		assert_false(dedup_seen(t, &o));
		fail_done();
	}
	dedup_free(t);
}

static struct observation answer_v4(uint32_t addr, uint16_t port, uint8_t outcome)
{
	return (struct observation){ .target = addr_from_v4(addr),
		                     .from = addr_from_v4(1),
		                     .port = port,
		                     .proto = port ? OBS_TCP : OBS_ICMP,
		                     .outcome = outcome };
}

/* Beyond any window, and whatever else is asked about in between. */
static void ipv4_is_exact(void **state)
{
	struct dedup *t = dedup_new(10, false);
	struct dedup_state now;
	struct rng r;

	(void)state;
	assert_non_null(t);
	for (unsigned again = 0; again < 2; again++) {
		rng_init(&r, 5);
		for (uint32_t i = 0; i < 100000; i++) {
			/* Each i has an address of its own, next to others' or not. */
			uint32_t far = (uint32_t)rng_next(&r) & 0x7fffff00;
			struct observation o = answer_v4(
				i % 2 ? 0x80000000 + i : far | i % 256, (uint16_t)(i % 3),
				i % 5 ? OBS_OPEN : OBS_CLOSED);
			bool there = dedup_seen(t, &o);

			if (again)
				assert_true(there && o.repeat);
			else if (i % 2)
				assert_false(there);
		}
	}
	dedup_state(t, &now);
	assert_true(now.exact_v4 && now.exact_rest);
	assert_true(now.bytes < 8 << 20);
	for (uint32_t i = 0; i < 30; i++) {
		struct observation o = answer(i, 80, OBS_OPEN);

		(void)dedup_seen(t, &o);
	}
	dedup_state(t, &now);
	assert_true(now.exact_v4 && !now.exact_rest);
	dedup_free(t);
}

static void everything_in_the_key_counts(void **state)
{
	struct dedup_v4 *t = dedup_v4_new(1, 1 << 16);

	(void)state;
	assert_non_null(t);
	for (unsigned bit = 0; bit < 32; bit++)
		assert_int_equal(dedup_v4_add(t, UINT32_C(1) << bit, 0), 0);
	for (unsigned bit = 0; bit < DEDUP_V4_WHAT_BITS; bit++)
		assert_int_equal(dedup_v4_add(t, 0, UINT64_C(1) << bit), 0);
	assert_int_equal(dedup_v4_add(t, 0, 0), 0);
	assert_int_equal(dedup_v4_add(t, 0, 0), 1);
	for (unsigned bit = 0; bit < 32; bit++)
		assert_int_equal(dedup_v4_add(t, UINT32_C(1) << bit, 0), 1);
	dedup_v4_free(t);
}

/* Full, it takes nothing more until it is cleared; dense answers need no more. */
static void ipv4_memory_is_bounded(void **state)
{
	struct dedup_v4 *t = dedup_v4_new(7, 4096);
	uint32_t n = 0;

	(void)state;
	assert_non_null(t);
	while (dedup_v4_add(t, n * 64, 3) == 0)
		n++;
	assert_int_equal(n, 3072);
	assert_int_equal(dedup_v4_add(t, n * 64, 3), -ENOMEM);
	assert_int_equal(dedup_v4_bytes(t), 4096 * 16);
	for (uint32_t i = 0; i < n * 64; i++)
		assert_int_equal(dedup_v4_add(t, i, 3), i % 64 == 0);
	dedup_v4_clear(t);
	assert_int_equal(dedup_v4_add(t, 0, 3), 0);
	fail_nth(0);
	dedup_v4_clear(t); /* in place */
	assert_true(fail_done());
	assert_int_equal(dedup_v4_add(t, 0, 3), 0);
	dedup_v4_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_answer_is_lost_without_memory),
		cmocka_unit_test(ipv4_is_exact),
		cmocka_unit_test(everything_in_the_key_counts),
		cmocka_unit_test(ipv4_memory_is_bounded),
		cmocka_unit_test(each_answer_is_new_once),
		cmocka_unit_test(hops_are_told_apart),
		cmocka_unit_test(different_dns_answers_are_signalled),
		cmocka_unit_test(the_window_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
