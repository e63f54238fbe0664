#include "tests/test.h"

#include <stdbool.h>

#include "common/bgp.h"
#include "common/mrt.h"
#include "common/mrt_path.h"
#include "common/rib.h"
#include "common/rng.h"
#include "tests/common/files.h"

/* A file under construction. */
struct out {
	uint8_t b[1 << 16];
	size_t n;
};

static void put(struct out *o, uint64_t v, unsigned bytes)
{
	while (bytes--)
		o->b[o->n++] = (uint8_t)(v >> (8 * bytes));
}

static size_t begin(struct out *o, unsigned type, unsigned subtype)
{
	put(o, 1700000000, 4);
	put(o, type, 2);
	put(o, subtype, 2);
	put(o, 0, 4);
	return o->n;
}

static void end(struct out *o, size_t body)
{
	struct out len = { .n = 0 };

	put(&len, o->n - body, 4);
	memcpy(o->b + body - 4, len.b, 4);
}

/* PEER_INDEX_TABLE with n peers 2001:db8::i, AS 1000 + i; every other one has
 * a 2-byte AS. */
static void put_peers(struct out *o, unsigned n)
{
	size_t body = begin(o, 13, 1);

	put(o, 1, 4);
	put(o, 3, 2);
	put(o, 0x616263, 3);
	put(o, n, 2);
	for (unsigned i = 0; i < n; i++) {
		put(o, i % 2 ? 1 : 3, 1);
		put(o, i, 4);
		put(o, 0x20010db800000000, 8);
		put(o, i, 8);
		put(o, 1000 + i, i % 2 ? 2 : 4);
	}
	end(o, body);
}

/* An AS_PATH of one segment, after an ORIGIN attribute. */
static void put_attrs(struct out *o, unsigned type, const uint32_t *as, unsigned n,
                      unsigned as_size)
{
	put(o, 0x40010100, 4);
	put(o, 0x5002, 2);
	put(o, 2 + n * as_size, 2);
	put(o, type, 1);
	put(o, n, 1);
	for (unsigned i = 0; i < n; i++)
		put(o, as[i], as_size);
}

static void put_entry(struct out *o, unsigned peer, bool addpath, unsigned type,
                      const uint32_t *as, unsigned n)
{
	struct out attrs = { .n = 0 };

	put_attrs(&attrs, type, as, n, 4);
	put(o, peer, 2);
	put(o, 1, 4);
	if (addpath)
		put(o, 7, 4);
	put(o, attrs.n, 2);
	memcpy(o->b + o->n, attrs.b, attrs.n);
	o->n += attrs.n;
}

/* One route 2400:i::/32 by peer 0 from AS i. */
static void put_route(struct out *o, uint32_t i)
{
	size_t body = begin(o, 13, 4);

	put(o, i, 4);
	put(o, 32, 1);
	put(o, 0x24000000 | i, 4);
	put(o, 1, 2);
	put_entry(o, 0, false, 2, (uint32_t[]){ 1, i }, 2);
	end(o, body);
}

/* Read what was built: entries go to a rib. */
static struct rib *load(struct files *f, const struct out *o, struct mrt_stats *st)
{
	struct mrt_peers *peers = mrt_peers_new();
	struct rib *r = rib_new();
	struct mrt_rib route;
	struct bytes b;
	struct mrt *m;
	int rc;

	assert_int_equal(bytes_open(&b, files_put(f, "mrt", o->b, o->n), 1, NULL), 0);
	assert_int_equal(mrt_new(&m, &b, peers), 0);
	while ((rc = mrt_next(m, &route)) > 0)
		assert_int_equal(rib_add_routes(r, &route), 0);
	assert_int_equal(rc, 0);
	*st = *mrt_stats(m);
	mrt_free(m);
	bytes_close(&b);
	mrt_peers_free(peers);
	assert_int_equal(rib_sort(r), 0);
	return r;
}

static void every_kind_of_record_is_read(void **state)
{
	static const struct {
		unsigned subtype;
		bool addpath, v6, generic;
	} cases[] = {
		{ 2, false, false, false }, { 3, false, false, false },
		{ 4, false, true, false },  { 5, false, true, false },
		{ 6, false, true, true },   { 6, false, false, true },
		{ 8, true, false, false },  { 9, true, false, false },
		{ 10, true, true, false },  { 11, true, true, false },
		{ 12, true, true, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct out o = { .n = 0 };
		struct rib_route route;
		struct mrt_stats st;
		struct rib *r;
		size_t body;

		put_peers(&o, 3);
		body = begin(&o, 13, cases[i].subtype);
		put(&o, 9, 4);
		if (cases[i].generic)
			put(&o, cases[i].v6 ? 0x000201 : 0x000101, 3);
		put(&o, 20, 1);
		put(&o, 0x2400ff, 3); /* host bits are set */
		put(&o, 4, 2);
		put_entry(&o, 0, cases[i].addpath, 2, (uint32_t[]){ 5, 6, 7 }, 3);
		put_entry(&o, 1, cases[i].addpath, 2, (uint32_t[]){ 8, 64512 }, 2);
		put_entry(&o, 2, cases[i].addpath, 1, (uint32_t[]){ 9, 3, 9, 0 }, 4);
		put_entry(&o, 2, cases[i].addpath, 2, (uint32_t[]){ 7 }, 1);
		end(&o, body);

		r = load(*state, &o, &st);
		assert_int_equal(rib_count(r), 1);
		assert_int_equal(st.records, 2);
		assert_int_equal(st.malformed + st.resyncs + st.trailing, 0);
		assert_int_equal(rib_route(r, 0, 1, &route), 0);
		assert_int_equal(prefix_is_v4(route.prefix), !cases[i].v6);
		assert_int_equal(route.prefix.len, cases[i].v6 ? 20 : 116);
		assert_int_equal(route.peers, 3);
		assert_int_equal(route.n, 3);
		assert_int_equal(route.origins[0].as, 7);
		assert_int_equal(route.origins[0].peers, 2);
		/* Ties as text: "3,9" before "8". */
		assert_int_equal(route.origins[1].set_n, 2);
		assert_int_equal(route.origins[1].set[0], 3);
		assert_int_equal(route.origins[1].set[1], 9);
		assert_int_equal(route.origins[2].as, 8);
		assert_int_equal(rib_route(r, 0, 2, &route), 0);
		assert_int_equal(route.n, 1);
		rib_free(r);
	}
}

static void table_dump_1_is_read(void **state)
{
	struct out o = { .n = 0 };
	struct rib_route route;
	struct mrt_stats st;
	struct rib *r;

	for (unsigned peer = 0; peer < 100; peer++) {
		struct out attrs = { .n = 0 };
		size_t body = begin(&o, 12, 2);

		put_attrs(&attrs, 2, (uint32_t[]){ 3, 23456 }, 2, 2);
		put(&attrs, 0xc011, 2); /* AS4_PATH */
		put(&attrs, 10, 1);
		put(&attrs, 0x0202, 2);
		put(&attrs, 3, 4);
		put(&attrs, 200000, 4);
		put(&o, 0, 4);
		put(&o, 0x24000001, 4);
		put(&o, 0, 8);
		put(&o, 0, 4);
		put(&o, 32, 1);
		put(&o, 1, 1);
		put(&o, 0, 4);
		put(&o, 0, 8);
		put(&o, peer, 8);
		put(&o, 3, 2);
		put(&o, attrs.n, 2);
		memcpy(o.b + o.n, attrs.b, attrs.n);
		o.n += attrs.n;
		end(&o, body);
	}
	r = load(*state, &o, &st);
	assert_int_equal(st.routes, 100);
	assert_int_equal(rib_count(r), 1);
	assert_int_equal(rib_route(r, 0, 100, &route), 0);
	assert_int_equal(route.peers, 100);
	assert_int_equal(route.n, 1);
	assert_int_equal(route.origins[0].as, 200000);
	assert_int_equal(route.origins[0].peers, 100);
	rib_free(r);
}

static void reserved_numbers_are_told(void **state)
{
	static const uint32_t reserved[] = { 0,     23456,      64496,     64511,
		                             64512, 65534,      65535,     65536,
		                             65551, 4200000000, UINT32_MAX };
	static const uint32_t others[] = { 1, 23455, 23457, 64495, 65552, 4199999999 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		assert_true(mrt_as_is_reserved(reserved[i]));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(mrt_as_is_reserved(others[i]));
}

static void origins_of_odd_paths(void **state)
{
	static const struct {
		const char *what;
		uint8_t b[24];
		size_t n;
		bool good;
		uint32_t as;
	} cases[] = {
		{ "no attribute", { 0 }, 0, true, 0 },
		{ "empty path", { 0x40, 2, 0 }, 3, true, 0 },
		{ "confederation last",
		  { 0x40, 2, 12, 2, 1, 0, 0, 0, 9, 3, 1, 0, 0, 0, 8 },
		  15,
		  true,
		  9 },
		{ "set of one", { 0x40, 2, 6, 1, 1, 0, 0, 0, 9 }, 9, true, 9 },
		{ "empty segment last",
		  { 0x40, 2, 8, 2, 1, 0, 0, 0, 9, 2, 0 },
		  11,
		  true,
		  9 },
		{ "private only", { 0x40, 2, 6, 2, 1, 0, 0, 0xfc, 0 }, 9, true, 0 },
		{ "length over the end", { 0x40, 2, 7, 2, 1, 0, 0, 0, 9 }, 9, false, 0 },
		{ "segment over the end", { 0x40, 2, 6, 2, 2, 0, 0, 0, 9 }, 9, false, 0 },
		{ "segment of type 5", { 0x40, 2, 6, 5, 1, 0, 0, 0, 9 }, 9, false, 0 },
		{ "half a segment", { 0x40, 2, 7, 2, 1, 0, 0, 0, 9, 2 }, 10, false, 0 },
		{ "half a head", { 0x50, 2, 0 }, 3, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct path_origin o;
		bool good = path_origin_find(&o, cases[i].b, cases[i].n, 4);

		if (good != cases[i].good || o.as != cases[i].as || o.set_n)
			fail_msg("%s: %d, AS %u", cases[i].what, good, o.as);
	}
}

/* Cut out any piece of a table: at most the two records it touches are lost. */
static void torn_tables_resync(void **state)
{
	struct rng rng;

	rng_init(&rng, 5);
	for (unsigned round = 0; round < 200; round++) {
		struct out o = { .n = 0 };
		struct mrt_stats st;
		struct rib *r;
		size_t start, at, n;

		put_peers(&o, 2);
		start = o.n;
		for (uint32_t i = 1; i <= 100; i++)
			put_route(&o, i);
		n = 1 + rng_below(&rng, 30);
		at = start + rng_below(&rng, o.n - start - n);
		memmove(o.b + at, o.b + at + n, o.n - at - n);
		o.n -= n;
		r = load(*state, &o, &st);
		if (rib_count(r) < 97)
			fail_msg("%zu bytes cut out at %zu: %zu prefixes left", n, at,
			         rib_count(r));
		assert_true(st.resyncs + st.malformed + st.trailing > 0);
		rib_free(r);
	}
}

static void short_files_give_their_whole_records(void **state)
{
	struct out o = { .n = 0 };
	size_t size, whole;

	put_peers(&o, 2);
	whole = o.n;
	put_route(&o, 1);
	size = o.n - whole;
	for (uint32_t i = 2; i <= 4; i++)
		put_route(&o, i);
	for (size_t n = whole; n < whole + 4 * size; n++) {
		struct mrt_stats st;
		struct rib *r;

		o.n = n;
		r = load(*state, &o, &st);
		assert_int_equal(rib_count(r), (n - whole) / size);
		assert_int_equal(st.trailing, (n - whole) % size);
		rib_free(r);
	}
}

/* A route of so many bits, whose origin is 7 to the first two of n peers, 8 to others. */
static void put_seen(struct out *o, bool v6, unsigned bits, unsigned n)
{
	size_t body = begin(o, 13, v6 ? 4 : 2);

	put(o, 1, 4);
	put(o, bits, 1);
	put(o, 0x24000000 | bits << 8, (bits + 7) / 8);
	put(o, n, 2);
	for (unsigned i = 0; i < n; i++)
		put_entry(o, i, false, 2, (uint32_t[]){ 5, i < 2 ? 7 : 8 }, 2);
	end(o, body);
}

static void announced_prefixes_come_from_dumps(void **state)
{
	struct out o = { .n = 0 };
	struct diag d = { "" };
	struct addr128 a;
	struct bgp *b;
	const char *path;
	uint32_t k;

	put_peers(&o, 3);
	put_seen(&o, true, 32, 3);
	put_seen(&o, true, 24, 1); /* by one peer of three */
	put_seen(&o, true, 0, 3);
	put_seen(&o, false, 24, 3);
	path = files_put(*state, "dump", o.b, o.n);
	assert_int_equal(bgp_load(&b, path, true, &d), 0);
	assert_int_equal(bgp_count(b), 1);
	assert_int_equal(bgp_at(b, 0)->asn, 7);
	assert_int_equal(bgp_at(b, 0)->prefix.len, 32);
	assert_true(addr_parse(&a, "2400:2000::1"));
	assert_true(bgp_find(b, a, &k));
	bgp_free(b);

	/* The end is missing: what there is counts, unless all has to be right. */
	path = files_put(*state, "cut", o.b, o.n - 5);
	assert_int_equal(bgp_load(&b, path, false, &d), 0);
	assert_int_equal(bgp_count(b), 1);
	bgp_free(b);
	assert_int_equal(bgp_load(&b, path, true, &d), ERR_FORMAT);
	assert_non_null(strstr(d.text, "cut: not whole: "));
	d.text[0] = '\0';

	o.n = 0;
	put_peers(&o, 3);
	put_seen(&o, false, 24, 3);
	path = files_put(*state, "v4", o.b, o.n);
	assert_int_equal(bgp_load(&b, path, true, &d), ERR_EMPTY);
	assert_non_null(strstr(d.text, "no IPv6 prefix in it that two peers have"));
}

/* Peers beyond 64, many sets, the same prefix in many records: against counts
 * kept in the plainest way. */
static void peers_are_counted_once(void **state)
{
	enum { PEERS = 700, ORIGINS = 3 };
	bool has[ORIGINS][PEERS] = { { false } };
	unsigned n[ORIGINS] = { 0 }, all = 0;
	struct rib *r = rib_new();
	struct rib_route route;
	struct rng rng;

	(void)state;
	rng_init(&rng, 9);
	for (unsigned i = 0; i < 1500; i++) {
		uint32_t set[2] = { 5, 6 };
		unsigned k = (unsigned)rng_below(&rng, ORIGINS);
		struct mrt_entry e = { .peer = (uint32_t)rng_below(&rng, PEERS) };
		struct mrt_rib m = { .n = 1, .entries = &e, .sets = set };

		assert_true(prefix_parse(&m.prefix, "2400::/32"));
		if (k == 2)
			e.set_n = 2;
		else
			e.origin = 100 + k;
		has[k][e.peer] = true;
		assert_int_equal(rib_add_routes(r, &m), 0);
	}
	for (unsigned p = 0; p < PEERS; p++) {
		for (unsigned k = 0; k < ORIGINS; k++)
			n[k] += has[k][p];
		all += has[0][p] || has[1][p] || has[2][p];
	}
	assert_int_equal(rib_sort(r), 0);
	assert_int_equal(rib_route(r, 0, 1, &route), 0);
	assert_int_equal(route.peers, all);
	assert_int_equal(route.n, ORIGINS);
	for (size_t i = 0; i < route.n; i++) {
		const struct rib_origin *o = &route.origins[i];

		assert_int_equal(o->peers, n[o->set_n ? 2 : o->as - 100]);
		assert_true(i == 0 || o->peers <= route.origins[i - 1].peers);
	}
	rib_free(r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_record_is_read),
		cmocka_unit_test(table_dump_1_is_read),
		cmocka_unit_test(reserved_numbers_are_told),
		cmocka_unit_test(origins_of_odd_paths),
		cmocka_unit_test(torn_tables_resync),
		cmocka_unit_test(short_files_give_their_whole_records),
		cmocka_unit_test(announced_prefixes_come_from_dumps),
		cmocka_unit_test(peers_are_counted_once),
	};

	return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
