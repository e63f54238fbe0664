#include "tests/test.h"

#include <arpa/inet.h>
#include <stdbool.h>

#include "common/addr_scan.h"
#include "common/rng.h"

enum { LINES = 64 };

/* What the scanners take: IPv6 of hex digits and colons, as inet_pton reads it. */
static bool reference(struct addr128 *out, const char *text)
{
	uint8_t net[16];

	if (strspn(text, "0123456789abcdefABCDEF:") != strlen(text) ||
	    inet_pton(AF_INET6, text, net) != 1)
		return false;
	*out = addr_load(net);
	return true;
}

/* One line, with garbage behind it. */
static void must_agree(addr_scan_fn scan, const char *text, const char *end)
{
	struct addr128 want, got = { 1, 2 };
	struct scanned_line line;
	char buf[256 + ADDR_SCAN_ROOM];
	size_t len = strlen(text), n = len + strlen(end);
	bool good = reference(&want, text) && (n > len);

	memset(buf, 'a', sizeof(buf));
	memcpy(buf, text, len);
	memcpy(buf + len, end, n - len);
	if (scan(&got, &line, 1, buf, n) != good)
		fail_msg("'%s': %s", text, good ? "refused" : "taken");
	if (!good)
		return;
	if (!addr_eq(got, want))
		fail_msg("'%s': wrong value", text);
	if (line.end != len || line.next != n)
		fail_msg("'%s': wrong end", text);
}

static void all_must_agree(const char *text)
{
	addr_scan_fn scan[ADDR_SCANNERS];

	addr_scanners(scan);
	for (unsigned i = 0; scan[i]; i++) {
		must_agree(scan[i], text, "\n");
		must_agree(scan[i], text, "\r\n");
		must_agree(scan[i], text, "");
	}
}

static void has_a_scanner(void **state)
{
	addr_scan_fn scan[ADDR_SCANNERS];

	(void)state;
	addr_scanners(scan);
	if (!scan[0])
		skip();
}

static void edges_are_those_of_inet_pton(void **state)
{
	static const char *const texts[] = {
		"",
		":",
		"::",
		":::",
		"::::",
		"1",
		"1:",
		":1",
		"::1",
		"1::",
		"1::1",
		":1::",
		"::1:",
		"1:::1",
		"1::2::3",
		"::1::",
		"1:2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7::",
		"::2:3:4:5:6:7:8",
		"1::3:4:5:6:7:8",
		"1:2:3:4:5:6:7::8",
		"1::2:3:4:5:6:7:8",
		"::1:2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7:8::",
		":1:2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7:8:",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"FFFF:ffff:FFFF:ffff:FFFF:ffff:FFFF:ffff",
		"fffff::",
		"::fffff",
		"1::12345",
		"12345678::",
		"::ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff::",
		"::ffff:192.0.2.1",
		"192.0.2.1",
		"20010db8000000000000000000000001",
		"g::",
		"::g",
		"::1%eth0",
		"::1/64",
		" ::1",
		"::1 ",
		"@::",
		"`::",
		"/::",
		"0::/",
		"\xb0::",
		"::\xba",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0",
		"00000000000000000000000000000000000000000000000000000000000000000000000",
		"::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		all_must_agree(texts[i]);
}

/* Texts of the right kind of characters, nearly or wholly addresses. */
static void make_text(char *s, struct rng *r)
{
	static const char any[] = "0123456789abcdefABCDEF::::::gG./- \t@`\x80";
	unsigned groups = 1 + (unsigned)rng_below(r, 9), gap = (unsigned)rng_below(r, 12);
	char *p = s;

	for (unsigned i = 0; i < groups; i++) {
		if (i == gap)
			*p++ = ':';
		if (i)
			*p++ = ':';
		for (uint64_t k = rng_below(r, 60) ? 1 + rng_below(r, 4)
		                                   : rng_below(r, 6);
		     k; k--)
			*p++ = any[rng_below(r, 22)];
	}
	if (gap == groups)
		p = stpcpy(p, "::");
	*p = '\0';
	for (uint64_t k = rng_below(r, 3); k && p > s; k--)
		s[rng_below(r, (uint64_t)(p - s))] = any[rng_below(r, sizeof(any) - 1)];
}

static void agrees_with_inet_pton(void **state)
{
	struct rng r;
	char text[128];
	unsigned good = 0;
	struct addr128 a;

	(void)state;
	rng_init(&r, 7);
	for (unsigned i = 0; i < 300000; i++) {
		make_text(text, &r);
		good += reference(&a, text);
		all_must_agree(text);
	}
	assert_in_range(good, 40000, 260000);
}

/* Many lines at once: stops at the first that is something else, and at cap. */
static void stops_where_it_should(void **state)
{
	static const char list[] = "2001:db8::1\n::\r\nfe80::1:2:3:4\n192.0.2.1\n::5\n";
	char buf[sizeof(list) + ADDR_SCAN_ROOM] = "";
	addr_scan_fn scan[ADDR_SCANNERS];
	struct scanned_line lines[LINES];
	struct addr128 a[LINES];

	(void)state;
	memcpy(buf, list, sizeof(list));
	addr_scanners(scan);
	for (unsigned i = 0; scan[i]; i++) {
		assert_int_equal(scan[i](a, lines, LINES, buf, sizeof(list) - 1), 3);
		assert_true(addr_eq(a[2], (struct addr128){ UINT64_C(0xfe80) << 48,
		                                            UINT64_C(0x1000200030004) }));
		assert_int_equal(lines[2].next, 30);
		assert_int_equal(scan[i](a, lines, 2, buf, sizeof(list) - 1), 2);
		assert_int_equal(lines[1].end, 14);
		assert_int_equal(lines[1].next, 16);
		/* Without the last byte of a line, it is none. */
		assert_int_equal(scan[i](a, lines, LINES, buf, 15), 1);
		assert_int_equal(scan[i](a, lines, LINES, buf, 0), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_a_scanner),
		cmocka_unit_test(edges_are_those_of_inet_pton),
		cmocka_unit_test(agrees_with_inet_pton),
		cmocka_unit_test(stops_where_it_should),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
