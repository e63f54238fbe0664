/* Sixty days of a hitlist service by a fake clock: lists come in, hosts come, go
 * and come back, prefixes become aliased and stop, opt-outs arrive; every day the
 * due ones are asked, and the prefixes tested.  A naive oracle keeps the same
 * books address by address, and must agree every day. */
#include "tests/hitlist/hl.h"

enum { DAYS = 60, NETS = 24, PER_NET = 20, ADDRS = NETS * PER_NET };
enum { DAY = 86400, T0 = 1780000000 };

struct world {
	struct addr128 addr[ADDRS];
	unsigned up_from[ADDRS], up_to[ADDRS], back[ADDRS]; /* days */
	unsigned alias_from[NETS], alias_to[NETS];
};

struct book {
	bool host[ADDRS], blocked[ADDRS], aliased[NETS], net_blocked[NETS];
	struct host_record r[ADDRS];
	unsigned tests[NETS], rounds[NETS]; /* results, the latest in the lowest bit */
	uint64_t probes;
};

static void make_world(struct world *w, struct rng *r)
{
	for (unsigned n = 0; n < NETS; n++) {
		w->alias_from[n] = n % 4 ? DAYS : (unsigned)rng_below(r, DAYS);
		w->alias_to[n] = w->alias_from[n] + 5 + (unsigned)rng_below(r, 20);
	}
	for (unsigned i = 0; i < ADDRS; i++) {
		uint64_t net = UINT64_C(0x2a00000100000000) + i / PER_NET;

		w->addr[i] = (struct addr128){ net, i % 2 ? i + 1 : rng_next(r) };
		w->up_from[i] = (unsigned)rng_below(r, DAYS);
		w->up_to[i] = w->up_from[i] + (unsigned)rng_below(r, 30);
		w->back[i] = w->up_to[i] + 1 + (unsigned)rng_below(r, 60);
	}
}

static bool alias_now(const struct world *w, unsigned net, unsigned day)
{
	return day >= w->alias_from[net] && day < w->alias_to[net];
}

static bool answers(const struct world *w, unsigned i, unsigned day)
{
	return alias_now(w, i / PER_NET, day) ||
	       (day >= w->up_from[i] && day < w->up_to[i]) || day >= w->back[i];
}

static struct due_config config(uint32_t now)
{
	return (struct due_config){
		.now = now,
		.interval = DAY,
		.backoff_max = 4 * DAY,
		.drop_after = 12 * DAY,
		.retest_after = 10 * DAY,
		.retest_max = ADDRS,
		.seed = now,
	};
}

static unsigned index_of(const struct world *w, struct addr128 a)
{
	for (unsigned i = 0; i < ADDRS; i++)
		if (addr_eq(w->addr[i], a))
			return i;
	fail_msg("an address that nobody has named");
	return 0;
}

/* ---- a day of the service ------------------------------------------------------- */

static void import(struct hitlist *h, const struct world *w, struct book *b,
                   struct rng *r, uint32_t now)
{
	struct host_record rec[40];
	struct diag d = { "" };

	for (unsigned k = 0; k < 40; k++) {
		unsigned i = (unsigned)rng_below(r, ADDRS);

		rec[k] = (struct host_record){ .addr = w->addr[i],
			                       .first_seen = now,
			                       .sources = 1 };
		if (b->blocked[i] || b->aliased[i / PER_NET] || b->host[i])
			continue;
		b->host[i] = true;
		b->r[i] = rec[k];
	}
	hl_ok(hitlist_add(h, rec, 40, NULL, &d), &d);
}

static void opt_out(struct hitlist *h, const struct world *w, struct book *b,
                    struct rng *r, unsigned day)
{
	unsigned i = (unsigned)rng_below(r, ADDRS);
	bool whole = day % 20 == 0;
	struct hitlist_optout o = { .prefix = prefix_make(w->addr[i], whole ? 64 : 128),
		                    .added = 1 };
	struct diag d = { "" };

	for (unsigned k = 0; k < ADDRS; k++) {
		if (!prefix_covers(o.prefix, w->addr[k]))
			continue;
		b->blocked[k] = true;
		b->host[k] = false;
	}
	b->net_blocked[i / PER_NET] |= whole;
	hl_ok(hitlist_block(h, &o, 1, NULL, &d), &d);
}

/* The oracle asks those that by its own books are due. */
static void note_probes(const struct world *w, struct book *b, unsigned day, uint32_t now)
{
	const struct due_config c = config(now);

	for (unsigned i = 0; i < ADDRS; i++) {
		struct host_record *r = &b->r[i];
		enum due_class k = due_classify(r, &c);

		if (!b->host[i] || k == DUE_LATER ||
		    (k == DUE_DROPPED && now - r->last_probed < c.retest_after))
			continue;
		b->probes++;
		r->last_probed = now;
		if (answers(w, i, day)) {
			r->last_seen = now;
			r->fail_streak = 0;
		} else {
			r->fail_streak++;
		}
	}
}

static uint64_t refresh(struct hitlist *h, const struct world *w, unsigned day,
                        uint32_t now)
{
	const struct due_config c = config(now);
	struct diag d = { "" };
	struct due_plan p;
	struct journal *j = NULL;
	uint64_t n;

	hl_ok(hitlist_due(&p, h, &c, &d), &d);
	hl_ok(journal_open(&j, h, SOURCE_SCAN, &d), &d);
	for (size_t i = 0; i < p.hosts.n; i++) {
		struct observation o = { .target = p.hosts.a[i],
			                 .from = p.hosts.a[i],
			                 .when_us = now * UINT64_C(1000000),
			                 .proto = OBS_ICMP6,
			                 .outcome = OBS_OPEN };
		struct host_record r;

		if (!answers(w, index_of(w, o.target), day)) {
			hl_ok(hitlist_lookup(h, o.target, &r, &d), &d);
			observation_of_silence(&o, &r, o.when_us);
		}
		hl_ok(journal_append(j, &o, 1), &d);
	}
	journal_close(j);
	hl_ok(hitlist_merge(h, NULL, &d), &d);
	n = p.hosts.n;
	due_plan_fini(&p);
	return n;
}

static void note_tests(const struct world *w, struct book *b, unsigned day)
{
	for (unsigned n = 0; n < NETS; n++) {
		bool members = false;

		for (unsigned i = n * PER_NET; i < (n + 1) * PER_NET; i++)
			members |= b->host[i];
		if (b->net_blocked[n] || (!members && !b->aliased[n]))
			continue;
		b->tests[n] = b->tests[n] << 1 | alias_now(w, n, day);
		b->rounds[n] += b->rounds[n] < 3;
		if (!b->aliased[n])
			b->aliased[n] = !(~b->tests[n] & ((1U << b->rounds[n]) - 1));
		else if (!(b->tests[n] & 7))
			b->aliased[n] = false;
		for (unsigned i = n * PER_NET; i < (n + 1) * PER_NET; i++)
			b->host[i] &= !b->aliased[n];
	}
}

/* A round of every prefix in the plan.  One wider than /64 is a merged pair that
 * has to be tested as a whole: it answers where both halves do. */
static void test_prefixes(struct hitlist *h, const struct world *w, unsigned day,
                          uint32_t now)
{
	const struct alias_plan_config c = { .now = now,
		                             .retest_after = DAY,
		                             .min_members = 100 };
	struct diag d = { "" };
	struct alias_state *s;
	size_t n, k = 0, beyond;

	hl_ok(hitlist_alias_plan(&s, &n, &beyond, h, &c, &d), &d);
	for (size_t i = 0; i < n; i++) {
		bool all = true, any = false;

		for (unsigned net = 0; net < NETS; net++) {
			if (!prefix_covers(s[i].prefix, w->addr[net * PER_NET]))
				continue;
			any = true;
			all &= alias_now(w, net, day);
		}
		if (s[i].prefix.len != 64)
			continue; /* the halves are tested themselves */
		alias_judge(&s[i], any && all ? UINT16_MAX : 0, 0, now);
		s[k++] = s[i];
	}
	hl_ok(hitlist_alias_commit(h, s, k, NULL, &d), &d);
	free(s);
}

/* ---- */

static void compare(struct hitlist *h, const struct world *w, const struct book *b,
                    unsigned day)
{
	struct diag d = { "" };
	struct hitlist_info info;
	uint64_t hosts = 0;

	for (unsigned i = 0; i < ADDRS; i++) {
		struct host_record r;
		int rc = hitlist_lookup(h, w->addr[i], &r, &d);

		if (rc != b->host[i])
			fail_msg("day %u, address %u: %d, in the books %d", day, i, rc,
			         b->host[i]);
		if (ivtab_covers(hitlist_aliased(h), w->addr[i]) !=
		    b->aliased[i / PER_NET])
			fail_msg("day %u, net %u: aliased differs", day, i / PER_NET);
		if (rc && (r.first_seen != b->r[i].first_seen ||
		           r.last_seen != b->r[i].last_seen ||
		           r.last_probed != b->r[i].last_probed ||
		           r.fail_streak != b->r[i].fail_streak))
			fail_msg("day %u, address %u: the record differs", day, i);
		hosts += b->host[i];
	}
	hitlist_info(h, &info);
	assert_int_equal(info.hosts, hosts);
	hl_ok(hitlist_check(h, &d), &d);
}

static void sixty_days(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct world *w = calloc(1, sizeof(*w));
		struct book *b = calloc(1, sizeof(*b));
		struct hitlist *h = NULL;
		struct diag d = { "" };
		char dir[HL_PATH];
		uint64_t probes = 0;
		struct rng r;

		assert_non_null(w);
		assert_non_null(b);
		rng_init(&r, seed);
		make_world(w, &r);
		hl_ok(hitlist_open(&h, hl_mkdir(dir), HITLIST_CREATE, &d), &d);
		for (unsigned day = 0; day < DAYS; day++) {
			uint32_t now = T0 + day * DAY;

			import(h, w, b, &r, now);
			if (day % 5 == 0)
				opt_out(h, w, b, &r, day);
			note_probes(w, b, day, now);
			probes += refresh(h, w, day, now);
			assert_int_equal(probes, b->probes);
			note_tests(w, b, day);
			test_prefixes(h, w, day, now);
			if (day % 7 == 0)
				hl_ok(hitlist_compact(h, &d), &d);
			compare(h, w, b, day);
			if (day % 9)
				continue;
			hitlist_close(h);
			hl_ok(hitlist_open(&h, dir, HITLIST_WRITE, &d), &d);
		}
		hitlist_close(h);
		hl_rmdir(dir);
		free(w);
		free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixty_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
