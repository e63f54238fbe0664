#include "tests/test.h"

#include "common/json.h"

static void what_is_json_and_what_is_not(void **state)
{
	static const char *const good[] = {
		"{}",   "[]",   " [ 1 , 2.5e-3, -0, \"a\\u00e9\\n\" ] ",
		"null", "true", "{\"a\": {\"b\": [1, {\"c\": null}]}, \"d\": false}",
		"\"\"", "0.5",
	};
	static const char *const bad[] = {
		"",       "{",       "[1,]",        "{\"a\"}",  "{\"a\":}",
		"{a: 1}", "01",      "1.",          "-",        "+1",
		"\"",     "\"\\x\"", "\"\\u12g4\"", "\"a\nb\"", "nul",
		"{} {}",  "[1 2]",   "{\"a\": 1,}", "1e",       "tru",
	};
	char deep[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!json_valid(good[i]))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (json_valid(bad[i]))
			fail_msg("%s", bad[i]);
	memset(deep, '[', 64);
	memset(deep + 64, ']', 64);
	deep[128] = '\0';
	assert_true(json_valid(deep));
	memset(deep, '[', 65);
	memset(deep + 65, ']', 65);
	deep[130] = '\0';
	assert_false(json_valid(deep));
}

static void values_are_found_by_key(void **state)
{
	static const char text[] = "{\"x\": {\"ip\": \"no\"}, \"ip\" : \"2001:db8::1\","
				   " \"port\":443, \"q\": \"a\\\"b\\/c\", \"u\":"
				   " \"\\u0041\", \"l\": [1], \"t\": true}";
	char buf[24];

	(void)state;
	assert_int_equal(json_get(text, "ip", buf, sizeof(buf)), JSON_STRING);
	assert_string_equal(buf, "2001:db8::1");
	assert_int_equal(json_get(text, "port", buf, sizeof(buf)), JSON_NUMBER);
	assert_string_equal(buf, "443");
	assert_int_equal(json_get(text, "q", buf, sizeof(buf)), JSON_STRING);
	assert_string_equal(buf, "a\"b/c");
	assert_int_equal(json_get(text, "u", buf, sizeof(buf)), JSON_OTHER);
	assert_int_equal(json_get(text, "l", buf, sizeof(buf)), JSON_OTHER);
	assert_int_equal(json_get(text, "t", buf, sizeof(buf)), JSON_OTHER);
	assert_int_equal(json_get(text, "i", buf, sizeof(buf)), JSON_NONE);
	assert_int_equal(json_get(text, "ipx", buf, sizeof(buf)), JSON_NONE);
	assert_int_equal(json_get(text, "ip", buf, 11), JSON_OTHER);
	assert_int_equal(json_get(text, "ip", buf, 12), JSON_STRING);
	assert_int_equal(json_get("[1]", "ip", buf, sizeof(buf)), JSON_NONE);
	assert_int_equal(json_get("{\"a\": ", "a", buf, sizeof(buf)), JSON_NONE);
	assert_int_equal(json_get("{}", "a", buf, sizeof(buf)), JSON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_json_and_what_is_not),
		cmocka_unit_test(values_are_found_by_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
