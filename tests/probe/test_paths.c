#include "tests/test.h"

#include "probe/paths.h"
#include "tests/common/files.h"

static struct observation answer(const char *target, const char *from, unsigned hop,
                                 uint8_t outcome, uint32_t rtt_us, uint64_t when_us)
{
	struct observation o = { .proto = OBS_ICMP6,
		                 .outcome = outcome,
		                 .hop = (uint8_t)hop,
		                 .rtt_us = rtt_us,
		                 .when_us = when_us };

	assert_true(addr_parse(&o.target, target));
	assert_true(addr_parse(&o.from, from));
	return o;
}

static void must_write(struct files *f, const struct observation *o, size_t n,
                       const char *want)
{
	struct hosts *h = hosts_new(f->dir);
	struct diag d = { "" };
	struct writer *w;
	size_t got;
	char *text;

	assert_non_null(h);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(hosts_put(h, &o[i]), 0);
	assert_int_equal(writer_open(&w, files_path(f, "out"), &d), 0);
	assert_int_equal(paths_write(h, w, &d), 0);
	assert_int_equal(writer_commit(w, &d), 0);
	writer_close(w);
	hosts_free(h);
	text = files_get(files_path(f, "out"), &got);
	assert_string_equal(text, want);
	free(text);
}

static void paths_are_in_order(void **state)
{
	static const char a[] = "2001:db8::a", b[] = "2001:db8::b";
	const struct observation o[] = {
		answer(b, "2001:db8:1::2", 2, OBS_TIME_EXCEEDED, 0, 9),
		answer(a, a, 5, OBS_OPEN, 2000, 9), /* beyond the first answer */
		answer(a, a, 4, OBS_OPEN, 1234567, 8),
		answer(a, "2001:db8:1::3", 3, OBS_TIME_EXCEEDED, 400, 7),
		answer(a, "2001:db8:1::1", 1, OBS_TIME_EXCEEDED, 1007, 6),
		answer(a, "2001:db8:1::4", 3, OBS_TIME_EXCEEDED, 500, 2),
		answer(a, "2001:db8:1::3", 3, OBS_TIME_EXCEEDED, 600, 9),
		answer(a, a, 0, OBS_OPEN, 1, 1), /* does not say which */
		answer(b, "2001:db8:1::9", 3, OBS_UNREACHABLE, 77, 9),
	};

	must_write(*state, o, ARRAY_LEN(o),
	           "2001:db8::a icmp6\n"
	           "  1  2001:db8:1::1  1.007 ms\n"
	           "  2  *\n"
	           "  3  2001:db8:1::4  0.500 ms  2001:db8:1::3  0.400 ms\n"
	           "  4  2001:db8::a  1234.567 ms  open\n"
	           "2001:db8::b icmp6\n"
	           "  1  *\n"
	           "  2  2001:db8:1::2\n"
	           "  3  2001:db8:1::9  0.077 ms  unreachable\n");
	must_write(*state, o, 0, "");
	must_write(*state, &o[7], 1, "");
}

/* Ports are paths of their own, and of many answers for a hop some are kept. */
static void ports_are_apart(void **state)
{
	struct observation o[301];
	char want[400] = "192.0.2.1 tcp 80\n  1";

	for (unsigned i = 0; i < 300; i++) {
		char from[32];

		snprintf(from, sizeof(from), "198.51.%u.%u", i / 256, i % 256);
		o[i] = answer("192.0.2.1", from, 1, OBS_TIME_EXCEEDED, 1000, i);
		o[i].proto = OBS_TCP;
		o[i].port = 80;
		if (i < 4)
			snprintf(want + strlen(want), sizeof(want) - strlen(want),
			         "  %s  1.000 ms", from);
	}
	o[300] = o[0];
	o[300].port = 443;
	strcat(want, "\n192.0.2.1 tcp 443\n  1  198.51.0.0  1.000 ms\n");
	must_write(*state, o, 301, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(paths_are_in_order, files_setup,
		                                files_teardown),
		cmocka_unit_test_setup_teardown(ports_are_apart, files_setup,
		                                files_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
