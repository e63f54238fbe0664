/* tests/probe/udpforge.h - answers to UDP probes, for the tests of those modules. */
#ifndef TESTS_PROBE_UDPFORGE_H
#define TESTS_PROBE_UDPFORGE_H

#include "tests/probe/forge.h"

/* A context whose lanes 2 (IPv6) and 3 (IPv4) are module m with the given arguments;
 * closed by udp_close(). */
static inline void udp_open(struct reply_context *c, const struct probe_module *m,
                            const char *const *args, size_t n)
{
	struct opt_list list = { (const char **)args, n };
	bool used[8] = { false };
	struct diag d = { "" };
	void *state;

	forge_context(c);
	if (module_state_new(&state, m, &list, used, &d) < 0)
		fail_msg("%s", d.text);
	for (size_t i = 0; i < n; i++)
		assert_true(used[i]);
	c->lanes[2] = (struct reply_lane){ m, state, PROBE_V6, NULL };
	c->lanes[3] = (struct reply_lane){ m, state, PROBE_V4, NULL };
}

static inline void udp_close(struct reply_context *c)
{
	free((void *)c->lanes[2].state);
}

static inline void udp_probe(struct frame *probe, const struct reply_context *c,
                             unsigned v4, uint16_t port)
{
	static const char *const targets[] = { "2001:db8::42", "198.51.100.42" };
	struct module_shot shot = forge_shot(c, 2 + v4, targets[v4], port);

	forge_probe(probe, c, 2 + v4, &shot);
}

static inline const uint8_t *udp_payload(const struct frame *f, size_t *n)
{
	*n = f->n - forge_l4(f) - 8;
	return f->b + forge_l4(f) + 8;
}

/* The probe's target answers with this payload. */
static inline struct frame udp_answer(const struct frame *probe, const uint8_t *payload,
                                      size_t n)
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

/* The target's kernel says that the port is closed, quoting so much of the UDP
 * datagram. */
static inline struct frame udp_closed(const struct frame *probe, size_t quoted)
{
	bool v6 = forge_is_v6(probe);
	struct wire r = wire_from(probe->b + ETH + (v6 ? 8 : 12), 32);
	struct addr128 us = v6 ? wire_get_v6(&r) : wire_get_v4(&r);
	struct addr128 them = v6 ? wire_get_v6(&r) : wire_get_v4(&r);

	return forge_error(probe->b + ETH, (v6 ? 40 : 20) + quoted, them, us, v6 ? 1 : 3,
	                   v6 ? 4 : 3);
}

/* Port unreachable is accepted with 8 bytes quoted and with everything, and not with
 * any bit of the first 8 changed. */
static inline void udp_check_quotes(const struct reply_context *c,
                                    const struct frame *probe, uint16_t port)
{
	size_t l4 = forge_l4(probe), all = probe->n - l4;
	struct observation o;
	struct frame f;

	if (all > 1000)
		all = 1000;
	for (size_t n = 0; n <= all; n++) {
		f = udp_closed(probe, n);
		assert_int_equal(forge_accept(c, &f, &o), n >= 8);
		if (n < 8)
			continue;
		assert_int_equal(o.outcome, OBS_CLOSED);
		assert_int_equal(o.port, port);
		assert_true(o.has_quoted);
		assert_int_equal(o.quoted, 64);
	}
	for (unsigned bit = 0; bit < 64; bit++) {
		struct frame bad = *probe;

		bad.b[l4 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		f = udp_closed(&bad, 8);
		if (forge_accept(c, &f, &o))
			fail_msg("quoted bit %u", bit);
	}
}

#endif
