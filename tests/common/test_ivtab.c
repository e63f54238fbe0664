#include "tests/test.h"

#include <inttypes.h>
#include <unistd.h>

#include "tests/common/failing.h"

#include "common/addrvec.c"
#include "common/ivtab.c"
#include "common/rng.h"

static struct addr128 addr(const char *text)
{
	struct addr128 a;

	if (!addr_parse(&a, text))
		fail_msg("%s", text);
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	if (!prefix_parse(&p, text))
		fail_msg("%s", text);
	return p;
}

/* The model: a list, searched from end to end. */
struct model_entry {
	struct addr128 first, last;
	uint32_t value;
	bool v4; /* not the same as the family of last: ::fffe:0:0/95 */
};

struct model {
	struct model_entry e[6000];
	size_t n;
};

static u128 size_of(const struct model_entry *e)
{
	/* The entry may or may not include the IPv4 addresses that follow. */
	if (addr_eq(e->last, addr("::fffe:ffff:ffff")))
		return wide(addr("::ffff:ffff:ffff")) - wide(e->first);
	return wide(e->last) - wide(e->first);
}

static bool holds(const struct model_entry *e, struct addr128 a)
{
	return e->v4 == addr_is_v4(a) && addr_cmp(e->first, a) <= 0 &&
	       addr_cmp(a, e->last) <= 0;
}

static bool model_lookup(const struct model *m, struct addr128 a, uint32_t *value)
{
	const struct model_entry *best = NULL;

	for (size_t i = 0; i < m->n; i++)
		if (holds(&m->e[i], a) && (!best || size_of(&m->e[i]) <= size_of(best)))
			best = &m->e[i];
	if (best)
		*value = best->value;
	return best != NULL;
}

static void model_add(struct model *m, struct ivtab_builder *b, struct addr128 first,
                      struct addr128 last, uint32_t value)
{
	assert_true(m->n < ARRAY_LEN(m->e));
	m->e[m->n++] = (struct model_entry){ first, last, value, addr_is_v4(first) };
	assert_int_equal(ivtab_add_range(b, first, last, value), 0);
}

static void check_lookup(const struct ivtab *t, const struct model *m, struct addr128 a)
{
	uint32_t want = 0, got = 0;
	bool hit = model_lookup(m, a, &want);
	char text[ADDR_STRLEN];

	addr_format(text, a);
	if (ivtab_lookup(t, a, &got) != hit)
		fail_msg("%s: covered %d", text, hit);
	if (hit && got != want)
		fail_msg("%s: value %u instead of %u", text, got, want);
	assert_int_equal(ivtab_covers(t, a), hit);
}

/* Every entry at its ends, and one step outside them. */
static void check_boundaries(const struct ivtab *t, const struct model *m)
{
	for (size_t i = 0; i < m->n; i++) {
		check_lookup(t, m, m->e[i].first);
		check_lookup(t, m, m->e[i].last);
		check_lookup(t, m, narrow(wide(m->e[i].first) - 1));
		check_lookup(t, m, narrow(wide(m->e[i].last) + 1));
	}
}

/* The intervals are disjoint, in order, merged, and say what lookup says. */
static void check_intervals(const struct ivtab *t, const struct model *m)
{
	struct ivtab_interval prev = { 0 };

	for (size_t i = 0; i < ivtab_count(t); i++) {
		struct ivtab_interval v = ivtab_at(t, i);

		assert_true(addr_cmp(v.first, v.last) <= 0);
		assert_int_equal(addr_is_v4(v.first), addr_is_v4(v.last));
		check_lookup(t, m, v.first);
		check_lookup(t, m, v.last);
		if (i > 0 && addr_is_v4(v.first) == addr_is_v4(prev.first)) {
			assert_true(addr_cmp(prev.last, v.first) < 0);
			assert_false(addr_eq(addr_next(prev.last), v.first) &&
			             prev.value == v.value);
		} else if (i > 0) {
			assert_true(addr_is_v4(v.first));
		}
		prev = v;
	}
}

/* Whether all of p is covered can only change where an entry ends. */
static void check_prefix(const struct ivtab *t, const struct model *m, struct prefix p)
{
	struct addr128 last = prefix_last(p);
	bool v4 = prefix_is_v4(p), any = false, all;
	uint32_t v;

	all = model_lookup(m, p.addr, &v);
	for (size_t i = 0; i < m->n; i++) {
		struct addr128 after = addr_next(m->e[i].last);

		if (m->e[i].v4 != v4)
			continue;
		any = any || (addr_cmp(m->e[i].first, last) <= 0 &&
		              addr_cmp(p.addr, m->e[i].last) <= 0);
		if (addr_is_v4(after) && !v4)
			after = addr("::1:0:0:0");
		if (addr_cmp(p.addr, after) <= 0 && addr_cmp(after, last) <= 0)
			all = all && model_lookup(m, after, &v);
	}
	assert_int_equal(ivtab_overlaps(t, p), any);
	assert_int_equal(ivtab_covers_all(t, p), all);
}

/* Addresses of few networks and of small distances, so that entries nest, touch
 * and overlap; IPv4 and IPv6, ends of the space included. */
static struct addr128 random_addr(struct rng *r)
{
	static const struct addr128 bases[] = {
		{ 0, 0 },
		{ UINT64_C(0x1fffffffffffffff), UINT64_MAX - 100 },
		{ UINT64_C(0x20010db800000000), 0 },
		{ UINT64_C(0x20010db800000001), UINT64_MAX - 20 },
		{ UINT64_C(0x3fffffffffffffff), UINT64_MAX - 20 },
		{ UINT64_MAX, UINT64_MAX - 300 },
		{ 0, UINT64_C(0xfffeffffff00) },
		{ 0, UINT64_C(0x1000000000000) },
		{ 0, UINT64_C(0xffff00000000) },
		{ 0, UINT64_C(0xffffc0000200) },
		{ 0, UINT64_C(0xffffffffff00) },
	};
	struct addr128 a = bases[rng_below(r, ARRAY_LEN(bases))];

	a.lo += rng_below(r, 256);
	if (rng_below(r, 3) == 0)
		a.lo ^= UINT64_C(1) << rng_below(r, addr_is_v4(a) ? 32 : 64);
	if (rng_below(r, 3) == 0 && !addr_is_v4(a))
		a.hi ^= UINT64_C(1) << rng_below(r, 64);
	return a;
}

static void add_random(struct model *m, struct ivtab_builder *b, struct rng *r)
{
	struct addr128 x = random_addr(r), y = random_addr(r);
	uint32_t value = (uint32_t)rng_below(r, 4);
	unsigned least = addr_is_v4(x) ? 96 : 0;

	if (rng_below(r, 3) == 0 && addr_is_v4(x) == addr_is_v4(y)) {
		bool swap = addr_cmp(x, y) > 0;

		model_add(m, b, swap ? y : x, swap ? x : y, value);
	} else {
		struct prefix p =
			prefix_make(x, least + (unsigned)rng_below(r, 129 - least));

		assert_true(m->n < ARRAY_LEN(m->e));
		m->e[m->n++] = (struct model_entry){ p.addr, prefix_last(p), value,
			                             prefix_is_v4(p) };
		assert_int_equal(ivtab_add(b, p, value), 0);
	}
}

static void lookup_equals_a_scan(void **state)
{
	struct model *m = calloc(1, sizeof(*m));
	struct rng r;

	(void)state;
	assert_non_null(m);
	rng_init(&r, 1);
	for (int round = 0; round < 1000; round++) {
		struct ivtab_builder *b = ivtab_builder_new();
		unsigned n = (unsigned)rng_below(&r, 30);
		struct ivtab *t;

		m->n = 0;
		for (unsigned i = 0; i < n; i++)
			add_random(m, b, &r);
		assert_int_equal(ivtab_build(&t, b), 0);
		check_boundaries(t, m);
		check_intervals(t, m);
		for (int i = 0; i < 100; i++)
			check_lookup(t, m, random_addr(&r));
		for (int i = 0; i < 50; i++) {
			struct addr128 a = random_addr(&r);
			unsigned least = addr_is_v4(a) ? 96 : 0;

			check_prefix(t, m,
			             prefix_make(a, least + (unsigned)rng_below(
								    &r, 129 - least)));
		}
		ivtab_free(t);
		ivtab_builder_free(b);
	}
	free(m);
}

/* Enough entries for a wide index, in random order. */
static void large_tables_equal_a_scan(void **state)
{
	struct model *m = calloc(1, sizeof(*m));
	struct ivtab_builder *b = ivtab_builder_new();
	struct ivtab *t;
	struct rng r;

	(void)state;
	assert_non_null(m);
	rng_init(&r, 2);
	for (int i = 0; i < 5000; i++) {
		struct addr128 a = { rng_next(&r) >> 3 | UINT64_C(1) << 61,
			             rng_next(&r) };
		struct prefix p = prefix_make(a, 16 + (unsigned)rng_below(&r, 113));

		if (i % 2)
			p = prefix_make(addr_from_v4((uint32_t)a.lo),
			                104 + (unsigned)rng_below(&r, 25));
		model_add(m, b, p.addr, prefix_last(p), (uint32_t)i);
	}
	assert_int_equal(ivtab_build(&t, b), 0);
	assert_int_equal(t->family[V6].bits, 16);
	for (int i = 0; i < 2000; i++) {
		struct prefix p = { m->e[rng_below(&r, m->n)].first, 0 };

		p = prefix_make(p.addr, 96 + (unsigned)rng_below(&r, 33));
		check_lookup(t, m, rng_addr_in(&r, p));
	}
	ivtab_free(t);
	ivtab_builder_free(b);
	free(m);
}

static void defaults_cover_their_own_family(void **state)
{
	static const char *const v6[] = {
		"::",          "::1",
		"2001:db8::1", "::fffe:ffff:ffff",
		"::1:0:0:0",   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
	};
	static const char *const v4[] = { "0.0.0.0", "192.0.2.1", "255.255.255.255" };
	static const char *const roots[] = { "::/0", "0.0.0.0/0" };

	(void)state;
	for (int use = 0; use < 4; use++) {
		struct ivtab_builder *b = ivtab_builder_new();
		struct ivtab *t;
		uint32_t v = 9;

		for (uint32_t f = 0; f < 2; f++)
			if (use >> f & 1)
				assert_int_equal(ivtab_add(b, prefix(roots[f]), f), 0);
		assert_int_equal(ivtab_build(&t, b), 0);
		for (size_t i = 0; i < ARRAY_LEN(v6); i++)
			assert_int_equal(ivtab_covers(t, addr(v6[i])), use & 1);
		for (size_t i = 0; i < ARRAY_LEN(v4); i++)
			assert_int_equal(ivtab_covers(t, addr(v4[i])), use >> 1);
		for (uint32_t f = 0; f < 2; f++) {
			assert_int_equal(ivtab_covers_all(t, prefix(roots[f])),
			                 use >> f & 1);
			assert_int_equal(ivtab_overlaps(t, prefix(roots[f])),
			                 use >> f & 1);
		}
		assert_int_equal(ivtab_count(t), (use & 1) + (use >> 1));
		if (use == 3) {
			assert_true(ivtab_lookup(t, addr("192.0.2.1"), &v));
			assert_int_equal(v, 1);
			assert_true(addr_eq(ivtab_at(t, 0).last, addr(v6[5])));
			assert_true(addr_eq(ivtab_at(t, 1).first, addr(v4[0])));
			assert_true(addr_eq(ivtab_at(t, 1).last, addr(v4[2])));
		}
		ivtab_free(t);
		ivtab_builder_free(b);
	}
}

/* Two ranges that leave out just the IPv4 addresses cover all of IPv6. */
static void v6_adjoins_across_v4(void **state)
{
	struct ivtab_builder *b = ivtab_builder_new();
	struct addr128 top = prefix_last(prefix("::/0"));
	struct ivtab *t;

	(void)state;
	assert_int_equal(ivtab_add_range(b, addr("::"), addr("::fffe:ffff:ffff"), 1), 0);
	assert_int_equal(ivtab_build(&t, b), 0);
	assert_true(addr_eq(ivtab_at(t, 0).last, addr("::fffe:ffff:ffff")));
	assert_false(ivtab_covers(t, addr("0.0.0.0")));
	assert_false(ivtab_covers(t, addr("::1:0:0:0")));
	assert_false(ivtab_covers_all(t, prefix("::/0")));
	ivtab_free(t);
	assert_int_equal(ivtab_add_range(b, addr("::1:0:0:0"), top, 1), 0);
	assert_int_equal(ivtab_build(&t, b), 0);
	assert_int_equal(ivtab_count(t), 1);
	assert_true(ivtab_covers_all(t, prefix("::/0")));
	assert_false(ivtab_covers(t, addr("255.255.255.255")));
	ivtab_free(t);
	ivtab_builder_free(b);
}

static void small_v6_prefixes_do_not_see_v4(void **state)
{
	struct ivtab_builder *b = ivtab_builder_new();
	struct ivtab *t;

	(void)state;
	assert_int_equal(ivtab_add(b, prefix("::/8"), 1), 0);
	assert_int_equal(ivtab_build(&t, b), 0);
	assert_true(ivtab_covers(t, addr("::1")));
	assert_false(ivtab_covers(t, addr("10.0.0.1")));
	assert_false(ivtab_overlaps(t, prefix("10.0.0.0/8")));
	ivtab_free(t);
	ivtab_builder_free(b);
}

static void the_most_specific_entry_wins(void **state)
{
	static const struct {
		const char *first, *last;
		uint32_t value;
	} entries[] = {
		{ "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 32 },
		{ "2001:db8:1::", "2001:db8:1:ffff:ffff:ffff:ffff:ffff", 48 },
		{ "2001:db8:1::5", "2001:db8:1::5", 128 },
		{ "2001:db8:2::", "2001:db8:2::ff", 1 },    /* equal to the next: */
		{ "2001:db8:2::", "2001:db8:2::ff", 2 },    /* the later one wins */
		{ "2001:db8:3::", "2001:db8:3::ff", 3 },    /* 256 addresses, */
		{ "2001:db8:3::80", "2001:db8:3::bf", 4 },  /* 64 inside it, */
		{ "2001:db8:3::b0", "2001:db8:3::12f", 5 }, /* 128 across the ends */
	};
	static const struct {
		const char *addr;
		uint32_t value;
	} cases[] = {
		{ "2001:db8::1", 32 },     { "2001:db8:1::4", 48 },
		{ "2001:db8:1::5", 128 },  { "2001:db8:1::6", 48 },
		{ "2001:db8:2::", 2 },     { "2001:db8:2::100", 32 },
		{ "2001:db8:3::7f", 3 },   { "2001:db8:3::80", 4 },
		{ "2001:db8:3::bf", 4 },   { "2001:db8:3::c0", 5 },
		{ "2001:db8:3::ff", 5 },   { "2001:db8:3::12f", 5 },
		{ "2001:db8:3::130", 32 },
	};
	struct ivtab_builder *b = ivtab_builder_new();
	struct ivtab *t;
	uint32_t v = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(entries); i++)
		assert_int_equal(ivtab_add_range(b, addr(entries[i].first),
		                                 addr(entries[i].last), entries[i].value),
		                 0);
	assert_int_equal(ivtab_build(&t, b), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (!ivtab_lookup(t, addr(cases[i].addr), &v) || v != cases[i].value)
			fail_msg("%s: %u", cases[i].addr, v);
	assert_false(ivtab_covers(t, addr("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff")));
	assert_false(ivtab_covers(t, addr("2001:db9::")));
	ivtab_free(t);
	ivtab_builder_free(b);
}

static void touching_equal_values_become_one(void **state)
{
	struct ivtab_builder *b = ivtab_builder_new();
	struct ivtab *t, *more;

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		struct prefix p = prefix("2001:db8::/48");

		p.addr.hi |= (uint64_t)(i * 37 % 256) << 16;
		assert_int_equal(ivtab_add(b, p, 7), 0);
	}
	assert_int_equal(ivtab_build(&t, b), 0);
	assert_int_equal(ivtab_count(t), 1);
	assert_true(addr_eq(ivtab_at(t, 0).first, addr("2001:db8::")));
	assert_true(addr_eq(ivtab_at(t, 0).last, prefix_last(prefix("2001:db8::/40"))));
	assert_true(ivtab_covers_all(t, prefix("2001:db8::/40")));
	assert_false(ivtab_covers_all(t, prefix("2001:db8::/39")));
	/* The builder goes on; the table that was built does not change. */
	assert_int_equal(ivtab_add(b, prefix("2001:db8:1::/48"), 8), 0);
	assert_int_equal(ivtab_build(&more, b), 0);
	assert_int_equal(ivtab_count(more), 3);
	assert_int_equal(ivtab_count(t), 1);
	ivtab_free(t);
	ivtab_free(more);
	ivtab_free(NULL);
	ivtab_builder_free(b);
	ivtab_builder_free(NULL);
}

static void bad_entries_are_refused(void **state)
{
	struct ivtab_builder *b = ivtab_builder_new();
	struct ivtab *t;

	(void)state;
	assert_int_equal(ivtab_add_range(b, addr("::2"), addr("::1"), 1), -EINVAL);
	assert_int_equal(ivtab_add_range(b, addr("::1"), addr("1.2.3.4"), 1), -EINVAL);
	assert_int_equal(ivtab_add_range(b, addr("1.2.3.4"), addr("::1:0:0:0"), 1),
	                 -EINVAL);
	assert_int_equal(ivtab_add(b, prefix("::/0"), UINT32_MAX), -EINVAL);
	assert_int_equal(ivtab_build(&t, b), 0);
	assert_int_equal(ivtab_count(t), 0);
	ivtab_free(t);
	ivtab_builder_free(b);
}

/* Many hosts of one /64, unsorted: starts that differ in low words alone. */
static void failed_allocations_give_no_table(void **state)
{
	struct ivtab_builder *b = NULL;
	struct ivtab *t = NULL;
	int rc;

	(void)state;
	for (long n = 0; fail_nth(n), b = ivtab_builder_new(), fail_done(); n++)
		assert_null(b);
	for (uint64_t i = 0; i < 300; i++) {
		struct addr128 a = { UINT64_C(0x20010db800000000), i * 7919 % 1000 };
		struct prefix p = { i % 3 ? a : addr_from_v4((uint32_t)i * 99991), 128 };

		fail_nth(0);
		rc = ivtab_add(b, p, (uint32_t)i);
		if (fail_done()) {
			assert_int_equal(rc, -ENOMEM);
			rc = ivtab_add(b, p, (uint32_t)i);
		}
		assert_int_equal(rc, 0);
	}
	for (long n = 0; fail_nth(n), rc = ivtab_build(&t, b), fail_done(); n++)
		if (rc == 0) { /* a realloc that only shrinks may fail */
			ivtab_free(t);
			t = NULL;
		} else {
			assert_int_equal(rc, -ENOMEM);
			assert_null(t);
		}
	assert_int_equal(rc, 0);
	for (uint64_t i = 0; i < 300; i++) {
		struct addr128 a = { UINT64_C(0x20010db800000000), i * 7919 % 1000 };
		uint32_t v = 999;

		assert_int_equal(ivtab_lookup(t, a, &v), i % 3 != 0);
		if (i % 3)
			assert_int_equal(v, i);
	}
	ivtab_free(t);
	ivtab_builder_free(b);
}

static void write_file(char path[static 32], const char *text)
{
	FILE *f;
	int fd;

	strcpy(path, "/tmp/sextant-ivtab-XXXXXX");
	fd = mkstemp(path);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* A word that is no prefix may head a file only if it is a usual name of a column:
 * a typing error must not cost a line of a blocklist. */
static void check_first_lines(struct ivtab_builder *b)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "prefix\n2001:db8::/32\n", true },
		{ "\"Network\",reason\n2001:db8::/32,x\n", true },
		{ "IP\n192.0.2.1\n", true },
		{ "deadbeef\n2001:db8::/32\n", false },
		{ "localhost\n2001:db8::/32\n", false },
		{ "2001:db8::/32\nprefix\n", false },
	};
	struct diag d = { "" };
	char path[32];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		write_file(path, cases[i].text);
		assert_int_equal(ivtab_add_file(b, path, 1, &d) == 0, cases[i].good);
		unlink(path);
	}
}

static void files_are_read_whole_or_refused(void **state)
{
	struct ivtab_builder *b = ivtab_builder_new();
	struct diag d = { "" };
	struct ivtab *t;
	char path[32];
	uint32_t v = 0;

	(void)state;
	write_file(path, "# blocked\n2001:db8::/32\n192.0.2.0-192.0.2.9\n\n::1\n"
	                 "198.51.100.7\n");
	assert_int_equal(ivtab_add_file(b, path, 5, &d), 0);
	unlink(path);
	assert_int_equal(ivtab_build(&t, b), 0);
	assert_int_equal(ivtab_count(t), 4);
	assert_true(ivtab_lookup(t, addr("192.0.2.9"), &v));
	assert_int_equal(v, 5);
	assert_false(ivtab_covers(t, addr("192.0.2.10")));
	ivtab_free(t);

	/* Several items a line, as masscan has it; remarks stay remarks. */
	write_file(path,
	           "10.0.0.0/8, 192.0.2.0 - 192.0.2.9,2001:db8:1::/48 # x, 9.9.9.9\n"
	           "203.0.113.0/24, Example Ltd, AS64500,2001:db8:2::1 by mail\n");
	assert_int_equal(ivtab_add_file(b, path, 6, &d), 0);
	unlink(path);
	assert_int_equal(ivtab_build(&t, b), 0);
	assert_true(ivtab_covers(t, addr("10.1.2.3")));
	assert_true(ivtab_covers(t, addr("192.0.2.9")));
	assert_true(ivtab_covers(t, addr("2001:db8:1::7")));
	assert_true(ivtab_covers(t, addr("203.0.113.5")));
	assert_true(ivtab_covers(t, addr("2001:db8:2::1")));
	assert_false(ivtab_covers(t, addr("9.9.9.9")));
	assert_false(ivtab_covers(t, addr("192.0.2.10")));
	ivtab_free(t);

	write_file(path, "2001:db8::/32\n2001:db8::/129\n");
	assert_true(ivtab_add_file(b, path, 5, &d) < 0);
	unlink(path);
	if (!strstr(d.text, path) || !strstr(d.text, ":2") || !strstr(d.text, "/129"))
		fail_msg("message: %s", d.text);
	d.text[0] = 0;
	check_first_lines(b);
	assert_true(ivtab_add_file(b, "/nonexistent/list", 5, &d) < 0);
	assert_non_null(strstr(d.text, "/nonexistent/list"));
	ivtab_builder_free(b);
}

/* Longest-prefix match as one would write it without thinking of speed: try
 * every length in a sorted list. */
struct route {
	struct prefix p;
	uint32_t value, line;
};

static int by_prefix(const void *a, const void *b)
{
	const struct route *x = a, *y = b;
	int c = addr_cmp(x->p.addr, y->p.addr);

	return c ? c : x->p.len - y->p.len;
}

static int by_prefix_and_line(const void *a, const void *b)
{
	const struct route *x = a, *y = b;
	int c = by_prefix(a, b);

	return c ? c : (x->line > y->line) - (x->line < y->line);
}

/* Of equal prefixes keep the last. */
static size_t sort_routes(struct route *r, size_t n)
{
	size_t kept = 0;

	qsort(r, n, sizeof(*r), by_prefix_and_line);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || by_prefix(&r[i], &r[i + 1]) != 0)
			r[kept++] = r[i];
	return kept;
}

static const struct route *longest_match(const struct route *r, size_t n,
                                         struct addr128 a)
{
	for (int len = 128; len >= 0; len--) {
		struct route key = { .p = prefix_make(a, (unsigned)len) };
		const struct route *hit = bsearch(&key, r, n, sizeof(*r), by_prefix);

		if (hit)
			return hit;
	}
	return NULL;
}

static void check_route(const struct ivtab *t, const struct route *r, size_t n,
                        struct addr128 a)
{
	const struct route *want = longest_match(r, n, a);
	uint32_t got;
	char text[ADDR_STRLEN];

	addr_format(text, a);
	if (ivtab_lookup(t, a, &got) != (want != NULL) || (want && got != want->value))
		fail_msg("%s", text);
}

static void shared(char *buf, size_t cap, const char *name)
{
	const char *dir = getenv("SEXTANT_SHARED");

	snprintf(buf, cap, "%s/data/%s", dir ? dir : "/nonexistent", name);
	if (access(buf, R_OK) != 0)
		skip();
}

static size_t load_routes(struct route **out, struct ivtab_builder *b, const char *path)
{
	struct route *r = malloc(400000 * sizeof(*r));
	struct reader_item item;
	struct reader *in;
	size_t n = 0;

	assert_non_null(r);
	assert_int_equal(reader_open(&in, path, NULL, NULL), 0);
	while (reader_next(in, &item, NULL) > 0 && n < 400000) {
		const char *as = strpbrk(reader_text(in), "\t ,");

		assert_true(item.is_prefix);
		r[n].p = prefix_make(item.first, item.len);
		r[n].value = as ? (uint32_t)strtoul(as + 1, NULL, 10) : 0;
		r[n].line = (uint32_t)n;
		assert_int_equal(ivtab_add(b, r[n].p, r[n].value), 0);
		n++;
	}
	assert_true(n > 290000);
	assert_int_equal(reader_bad(in), 0);
	reader_close(in);
	*out = r;
	return sort_routes(r, n);
}

static void real_prefixes_equal_longest_match(void **state)
{
	char prefixes[4096], list[4096];
	struct addrvec hosts = { 0 };
	struct ivtab_builder *b;
	struct route *r = NULL;
	struct ivtab *t;
	struct rng rng;
	size_t n;

	(void)state;
	shared(prefixes, sizeof(prefixes), "pfx/combined.pfx2as.txt.xz");
	shared(list, sizeof(list), "lists/tum_responsive_first10000.txt");
	rng_init(&rng, 3);
	b = ivtab_builder_new();
	n = load_routes(&r, b, prefixes);
	assert_int_equal(ivtab_build(&t, b), 0);
	assert_int_equal(reader_load(&hosts, list, NULL, NULL), 0);
	for (size_t i = 0; i < hosts.n; i++)
		check_route(t, r, n, hosts.a[i]);
	for (int i = 0; i < 10000; i++) {
		const struct route *x = &r[rng_below(&rng, n)];

		check_route(t, r, n, rng_addr_in(&rng, x->p));
		check_route(t, r, n, narrow(wide(prefix_last(x->p)) + 1));
		check_route(t, r, n, narrow(wide(x->p.addr) - 1));
		check_route(t, r, n, rng_addr_in(&rng, prefix("2000::/3")));
	}
	addrvec_fini(&hosts);
	ivtab_free(t);
	ivtab_builder_free(b);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookup_equals_a_scan),
		cmocka_unit_test(large_tables_equal_a_scan),
		cmocka_unit_test(defaults_cover_their_own_family),
		cmocka_unit_test(v6_adjoins_across_v4),
		cmocka_unit_test(small_v6_prefixes_do_not_see_v4),
		cmocka_unit_test(the_most_specific_entry_wins),
		cmocka_unit_test(touching_equal_values_become_one),
		cmocka_unit_test(bad_entries_are_refused),
		cmocka_unit_test(failed_allocations_give_no_table),
		cmocka_unit_test(files_are_read_whole_or_refused),
		cmocka_unit_test(real_prefixes_equal_longest_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
