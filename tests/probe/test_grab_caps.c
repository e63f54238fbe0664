#include "tests/test.h"

#include "common/rng.h"
#include "probe/grab_caps.h"

static struct probe_target target(const char *text)
{
	struct probe_target t = { .port = 80 };

	assert_true(addr_parse(&t.addr, text));
	return t;
}

static void hosts_and_networks_have_room(void **state)
{
	struct probe_target a = target("2001:db8::1"), b = target("2001:db8::2"),
			    c = target("2001:db8:0:1::1"), next;
	struct caps *caps = caps_new(1, 2, 10, 3);

	(void)state;
	assert_true(caps_take(caps, &a));
	assert_false(caps_take(caps, &a)); /* waits for its host */
	assert_true(caps_take(caps, &b));
	assert_false(caps_take(caps, &b));
	assert_true(caps_take(caps, &c));
	assert_int_equal(caps_waiting(caps), 2);
	/* b ends: the first in line is a, whose host is busy. */
	assert_true(caps_give(caps, b.addr, &next));
	assert_true(addr_eq(next.addr, b.addr));
	assert_true(caps_give(caps, a.addr, &next));
	assert_true(addr_eq(next.addr, a.addr));
	assert_false(caps_give(caps, a.addr, &next));
	assert_false(caps_give(caps, b.addr, &next));
	assert_false(caps_give(caps, c.addr, &next));
	assert_int_equal(caps_waiting(caps), 0);
	caps_free(caps);
}

static void the_line_has_an_end(void **state)
{
	struct probe_target a = target("192.0.2.1");
	struct caps *caps = caps_new(1, 0, 1, 2);

	(void)state;
	assert_true(caps_take(caps, &a));
	assert_false(caps_full(caps));
	assert_false(caps_take(caps, &a));
	assert_false(caps_take(caps, &a));
	assert_true(caps_full(caps));
	assert_true(caps_give(caps, a.addr, &a));
	assert_false(caps_full(caps));
	caps_free(caps);
}

enum { ACTIVE = 50, HOSTS = 40, PER_HOST = 2, PER_NET = 5, TARGETS = 5000 };

/* Random targets: the caps hold at every step, and nobody is lost or doubled. */
static void nobody_is_lost(void **state)
{
	struct caps *caps = caps_new(PER_HOST, PER_NET, ACTIVE, 200);
	struct probe_target active[ACTIVE], next;
	unsigned n = 0, began = 0, per_host[HOSTS] = { 0 }, per_net[4] = { 0 };
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	for (unsigned taken = 0; taken < TARGETS || n;) {
		bool more = taken < TARGETS && n < ACTIVE && !caps_full(caps);

		if (more && (n == 0 || rng_below(&r, 2))) {
			unsigned h = (unsigned)rng_below(&r, HOSTS);
			struct probe_target t = {
				.addr = { 0x20010db800000000 | h % 4, h }, .port = 80
			};

			taken++;
			if (!caps_take(caps, &t))
				continue;
			next = t;
		} else {
			unsigned i = (unsigned)rng_below(&r, n);
			struct addr128 a = active[i].addr;

			active[i] = active[--n];
			per_host[a.lo]--;
			per_net[a.hi & 3]--;
			if (!caps_give(caps, a, &next))
				continue;
		}
		active[n++] = next;
		began++;
		assert_true(++per_host[next.addr.lo] <= PER_HOST);
		assert_true(++per_net[next.addr.hi & 3] <= PER_NET);
	}
	assert_int_equal(began, TARGETS);
	assert_int_equal(caps_waiting(caps), 0);
	caps_free(caps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_and_networks_have_room),
		cmocka_unit_test(the_line_has_an_end),
		cmocka_unit_test(nobody_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
