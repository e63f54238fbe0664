#include "tests/test.h"

#include "probe/wire.h"

static void put_then_get_is_identity(void **state)
{
	struct addr128 v6 = { UINT64_C(0x20010db800000001), 0xfffffffffffffffe };
	struct addr128 v4 = addr_from_v4(0xc0000201);
	uint8_t buf[64];
	struct wire_out w = { buf, buf + sizeof(buf), false };
	struct wire r;

	(void)state;
	wire_put8(&w, 0xab);
	wire_put16(&w, 0x1234);
	wire_put32(&w, 0xdeadbeef);
	wire_put64(&w, UINT64_C(0x0123456789abcdef));
	wire_put_addr(&w, v6);
	wire_put_addr(&w, v4);
	wire_put_zeros(&w, 3);
	assert_false(w.bad);
	assert_int_equal(w.at - buf, 1 + 2 + 4 + 8 + 16 + 4 + 3);
	assert_int_equal(buf[1], 0x12); /* network order */

	r = wire_from(buf, (size_t)(w.at - buf));
	assert_int_equal(wire_get8(&r), 0xab);
	assert_int_equal(wire_get16(&r), 0x1234);
	assert_int_equal(wire_get32(&r), 0xdeadbeef);
	assert_true(wire_get64(&r) == UINT64_C(0x0123456789abcdef));
	assert_true(addr_eq(wire_get_v6(&r), v6));
	assert_true(addr_eq(wire_get_v4(&r), v4));
	assert_int_equal(wire_left(&r), 3);
	assert_false(r.bad);
}

/* At every length: what does not fit sets bad, and nothing moves after that. */
static void the_end_is_never_passed(void **state)
{
	(void)state;
	for (size_t n = 0; n < 12; n++) {
		uint8_t *buf = calloc(1, n ? n : 1);
		struct wire r = wire_from(buf, n);
		struct wire_out w = { buf, buf + n, false };
		size_t got = 0;

		assert_non_null(buf);
		for (int i = 0; i < 4; i++) {
			wire_get32(&r);
			got += r.bad ? 0 : 4;
			wire_put32(&w, 0xffffffff);
		}
		assert_true(got <= n);
		assert_true(r.bad);
		assert_true(w.bad);
		assert_int_equal(wire_get8(&r), 0);
		assert_int_equal(wire_left(&r), 0);
		assert_true(w.at <= w.end);
		assert_null(wire_take(&r, 0));
		free(buf);
	}
}

static void cut_never_grows(void **state)
{
	uint8_t buf[8] = { 0 };
	struct wire r = wire_from(buf, sizeof(buf));

	(void)state;
	assert_false(wire_cut(&r, 9));
	assert_int_equal(wire_left(&r), 8);
	assert_true(wire_cut(&r, 3));
	assert_int_equal(wire_left(&r), 3);
	assert_false(wire_cut(&r, 4));
	wire_skip(&r, 4);
	assert_true(r.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_then_get_is_identity),
		cmocka_unit_test(the_end_is_never_passed),
		cmocka_unit_test(cut_never_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
