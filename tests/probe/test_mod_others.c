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
	c.lanes[2].module = c.lanes[3].module = m;
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
	c.lanes[1].module = &probe_icmp_time;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resets_answer),
		cmocka_unit_test(timestamps_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
