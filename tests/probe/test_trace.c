/* Probes with hop limits of their own: what routers quote tells hop limit and time,
 * and load balancers see one flow. */
#include "tests/test.h"

#include "tests/probe/udpforge.h"

#define NOW UINT64_C(1700000000125000) /* when forge_accept() receives */

static const struct {
	const struct probe_module *m;
	uint16_t port;
	size_t needed; /* quoted bytes of the upper layer that tell all */
	bool balanced; /* its checksum is constant, too */
} modules[] = {
	{ &probe_icmp6_echo, 0, 30, true }, { &probe_icmp_echo, 0, 30, true },
	{ &probe_udp, 33434, 30, true },    { &probe_tcp_syn, 80, 32, false },
	{ &probe_tcp_ack, 80, 28, false },  { &probe_tcp_synack, 80, 28, false },
	{ &probe_quic, 443, 36, true },
};

static const char *const targets[] = { "2001:db8::42", "198.51.100.42" };

static void open_trace(struct reply_context *c, const struct probe_module *m)
{
	static const char *const args[] = { "trace" };

	udp_open(c, m, args, 1);
	c->lanes[0] = c->lanes[2];
	c->lanes[1] = c->lanes[3];
	c->n_lanes = 2;
	if (m->families == PROBE_V4)
		c->lanes[0] = c->lanes[1];
	c->scan.trace = true;
}

/* A probe as send.c makes it. */
static void make(struct frame *f, const struct reply_context *c, unsigned v4, size_t i,
                 uint8_t hop, uint64_t sent_us)
{
	struct module_shot shot = forge_shot(c, v4, targets[v4], modules[i].port);
	struct packet_template t = { .v6 = !v4, .ip_at = ETH };

	shot.hop = hop;
	shot.now_us = sent_us;
	forge_probe(f, c, v4, &shot);
	packet_set_hop(&t, f->b, hop, reply_ident(hop, sent_us));
}

/* What a router answers: the hop limit has become 1 on the way. */
static struct frame exceeded(const struct frame *probe, unsigned v4,
                             const struct reply_context *c, size_t quoted)
{
	struct frame f = *probe;

	f.b[ETH + (v4 ? 8 : 7)] = 1;
	return forge_error(f.b + ETH, (v4 ? 20 : 40) + quoted,
	                   forge_addr(v4 ? "203.0.113.9" : "2001:db8:9::9"),
	                   c->sources[v4], v4 ? 11 : 3, 0);
}

static bool has_family(const struct probe_module *m, unsigned v4)
{
	return m->families & (v4 ? PROBE_V4 : PROBE_V6);
}

static void quotes_tell_hop_and_time(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(modules); i++) {
		const struct probe_module *m = modules[i / 2].m;
		unsigned v4 = i & 1;

		if (!has_family(m, v4))
			continue;
		open_trace(&c, m);
		for (uint8_t hop = 1; hop <= MODULE_HOP_MAX; hop++) {
			uint32_t rtt = hop * 1600u;
			size_t needed = modules[i / 2].needed;

			make(&probe, &c, v4, i / 2, hop, NOW - rtt);
			assert_int_equal(probe.b[ETH + (v4 ? 8 : 7)], hop);
			for (size_t n = 8; n <= needed; n++) {
				bool all = n == needed;

				f = exceeded(&probe, v4, &c, n);
				if (!forge_accept(&c, &f, &o))
					fail_msg("%s: %zu quoted", m->name, n);
				assert_int_equal(o.outcome, OBS_TIME_EXCEEDED);
				assert_int_equal(o.port, modules[i / 2].port);
				assert_true(addr_eq(o.target, forge_addr(targets[v4])));
				assert_int_equal(o.quoted, 1);
				/* IPv4 headers tell it always, IPv6 ones never. */
				if (all || v4)
					assert_int_equal(o.hop, hop);
				if (all)
					assert_in_range(o.rtt_us, rtt - 16, rtt + 16);
				else if (v4)
					assert_in_range(o.rtt_us,
					                rtt > 8192 ? rtt - 8192 : 0,
					                rtt + 8192);
			}
		}
		udp_close(&c);
	}
}

/* What load balancers look at does not depend on hop and time; the checksum is
 * nevertheless right. */
static void headers_are_constant(void **state)
{
	struct reply_context c;
	struct frame first, probe;

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(modules); i++) {
		unsigned v4 = i & 1;
		size_t l4, n;

		if (!has_family(modules[i / 2].m, v4))
			continue;
		open_trace(&c, modules[i / 2].m);
		make(&first, &c, v4, i / 2, 1, NOW);
		l4 = forge_l4(&first);
		for (uint32_t k = 0; k < 500; k++) {
			make(&probe, &c, v4, i / 2, (uint8_t)(1 + k % MODULE_HOP_MAX),
			     NOW + UINT64_C(7654321) * k);
			n = modules[i / 2].balanced || modules[i / 2].port == 0 ? 8 : 4;
			assert_memory_equal(probe.b + l4, first.b + l4, n);
			assert_int_equal(
				forge_l4_checksum(&probe, l4, probe.n - l4,
			                          forge_proto(&probe)),
				forge_get16(probe.b + l4 +
			                    forge_checksum_at(forge_proto(&probe))));
			if (v4)
				assert_int_equal(forge_sum(0, probe.b + ETH, 20), 0xffff);
		}
		udp_close(&c);
	}
}

/* No bit that vouches for anything may change.  In TCP that is the first 8 bytes; a
 * stamp that is changed is not believed. */
static void forged_quotes_are_refused(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, bad, f;

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(modules); i++) {
		const struct probe_module *m = modules[i / 2].m;
		bool tcp = m->proto == OBS_TCP, ping = !m->has_port;
		size_t needed = modules[i / 2].needed, l4;
		unsigned v4 = i & 1;

		if (!has_family(m, v4))
			continue;
		open_trace(&c, m);
		make(&probe, &c, v4, i / 2, 5, NOW - 1000);
		l4 = forge_l4(&probe);
		for (size_t bit = 0; bit < 8 * needed; bit++) {
			size_t at = bit / 8;

			if (ping && (at == 2 || at == 3))
				continue; /* routers may change that checksum */
			if (tcp && at >= 8 && at < needed - 4)
				continue;
			if (m->proto == OBS_UDP && at >= needed - 2)
				continue; /* the balance: the checksum has it */
			bad = probe;
			bad.b[l4 + at] ^= (uint8_t)(1 << bit % 8);
			f = exceeded(&bad, v4, &c, needed);
			if (!forge_accept(&c, &f, &o))
				continue;
			if (!tcp || at < 8)
				fail_msg("%s: byte %zu bit %zu", m->name, at, bit % 8);
			/* 8 bits of check: by chance it may fit, to this key it does not. */
			assert_int_equal(o.hop, v4 ? 5 : 0);
		}
		udp_close(&c);
	}
}

/* RFC 4884: 128 bytes are quoted, of a probe that had a few more, and then come
 * labels, which are not to be taken for the rest of it. */
static void extensions_are_no_quote(void **state)
{
	static const char *const args[] = { "data-size=120" };
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	for (unsigned v4 = 0; v4 < 2; v4++) {
		size_t icmp;

		udp_open(&c, v4 ? &probe_icmp_echo : &probe_icmp6_echo, args, 1);
		c.lanes[0] = c.lanes[2];
		c.lanes[1] = c.lanes[3];
		make(&probe, &c, v4, v4, 0, NOW - 1000);
		for (unsigned words = 0; words <= 1; words++) {
			f = exceeded(&probe, v4, &c, probe.n - ETH - (v4 ? 20 : 40));
			icmp = forge_l4(&f);
			memset(f.b + icmp + 8 + 128, 0x20, f.n - icmp - 8 - 128);
			f.b[icmp + (v4 ? 5 : 4)] = words ? (v4 ? 32 : 16) : 0;
			forge_fix(&f);
			assert_int_equal(forge_accept(&c, &f, &o), words);
		}
		/* Less than 128 bytes, or more than there is, is no such length. */
		f = exceeded(&probe, v4, &c, probe.n - ETH - (v4 ? 20 : 40));
		for (unsigned words = 0; words < 256; words++) {
			f.b[icmp + (v4 ? 5 : 4)] = (uint8_t)words;
			forge_fix(&f);
			assert_true(forge_accept(&c, &f, &o));
			assert_int_equal(o.outcome, OBS_TIME_EXCEEDED);
		}
		udp_close(&c);
	}
}

/* A reply of the target tells how far it is. */
static void replies_tell_the_hop(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	for (unsigned v4 = 0; v4 < 2; v4++) {
		open_trace(&c, v4 ? &probe_icmp_echo : &probe_icmp6_echo);
		make(&probe, &c, v4, v4, 9, NOW - 777);
		f = forge_echo_reply(&probe);
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.outcome, OBS_OPEN);
		assert_int_equal(o.hop, 9);
		assert_int_equal(o.rtt_us, 777);
		for (size_t bit = 0; bit < 8 * 26; bit++) {
			struct frame bad = f;

			bad.b[forge_l4(&f) + 4 + bit / 8] ^= (uint8_t)(1 << bit % 8);
			forge_fix(&bad);
			if (forge_accept(&c, &bad, &o))
				fail_msg("bit %zu", bit);
		}
		udp_close(&c);
	}
}

/* Without a scan that traces, the identification of a quote means nothing. */
static void idents_mean_nothing_else(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	open_trace(&c, &probe_icmp_echo);
	make(&probe, &c, 1, 1, 5, NOW - 1000);
	f = exceeded(&probe, 1, &c, 8);
	assert_true(forge_accept(&c, &f, &o));
	assert_int_equal(o.hop, 5);
	for (unsigned hop = 0; hop < 256; hop++) {
		struct packet_template t = { .ip_at = ETH };

		packet_set_hop(&t, probe.b, 5, (uint16_t)(hop << 8));
		f = exceeded(&probe, 1, &c, 8);
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.hop, hop <= MODULE_HOP_MAX ? hop : 0);
	}
	c.scan.trace = false;
	packet_set_hop(&(struct packet_template){ .ip_at = ETH }, probe.b, 5, 5 << 8);
	f = exceeded(&probe, 1, &c, 8);
	assert_true(forge_accept(&c, &f, &o));
	assert_int_equal(o.hop, 0);
	udp_close(&c);
}

static void payloads_come_before_the_trailer(void **state)
{
	static const char *const cases[][2] = {
		{ "payload=text:odd", "odd" },
		{ "contact=mailto:a@b.example", "mailto:a@b.example" },
	};
	char big[2 * 1272 + 16] = "payload=hex:";
	const char *args[2] = { "trace", big };
	struct opt_list list = { args, 2 };
	struct reply_context c;
	struct observation o;
	struct frame probe, f;
	bool used[2];
	void *s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *const given[] = { "trace", cases[i][0] };
		size_t n, len = strlen(cases[i][1]);

		udp_open(&c, &probe_udp, given, 2);
		udp_probe(&probe, &c, 0, 33434);
		assert_string_equal((const char *)udp_payload(&probe, &n), cases[i][1]);
		assert_int_equal(n, ((len + 2) & ~(size_t)1) + 22);
		f = udp_closed(&probe, n + 8);
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.tag, 0xdeadbeef);
		udp_close(&c);
	}
	memset(big + 12, '0', 2 * 1250);
	assert_int_equal(module_state_new(&s, &probe_udp, &list, used, NULL), 0);
	free(s);
	strcat(big, "00");
	assert_int_equal(module_state_new(&s, &probe_udp, &list, used, NULL), ERR_PARSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes_tell_hop_and_time),
		cmocka_unit_test(headers_are_constant),
		cmocka_unit_test(forged_quotes_are_refused),
		cmocka_unit_test(extensions_are_no_quote),
		cmocka_unit_test(replies_tell_the_hop),
		cmocka_unit_test(idents_mean_nothing_else),
		cmocka_unit_test(payloads_come_before_the_trailer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
