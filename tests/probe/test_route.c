#include "tests/test.h"

#include "probe/route.h"

static void mac_addresses_are_parsed(void **state)
{
	static const char *const bad[] = {
		"",
		"aa:bb:cc:dd:ee",
		"aa:bb:cc:dd:ee:f",
		"aa:bb:cc:dd:ee:fff",
		"a:b:c:d:e:f",
		"aa:bb:cc:dd:ee:gg",
		"aabbccddeeff",
		"aa:bb:cc:dd:ee:ff:00",
		"\x01\x02:bb:cc:dd:ee:ff",
	};
	static const uint8_t want[6] = { 0x02, 0xab, 0xcd, 0xEF, 0x00, 0xff };
	uint8_t mac[6] = { 9, 9, 9, 9, 9, 9 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (route_parse_mac(mac, bad[i]))
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(mac[0], 9);
	}
	assert_true(route_parse_mac(mac, "02:ab:CD:ef:00:ff"));
	assert_memory_equal(mac, want, 6);
	assert_true(route_parse_mac(mac, "02-ab-cd-ef-00-ff"));
}

/* Every machine has lo; asking about it sends nothing. */
static void the_loopback_interface_is_known(void **state)
{
	struct route_interface i;
	struct netlink_link link;
	struct diag d = { "" };

	(void)state;
	assert_int_equal(netlink_link(&link, "lo", 0), 0);
	assert_string_equal(link.name, "lo");
	assert_true(link.ifindex > 0);
	if (link.flags & IFF_UP) {
		assert_int_equal(route_interface(&i, "lo", (struct addr128){ 0, 1 }, &d),
		                 0);
		assert_true(i.loopback && i.ethernet);
	}
	assert_int_equal(netlink_link(&link, "no-such-if0", 0), -ENODEV);
	assert_int_equal(netlink_link(&link, "", 0), -ENODEV);
	assert_int_equal(netlink_link(&link, "a-name-that-is-far-too-long", 0), -ENODEV);
	assert_true(route_interface(&i, "no-such-if0", (struct addr128){ 0, 1 }, &d) < 0);
	assert_non_null(strstr(d.text, "no-such-if0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mac_addresses_are_parsed),
		cmocka_unit_test(the_loopback_interface_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
