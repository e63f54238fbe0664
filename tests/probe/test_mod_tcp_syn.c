#include "tests/test.h"

#include "common/rng.h"
#include "tests/probe/forge.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

static const char *const targets[] = { "2001:db8::42", "198.51.100.42" };

static void make(struct frame *probe, const struct reply_context *c, unsigned v4,
                 uint16_t port)
{
	struct module_shot shot = forge_shot(c, 2 + v4, targets[v4], port);

	forge_probe(probe, c, 2 + v4, &shot);
}

static void own_replies_are_accepted(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	for (unsigned v4 = 0; v4 < 2; v4++) {
		make(&probe, &c, v4, 443);
		f = forge_tcp_reply(&probe, SYN | ACK, 1);
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.outcome, OBS_OPEN);
		assert_int_equal(o.port, 443);
		assert_int_equal(o.proto, OBS_TCP);
		assert_true(o.sport >= 61440);
		assert_int_equal(o.tcp_flags, SYN | ACK);
		assert_int_equal(o.rtt_us, 0);
		assert_true(addr_eq(o.target, forge_addr(targets[v4])));
		f = forge_tcp_reply(&probe, RST | ACK, 1);
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.outcome, OBS_CLOSED);
		assert_true(obs_is_alive(&o));
		assert_false(forge_accept(&c, &probe, &o));
	}
}

/* RFC 9293: only ACK = SEQ + 1 acknowledges a SYN. */
static void only_the_right_acknowledgement_counts(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;
	struct rng r;

	(void)state;
	forge_context(&c);
	rng_init(&r, 4);
	make(&probe, &c, 0, 80);
	for (unsigned flags = 0; flags < 64; flags++) {
		unsigned kind = flags & (SYN | ACK | RST | FIN);
		bool ok = kind == (SYN | ACK) || kind == (RST | ACK);

		f = forge_tcp_reply(&probe, (uint8_t)flags, 1);
		if (forge_accept(&c, &f, &o) != ok)
			fail_msg("flags %#x", flags);
		f = forge_tcp_reply(&probe, (uint8_t)flags, 0);
		assert_false(forge_accept(&c, &f, &o));
		f = forge_tcp_reply(&probe, (uint8_t)flags, 2);
		assert_false(forge_accept(&c, &f, &o));
	}
	for (int i = 0; i < 1000; i++) {
		f = forge_tcp_reply(&probe, SYN | ACK,
		                    2 + (uint32_t)(rng_next(&r) >> 33));
		assert_false(forge_accept(&c, &f, &o));
	}
}

static void truncated_replies_are_refused(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	for (unsigned v4 = 0; v4 < 2; v4++) {
		size_t whole, len_at = v4 ? ETH + 2 : ETH + 4;

		make(&probe, &c, v4, 22);
		f = forge_tcp_reply(&probe, SYN | ACK, 1);
		whole = f.n;
		for (f.n = 0; f.n < whole; f.n++)
			if (forge_accept(&c, &f, &o))
				fail_msg("cut to %zu", f.n);
		for (size_t cut = 1; cut <= 24; cut++) {
			f = forge_tcp_reply(&probe, SYN | ACK, 1);
			f.n -= cut;
			forge_put16(f.b + len_at,
			            forge_get16(f.b + len_at) - (unsigned)cut);
			forge_fix(&f);
			assert_false(forge_accept(&c, &f, &o));
		}
	}
}

/* The target's own: its sequence number, window, urgent pointer, options, the
 * flags PSH URG ECE CWR and the reserved bits; and the lowest bit of the header's
 * length, by which the end of the options becomes data.  The rest of IP as for echo. */
static bool is_theirs(bool v4, size_t byte, unsigned bit)
{
	size_t l4 = ETH + (v4 ? 20 : 40);

	if (byte < 12)
		return true;
	if (byte >= l4) {
		size_t at = byte - l4;

		return (at >= 4 && at < 8) || (at == 12 && bit <= 4) ||
		       (at == 13 && (bit == 3 || bit >= 5)) || at == 14 || at == 15 ||
		       at >= 18;
	}
	if (!v4)
		return (byte == ETH && bit < 4) || (byte > ETH && byte < ETH + 4) ||
		       byte == ETH + 7;
	return byte == ETH + 1 || byte == ETH + 4 || byte == ETH + 5 ||
	       (byte == ETH + 6 && bit >= 6) || byte == ETH + 8;
}

static void every_flipped_bit_of_ours_is_refused(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, good, f;

	(void)state;
	forge_context(&c);
	for (unsigned v4 = 0; v4 < 2; v4++) {
		make(&probe, &c, v4, 443);
		good = forge_tcp_reply(&probe, SYN | ACK, 1);
		for (size_t bit = 0; bit < 8 * good.n; bit++) {
			bool theirs = is_theirs(v4, bit / 8, bit % 8);

			f = good;
			f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (forge_accept(&c, &f, &o) && !theirs)
				fail_msg("byte %zu bit %zu", bit / 8, bit % 8);
			forge_fix(&f);
			if (!memcmp(f.b, good.b, f.n))
				continue;
			if (forge_accept(&c, &f, &o) != theirs)
				fail_msg("v4 %u byte %zu bit %zu, checksum right", v4,
				         bit / 8, bit % 8);
		}
	}
}

static void wrong_keys_are_refused(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	make(&probe, &c, 0, 80);
	f = forge_tcp_reply(&probe, SYN | ACK, 1);
	for (unsigned bit = 0; bit < 128; bit++) {
		struct reply_context other = c;

		other.scan.key.k[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(forge_accept(&other, &f, &o));
	}
}

/* The timestamp comes back: the time, or the tag when it fits; and nothing is
 * believed that fails the check, though the answer counts. */
static void timestamps_are_read(void **state)
{
	static const uint32_t tags[] = { 0, 1, 0x7fffff, 0x800000, UINT32_MAX };
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	for (size_t i = 0; i < 2 * ARRAY_LEN(tags); i++) {
		struct module_shot shot = forge_shot(&c, 2 + (i & 1), targets[i & 1], 80);
		bool fits = tags[i / 2] && tags[i / 2] <= 0x7fffff;
		unsigned believed = 0;
		size_t at;

		shot.tag = tags[i / 2];
		forge_probe(&probe, &c, 2 + (i & 1), &shot);
		f = forge_tcp_reply(&probe, SYN | ACK, 1);
		at = forge_l4(&f) + 28; /* their time; ours comes after it */
		forge_swap(f.b + at, f.b + at + 4, 4);
		forge_fix(&f);
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.tag, fits ? tags[i / 2] : 0);
		assert_int_equal(o.rtt_us, fits ? 0 : 125000 - 123456);
		for (unsigned bit = 0; bit < 32; bit++) {
			struct frame bad = f;

			bad.b[at + 4 + bit / 8] ^= (uint8_t)(1 << bit % 8);
			forge_fix(&bad);
			assert_true(forge_accept(&c, &bad, &o));
			believed += o.tag || o.rtt_us;
		}
		assert_true(believed <= 2); /* 8 bits of check */
		/* Options that lead nowhere. */
		f.b[forge_l4(&f) + 20] = 77;
		for (unsigned length = 0; length < 256; length++) {
			f.b[forge_l4(&f) + 21] = (uint8_t)length;
			forge_fix(&f);
			assert_true(forge_accept(&c, &f, &o));
		}
	}
}

static void source_ports_follow_the_configuration(void **state)
{
	struct reply_context c, fixed;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	fixed = c;
	fixed.scan.source_port = 1234;
	make(&probe, &fixed, 0, 80);
	assert_int_equal(forge_get16(probe.b + ETH + 40), 1234);
	f = forge_tcp_reply(&probe, SYN | ACK, 1);
	assert_true(forge_accept(&fixed, &f, &o));
	assert_int_equal(o.sport, 1234);
	assert_false(forge_accept(&c, &f, &o));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_replies_are_accepted),
		cmocka_unit_test(only_the_right_acknowledgement_counts),
		cmocka_unit_test(truncated_replies_are_refused),
		cmocka_unit_test(every_flipped_bit_of_ours_is_refused),
		cmocka_unit_test(wrong_keys_are_refused),
		cmocka_unit_test(timestamps_are_read),
		cmocka_unit_test(source_ports_follow_the_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
