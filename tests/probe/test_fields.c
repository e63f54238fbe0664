#include "tests/test.h"

#include "probe/fields.h"
#include "tests/common/files.h"
#include "tests/probe/udpforge.h"

static size_t expand(uint8_t out[PAYLOAD_MAX], const char *text, const char *src,
                     const char *dst)
{
	struct probe_flow flow = { forge_addr(src), forge_addr(dst), 53, OBS_UDP };
	struct payload_fields f = { 0 };
	struct diag d = { "" };
	size_t n;

	if (fields_parse(&f, text, strlen(text), &d) < 0)
		fail_msg("%s", d.text);
	n = fields_expand(out, &f, &flow, 40000, UINT64_C(0x0123456789abcdef));
	assert_true(n <= f.most);
	return n;
}

static void fields_are_replaced(void **state)
{
	static const struct {
		const char *text, *src, *dst, *want;
		size_t n;
	} cases[] = {
		{ "plain $ {text} $", "::1", "::2", "plain $ {text} $", 16 },
		{ "a ${SADDR} b ${DADDR} c", "2001:db8::1", "2001:db8::2",
		  "a 2001:db8::1 b 2001:db8::2 c", 29 },
		{ "${DADDR}:${DPORT} ${SPORT}", "192.0.2.1", "198.51.100.255",
		  "198.51.100.255:53 40000", 23 },
		{ "${SADDR_N}${DADDR_N}", "1.2.3.4", "5.6.7.8", "\1\2\3\4\5\6\7\10", 8 },
		{ "${DADDR_N}", "::1", "2001:db8::7",
		  "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7", 16 },
		{ "${SPORT_N}${DPORT_N}", "::1", "::2", "\x9c\x40\0\x35", 4 },
		{ "${COOKIE}|${COOKIE_HEX}", "::1", "::2",
		  "\x01\x23\x45\x67\x89\xab\xcd\xef|0123456789abcdef", 25 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t out[PAYLOAD_MAX];
		size_t n = expand(out, cases[i].text, cases[i].src, cases[i].dst);

		assert_int_equal(n, cases[i].n);
		assert_memory_equal(out, cases[i].want, n);
	}
}

static void random_fields_are_of_their_kind(void **state)
{
	uint8_t out[PAYLOAD_MAX], again[PAYLOAD_MAX];
	unsigned seen[256] = { 0 }, kinds = 0;
	size_t n = expand(
		out,
		"${RAND_DIGIT=100}${RAND_ALPHA=100}${RAND_ALPHANUM}${RAND_BYTE=1000}",
		"::1", "::2");

	(void)state;
	assert_int_equal(n, 1201);
	for (unsigned i = 0; i < 100; i++) {
		assert_in_range(out[i], '0', '9');
		assert_true((out[100 + i] | 32) >= 'a' && (out[100 + i] | 32) <= 'z');
	}
	for (unsigned i = 201; i < 1201; i++)
		kinds += seen[out[i]]++ == 0;
	assert_true(kinds > 200);
	assert_int_equal(expand(again, "${RAND_DIGIT=100}", "::1", "::2"), 100);
	assert_memory_equal(out, again, 100); /* a probe can be made again */
}

static void bad_fields_are_told(void **state)
{
	static const char *const bad[] = {
		"${",
		"${}",
		"${SADDR",
		"${saddr}",
		"${NO}",
		"${SADDR=2}",
		"${RAND_BYTE=}",
		"${RAND_BYTE=0}",
		"${RAND_BYTE=1273}",
		"${RAND_BYTE=x}",
		"${RAND_BYTE=-1}",
		"${RAND_BYTE=1272}x",
		"${COOKIE}${RAND_BYTE=1265}",
		"ok ${DADDR} ${BAD}",
	};
	char many[8 * 70 + 1] = "";

	(void)state;
	for (unsigned i = 0; i < 65; i++)
		strcat(many, "${DPORT}");
	for (size_t i = 0; i <= ARRAY_LEN(bad); i++) {
		const char *text = i < ARRAY_LEN(bad) ? bad[i] : many;
		struct payload_fields f = { 0 };
		struct diag d = { "" };

		if (fields_parse(&f, text, strlen(text), &d) != ERR_PARSE)
			fail_msg("'%s' was taken", text);
		assert_true(d.text[0] != 0);
	}
}

/* Packets of different lengths from one template, with the right checksums, and what
 * comes back is looked at. */
static void probes_have_fields(void **state)
{
	static const char *const args[] = {
		"payload=text:to ${DADDR} from ${SADDR}: ${COOKIE_HEX}",
	};
	struct reply_context c;
	struct observation o;
	struct frame probe, f;
	const uint8_t *p;
	size_t n;

	(void)state;
	udp_open(&c, &probe_udp, args, 1);
	for (unsigned v4 = 0; v4 < 2; v4++) {
		udp_probe(&probe, &c, v4, 7);
		p = udp_payload(&probe, &n);
		f = probe;
		forge_fix(&f);
		assert_memory_equal(f.b, probe.b, f.n);
		assert_int_equal(forge_get16(probe.b + forge_l4(&probe) + 4), n + 8);
		assert_memory_equal(p,
		                    v4 ? "to 198.51.100.42 from 192.0.2.1: "
		                       : "to 2001:db8::42 from 2001:db8:aaaa::1: ",
		                    n - 16);
		f = udp_answer(&probe, p, n);
		assert_true(forge_accept(&c, &f, &o));
		for (size_t bit = 0; bit < 8 * n; bit++) {
			struct frame bad = probe;

			bad.b[forge_l4(&probe) + 8 + bit / 8] ^= (uint8_t)(1 << bit % 8);
			f = udp_answer(&bad, udp_payload(&bad, &n), n);
			assert_int_equal(forge_accept(&c, &f, &o), bit / 8 < n - 16);
		}
		f = udp_answer(&probe, p, n - 1);
		assert_false(forge_accept(&c, &f, &o));
		udp_check_quotes(&c, &probe, 7);
	}
	udp_close(&c);
}

static void templates_come_from_files(void **state)
{
	char arg[600];
	const char *args[] = { arg, "trace" };
	struct opt_list list = { args, 2 };
	struct diag d = { "" };
	struct reply_context c;
	struct frame probe;
	const uint8_t *p;
	bool used[2];
	size_t n;
	void *s;

	files_put(*state, "t", "x${DPORT}y", 10);
	for (int raw = 0; raw < 2; raw++) {
		snprintf(arg, sizeof(arg), "payload=%s:%s", raw ? "file" : "template",
		         files_path(*state, "t"));
		udp_open(&c, &probe_udp, args, 1);
		udp_probe(&probe, &c, 0, 99);
		p = udp_payload(&probe, &n);
		assert_int_equal(n, raw ? 10 : 4);
		assert_memory_equal(p, raw ? "x${DPORT}y" : "x99y", n);
		udp_close(&c);
	}
	snprintf(arg, sizeof(arg), "payload=text:${DPORT}");
	assert_int_equal(module_state_new(&s, &probe_udp, &list, used, &d), ERR_PARSE);
	snprintf(arg, sizeof(arg), "payload=text:${X}");
	list.n = 1;
	assert_int_equal(module_state_new(&s, &probe_udp, &list, used, &d), ERR_PARSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_replaced),
		cmocka_unit_test(random_fields_are_of_their_kind),
		cmocka_unit_test(bad_fields_are_told),
		cmocka_unit_test(probes_have_fields),
		cmocka_unit_test_setup_teardown(templates_come_from_files, files_setup,
		                                files_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
