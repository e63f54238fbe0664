/* Which module of a scan takes which port, where several have one protocol. */
#include "tests/test.h"

#include "probe/lanes.h"

static struct probe_scan *open_scan(const char *const *names, struct diag *d)
{
	struct probe_config cfg = { .rate_pps = 1, .probes = 1 };
	struct scan_way way = { .receiver = NULL };
	struct probe_scan *s = NULL;

	for (cfg.modules.n = 0; names[cfg.modules.n]; cfg.modules.n++)
		;
	cfg.modules.v = (const char **)names;
	assert_int_equal(link_memory_open(&way.links[0][0], NULL, NULL), 0);
	way.links[0][1] = way.links[0][0];
	return scan_open(&s, &cfg, &way, d) < 0 ? NULL : s;
}

/* The name of the module for that port; "": none.  No two are. */
static const char *taker(const struct probe_scan *s, uint32_t port, unsigned family)
{
	const char *name = "";

	for (unsigned i = 0; i < s->n_lanes; i++) {
		const struct reply_lane *l = &s->lanes[i].reply;

		if (l->family != family || !lane_fits(l, port))
			continue;
		if (*name)
			fail_msg("%s and %s take port %u", name, l->module->name, port);
		name = l->module->name;
	}
	return name;
}

static void ports_choose_the_module(void **state)
{
	static const struct {
		const char *names[6];
		uint32_t port;
		const char *who;
	} cases[] = {
		{ { "dns", "quic" }, PROBE_UDP | 53, "dns" },
		{ { "quic", "dns" }, PROBE_UDP | 443, "quic" },
		{ { "dns", "quic" }, PROBE_UDP | 80, "" },
		{ { "dns" }, PROBE_UDP | 80, "dns" }, /* alone: any */
		{ { "udp", "dns", "quic" }, PROBE_UDP | 53, "dns" },
		{ { "udp", "dns", "quic" }, PROBE_UDP | 123, "udp" },
		{ { "dns=5353", "udp" }, PROBE_UDP | 5353, "dns" },
		{ { "dns=5353", "udp" }, PROBE_UDP | 53, "udp" },
		{ { "dns=53,5353", "quic" }, PROBE_UDP | 5353, "dns" },
		{ { "udp=53", "dns", "quic" }, PROBE_UDP | 53, "udp" },
		{ { "dns=53" }, PROBE_UDP | 54, "" },
		{ { "tcp-syn", "tcp-ack=443" }, PROBE_TCP | 443, "tcp-ack" },
		{ { "tcp-syn", "tcp-ack=443" }, PROBE_TCP | 80, "tcp-syn" },
		{ { "tcp-syn", "dns", "udp" }, PROBE_TCP | 53, "tcp-syn" },
		{ { "tcp_synscan=1-9", "udp" }, PROBE_TCP | 9, "tcp-syn" },
		{ { "icmp6-echo", "icmp-echo", "dns" }, 0, "icmp6-echo" },
		{ { "icmp6-echo", "icmp-echo", "dns" }, PROBE_HOP(7), "icmp6-echo" },
		{ { "quic", "dns" }, PROBE_UDP | 443 | PROBE_HOP(9), "quic" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct diag d = { "" };
		struct probe_scan *s = open_scan(cases[i].names, &d);
		const char *who;

		if (!s)
			fail_msg("case %zu: %s", i, d.text);
		who = taker(s, cases[i].port, PROBE_V6);
		if (strcmp(who, cases[i].who) != 0)
			fail_msg("case %zu: '%s', expected '%s'", i, who, cases[i].who);
		if (cases[i].port & (PROBE_TCP | PROBE_UDP))
			assert_string_equal(taker(s, cases[i].port, PROBE_V4),
			                    cases[i].who);
		assert_int_equal(probe_takes_port(s, cases[i].port),
		                 *cases[i].who != '\0');
		probe_close(s);
	}
}

/* With one module for the rest, each port has exactly one, and a reply finds it, too. */
static void each_port_has_one_module(void **state)
{
	static const char *const names[] = { "dns=53,5000-5999", "quic",         "udp",
		                             "tcp-syn",          "tcp-ack=1-80", NULL };
	struct diag d = { "" };
	struct probe_scan *s = open_scan(names, &d);

	(void)state;
	assert_non_null(s);
	for (unsigned port = 1; port < 65536; port++) {
		bool dns = port == 53 || (port >= 5000 && port <= 5999);
		const struct probe_module *m = dns           ? &probe_dns
		                               : port == 443 ? &probe_quic
		                                             : &probe_udp;

		for (unsigned family = PROBE_V4; family <= PROBE_V6; family <<= 1) {
			assert_string_equal(taker(s, PROBE_UDP | port, family), m->name);
			assert_ptr_equal(
				reply_find_lane(&s->reply, family, 17, (uint16_t)port)
					->module,
				m);
			assert_ptr_equal(
				reply_find_lane(&s->reply, family, 6, (uint16_t)port)
					->module,
				port <= 80 ? &probe_tcp_ack : &probe_tcp_syn);
		}
	}
	probe_close(s);
}

static void rivals_are_refused(void **state)
{
	static const struct {
		const char *names[4], *why;
	} cases[] = {
		{ { "tcp-syn", "tcp-ack" }, "-M tcp-ack=PORTS" },
		{ { "dns", "dns" }, "cannot share a scan" },
		{ { "dns=53", "quic=50-60" }, "cannot share a scan" },
		{ { "icmp6-echo", "icmp6-ni" }, "cannot share a scan" },
		{ { "icmp6-echo=7" }, "no ports" },
		{ { "dns=udp/53" }, "bare ports" },
		{ { "dns=icmp" }, "bare ports" },
		{ { "dns=" }, "port ''" },
		{ { "dns=0" }, "port '0'" },
		{ { "dnssec" }, "no probe module 'dnssec'" },
		{ { "traceroute" }, "--hop-limit" },
		{ { "dn=53" }, "no probe module" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct diag d = { "" };

		assert_null(open_scan(cases[i].names, &d));
		if (!strstr(d.text, cases[i].why))
			fail_msg("case %zu: '%s'", i, d.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_choose_the_module),
		cmocka_unit_test(each_port_has_one_module),
		cmocka_unit_test(rivals_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
