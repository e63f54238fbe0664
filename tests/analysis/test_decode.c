#include "tests/test.h"

#include "analysis/analysis.h"
#include "analysis/decode.h"
#include "analysis/kind.h"
#include "common/rng.h"

enum { MOST = 40 };

static struct addr128 addr(const char *text)
{
	struct addr128 a;

	if (!addr_parse(&a, text))
		fail_msg("%s", text);
	return a;
}

static void lines_are_those_of_addr6(void **state)
{
	static const struct {
		const char *addr, *line;
	} rows[] = {
		{ "2001:db8::211:22ff:fe33:4455",
		  "unicast=global=global=ieee-derived=00-11-22" },
		{ "::1", "unicast=loopback=interface=low-byte=unspecified" },
		{ "::", "unspecified=unspecified=unspecified=unspecified=unspecified" },
		{ "192.0.2.1",
		  "unicast=ipv4-mapped=unspecified=pattern-bytes=unspecified" },
		{ "::192.0.2.1",
		  "unicast=ipv4-compatible=unspecified=embedded-ipv4=embedded-ipv4-32" },
		{ "febf::1", "unicast=link-local=link=low-byte=unspecified" },
		{ "fec0::1", "unicast=site-local=site=low-byte=unspecified" },
		{ "fd00::1", "unicast=unique-local=global=low-byte=unspecified" },
		{ "2002:c000:201::1", "unicast=6to4=global=low-byte=unspecified" },
		{ "2001:db8::80:1", "unicast=global=global=embedded-port=port-rev" },
		{ "ff15::1", "multicast=non-permanent=site=unspecified=unspecified" },
		{ "ff7e:140:2001:db8::1",
		  "multicast=embedded-rp=global=unspecified=unspecified" },
		{ "ff3e:40:2001:db8::1",
		  "multicast=unicast-based=global=unspecified=unspecified" },
	};
	struct addr6_lines *lines = addr6_lines_new();

	(void)state;
	assert_non_null(lines);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char line[2 * ADDR6_LINE_MAX];
		struct addr128 a = addr(rows[i].addr);
		size_t n = addr6_lines_format(lines, line, &a, 1);

		assert_int_equal(n, strlen(rows[i].line) + 1);
		assert_int_equal(line[n - 1], '\n');
		line[n - 1] = '\0';
		assert_string_equal(line, rows[i].line);
	}
	addr6_lines_free(lines);
}

/* The line in the plainest way; returns its length. */
static int spell(char *line, struct addr128 a)
{
	static const char *const fields[IID_CLASSES] = {
		[IID_ISATAP] = "isatap=unspecified",
		[IID_PORT] = "embedded-port=port-fwd",
		[IID_PORT_REVERSED] = "embedded-port=port-rev",
		[IID_IPV4_32] = "embedded-ipv4=embedded-ipv4-32",
		[IID_LOW_BYTE] = "low-byte=unspecified",
		[IID_IPV4_64] = "embedded-ipv4=embedded-ipv4-64",
		[IID_PATTERN_BYTES] = "pattern-bytes=unspecified",
		[IID_RANDOM] = "randomized=unspecified",
	};
	struct addr_decoded d = addr_decode(a);
	const char *end = fields[iid_classify(a)];
	uint32_t oui = addr_oui(a);
	char vendor[40];

	snprintf(vendor, sizeof(vendor), "ieee-derived=%02x-%02x-%02x", oui >> 16,
	         oui >> 8 & 255, oui & 255);
	if (strcmp(d.type, "unicast") != 0)
		end = "unspecified=unspecified";
	else if (!end)
		end = vendor;
	return sprintf(line, "%s=%s=%s=%s\n", d.type, d.subtype, d.scope, end);
}

/* Values that a rule is about, and their neighbours. */
static uint64_t identifier(struct rng *r)
{
	static const uint16_t words[] = {
		0,      1,      15,     16,     17,     0x80,   80,     0x443,  443,
		0x8080, 8080,   0x255,  0x256,  0x3ff,  0x400,  0xff,   0x100,  0x200,
		0x5efe, 0x02ff, 0xfeff, 0xfffe, 0xfe00, 0x00ff, 0x211,  0x11,   0xffff,
		0x6446, 6446,   0x5555, 0x2ff,  0x1aa,  0xfc00, 0x8000, 0x0a00,
	};
	uint64_t x = 0;

	if (rng_below(r, 8) == 0)
		return rng_next(r) >> rng_below(r, 64);
	if (rng_below(r, 8) == 0)
		return (rng_next(r) & UINT64_C(0xfdffff0000ffffff)) |
		       UINT64_C(0x000000fffe000000) | rng_below(r, 2) << 57;
	for (unsigned i = 0; i < 4; i++)
		x = x << 16 | (rng_below(r, 16) ? words[rng_below(r, ARRAY_LEN(words))]
		                                : rng_next(r) & 0xffff);
	return rng_below(r, 2) ? x : x & 0xffffffff;
}

static struct addr128 any_address(struct rng *r)
{
	static const uint64_t nets[] = {
		0x20010db800000000, 0x2002c00002010000,
		0x2001000000000000, 0x2001000100000000,
		0x2000000000000000, 0x3fffffffffffffff,
		0x4000000000000000, 0x1fffffffffffffff,
		0xfe80000000000000, 0xfebf000000000000,
		0xfec0000000000000, 0xfc00000000000000,
		0xfd12000000000000, 0xff02000000000000,
		0xff15000000000000, 0xff7e000000000000,
		0xfe00000000000000, 0x2003c00002010000,
		0x2001ffff00000000, 0,
	};
	struct addr128 a = { nets[rng_below(r, ARRAY_LEN(nets))], identifier(r) };

	if (rng_below(r, 2))
		a.hi = UINT64_C(0x2a00000000000000) | (rng_next(r) >> 8);
	else if (rng_below(r, 8) == 0)
		a.hi = rng_next(r);
	else if (a.hi == 0 && rng_below(r, 2))
		a.lo = (a.lo & 0xffffffff) | UINT64_C(0x0000ffff00000000);
	return a;
}

/* Whatever the processor can do, and wherever in a block an address is, the line is the
 * same, and nothing but the room promised is written. */
static void each_way_prints_the_same(void **state)
{
	addr6_format_fn formatters[ADDR6_FORMATTERS];
	struct addr6_lines *lines = addr6_lines_new();
	static char expected[MOST * ADDR6_LINE_MAX], got[(MOST + 1) * ADDR6_LINE_MAX + 1];
	struct rng r;

	(void)state;
	assert_non_null(lines);
	addr6_formatters(formatters);
	rng_init(&r, 1);
	for (unsigned i = 0; i < 20000; i++) {
		size_t n = rng_below(&r, MOST + 1), len = 0,
		       room = (n + 1) * ADDR6_LINE_MAX;
		struct addr128 a[MOST];

		for (size_t k = 0; k < n; k++) {
			a[k] = any_address(&r);
			len += (size_t)spell(expected + len, a[k]);
		}
		for (size_t k = 0; formatters[k]; k++) {
			got[room] = '#';
			assert_int_equal(formatters[k](lines, got, a, n), len);
			assert_memory_equal(got, expected, len);
			assert_int_equal(got[room], '#');
		}
	}
	addr6_lines_free(lines);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_those_of_addr6),
		cmocka_unit_test(each_way_prints_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
