#include "tests/test.h"

#include "common/clock.h"
#include "probe/fill.h"

static struct observation expired(uint8_t proto, uint16_t port, uint8_t hop)
{
	return (struct observation){ .target = { 0x2a00, hop },
		                     .proto = proto,
		                     .port = port,
		                     .outcome = OBS_TIME_EXCEEDED,
		                     .hop = hop };
}

/* Only what a router said at the last hop or beyond, and up to the bound. */
static void the_next_hop_follows_a_router(void **state)
{
	static const struct {
		uint8_t proto;
		uint16_t port;
		uint8_t hop, outcome;
		bool repeat;
		uint32_t want; /* 0: nothing */
	} cases[] = {
		{ OBS_ICMP, 0, 7, OBS_TIME_EXCEEDED, false, 0 }, /* has been probed */
		{ OBS_ICMP, 0, 8, OBS_TIME_EXCEEDED, false, PROBE_HOP(9) },
		{ OBS_TCP, 443, 8, OBS_TIME_EXCEEDED, false,
		  PROBE_HOP(9) | PROBE_TCP | 443 },
		{ OBS_UDP, 53, 11, OBS_TIME_EXCEEDED, false,
		  PROBE_HOP(12) | PROBE_UDP | 53 },
		{ OBS_UDP, 53, 12, OBS_TIME_EXCEEDED, false, 0 }, /* the bound */
		{ OBS_ICMP, 0, 9, OBS_OPEN, false, 0 },           /* the target itself */
		{ OBS_ICMP, 0, 9, OBS_UNREACHABLE, false, 0 },
		{ OBS_ICMP, 0, 9, OBS_TIME_EXCEEDED, true, 0 },
	};
	struct fill *f = fill_new(8, 12);
	struct probe_target t[4];

	(void)state;
	assert_non_null(f);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct observation o =
			expired(cases[i].proto, cases[i].port, cases[i].hop);
		size_t n;

		o.outcome = cases[i].outcome;
		o.repeat = cases[i].repeat;
		fill_offer(f, &o, 1);
		n = fill_next(f, t, 4);
		assert_int_equal(n, cases[i].want != 0);
		if (n == 0)
			continue;
		assert_int_equal(t[0].port, cases[i].want);
		assert_true(addr_eq(t[0].addr, o.target));
	}
	fill_free(f);
}

static void it_is_over_when_nothing_came_for_long(void **state)
{
	struct fill *f = fill_new(1, 9);
	struct observation o = expired(OBS_ICMP, 0, 3);
	struct probe_target t;
	uint64_t now = 5 * NS_PER_S;

	(void)state;
	assert_false(fill_is_over(f, now)); /* the first time of asking */
	assert_false(fill_is_over(f, now + 1 * NS_PER_S));
	fill_offer(f, &o, now + 1 * NS_PER_S);
	assert_false(fill_is_over(f, now + 9 * NS_PER_S)); /* it waits to be taken */
	assert_int_equal(fill_next(f, &t, 1), 1);
	assert_false(fill_is_over(f, now + 2 * NS_PER_S));
	assert_true(fill_is_over(f, now + 4 * NS_PER_S));
	for (unsigned i = 0; i < 70000; i++)
		fill_offer(f, &o, now);
	assert_int_equal(fill_dropped(f), 70000 - 65536);
	fill_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_hop_follows_a_router),
		cmocka_unit_test(it_is_over_when_nothing_came_for_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
