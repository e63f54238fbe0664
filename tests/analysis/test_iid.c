#include "tests/test.h"

#include <stdbool.h>

#include "analysis/analysis.h"
#include "common/rng.h"

struct row {
	const char *addr;
	enum iid_class c;
};

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct addr128 a;
		enum iid_class got;

		assert_true(addr_parse(&a, rows[i].addr));
		got = iid_classify(a);
		if (got != rows[i].c)
			fail_msg("%s: %s, expected %s", rows[i].addr, iid_class_str(got),
			         iid_class_str(rows[i].c));
	}
}

static void each_class_has_its_form(void **state)
{
	static const struct row rows[] = {
		{ "2001:db8::211:22ff:fe33:4455", IID_EUI64 },
		{ "2001:db8::0:5efe:c000:201", IID_ISATAP },
		{ "2001:db8::200:5efe:c000:201", IID_ISATAP }, /* universal bit */
		{ "2001:db8::80", IID_PORT },
		{ "2001:db8::50", IID_PORT }, /* 80 in hex */
		{ "2001:db8::1:80", IID_PORT },
		{ "2001:db8::10:443", IID_PORT }, /* upper word 16, the largest */
		{ "2001:db8::1bb", IID_PORT },    /* 443 */
		{ "2001:db8::80:1", IID_PORT_REVERSED },
		{ "2001:db8::8080:10", IID_PORT_REVERSED },
		{ "2001:db8::192.0.2.1", IID_IPV4_32 },
		{ "2001:db8::100:1", IID_IPV4_32 },
		{ "2001:db8::1", IID_LOW_BYTE },
		{ "2001:db8::ffff", IID_LOW_BYTE },
		{ "2001:db8::ff:ffff", IID_LOW_BYTE },
		{ "2001:db8::192:0:2:1", IID_IPV4_64 },
		{ "2001:db8::255:255:255:255", IID_IPV4_64 },
		{ "2001:db8:0:0:4300:0:12:34", IID_PATTERN_BYTES },
		{ "2001:db8::1a00:0:0:7", IID_PATTERN_BYTES },
		{ "2001:db8:0:0:1234:5678:9abc:def0", IID_RANDOM },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

/* What addr6 does, sensible or not. */
static void quirks_are_those_of_addr6(void **state)
{
	static const struct row rows[] = {
		{ "2001:db8::", IID_IPV4_64 },    /* subnet-router anycast */
		{ "2001:db8::1:0", IID_IPV4_64 }, /* low word 0: not low-byte */
		{ "2001:db8::dead:beef", IID_IPV4_32 },
		{ "2001:db8::53", IID_PORT },
		{ "2001:db8::443", IID_PORT },
		{ "2001:db8::11:80", IID_LOW_BYTE }, /* 0x11 is more than 16 */
		{ "2001:db8::1:1", IID_LOW_BYTE },
		{ "2001:db8::2a:2b:2c:2d", IID_IPV4_64 }, /* not even decimal */
		{ "2001:db8::256:1:1:1", IID_PATTERN_BYTES },
		{ "2001:db8::a:0:0:b", IID_IPV4_64 },
		{ "2001:db8::11:22ff:fe33:4455", IID_RANDOM }, /* U bit clear */
		{ "2001:db8::1111:1111:1111:1111", IID_RANDOM },
		{ "2001:db8::dead:beef:cafe:f00d", IID_RANDOM },
		{ "2001:db8::3ff:ffff:fe00:1", IID_EUI64 }, /* group bit is free */
		{ "2001:db8::256:0:0:1", IID_PATTERN_BYTES },
		{ "2001:db8::5060", IID_PORT },
		{ "2001:db8::13c4", IID_PORT }, /* 5060 */
		{ "2001:db8::5070", IID_LOW_BYTE },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

/* The network part has no say. */
static void only_the_identifier_counts(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (unsigned i = 0; i < 10000; i++) {
		struct addr128 a = { rng_next(&r), rng_next(&r) >> rng_below(&r, 64) };
		struct addr128 b = { rng_next(&r), a.lo };
		enum iid_class c = iid_classify(a);

		assert_true(c < IID_CLASSES);
		assert_int_equal(c, iid_classify(b));
		assert_string_not_equal(iid_class_str(c), "unknown");
	}
	assert_string_equal(iid_class_str(IID_CLASSES), "unknown");
}

/* Straight from the definition: a number, or the same digits read as hex. */
static void ports_are_found_in_both_readings(void **state)
{
	static const unsigned ports[] = { 21,   22,   23,   25,   49,   53,   80,  110,
		                          123,  179,  220,  389,  443,  547,  993, 995,
		                          1194, 3306, 5060, 5061, 5432, 6446, 8080 };

	(void)state;
	for (unsigned v = 1; v <= 0xffff; v++) {
		bool port = false;

		for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
			char digits[16];

			snprintf(digits, sizeof(digits), "%u", ports[i]);
			port |= v == ports[i] || v == strtoul(digits, NULL, 16);
		}
		assert_int_equal(iid_classify((struct addr128){ 1, v }) == IID_PORT,
		                 port);
		assert_int_equal(iid_classify((struct addr128){
					 1, (uint64_t)v << 16 | 1 }) == IID_PORT_REVERSED,
		                 port);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_class_has_its_form),
		cmocka_unit_test(quirks_are_those_of_addr6),
		cmocka_unit_test(only_the_identifier_counts),
		cmocka_unit_test(ports_are_found_in_both_readings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
