#include "tests/test.h"

#include "tests/probe/udpforge.h"

enum { HEAD = 12, BIG = 600 };

/* An answer being written: the question as it came, then records. */
struct message {
	uint8_t b[BIG];
	struct wire_out w;
};

static void begin(struct message *m, const struct frame *probe, uint16_t flags,
                  uint16_t answers)
{
	size_t n;
	const uint8_t *p = udp_payload(probe, &n);

	m->w = (struct wire_out){ m->b, m->b + sizeof(m->b), false };
	wire_put(&m->w, p, n);
	forge_put16(m->b + 2, flags);
	forge_put16(m->b + 6, answers);
}

static void put_record(struct message *m, uint16_t type, const void *data, size_t n)
{
	wire_put16(&m->w, 0xc00c); /* the name of the question */
	wire_put16(&m->w, type);
	wire_put16(&m->w, 1);
	wire_put32(&m->w, 300);
	wire_put16(&m->w, (uint16_t)n);
	wire_put(&m->w, data, n);
}

static void put_aaaa(struct message *m, const char *text)
{
	struct addr128 a = forge_addr(text);
	uint8_t b[16];
	struct wire_out w = { b, b + 16, false };

	wire_put64(&w, a.hi);
	wire_put64(&w, a.lo);
	put_record(m, 28, b, 16);
}

static bool accept_message(const struct reply_context *c, const struct frame *probe,
                           const struct message *m, struct observation *o)
{
	struct frame f = udp_answer(probe, m->b, (size_t)(m->w.at - m->b));

	return forge_accept(c, &f, o);
}

static void answers_are_read(void **state)
{
	struct reply_context c;
	struct observation o;
	struct message m;
	struct frame probe;

	(void)state;
	udp_open(&c, &probe_dns, NULL, 0);
	for (unsigned v4 = 0; v4 < 2; v4++) {
		udp_probe(&probe, &c, v4, 53);
		begin(&m, &probe, 0x8180, 3);
		put_record(&m, 5, "\1a\0", 3); /* CNAME */
		put_aaaa(&m, "2001:db8::7");
		put_aaaa(&m, "2001:db8::8");
		assert_true(accept_message(&c, &probe, &m, &o));
		assert_int_equal(o.outcome, OBS_OPEN);
		assert_int_equal(o.port, 53);
		assert_int_equal(o.proto, OBS_UDP);
		assert_int_equal(o.detail, OBS_DNS);
		assert_int_equal(o.more.dns.flags, 0x8180);
		assert_int_equal(o.more.dns.answers, 3);
		assert_int_equal(o.more.dns.n, 2);
		assert_true(addr_eq(o.more.dns.addr[0], forge_addr("2001:db8::7")));
		assert_true(addr_eq(o.more.dns.addr[1], forge_addr("2001:db8::8")));
		assert_int_equal(o.signals, 0);
		assert_true(obs_is_alive(&o));
		begin(&m, &probe, 0x8183, 0);
		assert_true(accept_message(&c, &probe, &m, &o));
		assert_int_equal(o.more.dns.flags & 15, 3);
		assert_int_equal(o.more.dns.n, 0);
		udp_check_quotes(&c, &probe, 53);
	}
	udp_close(&c);
}

/* The order of addresses does not make another answer, another address does. */
static void digests_have_no_order(void **state)
{
	static const char *const sets[][3] = {
		{ "2001:db8::1", "2001:db8::2", "2001:db8::3" },
		{ "2001:db8::3", "2001:db8::1", "2001:db8::2" },
		{ "2001:db8::3", "2001:db8::1", "2001:db8::4" },
	};
	struct reply_context c;
	struct observation o;
	uint32_t digest[3];
	struct message m;
	struct frame probe;

	(void)state;
	udp_open(&c, &probe_dns, NULL, 0);
	udp_probe(&probe, &c, 0, 53);
	for (unsigned i = 0; i < 3; i++) {
		begin(&m, &probe, 0x8180, 3);
		for (unsigned k = 0; k < 3; k++)
			put_aaaa(&m, sets[i][k]);
		assert_true(accept_message(&c, &probe, &m, &o));
		digest[i] = o.more.dns.digest;
	}
	assert_int_equal(digest[0], digest[1]);
	assert_int_not_equal(digest[0], digest[2]);
	udp_close(&c);
}

static void injection_is_signalled(void **state)
{
	static const char *const controls[] = { "nonexistent", "name=no.such.example" };
	static const char *const type_a[] = { "type=A" };
	struct reply_context c;
	struct observation o;
	struct message m;
	struct frame probe;

	(void)state;
	udp_open(&c, &probe_dns, NULL, 0);
	udp_probe(&probe, &c, 0, 53);
	begin(&m, &probe, 0x8180, 1);
	put_aaaa(&m, "2001::5c5c:1234");
	assert_true(accept_message(&c, &probe, &m, &o));
	assert_int_equal(o.signals, OBS_SIGNAL_TEREDO);
	assert_false(obs_is_alive(&o));
	begin(&m, &probe, 0x8180, 1);
	put_aaaa(&m, "2001:1::1"); /* beyond the /32 */
	assert_true(accept_message(&c, &probe, &m, &o));
	assert_int_equal(o.signals, 0);
	begin(&m, &probe, 0x8180, 1);
	put_record(&m, 1, "\x1f\x0d\x5e\x25", 4);
	assert_true(accept_message(&c, &probe, &m, &o));
	assert_int_equal(o.signals, OBS_SIGNAL_FAMILY);
	assert_true(addr_eq(o.more.dns.addr[0], forge_addr("31.13.94.37")));
	udp_close(&c);

	udp_open(&c, &probe_dns, type_a, 1);
	udp_probe(&probe, &c, 1, 53);
	begin(&m, &probe, 0x8180, 1);
	put_record(&m, 1, "\x1f\x0d\x5e\x25", 4);
	assert_true(accept_message(&c, &probe, &m, &o));
	assert_int_equal(o.signals, 0);
	udp_close(&c);

	udp_open(&c, &probe_dns, controls, 2);
	udp_probe(&probe, &c, 0, 53);
	begin(&m, &probe, 0x8183, 0);
	assert_true(accept_message(&c, &probe, &m, &o));
	assert_int_equal(o.signals, 0);
	begin(&m, &probe, 0x8180, 1);
	put_aaaa(&m, "2001:db8::1");
	assert_true(accept_message(&c, &probe, &m, &o));
	assert_int_equal(o.signals, OBS_SIGNAL_CONTROL);
	udp_close(&c);
}

/* Everything up to the end of the question vouches for an answer, but for flags and
 * counts; cut anywhere before, it is refused, and behind it, what is left counts. */
static void forgeries_are_refused(void **state)
{
	static const char *const labels[] = { "label=cookie", "label=target" };
	struct reply_context c;
	struct observation o;
	struct message m;
	struct frame probe, f;
	size_t question, all;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		udp_open(&c, &probe_dns, &labels[i / 2 % 2], i < 4);
		udp_probe(&probe, &c, i & 1, 53);
		begin(&m, &probe, 0x8180, 1);
		question = (size_t)(m.w.at - m.b);
		put_aaaa(&m, "2001:db8::7");
		all = (size_t)(m.w.at - m.b);
		for (size_t n = 0; n <= all; n++) {
			f = udp_answer(&probe, m.b, n);
			assert_int_equal(forge_accept(&c, &f, &o), n >= question);
			assert_true(n == all || o.more.dns.n == 0);
		}
		for (size_t bit = 0; bit < 8 * question; bit++) {
			size_t at = bit / 8;

			/* AA, TC, RD, RA, Z, AD, CD, RCODE, and counts of records */
			if ((at == 2 && bit % 8 < 3) || at == 3 || (at >= 6 && at < 12))
				continue;
			m.b[at] ^= (uint8_t)(1 << bit % 8);
			if (accept_message(&c, &probe, &m, &o))
				fail_msg("byte %zu bit %zu", at, bit % 8);
			m.b[at] ^= (uint8_t)(1 << bit % 8);
		}
		for (unsigned bit = 0; bit < 32; bit++) { /* the ports */
			f = udp_answer(&probe, m.b, all);
			f.b[forge_l4(&f) + bit / 8] ^= (uint8_t)(1 << bit % 8);
			forge_fix(&f);
			assert_false(forge_accept(&c, &f, &o));
		}
		assert_false(forge_accept(&c, &probe, &o));
		udp_close(&c);
	}
}

/* A server may refuse without the question, but say nothing else then. */
static void bare_headers_are_errors(void **state)
{
	struct reply_context c;
	struct observation o;
	struct message m;
	struct frame probe, f;

	(void)state;
	udp_open(&c, &probe_dns, NULL, 0);
	udp_probe(&probe, &c, 0, 53);
	begin(&m, &probe, 0x8181, 0);
	forge_put16(m.b + 4, 0);
	f = udp_answer(&probe, m.b, HEAD);
	assert_true(forge_accept(&c, &f, &o));
	assert_int_equal(o.more.dns.flags, 0x8181);
	f = udp_answer(&probe, m.b, HEAD + 1);
	assert_false(forge_accept(&c, &f, &o));
	forge_put16(m.b + 2, 0x8180);
	f = udp_answer(&probe, m.b, HEAD);
	assert_false(forge_accept(&c, &f, &o));
	udp_close(&c);
}

/* Names differ by target where they are to, and only there. */
static void names_have_labels(void **state)
{
	static const char *const args[] = { "name=zone.example", "label=target",
		                            "no-case", "type=TXT", "no-recursion" };
	static const char digits[] = "20010db8000000000000000000000042";
	struct reply_context c;
	struct frame probe;
	const uint8_t *p;
	size_t n;

	(void)state;
	udp_open(&c, &probe_dns, args, 5);
	udp_probe(&probe, &c, 0, 53);
	p = udp_payload(&probe, &n);
	assert_int_equal(forge_get16(p + 2), 0);
	assert_int_equal(p[HEAD], 48);
	assert_memory_equal(p + HEAD + 1, digits, 32);
	assert_memory_equal(p + HEAD + 49, "\4zone\7example\0\0\20\0\1", 18);
	assert_int_equal(n, HEAD + 49 + 18);
	udp_close(&c);
}

static void bad_names_are_told(void **state)
{
	static const char *const bad[] = {
		"name=a..b",
		"name=.a",
		"name=a b",
		"name=\x7f",
		"name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"type=aaaa",
		"type",
		"label=x",
		"name",
	};
	char longest[300] = "name=";

	(void)state;
	for (size_t i = 0; i <= ARRAY_LEN(bad); i++) {
		const char *arg = i < ARRAY_LEN(bad) ? bad[i] : longest;
		struct opt_list args = { &arg, 1 };
		struct diag d = { "" };
		bool used[1];
		void *s;

		for (size_t k = 5; i == ARRAY_LEN(bad) && k < 5 + 256; k += 2)
			memcpy(longest + k, "a.", 3);
		if (module_state_new(&s, &probe_dns, &args, used, &d) != ERR_PARSE)
			fail_msg("'%s' was taken", arg);
		assert_true(d.text[0] != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(digests_have_no_order),
		cmocka_unit_test(injection_is_signalled),
		cmocka_unit_test(forgeries_are_refused),
		cmocka_unit_test(bare_headers_are_errors),
		cmocka_unit_test(names_have_labels),
		cmocka_unit_test(bad_names_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
