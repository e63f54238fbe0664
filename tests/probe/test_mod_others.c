#include "tests/test.h"

#include "tests/probe/forge.h"

static const char *const targets[] = { "2001:db8::42", "198.51.100.42" };

/* What a kernel answers to an ACK or SYN-ACK of no connection. */
static struct frame reset(const struct frame *probe)
{
	struct frame f = *probe;
	uint8_t *t = f.b + forge_l4(&f);

	forge_swap_ends(&f);
	forge_swap(t, t + 2, 2);
	memcpy(t + 4, t + 8, 4);
	memset(t + 8, 0, 4);
	t[13] = 4;
	forge_fix(&f);
	return f;
}

static void check_resets(const struct probe_module *m)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f, bad;

	forge_context(&c);
	c.lanes[2] = (struct reply_lane){ m, m->defaults, PROBE_V6, NULL };
	c.lanes[3] = (struct reply_lane){ m, m->defaults, PROBE_V4, NULL };
	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct module_shot shot = forge_shot(&c, 2 + v4, targets[v4], 443);
		size_t l4;

		forge_probe(&probe, &c, 2 + v4, &shot);
		l4 = forge_l4(&probe);
		f = reset(&probe);
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.outcome, OBS_CLOSED);
		assert_int_equal(o.port, 443);
		assert_true(obs_is_alive(&o));
		assert_false(forge_accept(&c, &probe, &o));
		/* Ports and sequence number are ours, every bit of them. */
		for (unsigned bit = 0; bit < 64; bit++) {
			bad = f;
			bad.b[l4 + bit / 8] ^= (uint8_t)(1 << bit % 8);
			forge_fix(&bad);
			if (forge_accept(&c, &bad, &o))
				fail_msg("bit %u", bit);
		}
		bad = f;
		bad.b[l4 + 13] = 16;
		forge_fix(&bad);
		assert_false(forge_accept(&c, &bad, &o));
		for (unsigned bit = 0; bit <= 64; bit++) {
			bad = probe;
			bad.b[l4 + bit / 8] ^= (uint8_t)(bit < 64 ? 1 << bit % 8 : 0);
			f = forge_error(bad.b + ETH, l4 - ETH + 8,
			                forge_addr(targets[v4]), c.sources[v4],
			                v4 ? 3 : 1, 1);
			assert_int_equal(forge_accept(&c, &f, &o), bit == 64);
		}
	}
}

static void resets_answer(void **state)
{
	(void)state;
	check_resets(&probe_tcp_ack);
	check_resets(&probe_tcp_synack);
}

static void timestamps_answer(void **state)
{
	struct module_shot shot;
	struct reply_context c;
	struct observation o;
	struct frame probe, f, bad;
	size_t l4 = ETH + 20;

	(void)state;
	forge_context(&c);
	c.lanes[1] = (struct reply_lane){ &probe_icmp_time, NULL, PROBE_V4, NULL };
	shot = forge_shot(&c, 1, targets[1], 0);
	forge_probe(&probe, &c, 1, &shot);
	f = probe;
	forge_swap_ends(&f);
	f.b[l4] = 14;
	memset(f.b + l4 + 12, 7, 8);
	forge_fix(&f);
	assert_true(forge_accept(&c, &f, &o));
	assert_int_equal(o.outcome, OBS_OPEN);
	assert_int_equal(o.rtt_us, 125000 - 123456);
	for (unsigned bit = 0; bit < 64; bit++) {
		bad = f;
		bad.b[l4 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		forge_fix(&bad);
		if (memcmp(bad.b, f.b, f.n) != 0)
			assert_false(forge_accept(&c, &bad, &o));
	}
	bad = f;
	bad.b[l4 + 8] &= 0x7f; /* somebody's own time */
	forge_fix(&bad);
	assert_false(forge_accept(&c, &bad, &o));
	f = forge_error(probe.b + ETH, 28, forge_addr("203.0.113.1"), c.sources[1], 11,
	                0);
	assert_true(forge_accept(&c, &f, &o));
	assert_int_equal(o.outcome, OBS_TIME_EXCEEDED);
}

/* An answer to a node information query, with this much behind the nonce. */
static struct frame node_answer(const struct frame *probe, uint8_t code, const void *data,
                                size_t n)
{
	struct frame f = *probe;
	size_t l4 = forge_l4(&f);

	forge_swap_ends(&f);
	f.b[l4] = 140;
	f.b[l4 + 1] = code;
	memcpy(f.b + l4 + 16, data, n);
	f.n = l4 + 16 + n;
	forge_put16(f.b + ETH + 4, (unsigned)(16 + n));
	forge_fix(&f);
	return f;
}

static void nodes_tell_their_names(void **state)
{
	static const char name[] = "\0\0\0\0\4host\7exa\1ple\0";
	struct module_shot shot;
	struct reply_context c;
	struct observation o;
	struct frame probe, f, bad;
	size_t l4;

	(void)state;
	forge_context(&c);
	c.lanes[0] = (struct reply_lane){ &probe_icmp6_ni, probe_icmp6_ni.defaults,
		                          PROBE_V6, NULL };
	shot = forge_shot(&c, 0, targets[0], 0);
	forge_probe(&probe, &c, 0, &shot);
	l4 = forge_l4(&probe);
	assert_memory_equal(probe.b + l4 + 16, probe.b + ETH + 24, 16);
	for (size_t n = 0; n < sizeof(name); n++) {
		f = node_answer(&probe, 0, name, n);
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.outcome, OBS_OPEN);
		assert_int_equal(o.detail, OBS_NODE);
		assert_string_equal(o.more.node.name, n < 9    ? ""
		                                      : n < 17 ? "host"
		                                               : "host.exa?ple");
	}
	for (uint8_t code = 1; code < 4; code++) {
		f = node_answer(&probe, code, name, sizeof(name) - 1);
		assert_int_equal(forge_accept(&c, &f, &o), code < 3);
		if (code < 3)
			assert_int_equal(o.outcome, OBS_CLOSED);
		assert_string_equal(o.more.node.name, "");
	}
	f = node_answer(&probe, 0, name, sizeof(name) - 1);
	for (unsigned bit = 0; bit < 128; bit++) {
		if ((bit >= 16 && bit < 32) || (bit >= 48 && bit < 64) || bit == 8 ||
		    bit == 9)
			continue; /* checksum; flags; code */
		bad = f;
		bad.b[l4 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		forge_fix(&bad);
		if (forge_accept(&c, &bad, &o))
			fail_msg("bit %u", bit);
	}
	for (size_t n = 0; n <= 32; n++) {
		f = forge_error(probe.b + ETH, 40 + n, forge_addr("2001:db8::1"),
		                c.sources[0], 1, 0);
		assert_int_equal(forge_accept(&c, &f, &o), n >= 16);
	}
}

static void nodes_tell_their_addresses(void **state)
{
	static const char *const queries[] = { "query=addresses", "query=ipv4" };
	struct reply_context c;
	struct observation o;
	struct frame probe, f;
	uint8_t data[300 * 20] = { 0 };

	(void)state;
	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct opt_list args = { (const char **)&queries[v4], 1 };
		size_t each = v4 ? 8 : 20;
		struct module_shot shot;
		bool used[1];
		void *s;

		forge_context(&c);
		assert_int_equal(module_state_new(&s, &probe_icmp6_ni, &args, used, NULL),
		                 0);
		c.lanes[0] = (struct reply_lane){ &probe_icmp6_ni, s, PROBE_V6, NULL };
		shot = forge_shot(&c, 0, targets[0], 0);
		forge_probe(&probe, &c, 0, &shot);
		for (size_t n = 0; n <= 60; n++) {
			memset(data, 0x20, sizeof(data));
			f = node_answer(&probe, 0, data, n);
			assert_true(forge_accept(&c, &f, &o));
			assert_int_equal(o.more.node.n, n / each);
			if (n >= each)
				assert_true(addr_eq(o.more.node.addr[0],
				                    v4 ? forge_addr("32.32.32.32")
				                       : forge_addr("2020:2020:2020:"
				                                    "2020:2020:2020:"
				                                    "2020:2020")));
		}
		free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resets_answer),
		cmocka_unit_test(timestamps_answer),
		cmocka_unit_test(nodes_tell_their_names),
		cmocka_unit_test(nodes_tell_their_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
