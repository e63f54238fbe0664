#include "tests/test.h"

#include <unistd.h>

#include "analysis/kind.h"
#include "analysis/oui.h"
#include "common/rng.h"

static struct addr128 addr(const char *text)
{
	struct addr128 a;

	if (!addr_parse(&a, text))
		fail_msg("%s", text);
	return a;
}

static void each_kind_has_its_form(void **state)
{
	static const struct {
		const char *addr;
		enum iid_kind kind;
	} rows[] = {
		{ "64:ff9b::192.0.2.1", KIND_NAT64 },
		{ "64:ff9b:0:1::1", KIND_LOW }, /* not in the /96 */
		{ "2001:0:506:708:282a:3d75:fefd:fcfb", KIND_TEREDO },
		{ "2001:db8::", KIND_ANYCAST },
		{ "2001:db8::fdff:ffff:ffff:ff80", KIND_ANYCAST }, /* RFC 2526 */
		{ "2001:db8::fdff:ffff:ffff:ffff", KIND_ANYCAST },
		{ "2001:db8::fdff:ffff:ffff:ff7f", KIND_RANDOM },
		{ "2001:db8::211:22ff:fe33:4455", KIND_EUI64 },
		{ "2001:db8::11:22ff:fe33:4455", KIND_EUI64_LOCAL },
		{ "2001:db8::311:22ff:fe33:4455", KIND_RANDOM }, /* group bit */
		{ "2001:db8::0:5efe:c000:201", KIND_ISATAP },
		{ "2001:db8::200:5efe:c000:201", KIND_ISATAP },
		{ "2001:db8::443", KIND_PORT },
		{ "2001:db8::1:443", KIND_PORT },
		{ "2001:db8::1bb", KIND_LOW }, /* nobody types ports in hex */
		{ "2001:db8::10:443", KIND_LOW },
		{ "2001:db8::dead:beef", KIND_WORDY },
		{ "2001:db8::cafe", KIND_WORDY },
		{ "2001:db8::cafe:1234", KIND_IPV4 }, /* one word is chance */
		{ "2001:db8::dead:beef:cafe:f00d", KIND_WORDY },
		{ "2001:db8::face:b00c:0:25de", KIND_WORDY },
		{ "2001:db8::192.0.2.1", KIND_IPV4 },
		{ "2001:db8::224.0.2.1", KIND_PATTERN }, /* multicast */
		{ "2001:db8::127.0.0.1", KIND_PATTERN },
		{ "2001:db8::192:0:2:1", KIND_IPV4_TYPED },
		{ "2001:db8::2a:2b:2c:2d", KIND_PATTERN }, /* not decimal */
		{ "2001:db8::256:1:1:1", KIND_PATTERN },
		{ "2001:db8::1", KIND_LOW },
		{ "2001:db8::1:0", KIND_LOW },
		{ "2001:db8::1111:1111:1111:1111", KIND_REPEATED },
		{ "2001:db8::1234:1234:1234:1234", KIND_REPEATED },
		{ "2001:db8::ffff:0:ffff:0", KIND_REPEATED },
		{ "2001:db8:0:0:4300:0:12:34", KIND_PATTERN },
		{ "2001:db8:0:0:1234:5678:9abc:def0", KIND_RANDOM },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum iid_kind got = iid_kind_of(addr(rows[i].addr));

		if (got != rows[i].kind)
			fail_msg("%s: %s, expected %s", rows[i].addr, iid_kind_str(got),
			         iid_kind_str(rows[i].kind));
	}
}

static void what_is_embedded_is_found(void **state)
{
	static const struct {
		const char *addr, *v4;
		bool verified;
		uint16_t port;
	} rows[] = {
		{ "2001:db8::192.0.2.1", "192.0.2.1", false, 0 },
		{ "2001:db8::192:0:2:1", "192.0.2.1", false, 0 },
		{ "64:ff9b::198.51.100.7", "198.51.100.7", false, 0 },
		{ "2001:db8::5efe:192.0.2.9", "192.0.2.9", false, 0 },
		{ "2002:c000:201::1", "192.0.2.1", false, 0 },
		{ "2002:c000:201::c000:201", "192.0.2.1", true, 0 },
		{ "2002:c000:201::192:0:2:1", "192.0.2.1", true, 0 },
		{ "2002:e000:201::1", NULL, false, 0 }, /* multicast */
		{ "2001:db8::443", NULL, false, 443 },
		{ "2001:db8::1bb", NULL, false, 443 }, /* as addr6 has it */
		{ "2001:db8::80:1", NULL, false, 80 },
		{ "2001:db8::5", NULL, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr128 a = addr(rows[i].addr);
		char text[ADDR_STRLEN] = "";
		uint32_t v4;
		bool has = addr_embedded_v4(a, &v4);

		if (has)
			addr_format(text, addr_from_v4(v4));
		if (has != (rows[i].v4 != NULL) || (has && strcmp(text, rows[i].v4) != 0))
			fail_msg("%s: IPv4 '%s'", rows[i].addr, text);
		if (addr_v4_verified(a) != rows[i].verified)
			fail_msg("%s: verified", rows[i].addr);
		if (addr_embedded_port(a) != rows[i].port)
			fail_msg("%s: port %u", rows[i].addr, addr_embedded_port(a));
	}
}

/* No address is without kind and class. */
static void any_address_will_do(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (unsigned i = 0; i < 200000; i++) {
		struct addr128 a = { rng_next(&r), rng_next(&r) };

		a.hi &= rng_below(&r, 2) ? UINT64_MAX : UINT64_C(0xff00000000000000);
		a.lo >>= rng_below(&r, 64);
		assert_true(iid_kind_of(a) < IID_KINDS);
		assert_true(iid_classify(a) < IID_CLASSES);
	}
}

static void vendors_come_from_any_form(void **state)
{
	static const char text[] =
		"Registry,Assignment,Organization Name,Organization Address\n"
		"MA-L,001122,\"Example, Inc.\",Somewhere\n"
		"MA-M,0055DA1,Smaller block,Somewhere\n"
		"AA-BB-CC   (hex)\t\tOther Vendor\r\n"
		"AABBCC     (base 16)\t\tOther Vendor\n"
		"\t\t\t\tSome Street 12\n"
		"00:33:44\tShort\tLong Name GmbH\n";
	char path[] = "/tmp/sextant-test.XXXXXX";
	struct oui_counts c = { 0 };
	struct diag d = { "" };
	struct oui_table *t;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	assert_int_equal(oui_load(&t, path, &d), 0);
	assert_int_equal(oui_count(t), 3);
	assert_string_equal(oui_vendor(t, 0x001122), "Example, Inc.");
	assert_string_equal(oui_vendor(t, 0xaabbcc), "Other Vendor");
	assert_string_equal(oui_vendor(t, 0x003344), "Long Name GmbH");
	assert_null(oui_vendor(t, 0x0055da));
	assert_null(oui_vendor(NULL, 0x001122));
	oui_free(t);
	assert_int_equal(truncate(path, 0), 0);
	assert_true(oui_load(&t, path, &d) < 0);
	assert_non_null(strstr(d.text, path));
	unlink(path);

	for (uint32_t i = 0; i < 5000; i++)
		for (uint32_t k = 0; k <= i % 3; k++)
			oui_counts_add(&c, i);
	oui_counts_finish(&c);
	assert_int_equal(c.rc, 0);
	assert_int_equal(c.used, 5000);
	assert_int_equal(c.slots[0].oui, 2);
	assert_int_equal(c.slots[0].n, 3);
	assert_int_equal(c.slots[4999].n, 1);
	oui_counts_fini(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_form),
		cmocka_unit_test(what_is_embedded_is_found),
		cmocka_unit_test(any_address_will_do),
		cmocka_unit_test(vendors_come_from_any_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
