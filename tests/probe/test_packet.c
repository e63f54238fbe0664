#include "tests/test.h"

#include "common/rng.h"
#include "tests/probe/forge.h"

/* Against the slow sum, for every length including odd ones. */
static void sum_agrees_with_a_naive_one(void **state)
{
	uint8_t buf[1600];
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (size_t n = 0; n < sizeof(buf); n++) {
		for (size_t i = 0; i < n; i++)
			buf[i] = rng_below(&r, 4) ? (uint8_t)rng_next(&r) : 0xff;
		if (inet_fold(inet_sum(0, buf, n)) != (uint16_t)forge_sum(0, buf, n))
			fail_msg("length %zu", n);
	}
}

static void fold_keeps_the_residue(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 2);
	for (int i = 0; i < 100000; i++) {
		uint64_t sum = rng_next(&r) >> rng_below(&r, 64);

		assert_int_equal(inet_fold(sum) % 65535, sum % 65535);
		assert_int_equal(inet_fold(sum) == 0, sum == 0);
	}
	assert_int_equal(inet_fold(UINT64_MAX), 0xffff);
}

/* Random templates, addresses and fields: the incremental checksum is the one
 * that summing the finished packet gives. */
static void incremental_checksums_are_right(void **state)
{
	static const uint8_t protos[] = { 1, 6, 58 };
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	for (int i = 0; i < 20000; i++) {
		struct packet_plan plan = { .ethernet = true, .hop_limit = 9 };
		uint8_t l4[PACKET_L4_MAX];
		size_t n = 24 + rng_below(&r, 200), at;
		struct packet_template t;
		struct packet_fill fill;
		struct frame f = { .n = 0 };
		struct addr128 src, dst;

		plan.ip_proto = protos[rng_below(&r, 3)];
		plan.v6 = plan.ip_proto == 58 || (plan.ip_proto == 6 && rng_below(&r, 2));
		plan.checksum_at = (uint16_t)forge_checksum_at(plan.ip_proto);
		src = plan.v6 ? (struct addr128){ rng_next(&r) | 1, rng_next(&r) }
		              : addr_from_v4((uint32_t)rng_next(&r));
		dst = plan.v6 ? (struct addr128){ rng_next(&r) | 1, rng_next(&r) }
		              : addr_from_v4((uint32_t)rng_next(&r));
		for (size_t k = 0; k < n; k++)
			l4[k] = (uint8_t)rng_next(&r);
		memset(l4 + plan.checksum_at, 0, 2);
		at = 18 + 2 * rng_below(&r, 2);
		memset(l4 + at, 0, 4);
		assert_int_equal(packet_template_init(&t, &plan, l4, n), 0);
		packet_start(&fill, &t, f.b, src, dst);
		fill_put32(&fill, at, (uint32_t)rng_next(&r));
		assert_true(packet_finish(&fill, &t));
		f.n = t.len;

		assert_int_equal(f.n, ETH + (plan.v6 ? 40 : 20) + n);
		assert_int_equal(forge_get16(f.b + forge_l4(&f) + plan.checksum_at),
		                 forge_l4_checksum(&f, forge_l4(&f), n, plan.ip_proto));
		if (!plan.v6)
			assert_int_equal(forge_sum(0, f.b + ETH, 20), 0xffff);
	}
}

/* A tag moves everything behind the MAC addresses, and changes nothing else. */
static void a_vlan_tag_is_in_its_place(void **state)
{
	static const uint8_t tag[4] = { 0x81, 0x00, 0x0f, 0xfe };
	struct packet_plan plan = { .ethernet = true,
		                    .src_mac = { 2, 1 },
		                    .dst_mac = { 2, 2 },
		                    .hop_limit = 9,
		                    .checksum_at = 2 };
	uint8_t l4[28] = { 8 }, frame[2][PACKET_MAX];
	struct packet_template t[2];
	struct packet_fill fill;
	struct wire w;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		plan.v6 = v6;
		plan.ip_proto = v6 ? 58 : 1;
		for (int tagged = 0; tagged < 2; tagged++) {
			plan.vlan = tagged ? 4094 : 0;
			assert_int_equal(packet_template_init(&t[tagged], &plan, l4, 28),
			                 0);
			packet_start(&fill, &t[tagged], frame[tagged],
			             v6 ? forge_addr("::1") : forge_addr("192.0.2.1"),
			             v6 ? forge_addr("::2") : forge_addr("192.0.2.2"));
			fill_put32(&fill, 8, 0x01020304);
			assert_true(packet_finish(&fill, &t[tagged]));
		}
		assert_int_equal(t[1].len, t[0].len + 4);
		assert_memory_equal(frame[1], frame[0], 12);
		assert_memory_equal(frame[1] + 12, tag, 4);
		assert_memory_equal(frame[1] + 16, frame[0] + 12, t[0].len - 12);
		w = wire_from(frame[1], t[1].len);
		assert_true(packet_strip(&w, PACKET_L2_ETHERNET));
		assert_int_equal(wire_left(&w), t[0].len - 14);
	}
}

static void fields_outside_the_packet_are_refused(void **state)
{
	struct packet_plan plan = { .ip_proto = 58, .v6 = true, .checksum_at = 2 };
	uint8_t l4[28] = { 0 }, frame[PACKET_MAX];
	struct packet_template t;
	struct packet_fill fill;

	(void)state;
	assert_int_equal(packet_template_init(&t, &plan, l4, sizeof(l4)), 0);
	packet_start(&fill, &t, frame, forge_addr("::1"), forge_addr("::2"));
	fill_put32(&fill, 26, 1); /* two bytes beyond */
	assert_false(packet_finish(&fill, &t));
	packet_start(&fill, &t, frame, forge_addr("::1"), forge_addr("::2"));
	fill_put16(&fill, 5, 1); /* odd: its sum would be shifted */
	assert_false(packet_finish(&fill, &t));
	assert_true(packet_template_init(&t, &plan, l4, PACKET_L4_MAX + 1) < 0);
	plan.checksum_at = 27;
	assert_true(packet_template_init(&t, &plan, l4, sizeof(l4)) < 0);
}

static bool parse_ip(struct packet *p, const uint8_t *b, size_t n,
                     enum packet_origin origin)
{
	return packet_parse(p, wire_from(b, n), origin);
}

/* A v6 header with room for what follows. */
static size_t v6_header(uint8_t *b, uint8_t next, size_t payload)
{
	memset(b, 0, 40);
	b[0] = 0x60;
	forge_put16(b + 4, (unsigned)payload);
	b[6] = next;
	b[7] = 64;
	b[8] = b[24] = 0x20;
	return 40;
}

static void extension_headers_are_walked(void **state)
{
	/* hop-by-hop (16 bytes), routing done (8), atomic fragment (8), AH (24),
	 * destination options (8), then ICMPv6 */
	static const uint8_t chain[] = {
		43, 1, 1, 12, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, /* next: routing */
		44, 0, 4, 0,  0, 0, 0, 0,                          /* next: fragment */
		51, 0, 0, 0,  9, 9, 9, 9,                          /* next: AH */
		60, 4, 0, 0,  0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0,
		0,  0, 0, 0,  0, 0, 0, 0, 58, 0, 1, 4, 0, 0, 0, 0,
	};
	uint8_t b[40 + sizeof(chain) + 8];
	struct packet p;

	(void)state;
	v6_header(b, 0, sizeof(chain) + 8);
	memcpy(b + 40, chain, sizeof(chain));
	memset(b + 40 + sizeof(chain), 0xee, 8);
	assert_true(parse_ip(&p, b, sizeof(b), PACKET_RECEIVED));
	assert_int_equal(p.proto, 58);
	assert_int_equal(wire_left(&p.l4), 8);
	assert_int_equal(*p.l4.at, 0xee);
	assert_false(p.packed);
	for (size_t n = 0; n < sizeof(b); n++) /* cut anywhere */
		assert_false(parse_ip(&p, b, n, PACKET_RECEIVED));

	b[40 + 16 + 3] = 1; /* a segment is left */
	assert_false(parse_ip(&p, b, sizeof(b), PACKET_RECEIVED));
	b[40 + 16 + 3] = 0;
	b[40 + 24 + 3] = 1; /* more fragments follow */
	assert_true(parse_ip(&p, b, sizeof(b), PACKET_RECEIVED));
	assert_true(p.packed);
	assert_false(packet_checksum_ok(&p));
	b[40 + 24 + 3] = 8; /* a later fragment */
	assert_false(parse_ip(&p, b, sizeof(b), PACKET_RECEIVED));
}

static void header_chains_end(void **state)
{
	uint8_t b[40 + 8 * 64];
	struct packet p;

	(void)state;
	v6_header(b, 60, sizeof(b) - 40);
	memset(b + 40, 0, sizeof(b) - 40);
	for (size_t i = 40; i < sizeof(b); i += 8)
		b[i] = 60;
	assert_false(parse_ip(&p, b, sizeof(b), PACKET_RECEIVED));
	b[41] = 255; /* longer than the packet */
	assert_false(parse_ip(&p, b, sizeof(b), PACKET_QUOTED));
}

static void v4_headers_are_checked(void **state)
{
	uint8_t b[32] = { 0x46, 0, 0, 32, 0,   0, 0x40, 0, 64, 1, 0, 0,
		          192,  0, 2, 9,  192, 0, 2,    1, 1,  1, 1, 1 };
	struct packet p;

	(void)state;
	forge_put16(b + 10, (uint16_t)~forge_sum(0, b, 24));
	assert_true(parse_ip(&p, b, sizeof(b), PACKET_RECEIVED));
	assert_int_equal(wire_left(&p.l4), 8);
	assert_true(addr_eq(p.src, forge_addr("192.0.2.9")));
	for (unsigned bit = 0; bit < 24 * 8; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (parse_ip(&p, b, sizeof(b), PACKET_RECEIVED))
			fail_msg("header bit %u", bit);
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	b[8]--; /* a router has changed it: fine in a quote */
	assert_true(parse_ip(&p, b, sizeof(b), PACKET_QUOTED));
}

/* A mapped address inside an IPv6 header would be taken for IPv4 later. */
static void mapped_addresses_are_refused(void **state)
{
	uint8_t b[48];
	struct packet p;

	(void)state;
	v6_header(b, 58, 8);
	memset(b + 8, 0, 16);
	b[18] = b[19] = 0xff;
	assert_false(parse_ip(&p, b, sizeof(b), PACKET_RECEIVED));
}

/* The sum that a local sender leaves to the hardware, and nothing else. */
static void partial_checksums_are_for_tcp_only(void **state)
{
	struct reply_context c;
	struct frame probe, f;
	struct packet p;

	(void)state;
	forge_context(&c);
	for (unsigned lane = 0; lane < 4; lane++) {
		struct module_shot shot =
			forge_shot(&c, lane, lane % 2 ? "198.51.100.7" : "2001:db8::7",
		                   lane >= 2 ? 443 : 0);
		bool tcp = lane >= 2;
		size_t l4, n;
		uint32_t sum;

		if (lane == 1)
			continue; /* ICMP has no pseudo header */
		forge_probe(&probe, &c, lane, &shot);
		f = probe;
		l4 = forge_l4(&f);
		n = f.n - l4;
		sum = forge_is_v6(&f) ? forge_sum(0, f.b + ETH + 8, 32)
		                      : forge_sum(0, f.b + ETH + 12, 8);
		sum = forge_sum(sum, (uint8_t[]){ 0, forge_proto(&f), 0, (uint8_t)n }, 4);
		forge_put16(f.b + l4 + forge_checksum_at(forge_proto(&f)), sum);
		assert_true(parse_ip(&p, f.b + ETH, f.n - ETH, PACKET_RECEIVED));
		assert_int_equal(packet_checksum_ok(&p), tcp);
		f.b[l4 + forge_checksum_at(forge_proto(&f))] ^= 1;
		assert_true(parse_ip(&p, f.b + ETH, f.n - ETH, PACKET_RECEIVED));
		assert_false(packet_checksum_ok(&p));
	}
}

static void link_layers_are_stripped(void **state)
{
	uint8_t b[32] = { 0 };
	struct wire w;

	(void)state;
	forge_put16(b + 12, 0x8100);
	forge_put16(b + 16, 0x86dd);
	w = wire_from(b, sizeof(b));
	assert_true(packet_strip(&w, PACKET_L2_ETHERNET));
	assert_int_equal(wire_left(&w), 32 - 18);
	forge_put16(b + 12, 0x0806); /* ARP */
	w = wire_from(b, sizeof(b));
	assert_false(packet_strip(&w, PACKET_L2_ETHERNET));
	forge_put16(b + 14, 0x0800);
	w = wire_from(b, sizeof(b));
	assert_true(packet_strip(&w, PACKET_L2_SLL));
	assert_int_equal(wire_left(&w), 16);
	forge_put16(b, 0x0800);
	w = wire_from(b, sizeof(b));
	assert_true(packet_strip(&w, PACKET_L2_SLL2));
	assert_int_equal(wire_left(&w), 12);
	for (size_t n = 0; n < 14; n++) {
		w = wire_from(b, n);
		assert_false(packet_strip(&w, PACKET_L2_ETHERNET));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sum_agrees_with_a_naive_one),
		cmocka_unit_test(fold_keeps_the_residue),
		cmocka_unit_test(incremental_checksums_are_right),
		cmocka_unit_test(a_vlan_tag_is_in_its_place),
		cmocka_unit_test(fields_outside_the_packet_are_refused),
		cmocka_unit_test(extension_headers_are_walked),
		cmocka_unit_test(header_chains_end),
		cmocka_unit_test(v4_headers_are_checked),
		cmocka_unit_test(mapped_addresses_are_refused),
		cmocka_unit_test(partial_checksums_are_for_tcp_only),
		cmocka_unit_test(link_layers_are_stripped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
