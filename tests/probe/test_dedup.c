#include "tests/test.h"

#include "tests/common/failing.h"

#include "common/addrset.c"
#include "probe/dedup.c"

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
	struct dedup *t = dedup_new(1000);
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
	struct dedup *t = dedup_new(1000);

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
	struct dedup *t = dedup_new(1000);

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
	struct dedup *t = dedup_new(WINDOW);
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
	for (; fail_nth(n), t = dedup_new(100), fail_done(); n++)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_answer_is_lost_without_memory),
		cmocka_unit_test(each_answer_is_new_once),
		cmocka_unit_test(hops_are_told_apart),
		cmocka_unit_test(different_dns_answers_are_signalled),
		cmocka_unit_test(the_window_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
