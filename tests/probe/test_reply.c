#include "tests/test.h"

#include "common/rng.h"
#include "tests/probe/forge.h"

static const char *const targets[] = { "2001:db8::42", "198.51.100.42", "2001:db8::42",
	                               "198.51.100.42" };
static const char *const routers[] = { "2001:db8:ffff::1", "203.0.113.1" };

static void make(struct frame *probe, const struct reply_context *c, unsigned lane)
{
	struct module_shot shot = forge_shot(c, lane, targets[lane], lane >= 2 ? 443 : 0);

	forge_probe(probe, c, lane, &shot);
}

static struct frame error_about(const struct reply_context *c, const struct frame *probe,
                                const char *from, uint8_t type, uint8_t code, size_t cut)
{
	return forge_error(probe->b + ETH, probe->n - ETH - cut, forge_addr(from),
	                   c->sources[addr_is_v4(forge_addr(from))], type, code);
}

static void outcomes_follow_type_code_and_sender(void **state)
{
	static const struct {
		unsigned v4, type, code;
		bool from_target;
		int outcome; /* -1: refused */
	} cases[] = {
		{ 0, 1, 0, false, OBS_UNREACHABLE },   /* no route */
		{ 0, 1, 3, false, OBS_UNREACHABLE },   /* address unreachable */
		{ 0, 1, 4, true, OBS_CLOSED },         /* port, says the host */
		{ 0, 1, 4, false, OBS_UNREACHABLE },   /* port, says another one */
		{ 0, 1, 1, true, OBS_UNREACHABLE },    /* prohibited */
		{ 0, 2, 0, false, OBS_OTHER_ERROR },   /* packet too big */
		{ 0, 3, 0, false, OBS_TIME_EXCEEDED }, /* hop limit */
		{ 0, 4, 1, true, OBS_OTHER_ERROR },    /* parameter problem */
		{ 0, 0, 0, false, -1 },
		{ 0, 5, 0, false, -1 },
		{ 0, 128, 0, false, -1 },
		{ 1, 3, 1, false, OBS_UNREACHABLE }, /* host */
		{ 1, 3, 3, true, OBS_CLOSED },       /* port */
		{ 1, 3, 2, true, OBS_CLOSED },       /* protocol */
		{ 1, 3, 3, false, OBS_UNREACHABLE },
		{ 1, 3, 4, false, OBS_OTHER_ERROR }, /* too big */
		{ 1, 11, 0, false, OBS_TIME_EXCEEDED },
		{ 1, 12, 0, false, OBS_OTHER_ERROR },
		{ 1, 4, 0, false, OBS_OTHER_ERROR },
		{ 1, 5, 0, false, -1 }, /* a redirect is no error */
	};
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (unsigned lane = cases[i].v4; lane < 4; lane += 2) {
			const char *from = cases[i].from_target ? targets[lane]
			                                        : routers[cases[i].v4];
			bool ok;

			make(&probe, &c, lane);
			f = error_about(&c, &probe, from, (uint8_t)cases[i].type,
			                (uint8_t)cases[i].code, 0);
			ok = forge_accept(&c, &f, &o);
			if (ok != (cases[i].outcome >= 0))
				fail_msg("case %zu lane %u: %d", i, lane, ok);
			if (!ok)
				continue;
			assert_int_equal(o.outcome, cases[i].outcome);
			assert_int_equal(o.icmp_type, cases[i].type);
			assert_int_equal(o.icmp_code, cases[i].code);
			assert_true(addr_eq(o.target, forge_addr(targets[lane])));
			assert_true(addr_eq(o.from, forge_addr(from)));
			assert_int_equal(o.port, lane >= 2 ? 443 : 0);
			assert_int_equal(o.proto, c.lanes[lane].module->proto);
			assert_int_equal(o.hop_limit, 250);
			assert_int_equal(o.tag, lane < 2 ? 0xdeadbeef : 0);
		}
	}
}

/* A quote may end anywhere behind the 8 bytes that RFC 792 promises; what it
 * holds of the tag is believed only with the cookie that vouches for it. */
static void quotes_may_be_short(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	for (unsigned lane = 0; lane < 4; lane++) {
		size_t whole, need;

		make(&probe, &c, lane);
		whole = probe.n - ETH;
		need = forge_l4(&probe) - ETH + 8;
		for (size_t cut = 0; cut <= whole; cut++) {
			bool ok = whole - cut >= need;

			f = error_about(&c, &probe, routers[lane % 2], lane % 2 ? 11 : 3,
			                0, cut);
			if (forge_accept(&c, &f, &o) != ok)
				fail_msg("lane %u, %zu bytes quoted", lane, whole - cut);
			if (ok && lane < 2)
				assert_int_equal(o.tag, cut ? 0 : 0xdeadbeef);
		}
	}
}

/* In the outer packet: its sender, and what routers change; type and code say
 * what happened, not whose packet it was.  In the quote: traffic class, flow
 * label, TOS, lengths, identification, flags, hop limit, both checksums, and
 * of TCP what lies behind the 8 bytes that are always there. */
static bool is_theirs(bool v4, bool tcp, size_t byte)
{
	size_t outer = ETH + (v4 ? 20 : 40), quote = outer + 8, l4;

	if (byte < outer + 8)
		return true;
	byte -= quote;
	l4 = v4 ? 20 : 40;
	if (byte >= l4)
		return tcp ? byte >= l4 + 8 : byte == l4 + 2 || byte == l4 + 3;
	if (!v4)
		return byte < 6 || byte == 7;
	return (byte > 0 && byte < 9) || byte == 10 || byte == 11;
}

static void every_flipped_bit_of_a_quote_is_refused(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, good, f;

	(void)state;
	forge_context(&c);
	for (unsigned lane = 0; lane < 4; lane++) {
		make(&probe, &c, lane);
		good = error_about(&c, &probe, routers[lane % 2], lane % 2 ? 11 : 3, 0,
		                   0);
		assert_true(forge_accept(&c, &good, &o));
		for (size_t bit = 0; bit < 8 * good.n; bit++) {
			if (is_theirs(lane % 2, lane >= 2, bit / 8))
				continue;
			f = good;
			f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(forge_accept(&c, &f, &o));
			forge_fix(&f);
			if (forge_accept(&c, &f, &o))
				fail_msg("lane %u byte %zu bit %zu", lane, bit / 8,
				         bit % 8);
		}
	}
}

static void captures_may_be_cut(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	for (unsigned lane = 0; lane < 4; lane++) {
		size_t whole;

		make(&probe, &c, lane);
		f = error_about(&c, &probe, routers[lane % 2], lane % 2 ? 11 : 3, 0, 0);
		whole = f.n;
		for (f.n = 0; f.n < whole; f.n++)
			assert_false(forge_accept(&c, &f, &o));
	}
}

static void extension_headers_do_not_matter(void **state)
{
	static const uint8_t ext[] = { 43, 0, 1, 4, 0, 0, 0, 0, 58, 0, 4, 0, 0, 0, 0, 0 };
	struct reply_context c;
	struct observation o;
	struct frame probe, f, inner;

	(void)state;
	forge_context(&c);
	make(&probe, &c, 0);
	f = forge_echo_reply(&probe); /* checksums stay right: extensions are not in it */
	f = forge_extend(&f, 60, ext, sizeof(ext));
	assert_true(forge_accept(&c, &f, &o));
	assert_int_equal(o.tag, 0xdeadbeef);

	inner = forge_extend(&probe, 60, ext, sizeof(ext)); /* inside the quote */
	f = error_about(&c, &inner, routers[0], 3, 0, 0);
	assert_true(forge_accept(&c, &f, &o));
	assert_int_equal(o.tag, 0xdeadbeef);

	f = forge_extend(&f, 60, ext, sizeof(ext)); /* around and inside */
	assert_true(forge_accept(&c, &f, &o));
	assert_int_equal(o.outcome, OBS_TIME_EXCEEDED);
}

static void nested_errors_are_refused(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, inner, f;

	(void)state;
	forge_context(&c);
	for (unsigned lane = 0; lane < 4; lane++) {
		make(&probe, &c, lane);
		inner = error_about(&c, &probe, routers[lane % 2], lane % 2 ? 11 : 3, 0,
		                    0);
		f = forge_error(inner.b + ETH, inner.n - ETH,
		                forge_addr(routers[lane % 2]), c.sources[lane % 2],
		                lane % 2 ? 11 : 3, 0);
		assert_false(forge_accept(&c, &f, &o));
		/* also when it pretends that we had sent the inner error */
		memcpy(inner.b + ETH + (lane % 2 ? 12 : 8),
		       probe.b + ETH + (lane % 2 ? 12 : 8), lane % 2 ? 8 : 32);
		forge_fix(&inner);
		f = forge_error(inner.b + ETH, inner.n - ETH,
		                forge_addr(routers[lane % 2]), c.sources[lane % 2],
		                lane % 2 ? 11 : 3, 0);
		assert_false(forge_accept(&c, &f, &o));
	}
}

/* Other people's traffic, and errors about it. */
static void quotes_of_others_are_refused(void **state)
{
	struct reply_context c, other, second;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	other = c;
	other.scan.key.k[5]++;
	for (unsigned lane = 0; lane < 4; lane++) {
		make(&probe, &other, lane);
		f = error_about(&c, &probe, routers[lane % 2], lane % 2 ? 11 : 3, 0, 0);
		assert_false(forge_accept(&c, &f, &o));
		assert_true(forge_accept(&other, &f, &o));
		make(&probe, &c, lane); /* ours, but the error goes to another source */
		f = error_about(&c, &probe, routers[lane % 2], lane % 2 ? 11 : 3, 0, 0);
		f.b[ETH + (lane % 2 ? 19 : 39)] ^= 2;
		forge_fix(&f);
		assert_false(forge_accept(&c, &f, &o));
		second = c; /* even when that one is ours as well */
		second.sources[2] =
			forge_addr(lane % 2 ? "192.0.2.3" : "2001:db8:aaaa::3");
		second.n_sources = 3;
		assert_false(forge_accept(&second, &f, &o));
	}
}

/* An IPv4 packet inside an ICMPv6 error is nobody's. */
static void families_do_not_mix(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;

	(void)state;
	forge_context(&c);
	make(&probe, &c, 1);
	f = error_about(&c, &probe, routers[0], 3, 0, 0);
	assert_false(forge_accept(&c, &f, &o));
	make(&probe, &c, 0);
	f = error_about(&c, &probe, routers[1], 11, 0, 0);
	assert_false(forge_accept(&c, &f, &o));
}

static void noise_is_refused(void **state)
{
	struct reply_context c;
	struct observation o;
	struct frame probe, f;
	struct rng r;

	(void)state;
	forge_context(&c);
	rng_init(&r, 5);
	for (int i = 0; i < 200000; i++) {
		unsigned lane = (unsigned)rng_below(&r, 4);

		make(&probe, &c, lane); /* right addresses and lengths, random rest */
		f = lane < 2 ? forge_echo_reply(&probe) : forge_tcp_reply(&probe, 18, 1);
		for (size_t at = forge_l4(&f) + (lane < 2 ? 4 : 0); at < f.n; at++)
			f.b[at] = (uint8_t)rng_next(&r);
		forge_fix(&f);
		assert_false(forge_accept(&c, &f, &o));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_follow_type_code_and_sender),
		cmocka_unit_test(quotes_may_be_short),
		cmocka_unit_test(every_flipped_bit_of_a_quote_is_refused),
		cmocka_unit_test(captures_may_be_cut),
		cmocka_unit_test(extension_headers_do_not_matter),
		cmocka_unit_test(nested_errors_are_refused),
		cmocka_unit_test(quotes_of_others_are_refused),
		cmocka_unit_test(families_do_not_mix),
		cmocka_unit_test(noise_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
