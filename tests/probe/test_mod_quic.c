#include "tests/test.h"

#include "tests/probe/udpforge.h"

enum { DCID_AT = 6, DCID = 9, SCID_AT = 16, SCID = 12, IDS = 7 + DCID + SCID };

/* What a server makes of the probe: RFC 9000 section 17.2.1. */
static size_t negotiate(uint8_t *b, const struct frame *probe, const uint32_t *versions,
                        unsigned n_versions)
{
	size_t n;
	const uint8_t *p = udp_payload(probe, &n);
	struct wire_out w = { b, b + 600, false };

	wire_put8(&w, 0x80 | 0x2b);
	wire_put32(&w, 0);
	wire_put8(&w, SCID);
	wire_put(&w, p + SCID_AT, SCID);
	wire_put8(&w, DCID);
	wire_put(&w, p + DCID_AT, DCID);
	for (unsigned i = 0; i < n_versions; i++)
		wire_put32(&w, versions[i]);
	return (size_t)(w.at - b);
}

static void versions_are_read(void **state)
{
	static const uint32_t versions[] = { 1, 0x6b3343cf, 0xff00001d };
	struct reply_context c;
	struct observation o;
	struct frame probe, f;
	const uint8_t *p;
	uint8_t b[600];
	size_t n;

	(void)state;
	udp_open(&c, &probe_quic, NULL, 0);
	for (unsigned v4 = 0; v4 < 2; v4++) {
		udp_probe(&probe, &c, v4, 443);
		p = udp_payload(&probe, &n);
		assert_int_equal(n, 1200);
		assert_memory_equal(p, "\xc0\x1a\x2a\x3a\x4a\x09", 6);
		assert_int_equal(p[DCID_AT + DCID], SCID);
		n = negotiate(b, &probe, versions, 3);
		f = udp_answer(&probe, b, n);
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.outcome, OBS_OPEN);
		assert_int_equal(o.detail, OBS_QUIC);
		assert_int_equal(o.more.quic.n, 3);
		assert_memory_equal(o.more.quic.version, versions, sizeof(versions));
		assert_int_equal(o.tag, 0xdeadbeef);
		assert_int_equal(o.rtt_us, 125000 - 123456);
		udp_check_quotes(&c, &probe, 443);
		f = udp_closed(&probe, 100);
		assert_true(forge_accept(&c, &f, &o));
		assert_int_equal(o.tag, 0xdeadbeef);
		assert_int_equal(o.rtt_us, 125000 - 123456);
	}
	udp_close(&c);
}

static void forgeries_are_refused(void **state)
{
	static const uint32_t versions[] = { 1, 2 };
	struct reply_context c;
	struct observation o;
	struct frame probe, f;
	uint8_t b[600];
	size_t n;

	(void)state;
	udp_open(&c, &probe_quic, NULL, 0);
	for (unsigned v4 = 0; v4 < 2; v4++) {
		udp_probe(&probe, &c, v4, 443);
		n = negotiate(b, &probe, versions, 2);
		for (size_t cut = 0; cut <= n; cut++) {
			f = udp_answer(&probe, b, cut);
			assert_int_equal(forge_accept(&c, &f, &o),
			                 cut == n || cut == n - 4);
		}
		for (size_t bit = 0; bit < 8 * IDS; bit++) {
			if (bit < 7)
				continue; /* unused bits of the first byte */
			b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			f = udp_answer(&probe, b, n);
			if (forge_accept(&c, &f, &o))
				fail_msg("bit %zu", bit);
			b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t bit = 0; bit < 32; bit++) {
			f = udp_answer(&probe, b, n);
			f.b[forge_l4(&f) + bit / 8] ^= (uint8_t)(1 << bit % 8);
			forge_fix(&f);
			assert_false(forge_accept(&c, &f, &o));
		}
		/* Of a quote long enough, the ids count as well. */
		for (size_t bit = 0; bit < 8 * 28; bit++) {
			struct frame bad = probe;

			bad.b[forge_l4(&bad) + 8 + bit / 8] ^= (uint8_t)(1 << bit % 8);
			f = udp_closed(&bad, 300);
			if (forge_accept(&c, &f, &o))
				fail_msg("quoted bit %zu", bit);
		}
	}
	udp_close(&c);
}

/* RFC 9000 section 6.2: a list with the version that we asked for is no answer. */
static void our_own_version_is_no_answer(void **state)
{
	static const char *const args[] = { "version=5a6a7a8a", "size=1272" };
	static const uint32_t versions[] = { 1, 0x1a2a3a4a, 0x5a6a7a8a };
	struct reply_context c;
	struct observation o;
	struct frame probe, f;
	uint8_t b[600];
	size_t n;

	(void)state;
	udp_open(&c, &probe_quic, args, 2);
	udp_probe(&probe, &c, 0, 443);
	udp_payload(&probe, &n);
	assert_int_equal(n, 1272);
	f = udp_answer(&probe, b, negotiate(b, &probe, versions, 2));
	assert_true(forge_accept(&c, &f, &o));
	f = udp_answer(&probe, b, negotiate(b, &probe, versions, 3));
	assert_false(forge_accept(&c, &f, &o));
	udp_close(&c);
}

/* What tag and time add to the checksum is taken out again: it is the same for every
 * packet of a flow, so that load balancers have no reason to part them. */
static void checksums_are_constant(void **state)
{
	struct reply_context c;
	struct frame probe;
	uint16_t first = 0;

	(void)state;
	udp_open(&c, &probe_quic, NULL, 0);
	for (unsigned i = 0; i < 1000; i++) {
		struct module_shot shot = forge_shot(&c, 2, "2001:db8::42", 443);

		shot.tag = i * 77777;
		shot.now_us += i * UINT64_C(123456789);
		forge_probe(&probe, &c, 2, &shot);
		if (i == 0)
			first = forge_get16(probe.b + forge_l4(&probe) + 6);
		assert_int_equal(forge_get16(probe.b + forge_l4(&probe) + 6), first);
		assert_int_equal(forge_l4_checksum(&probe, forge_l4(&probe), 1208, 17),
		                 first);
	}
	udp_close(&c);
}

static void bad_arguments_are_told(void **state)
{
	static const char *const bad[] = { "version=1",        "version=00000001",
		                           "version=1a2a3a4b", "version=1a2a3a4g",
		                           "version=",         "size=1199",
		                           "size=1273",        "size" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct opt_list args = { (const char **)&bad[i], 1 };
		struct diag d = { "" };
		bool used[1];
		void *s;

		if (module_state_new(&s, &probe_quic, &args, used, &d) != ERR_PARSE)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(d.text[0] != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_read),
		cmocka_unit_test(forgeries_are_refused),
		cmocka_unit_test(our_own_version_is_no_answer),
		cmocka_unit_test(checksums_are_constant),
		cmocka_unit_test(bad_arguments_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
