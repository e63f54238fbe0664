/* Opt-outs against an oracle, with limits so small that runs are many. */
#define RUN_MAX_RECORDS   64
#define BATCH_RECORDS_MAX 32
#define BATCH_KEYS_MAX    48
#define RUN_CUT_BITS      6
#define MERGE_THREADED    200
#define MERGE_PROCESSORS  3

#include "hitlist/batch.c"
#include "hitlist/merge.c"
#include "hitlist/run.c"
#include "hitlist/run_writer.c"
#include "hitlist/txn.c"

#include "tests/hitlist/hl.h"

#include "common/addrset.h"
#include "hitlist/exclude.h"
#include "hitlist/optouts.h"

enum { ADDRS = 400 };

struct oracle {
	struct addr128 addr[ADDRS];
	bool host[ADDRS], seen[ADDRS];
	struct prefix blocked[64];
	size_t n;
};

static bool oracle_blocked(const struct oracle *o, struct addr128 a)
{
	for (size_t i = 0; i < o->n; i++)
		if (prefix_covers(o->blocked[i], a))
			return true;
	return false;
}

static void add_some(struct hitlist *h, struct oracle *o, struct rng *r)
{
	struct diag d = { "" };
	struct hitlist_batch *b = NULL;

	hl_ok(hitlist_batch_open(&b, h, &d), &d);
	for (unsigned k = 0; k < 60; k++) {
		size_t i = rng_below(r, ADDRS);
		struct host_record rec = hl_record(r, o->addr[i]);

		if (rng_below(r, 2)) {
			hl_ok(hitlist_batch_add(b, &rec, 1, &d), &d);
			o->host[i] |= !oracle_blocked(o, rec.addr);
		} else {
			hl_ok(hitlist_batch_tried(b, &rec.addr, 1, SOURCE_SCAN, 7, &d),
			      &d);
			o->seen[i] |= !oracle_blocked(o, rec.addr);
		}
	}
	hl_ok(hitlist_batch_commit(b, NULL, &d), &d);
	hitlist_batch_close(b);
}

static void block_some(struct hitlist *h, struct oracle *o, struct rng *r)
{
	struct hitlist_merge_stats st = { 0 };
	struct hitlist_optout e[2] = { { .added = 1, .reason = "asked" },
		                       { .added = 2, .requester = "noc" } };
	struct diag d = { "" };
	uint64_t gone = 0;

	for (unsigned k = 0; k < 2; k++) {
		e[k].prefix = prefix_make(o->addr[rng_below(r, ADDRS)],
		                          56 + (unsigned)rng_below(r, 73));
		o->blocked[o->n++] = e[k].prefix;
	}
	for (size_t i = 0; i < ADDRS; i++) {
		if (!oracle_blocked(o, o->addr[i]))
			continue;
		gone += o->host[i];
		o->host[i] = o->seen[i] = false;
	}
	hl_ok(hitlist_block(h, e, 2, &st, &d), &d);
	assert_int_equal(st.blocked, gone);
}

static void unblock_one(struct hitlist *h, struct oracle *o, struct rng *r)
{
	struct diag d = { "" };
	struct prefix p;
	size_t found, i, want = 0;

	if (!o->n)
		return;
	p = o->blocked[rng_below(r, o->n)];
	for (i = 0; i < o->n;) {
		if (o->blocked[i].len != p.len || !addr_eq(o->blocked[i].addr, p.addr)) {
			i++;
			continue;
		}
		o->blocked[i] = o->blocked[--o->n];
		want++;
	}
	hl_ok(hitlist_unblock(h, &p, 1, 77, &found, &d), &d);
	assert_int_equal(found, want);
}

static void compare(const struct hitlist *h, const struct oracle *o)
{
	struct hitlist_info info;
	struct diag d = { "" };
	struct host_record rec;
	uint64_t hosts = 0, seen = 0;

	for (size_t i = 0; i < ADDRS; i++) {
		assert_int_equal(hitlist_lookup(h, o->addr[i], &rec, &d), o->host[i]);
		assert_int_equal(hitlist_seen(h, o->addr[i], &d),
		                 o->host[i] || o->seen[i]);
		assert_int_equal(ivtab_covers(hitlist_blocked(h), o->addr[i]),
		                 oracle_blocked(o, o->addr[i]));
		hosts += o->host[i];
		seen += o->seen[i];
	}
	hitlist_info(h, &info);
	assert_int_equal(info.hosts, hosts);
	assert_int_equal(info.seen, seen);
	assert_int_equal(info.optouts, o->n);
	hl_ok(hitlist_check(h, &d), &d);
}

static void purged_as_the_oracle_says(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 6; seed++) {
		struct oracle o = { .n = 0 };
		struct addrset *known = addrset_new(ADDRS);
		struct diag d = { "" };
		char dir[HL_PATH];
		struct hitlist *h = NULL;
		struct rng r;

		rng_init(&r, seed);
		for (size_t i = 0; i < ADDRS; i++)
			do
				o.addr[i] = hl_addr(&r);
			while (addrset_add(known, o.addr[i]) != 1);
		addrset_free(known);
		hl_ok(hitlist_open(&h, hl_mkdir(dir), HITLIST_CREATE, &d), &d);
		for (unsigned step = 0; step < 40; step++) {
			switch (rng_below(&r, 6)) {
			case 0:
				if (o.n < 60)
					block_some(h, &o, &r);
				break;
			case 1: unblock_one(h, &o, &r); break;
			case 2:
				hitlist_close(h);
				hl_ok(hitlist_open(&h, dir, HITLIST_WRITE, &d), &d);
				break;
			default: add_some(h, &o, &r);
			}
			compare(h, &o);
		}
		hitlist_close(h);
		hl_rmdir(dir);
	}
}

/* The journals of a scan that was on its way when the opt-out came. */
static void journals_bring_nothing_back(void **state)
{
	struct observation o = { .when_us = UINT64_C(1780000000000000),
		                 .proto = OBS_ICMP6,
		                 .outcome = OBS_OPEN };
	struct hitlist_optout e = { .added = 1 };
	struct hitlist_merge_stats st = { 0 };
	struct diag d = { "" };
	struct hitlist_info info;
	struct journal *j = NULL;
	char dir[HL_PATH];
	struct hitlist *h = NULL;
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	o.target = o.from = hl_addr(&r);
	e.prefix = prefix_make(o.target, 64);
	hl_ok(hitlist_open(&h, hl_mkdir(dir), HITLIST_CREATE, &d), &d);
	hl_ok(journal_open(&j, h, SOURCE_SCAN, &d), &d);
	hl_ok(journal_append(j, &o, 1), &d);
	hl_ok(journal_tried(j, &o.target, 1), &d);
	journal_close(j);
	hl_ok(hitlist_block(h, &e, 1, NULL, &d), &d);
	hl_ok(hitlist_merge(h, &st, &d), &d);
	assert_int_equal(st.blocked, 1);
	hitlist_info(h, &info);
	assert_int_equal(info.hosts + info.seen + info.journals, 0);
	hitlist_close(h);
	hl_rmdir(dir);
}

static void expiry_is_honoured(void **state)
{
	struct hitlist_optout e = { .added = 1, .expires = 100 };

	(void)state;
	assert_true(hitlist_optout_in_force(&e, 99));
	assert_false(hitlist_optout_in_force(&e, 100));
	e.expires = 0;
	assert_true(hitlist_optout_in_force(&e, UINT32_MAX));
	e.removed = 5;
	assert_false(hitlist_optout_in_force(&e, 1));
}

/* parse(format(x)) = x, and any byte changed or cut off is noticed. */
static void file_is_protected(void **state)
{
	struct hitlist_optout e = { .added = 5,
		                    .expires = 7,
		                    .requester = "a@b",
		                    .reason = "asked; politely",
		                    .evidence = "" };
	struct diag d = { "" };
	struct optouts o, again;
	char dir[HL_PATH], path[HL_PATH + 16];
	uint64_t bytes;
	uint8_t *text;
	size_t n;

	(void)state;
	hl_ok(optouts_init(&o), &d);
	assert_true(prefix_parse(&e.prefix, "2a00:1::/32"));
	hl_ok(optouts_add(&o, &e, &d), &d);
	assert_true(prefix_parse(&e.prefix, "192.0.2.0/24"));
	hl_ok(optouts_add(&o, &e, &d), &d);
	e.reason = "two\nlines";
	assert_int_equal(optouts_add(&o, &e, &d), ERR_PARSE);
	snprintf(path, sizeof(path), "%s/blocked", hl_mkdir(dir));
	hl_ok(optouts_save(&o, path, &bytes, &d), &d);
	text = hl_read(path, &n);
	assert_int_equal(n, bytes);
	for (size_t i = 0; i <= 2 * n; i++) {
		char *copy = malloc(n + 1);
		size_t len = i < n ? n : i - n;

		assert_non_null(copy);
		memcpy(copy, text, n);
		if (i < n)
			copy[i] ^= 0x08;
		copy[len] = '\0';
		if (i == 2 * n) {
			hl_ok(optouts_parse(&again, copy, len, "x", 6, &d), &d);
			assert_int_equal(again.n, 2);
			assert_string_equal(again.e[0].reason, "asked; politely");
			assert_int_equal(again.checksum, o.checksum);
			optouts_fini(&again);
		} else if (optouts_parse(&again, copy, len, "x", 6, NULL) == 0) {
			fail_msg("byte %zu: not noticed", i);
		}
		free(copy);
	}
	free(text);
	optouts_fini(&o);
	hl_rmdir(dir);
}

/* A range as prefixes: neighbours, inside, and together the whole. */
static void ranges_are_covered_exactly(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	for (unsigned i = 0; i < 2000; i++) {
		struct exclude x = { 0 };
		char a[ADDR_STRLEN], b[ADDR_STRLEN], line[128];
		struct addr128 first = hl_addr(&r), last = first;
		struct diag d = { "" };

		if (i % 3 == 0)
			first = last = addr_from_v4((uint32_t)rng_next(&r) >> 1);
		last.lo += rng_next(&r) >> (33 + rng_below(&r, 31));
		if (i % 5 == 0 && i % 3)
			last.hi += rng_below(&r, 1000);
		if (addr_cmp(first, last) > 0)
			continue;
		addr_format(a, first);
		addr_format(b, last);
		snprintf(line, sizeof(line), i % 2 ? "%s-%s" : " %s - %s # x", a, b);
		hl_ok(exclude_add_line(&x, line, &d), &d);
		assert_true(x.n > 0 && x.n <= 254);
		assert_true(addr_eq(x.p[0].addr, first));
		for (size_t k = 1; k < x.n; k++)
			assert_true(
				addr_eq(addr_next(prefix_last(x.p[k - 1])), x.p[k].addr));
		assert_true(addr_eq(prefix_last(x.p[x.n - 1]), last));
		exclude_fini(&x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(purged_as_the_oracle_says),
		cmocka_unit_test(journals_bring_nothing_back),
		cmocka_unit_test(expiry_is_honoured),
		cmocka_unit_test(file_is_protected),
		cmocka_unit_test(ranges_are_covered_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
