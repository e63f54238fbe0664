#include "tests/test.h"

#include "common/rng.h"
#include "probe/mod_udp.c"
#include "tests/probe/forge.h"

static const char *const targets[] = { "2001:db8::42", "198.51.100.42" };

/* A context of UDP lanes alone: the state is freed by close(). */
static void open_context(struct reply_context *c, const char *arg)
{
	struct opt_list args = { &arg, arg ? 1 : 0 };
	bool used[1] = { false };
	void *state;

	forge_context(c);
	assert_int_equal(module_state_new(&state, &probe_udp, &args, used, NULL), 0);
	c->lanes[2] = (struct reply_lane){ &probe_udp, state, PROBE_V6, NULL };
	c->lanes[3] = (struct reply_lane){ &probe_udp, state, PROBE_V4, NULL };
}

static void close_context(struct reply_context *c)
{
	free((void *)c->lanes[2].state);
}

static void make(struct frame *probe, const struct reply_context *c, unsigned v4,
                 uint16_t port)
{
	struct module_shot shot = forge_shot(c, 2 + v4, targets[v4], port);

	forge_probe(probe, c, 2 + v4, &shot);
}

/* An answer with the given payload. */
static struct frame answer(const struct frame *probe, const uint8_t *payload, size_t n)
{
	struct frame f = *probe;
	size_t l4 = forge_l4(&f);

	forge_swap_ends(&f);
	forge_swap(f.b + l4, f.b + l4 + 2, 2);
	memcpy(f.b + l4 + 8, payload, n);
	forge_put16(f.b + l4 + 4, (unsigned)(8 + n));
	if (forge_is_v6(&f))
		forge_put16(f.b + ETH + 4, (unsigned)(8 + n));
	else
		forge_put16(f.b + ETH + 2, (unsigned)(28 + n));
	f.n = l4 + 8 + n;
	forge_fix(&f);
	return f;
}

/* Every payload of the table: the right bytes back are accepted, one changed bit
 * of them is not. */
static void cookies_come_back(void **state)
{
	static const struct {
		uint16_t port;
		unsigned at, len, back;
	} cases[] = {
		{ 53, 0, 2, 0 },    { 123, 40, 8, 24 }, { 443, 6, 8, 15 },
		{ 5683, 2, 2, 2 },  { 3478, 8, 8, 8 },  { 500, 0, 8, 0 },
		{ 161, 18, 2, 77 }, /* anywhere */
	};
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	open_context(&c, NULL);
	for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
		unsigned v4 = i & 1, len = cases[i / 2].len;
		uint8_t payload[100] = { 0 };

		make(&probe, &c, v4, cases[i / 2].port);
		assert_true(forge_get16(probe.b + forge_l4(&probe)) >= 32768);
		memcpy(payload + cases[i / 2].back,
		       probe.b + forge_l4(&probe) + 8 + cases[i / 2].at, len);
		f = answer(&probe, payload, sizeof(payload));
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.outcome, OBS_OPEN);
		assert_int_equal(o.port, cases[i / 2].port);
		assert_int_equal(o.proto, OBS_UDP);
		for (unsigned bit = 0; bit < 8 * len; bit++) {
			payload[cases[i / 2].back + bit / 8] ^= (uint8_t)(1 << bit % 8);
			f = answer(&probe, payload, sizeof(payload));
			assert_false(forge_accept(&c, &f, &o));
			payload[cases[i / 2].back + bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		/* Another port of ours, another port of theirs. */
		f = answer(&probe, payload, sizeof(payload));
		f.b[forge_l4(&f) + 3] ^= 1;
		forge_fix(&f);
		assert_false(forge_accept(&c, &f, &o));
		f = answer(&probe, payload, sizeof(payload));
		f.b[forge_l4(&f) + 1] ^= 1;
		forge_fix(&f);
		assert_false(forge_accept(&c, &f, &o));
		f = answer(&probe, payload, 0);
		assert_false(forge_accept(&c, &f, &o));
	}
	close_context(&c);
}

/* Protocols of text get digits. */
static void digits_come_back(void **state)
{
	static const uint16_t ports[] = { 5060, 3702 };
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	open_context(&c, NULL);
	for (size_t i = 0; i < 2 * ARRAY_LEN(ports); i++) {
		const struct udp_state *s = c.lanes[2].state;
		const struct payload *p =
			&s->table.payload[s->table.of_port[ports[i / 2]]];
		uint8_t text[200] = { 0 };

		make(&probe, &c, i & 1, ports[i / 2]);
		assert_true(p->digits);
		memcpy(text + 50, probe.b + forge_l4(&probe) + 8 + p->fill_at,
		       p->fill_len);
		for (unsigned k = 0; k < p->fill_len; k++)
			assert_non_null(strchr("0123456789abcdef", text[50 + k]));
		f = answer(&probe, text, sizeof(text));
		assert_true(forge_accept(&c, &f, &o));
		text[50 + i] ^= 1;
		f = answer(&probe, text, sizeof(text));
		assert_false(forge_accept(&c, &f, &o));
	}
	close_context(&c);
}

static void errors_quote_the_checksum(void **state)
{
	static const uint16_t ports[] = { 9, 53, 161, 443, 1900, 5060, 177, 3702, 6881 };
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	open_context(&c, NULL);
	for (size_t i = 0; i < 2 * ARRAY_LEN(ports); i++) {
		unsigned v4 = i & 1, port = ports[i / 2];
		size_t quoted = (v4 ? 20 : 40) + 8;
		struct addr128 from = forge_addr(targets[v4]);

		make(&probe, &c, v4, (uint16_t)port);
		f = forge_error(probe.b + ETH, quoted, from, c.sources[v4], v4 ? 3 : 1,
		                v4 ? 3 : 4);
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.outcome, OBS_CLOSED);
		assert_int_equal(o.port, port);
		for (unsigned bit = 0; bit < 64; bit++) {
			struct frame bad = probe;

			bad.b[forge_l4(&probe) + bit / 8] ^= (uint8_t)(1 << bit % 8);
			f = forge_error(bad.b + ETH, quoted, from, c.sources[v4],
			                v4 ? 3 : 1, v4 ? 3 : 4);
			if (forge_accept(&c, &f, &o))
				fail_msg("port %u bit %u", port, bit);
		}
	}
	close_context(&c);
}

/* RFC 768: no checksum at all is fine in IPv4, RFC 8200: not in IPv6. */
static void missing_checksums(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	open_context(&c, "payload=text:hello");
	for (unsigned v4 = 0; v4 < 2; v4++) {
		make(&probe, &c, v4, 7);
		assert_memory_equal(probe.b + forge_l4(&probe) + 8, "hello", 5);
		f = answer(&probe, (const uint8_t *)"hello", 5);
		assert_true(forge_accept(&c, &f, &o));
		forge_put16(f.b + forge_l4(&f) + 6, 0);
		assert_int_equal(forge_accept(&c, &f, &o), v4);
	}
	close_context(&c);
}

/* A checksum that comes out as 0 is sent as 0xffff. */
static void zero_is_no_checksum(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;
	unsigned met = 0;

	(void)state;
	open_context(&c, NULL);
	for (unsigned port = 1; port < 65536; port++) {
		make(&probe, &c, 1, (uint16_t)port);
		assert_true(forge_get16(probe.b + forge_l4(&probe) + 6) != 0);
		if (forge_get16(probe.b + forge_l4(&probe) + 6) != 0xffff)
			continue;
		met++;
		f = forge_error(probe.b + ETH, 28, forge_addr(targets[1]), c.sources[1],
		                3, 3);
		assert_true(forge_accept(&c, &f, &o));
	}
	print_message("%u of 65535 checksums were 0\n", met);
	close_context(&c);
}

static void bad_payloads_are_told(void **state)
{
	static const char *const bad[] = {
		"hex:0",          "hex:0g", "hexx:00", "00", "file:/nonexistent/file",
		"file:/dev/zero",
	};
	static const char *const lines[] = {
		"a 53 - 0",
		"a 53 0:2@0 00",
		"a 53 1:2@0 00000000",
		"a 53 0:3@0 0000",
		"a 0 - 00",
		"a 53 0:2@x 0000",
		"a 53",
		"a b - 00",
		"a 53 0:10@0 00000000000000000000",
		"a 53 0:x18@0 000000000000000000000000000000000000",
		"a 53 :2@0 0000",
		"a 53 0:x@0 0000",
		"a 53 0x0:2@0 0000",
	};
	struct payload_table *t = calloc(1, sizeof(*t));
	struct diag d = { "" };

	(void)state;
	assert_non_null(t);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		d.text[0] = 0;
		memset(t, 0, sizeof(*t));
		if (payload_load_own(t, bad[i], &d) >= 0)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(d.text[0] != 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		d.text[0] = 0;
		memset(t, 0, sizeof(*t));
		if (payload_parse(t, lines[i], &d) != ERR_PARSE)
			fail_msg("'%s' was taken", lines[i]);
		assert_non_null(strstr(d.text, "line 1"));
	}
	memset(t, 0, sizeof(*t));
	assert_int_equal(payload_load_own(t, "hex:0aFf", NULL), 0);
	assert_int_equal(t->payload[0].len, 2);
	memset(t, 0, sizeof(*t));
	assert_int_equal(payload_load(t, NULL), 0);
	assert_true(t->n > 10 && t->of_port[53] && t->of_port[161] && !t->of_port[9]);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_come_back),
		cmocka_unit_test(digits_come_back),
		cmocka_unit_test(errors_quote_the_checksum),
		cmocka_unit_test(missing_checksums),
		cmocka_unit_test(zero_is_no_checksum),
		cmocka_unit_test(bad_payloads_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
