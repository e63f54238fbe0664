#include "tests/test.h"

#include "probe/grab_lines.h"

/* "addr port,port" of a line; "": nothing to do; "!": refused. */
static const char *parsed(struct grab_lines *s, const char *text, char out[256])
{
	struct grab_line line;
	struct diag d = { "" };
	int rc = grab_line_parse(s, text, &line, &d), n;

	if (rc < 0)
		assert_true(d.text[0] != '\0');
	if (rc <= 0)
		return rc ? "!" : "";
	n = (int)addr_format(out, line.addr);
	for (unsigned i = 0; i < line.n_ports; i++)
		n += snprintf(out + n, 256 - (size_t)n, "%c%u", i ? ',' : ' ',
		              line.ports[i]);
	return out;
}

static void plain_lines(void **state)
{
	static const char *const cases[][2] = {
		{ "192.0.2.1:80", "192.0.2.1 80" },
		{ "[2001:db8::1]:443", "2001:db8::1 443" },
		{ "  192.0.2.1 22\r", "192.0.2.1 22" },
		{ "2001:db8::1,25 # mail", "2001:db8::1 25" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "2001:db8::1:443", "2001:db8::1:443" }, /* an address */
		{ "open tcp 80 192.0.2.9 1700000000", "192.0.2.9 80" },
		{ "open udp 53 192.0.2.9 1700000000", "" },
		{ "# comment", "" },
		{ "", "" },
		{ "192.0.2.1:0", "!" },
		{ "192.0.2.1:65536", "!" },
		{ "192.0.2.1:8x", "!" },
		{ "[192.0.2.1:80", "!" },
		{ "192.0.2.1 x", "!" },
		{ "example.org:80", "!" },
		{ "open tcp", "!" },
	};
	struct grab_lines s = { .begun = true };
	char out[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(parsed(&s, cases[i][0], out), cases[i][1]);
}

static void csv_lines(void **state)
{
	struct grab_lines s = { .begun = false };
	char out[256];

	(void)state;
	/* The default fields of probe scan; the target is not who answered. */
	assert_string_equal(
		parsed(&s, "target,saddr,proto,port,outcome,success,ttl,rtt_us", out),
		"");
	assert_string_equal(parsed(&s, "2001:db8::1,2001:db8::2,tcp,80,open,1,64,5", out),
	                    "2001:db8::1 80");
	assert_string_equal(
		parsed(&s, "2001:db8::1,2001:db8::1,tcp,81,closed,0,64,", out), "");
	assert_string_equal(parsed(&s, "2001:db8::1,2001:db8::1,udp,53,open,1,64,", out),
	                    "");
	assert_string_equal(parsed(&s, "2001:db8::1,2001:db8::1,icmp6,,open,1,64,", out),
	                    "");
	assert_string_equal(parsed(&s, "\"192.0.2.1\",x,\"tcp\",443,open", out),
	                    "192.0.2.1 443");
	assert_string_equal(parsed(&s, "x,2001:db8::1,tcp,80,open,1", out), "!");
	assert_string_equal(parsed(&s, "192.0.2.1,x,tcp,70000,open", out), "!");
	/* ZMap's. */
	s = (struct grab_lines){ .begun = false };
	assert_string_equal(parsed(&s, "saddr,sport,classification,success", out), "");
	assert_string_equal(parsed(&s, "192.0.2.1,22,synack,1", out), "192.0.2.1 22");
	assert_string_equal(parsed(&s, "192.0.2.1,23,rst,0", out), "");
	s = (struct grab_lines){ .begun = false };
	assert_string_equal(parsed(&s, "saddr,ttl", out), "");
	assert_string_equal(parsed(&s, "192.0.2.1,22", out), "192.0.2.1");
}

static void json_lines(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"target\":\"2001:db8::1\",\"saddr\":\"::2\",\"proto\":\"tcp\",\"port\":80,"
		  "\"outcome\":\"open\",\"success\":1}",
		  "2001:db8::1 80" },
		{ "{\"target\":\"2001:db8::1\",\"port\":80,\"outcome\":\"closed\"}", "" },
		{ "{ \"ip\": \"192.0.2.1\", \"timestamp\": \"1\", \"ports\": [ {\"port\": 80, "
		  "\"proto\": \"tcp\", \"status\": \"open\", \"reason\": \"syn-ack\"} ] },",
		  "192.0.2.1 80" },
		{ ",{\"host\":\"192.0.2.1\",\"ports\":[{\"port\":22,\"proto\":\"tcp\"},"
		  "{\"port\":53,\"proto\":\"udp\"},{\"port\":443}]}",
		  "192.0.2.1 22,443" },
		{ "{\"host\":\"192.0.2.1\",\"ports\":[{\"port\":53,\"proto\":\"udp\"}]}",
		  "" },
		{ "{\"ports\":[{\"port\":22}],\"host\":\"192.0.2.1\"}", "192.0.2.1 22" },
		{ "{\"saddr\":\"192.0.2.1\"}", "192.0.2.1" },
		{ "{\"a\":\"\\\"port\\\":1\",\"saddr\":\"192.0.2.1\",\"port\":2}",
		  "192.0.2.1 2" },
		{ "{\"port\":2}", "!" },
		{ "{\"saddr\":\"x\",\"port\":2}", "!" },
		{ "{\"saddr\":\"192.0.2.1\",\"port\":\"http\"}", "!" },
		{ "{\"saddr\":\"192.0.2.1\",\"port\":2", "!" },
		{ "{", "!" },
		{ "[", "" },
		{ "]", "" },
	};
	struct grab_lines s = { .begun = false };
	char out[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(parsed(&s, cases[i][0], out), cases[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_lines),
		cmocka_unit_test(csv_lines),
		cmocka_unit_test(json_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
