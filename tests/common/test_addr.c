#include "tests/test.h"

#include <arpa/inet.h>

#include "common/addr.h"
#include "common/rng.h"

/* Zero runs of every place and length, groups of every width, and the blocks
 * that have IPv4 inside. */
static struct addr128 structured(struct rng *r)
{
	uint64_t w[2] = { 0, 0 };

	for (int i = 0; i < 8; i++) {
		uint64_t g = rng_next(r) & 1 ? 0 : rng_next(r) >> (48 + rng_below(r, 16));

		w[i / 4] |= g << (48 - 16 * (i % 4));
	}
	switch (rng_below(r, 16)) {
	case 0: return addr_from_v4((uint32_t)rng_next(r));
	case 1: return (struct addr128){ 0, rng_next(r) & UINT32_MAX };
	case 2: return (struct addr128){ 0, rng_next(r) >> rng_below(r, 32) };
	case 3: return (struct addr128){ rng_next(r), rng_next(r) };
	case 4: return (struct addr128){ 0, 0xffffULL << 32 | w[1] };
	}
	return (struct addr128){ w[0], w[1] };
}

/* inet_ntop's text, but IPv4 for what is IPv4 here. */
static void reference_text(char *buf, struct addr128 a)
{
	uint8_t net[16];

	addr_store(net, a);
	if (addr_is_v4(a))
		inet_ntop(AF_INET, net + 12, buf, ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, net, buf, ADDR_STRLEN);
}

static bool all_hex(const char *s)
{
	return strspn(s, "0123456789abcdefABCDEF") == 32 && strlen(s) == 32;
}

static bool reference_parse(struct addr128 *out, const char *s)
{
	uint8_t net[16] = { [10] = 0xff, [11] = 0xff };
	char text[48];

	if (all_hex(s)) {
		for (int i = 0; i < 8; i++)
			snprintf(text + 5 * i, 6, "%.4s:", s + 4 * i);
		text[39] = '\0';
		s = text;
	}
	if (inet_pton(AF_INET, s, net + 12) != 1 && inet_pton(AF_INET6, s, net) != 1)
		return false;
	*out = addr_load(net);
	return true;
}

static void must_agree(const char *text)
{
	struct addr128 want, got = { 0x1234, 0x5678 };
	bool want_ok = reference_parse(&want, text), got_ok = addr_parse(&got, text);

	if (want_ok != got_ok)
		fail_msg("'%s': %s, but inet_pton says otherwise", text,
		         got_ok ? "taken" : "refused");
	if (!want_ok)
		want = (struct addr128){ 0x1234, 0x5678 };
	if (!addr_eq(want, got))
		fail_msg("'%s': wrong value", text);
}

static void agrees_with_inet_ntop_and_pton(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (int i = 0; i < 1000000; i++) {
		struct addr128 a = structured(&r), back;
		char want[ADDR_STRLEN], got[ADDR_STRLEN];
		size_t n = addr_format(got, a);

		reference_text(want, a);
		if (strcmp(want, got) != 0 || n != strlen(want))
			fail_msg("'%s' (%zu), but inet_ntop says '%s'", got, n, want);
		if (!addr_parse(&back, got) || !addr_eq(a, back))
			fail_msg("'%s': parse does not undo format", got);
	}
}

/* Texts that inet_ntop would not write, but people do. */
static void spell(struct rng *r, char *s, size_t cap, struct addr128 a)
{
	uint8_t b[16];
	int at = 0;

	addr_store(b, a);
	for (int i = 0; i < 8; i++) {
		bool quad = i == 6 && rng_below(r, 8) == 0;
		unsigned g = (unsigned)b[2 * i] << 8 | b[2 * i + 1];

		if (i)
			s[at++] = ':';
		if (quad) {
			snprintf(s + at, cap - (size_t)at, "%u.%u.%u.%u", b[12], b[13],
			         b[14], b[15]);
			return;
		}
		switch (rng_below(r, 4)) {
		case 0: at += snprintf(s + at, cap - (size_t)at, "%x", g); break;
		case 1: at += snprintf(s + at, cap - (size_t)at, "%04x", g); break;
		case 2: at += snprintf(s + at, cap - (size_t)at, "%X", g); break;
		case 3: at += snprintf(s + at, cap - (size_t)at, "%03x", g); break;
		}
	}
}

static void mutate(struct rng *r, char *s, size_t cap)
{
	static const char alphabet[] = "0123456789abcdefABCF::::....gx/ %-";

	for (uint64_t k = 1 + rng_below(r, 3); k; k--) {
		size_t n = strlen(s), at = rng_below(r, n + 1);
		char c = alphabet[rng_below(r, sizeof(alphabet) - 1)];

		switch (rng_below(r, 3)) {
		case 0:
			if (at < n)
				s[at] = c;
			break;
		case 1:
			if (at < n)
				memmove(s + at, s + at + 1, n - at);
			break;
		case 2:
			if (n + 2 > cap)
				break;
			memmove(s + at + 1, s + at, n - at + 1);
			s[at] = c;
			break;
		}
	}
}

static void agrees_on_mutated_texts(void **state)
{
	struct rng r;
	char s[80];

	(void)state;
	rng_init(&r, 2);
	for (int i = 0; i < 1000000; i++) {
		struct addr128 a = structured(&r);

		switch (rng_below(&r, 4)) {
		case 0: spell(&r, s, sizeof(s), a); break;
		case 1:
			snprintf(s, sizeof(s), "%016llx%016llx", (unsigned long long)a.hi,
			         (unsigned long long)a.lo);
			break;
		default: addr_format(s, a); break;
		}
		must_agree(s);
		mutate(&r, s, sizeof(s));
		must_agree(s);
	}
}

static const char *const edge_texts[] = {
	"",
	":",
	"::",
	":::",
	"::::",
	"1",
	"1:",
	":1",
	"1::",
	"::1",
	"::1:",
	":1::",
	"1::2::3",
	"1:2:3:4:5:6:7",
	"1:2:3:4:5:6:7:8",
	"1:2:3:4:5:6:7:8:9",
	"::1:2:3:4:5:6:7",
	"::1:2:3:4:5:6:7:8",
	"1:2:3:4:5:6:7::",
	"1:2:3:4:5:6:7:8::",
	"1::2:3:4:5:6:7:8",
	"1:2:3::4:5:6:7:8",
	"1:2:3:4::5:6:7",
	"12345::",
	"0000::",
	"00000::",
	"::00001",
	"0:0:0:0:0:0:0:0",
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
	"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
	"1:2:3:4:5:6:1.2.3.4",
	"1:2:3:4:5:6:7:1.2.3.4",
	"1:2:3:4:5:1.2.3.4",
	"::1.2.3.4",
	"::ffff:1.2.3.4",
	"::1.2.3.4:5",
	"::1.2.3",
	"::1.2.3.4.5",
	"::01.2.3.4",
	"::1.2.3.04",
	"::256.1.1.1",
	"::0.0.0.0",
	"::ffff:0.0.0.0",
	"::1.2.3.",
	"::.1.2.3",
	"::a.b.c.d",
	"::1a.2.3.4",
	"1.2.3.4",
	"1.2.3.4 ",
	" 1.2.3.4",
	"1.2.3",
	"1.2.3.4.",
	".1.2.3.4",
	"1..2.3",
	"01.2.3.4",
	"1.2.3.00",
	"0.0.0.0",
	"255.255.255.255",
	"255.255.255.256",
	"1.2.3.999",
	"1.2.3.1000",
	"1.2.3.4:5",
	"1.2.3.a",
	"-1.2.3.4",
	"0x1.2.3.4",
	"fe80::1%eth0",
	"fe80::1%1",
	"[::1]",
	"::1/64",
	"::g",
	"::\xff",
	"1:2:3:4:5:6:7:",
	":2:3:4:5:6:7:8",
	"1:::2",
	"::1::",
	"dead:beef",
	"deadbeef",
	"2001:db8::1\n",
	"\t::1",
	"20010db8000000000000000000000001",
	"20010DB80000000000000000000000AF",
	"20010db800000000000000000000001",
	"20010db80000000000000000000000011",
	"20010db800000000000000000000000g",
	"0000:0000:0000:0000:0000:0000:0000:00001",
};

static void agrees_on_edge_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(edge_texts); i++)
		must_agree(edge_texts[i]);
}

/* The bytes after the length are not looked at, and a NUL is not a digit. */
static void parse_n_stops_at_its_length(void **state)
{
	struct addr128 a;

	(void)state;
	assert_true(addr_parse_n(&a, "2001:db8::12", 11));
	assert_true(a.hi == 0x20010db800000000 && a.lo == 1);
	assert_false(addr_parse_n(&a, "2001:db8::1\0", 12));
	assert_false(addr_parse_n(&a, "1.2.3.4\0", 8));
	assert_false(addr_parse_n(&a, "::1", 0));
	for (size_t n = 1; n < 45; n++) {
		/* An exact-size copy: a sanitizer sees any step beyond it. */
		char *s = malloc(n);
		static const char full[] =
			"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
		char text[64];

		assert_non_null(s);
		memcpy(s, full, n);
		memcpy(text, full, n);
		text[n] = '\0';
		must_agree(text);
		assert_int_equal(addr_parse_n(&a, s, n), addr_parse(&a, text));
		free(s);
	}
}

static void ipv4_mapped_prints_as_ipv4(void **state)
{
	static const char *const cases[][2] = {
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "::ffff:c000:201", "192.0.2.1" },
		{ "::ffff:0:0", "0.0.0.0" },
		{ "::fffe:c000:201", "::fffe:c000:201" },
		{ "::1:ffff:c000:201", "::1:ffff:c000:201" },
		{ "::192.0.2.1", "::192.0.2.1" },
		{ "::1", "::1" },
		{ "::1:0", "::0.1.0.0" }, /* as inet_ntop has it */
		{ "1:0:0:2:0:0:0:3", "1:0:0:2::3" },
		{ "1:0:0:2:3:0:0:4", "1::2:3:0:0:4" },    /* the first of equals */
		{ "1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7" }, /* not a single group */
		{ "2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct addr128 a;
		char s[ADDR_STRLEN];

		assert_true(addr_parse(&a, cases[i][0]));
		addr_format(s, a);
		assert_string_equal(s, cases[i][1]);
	}
}

static void prefix_texts(void **state)
{
	static const struct {
		const char *text, *canonical; /* NULL: refused */
		unsigned len;
	} cases[] = {
		{ "2001:db8::/32", "2001:db8::/32", 32 },
		{ "2001:db8:1:2:3:4:5:6/64", "2001:db8:1:2::/64", 64 },
		{ "2001:db8::1", "2001:db8::1/128", 128 },
		{ "::/0", "::/0", 0 },
		{ "ffff::1/1", "8000::/1", 1 },
		{ "192.0.2.77/24", "192.0.2.0/24", 120 },
		{ "192.0.2.77", "192.0.2.77/32", 128 },
		{ "1.2.3.4/0", "0.0.0.0/0", 96 },
		{ "::ffff:1.2.3.4/104", "1.0.0.0/8", 104 },
		{ "::ffff:1.2.3.4/95", "::fffe:0:0/95", 95 },
		{ "20010db8000000000000000000000001/32", "2001:db8::/32", 32 },
		{ "::/129", NULL, 0 },
		{ "1.2.3.4/33", NULL, 0 },
		{ "::/", NULL, 0 },
		{ "/64", NULL, 0 },
		{ "", NULL, 0 },
		{ "::/064", NULL, 0 },
		{ "::/00", NULL, 0 },
		{ "::/-1", NULL, 0 },
		{ "::/+1", NULL, 0 },
		{ "::/ 1", NULL, 0 },
		{ "::/1 ", NULL, 0 },
		{ "::/1/2", NULL, 0 },
		{ "::/1000", NULL, 0 },
		{ "::/4294967297", NULL, 0 },
		{ "::/6x", NULL, 0 },
		{ "::g/64", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prefix p = { { 1, 2 }, 3 };
		char s[PREFIX_STRLEN];
		size_t n;
		bool ok = prefix_parse(&p, cases[i].text);

		if (ok != (cases[i].canonical != NULL))
			fail_msg("'%s': taken %d", cases[i].text, ok);
		if (!ok) {
			assert_true(p.addr.hi == 1 && p.addr.lo == 2 && p.len == 3);
			continue;
		}
		n = prefix_format(s, p);
		assert_int_equal(n, strlen(s));
		assert_string_equal(s, cases[i].canonical);
		assert_int_equal(p.len, cases[i].len);
	}
}

static void prefix_parse_undoes_format(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	for (int i = 0; i < 200000; i++) {
		struct prefix q,
			p = prefix_make(structured(&r), (unsigned)rng_below(&r, 129));
		char s[PREFIX_STRLEN];

		prefix_format(s, p);
		if (!prefix_parse(&q, s) || !addr_eq(p.addr, q.addr) || p.len != q.len)
			fail_msg("'%s': parse does not undo format", s);
	}
}

/* Bit by bit, against the fast forms. */
static void prefix_ends(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 4);
	for (unsigned len = 0; len <= 128; len++) {
		struct addr128 a = { rng_next(&r), rng_next(&r) };
		struct prefix p = prefix_make(a, len);
		struct addr128 last = prefix_last(p);

		assert_int_equal(p.len, len);
		for (unsigned i = 0; i < 128; i++) {
			assert_int_equal(addr_bit(p.addr, i), i < len && addr_bit(a, i));
			assert_int_equal(addr_bit(last, i), i >= len || addr_bit(a, i));
		}
		assert_true(prefix_covers(p, a) && prefix_covers(p, last));
		if (len)
			assert_false(prefix_covers(p, addr_next(last)));
	}
}

static void network_order(void **state)
{
	uint8_t net[16], back[16];

	(void)state;
	for (int i = 0; i < 16; i++)
		net[i] = (uint8_t)(i * 17);
	assert_true(addr_load(net).hi == 0x0011223344556677);
	assert_true(addr_load(net).lo == 0x8899aabbccddeeff);
	addr_store(back, addr_load(net));
	assert_memory_equal(net, back, 16);
	assert_true(addr_is_v4(addr_from_v4(0)));
	assert_true(addr_from_v4(0xc0000201).lo == 0xffffc0000201);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_inet_ntop_and_pton),
		cmocka_unit_test(agrees_on_mutated_texts),
		cmocka_unit_test(agrees_on_edge_cases),
		cmocka_unit_test(parse_n_stops_at_its_length),
		cmocka_unit_test(ipv4_mapped_prints_as_ipv4),
		cmocka_unit_test(prefix_texts),
		cmocka_unit_test(prefix_parse_undoes_format),
		cmocka_unit_test(prefix_ends),
		cmocka_unit_test(network_order),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
