#include "tests/test.h"

#include "tests/probe/forge.h"

static const char *const targets[] = { "2001:db8::42", "198.51.100.42" };

static void own_reply_is_accepted(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	for (unsigned lane = 0; lane < 2; lane++) {
		struct module_shot shot = forge_shot(&c, lane, targets[lane], 0);

		forge_probe(&probe, &c, lane, &shot);
		f = forge_echo_reply(&probe);
		assert_true(forge_accept(&c, &f, &o));
		assert_true(addr_eq(o.target, shot.flow.dst));
		assert_true(addr_eq(o.from, shot.flow.dst));
		assert_int_equal(o.outcome, OBS_OPEN);
		assert_int_equal(o.proto, lane ? OBS_ICMP : OBS_ICMP6);
		assert_int_equal(o.tag, 0xdeadbeef);
		assert_int_equal(o.rtt_us, 1544);
		assert_int_equal(o.hop_limit, 64);
		assert_int_equal(o.icmp_type, lane ? 0 : 129);
		assert_int_equal(o.port, 0);
		assert_true(obs_is_alive(&o));
		assert_false(forge_accept(&c, &probe, &o)); /* no reply, a request */
	}
}

static void truncated_replies_are_refused(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	for (unsigned lane = 0; lane < 2; lane++) {
		struct module_shot shot = forge_shot(&c, lane, targets[lane], 0);
		size_t whole;

		forge_probe(&probe, &c, lane, &shot);
		f = forge_echo_reply(&probe);
		whole = f.n;
		for (f.n = 0; f.n < whole; f.n++) { /* the capture is cut */
			if (forge_accept(&c, &f, &o))
				fail_msg("%s cut to %zu", targets[lane], f.n);
		}
		for (size_t more = 1; more <= 4; more++) { /* the packet is long */
			f = forge_echo_reply(&probe);
			f.n += more;
			forge_put16(f.b + (lane ? ETH + 2 : ETH + 4),
			            forge_get16(f.b + (lane ? ETH + 2 : ETH + 4)) +
			                    (unsigned)more);
			forge_fix(&f);
			assert_false(forge_accept(&c, &f, &o));
		}
		for (size_t cut = 1; cut <= 28; cut++) { /* the packet is short */
			f = forge_echo_reply(&probe);
			f.n -= cut;
			forge_put16(f.b + (lane ? ETH + 2 : ETH + 4),
			            forge_get16(f.b + (lane ? ETH + 2 : ETH + 4)) -
			                    (unsigned)cut);
			forge_fix(&f);
			assert_false(forge_accept(&c, &f, &o));
		}
	}
}

/* What is not ours and may change on the way, by bit: MAC addresses; traffic
 * class, flow label, hop limit; TOS, identification, DF, TTL. */
static bool is_theirs(bool v4, size_t byte, unsigned bit)
{
	if (byte < 12)
		return true;
	if (!v4)
		return (byte == ETH && bit < 4) || (byte > ETH && byte < ETH + 4) ||
		       byte == ETH + 7;
	return byte == ETH + 1 || byte == ETH + 4 || byte == ETH + 5 ||
	       (byte == ETH + 6 && bit >= 6) || byte == ETH + 8;
}

/* Each bit once with the checksums as they were, and once with right ones, so
 * that nothing but the cookie stands in the way. */
static void every_flipped_bit_is_refused(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, good, f;

	(void)state;
	forge_context(&c);
	for (unsigned lane = 0; lane < 2; lane++) {
		struct module_shot shot = forge_shot(&c, lane, targets[lane], 0);
		unsigned accepted = 0;

		forge_probe(&probe, &c, lane, &shot);
		good = forge_echo_reply(&probe);
		for (size_t bit = 0; bit < 8 * good.n; bit++) {
			bool theirs = is_theirs(lane, bit / 8, bit % 8);

			f = good;
			f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (forge_accept(&c, &f, &o) && !theirs)
				fail_msg("%s byte %zu bit %zu", targets[lane], bit / 8,
				         bit % 8);
			forge_fix(&f);
			if (!memcmp(f.b, good.b, f.n))
				continue; /* it was a checksum bit */
			if (forge_accept(&c, &f, &o) != theirs)
				fail_msg("%s byte %zu bit %zu, checksum right",
				         targets[lane], bit / 8, bit % 8);
			accepted += theirs;
		}
		assert_true(accepted > 96); /* the exceptions are exercised too */
	}
}

static void other_keys_and_addresses_are_refused(void **state)
{
	struct reply_context c, other;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	for (unsigned lane = 0; lane < 2; lane++) {
		struct module_shot shot = forge_shot(&c, lane, targets[lane], 0);

		forge_probe(&probe, &c, lane, &shot);
		f = forge_echo_reply(&probe);
		for (unsigned bit = 0; bit < 128; bit++) {
			other = c;
			other.scan.key.k[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(forge_accept(&other, &f, &o));
		}
		other = c;
		other.sources[lane] = forge_addr(lane ? "192.0.2.2" : "2001:db8::2");
		assert_false(forge_accept(&other, &f, &o));
		other = c;
		other.lanes[lane] = c.lanes[2 + lane]; /* a scan without echo */
		assert_false(forge_accept(&other, &f, &o));
	}
}

static void more_data_must_come_back_too(void **state)
{
	const char *args[] = { "data-size=64" };
	struct opt_list list = { args, 1 };
	struct reply_context c;
	struct observation o;
	struct frame probe, good, f;
	bool used[1] = { false };
	void *s;

	(void)state;
	forge_context(&c);
	assert_int_equal(module_state_new(&s, &probe_icmp6_echo, &list, used, NULL), 0);
	assert_true(used[0]);
	c.lanes[0].state = s;
	struct module_shot shot = forge_shot(&c, 0, targets[0], 0);

	forge_probe(&probe, &c, 0, &shot);
	assert_int_equal(probe.n, ETH + 40 + 8 + 64);
	good = forge_echo_reply(&probe);
	assert_true(forge_accept(&c, &good, &o));
	for (size_t i = ETH + 48; i < good.n; i++) {
		f = good;
		f.b[i] ^= 0x40;
		forge_fix(&f);
		assert_false(forge_accept(&c, &f, &o));
	}
	free(s);
}

static void bad_arguments_are_refused(void **state)
{
	static const char *const bad[] = { "data-size=19", "data-size=1273", "data-size",
		                           "data-size=x", "data-size=" };
	struct diag d;
	void *s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *arg = bad[i];
		struct opt_list list = { &arg, 1 };
		bool used[1] = { false };

		d.text[0] = 0;
		if (module_state_new(&s, &probe_icmp6_echo, &list, used, &d) >= 0)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(d.text[0] != 0);
	}
}

/* RFC 9511: the URI first, ended by a zero; it must come back whole. */
static void contacts_come_first(void **state)
{
	const char *uris[] = { "contact=mailto:a@example.org",
		               "contact=https://example.org/x" };
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		struct opt_list args = { &uris[i], 1 };
		size_t n = strlen(uris[i] + 8);
		struct module_shot shot;
		bool used[1];
		void *s;

		forge_context(&c);
		assert_int_equal(
			module_state_new(&s, &probe_icmp6_echo, &args, used, NULL), 0);
		c.lanes[0].state = s;
		shot = forge_shot(&c, 0, "2001:db8::42", 0);
		forge_probe(&probe, &c, 0, &shot);
		assert_memory_equal(probe.b + ETH + 48, uris[i] + 8, n + 1);
		f = forge_echo_reply(&probe);
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.tag, 0xdeadbeef);
		for (size_t at = 0; at < n + 1; at++) {
			f = forge_echo_reply(&probe);
			f.b[ETH + 48 + at] ^= 1;
			forge_fix(&f);
			assert_false(forge_accept(&c, &f, &o));
		}
		free(s);
	}
	for (size_t i = 0; i < 3; i++) {
		const char *bad[] = { "contact=", "contact=nobody", "contact=a:b c" };
		struct opt_list args = { &bad[i], 1 };
		bool used[1];
		void *s;

		assert_int_equal(
			module_state_new(&s, &probe_icmp6_echo, &args, used, NULL),
			ERR_PARSE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_reply_is_accepted),
		cmocka_unit_test(truncated_replies_are_refused),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(other_keys_and_addresses_are_refused),
		cmocka_unit_test(more_data_must_come_back_too),
		cmocka_unit_test(contacts_come_first),
		cmocka_unit_test(bad_arguments_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
