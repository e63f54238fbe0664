#include "tests/test.h"

#include "probe/expr.h"

static struct observation sample(void)
{
	struct observation o = { .outcome = OBS_OPEN,
		                 .proto = OBS_TCP,
		                 .port = 443,
		                 .hop_limit = 57,
		                 .tcp_flags = 18 };

	assert_true(addr_parse(&o.target, "2001:db8::1"));
	o.from = o.target;
	return o;
}

static void expressions_hold_or_not(void **state)
{
	static const struct {
		const char *text;
		bool holds;
	} cases[] = {
		{ "success = 1", true },
		{ "success=1&&repeat=0", true },
		{ "success == 0", false },
		{ "ttl < 57", false },
		{ "ttl <= 57", true },
		{ "ttl > 56 && ttl >= 57 && ttl < 58", true },
		{ "ttl != 57", false },
		{ "classification = \"synack\"", true },
		{ "classification != 'rst'", true },
		{ "saddr = \"2001:db8::1\"", true },
		{ "classification = synack && saddr = 2001:db8::1", true },
		{ "classification != rst", true },
		{ "saddr=2001:db8::2||classification=rst", false },
		{ "success = 0 && success = 0 || success = 1", true },
		{ "success = 0 && (success = 0 || success = 1)", false },
		{ "success = 1 || success = 0 && ttl = 0", true },
		{ "((success = 1))", true },
		{ "icmp_type = 3", false }, /* it has none */
		{ "icmp_type != 3", true },
		{ "icmp_type < 256", false },
		{ "classification = 5", false },
		{ "ttl = \"57\"", false },
	};
	struct observation o = sample();
	struct expr *e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (expr_parse(&e, cases[i].text, NULL) < 0)
			fail_msg("'%s' was refused", cases[i].text);
		if (expr_holds(e, &o) != cases[i].holds)
			fail_msg("'%s'", cases[i].text);
		expr_free(e);
	}
}

static void bad_expressions_are_told(void **state)
{
	static const char *const bad[] = {
		"",
		"success",
		"success =",
		"success = x",
		"tcp_flags = synack",
		"rtt_us != none",
		"classification < rst",
		"nothing = 1",
		"success = 1 &&",
		"success = 1 & repeat = 0",
		"(success = 1",
		"success = 1)",
		"ttl < \"a\"",
		"classification = \"a",
		"success = 99999999999999999999999",
		"= 1",
		"success = 1 repeat = 0",
		"ttl = 1k",
	};
	char deep[4000] = "";
	struct expr *e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct diag d = { "" };

		if (expr_parse(&e, bad[i], &d) != ERR_PARSE)
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(d.text, "output filter"));
	}
	memset(deep, '(', 3000);
	assert_int_equal(expr_parse(&e, deep, NULL), ERR_PARSE);
	deep[0] = '\0';
	for (int i = 0; i < 200; i++)
		strcat(deep, i ? "||ttl=1" : "ttl=1");
	assert_int_equal(expr_parse(&e, deep, NULL), ERR_PARSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions_hold_or_not),
		cmocka_unit_test(bad_expressions_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
