/* The plan of a refresh: classes, back-off, budget; and a year of a host's life
 * by a fake clock, through journals and merges. */
#include "tests/hitlist/hl.h"

#include "common/addrset.h"

enum { DAY = 86400, T0 = 1780000000 };

static struct due_config config(uint32_t now)
{
	return (struct due_config){
		.now = now,
		.interval = DAY,
		.backoff_max = 8 * DAY,
		.drop_after = 30 * DAY,
		.retest_after = 90 * DAY,
		.retest_max = 10,
		.seed = 1,
	};
}

static void classes(void **state)
{
	static const struct {
		const char *why;
		struct host_record r;
		enum due_class want;
	} cases[] = {
		{ "imported", { .first_seen = T0 }, DUE_NEW },
		{ "answered a day ago",
		  { .first_seen = 1, .last_seen = T0 - DAY, .last_probed = T0 - DAY },
		  DUE_RESPONSIVE },
		{ "answered a second less ago",
		  { .first_seen = 1,
		    .last_seen = T0 - DAY + 1,
		    .last_probed = T0 - DAY + 1 },
		  DUE_LATER },
		{ "failed once, a day ago",
		  { .last_seen = T0 - 2 * DAY,
		    .last_probed = T0 - DAY,
		    .fail_streak = 1 },
		  DUE_FAILING },
		{ "failed twice: two days to wait",
		  { .last_seen = T0 - 3 * DAY,
		    .last_probed = T0 - DAY,
		    .fail_streak = 2 },
		  DUE_LATER },
		{ "failed twice, and waited",
		  { .last_seen = T0 - 4 * DAY,
		    .last_probed = T0 - 2 * DAY,
		    .fail_streak = 2 },
		  DUE_FAILING },
		{ "failed often: backoff_max",
		  { .last_seen = T0 - 29 * DAY,
		    .last_probed = T0 - 8 * DAY,
		    .fail_streak = 60 },
		  DUE_FAILING },
		{ "silent for 30 days",
		  { .last_seen = T0 - 30 * DAY,
		    .last_probed = T0 - DAY,
		    .fail_streak = 5 },
		  DUE_DROPPED },
		{ "never answered in 30 days",
		  { .first_seen = T0 - 30 * DAY,
		    .last_probed = T0 - DAY,
		    .fail_streak = 5 },
		  DUE_DROPPED },
		{ "not answered for long, but not asked either",
		  { .first_seen = 1,
		    .last_seen = T0 - 99 * DAY,
		    .last_probed = T0 - 99 * DAY },
		  DUE_RESPONSIVE },
		{ "a clock that was ahead",
		  { .first_seen = 1, .last_seen = T0 + DAY, .last_probed = T0 + DAY },
		  DUE_LATER },
		{ "policy", { .first_seen = T0, .policy = POLICY_NO_SCAN }, DUE_NEVER },
	};
	const struct due_config c = config(T0);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (due_classify(&cases[i].r, &c) != cases[i].want)
			fail_msg("%s: %d", cases[i].why, due_classify(&cases[i].r, &c));
}

/* Every host is accounted for once; limits keep the best; the same seed, the
 * same plan. */
static void plan_adds_up(void **state)
{
	size_t n = 3000;
	struct host_record *rec;
	struct due_config c = config(T0 + 5);
	struct due_plan p, q;
	struct diag d = { "" };
	struct hitlist *h = NULL;
	char dir[HL_PATH];
	struct rng r;

	(void)state;
	rng_init(&r, 5);
	rec = hl_records(&r, &n);
	for (size_t i = 0; i < n; i++) {
		rec[i].first_seen = T0 - (uint32_t)rng_below(&r, 60 * DAY);
		if (rec[i].last_probed)
			rec[i].last_probed = T0 - (uint32_t)rng_below(&r, 200 * DAY);
	}
	hl_ok(hitlist_open(&h, hl_mkdir(dir), HITLIST_CREATE, &d), &d);
	hl_ok(hitlist_add(h, rec, n, NULL, &d), &d);
	for (unsigned max = 0; max < 2000; max += 211) {
		size_t want[DUE_CLASSES] = { 0 }, sum = 0;

		c.max = max;
		hl_ok(hitlist_due(&p, h, &c, &d), &d);
		hl_ok(hitlist_due(&q, h, &c, &d), &d);
		assert_int_equal(p.hosts.n, q.hosts.n);
		if (p.hosts.n)
			assert_memory_equal(p.hosts.a, q.hosts.a,
			                    p.hosts.n * sizeof(*p.hosts.a));
		assert_int_equal(p.known, n);
		assert_int_equal(p.hosts.n + p.no_scan + p.later + p.unresponsive +
		                         p.beyond_max,
		                 n);
		if (max)
			assert_true(p.hosts.n <= max);
		for (unsigned k = 0; k < DUE_CLASSES; k++) {
			for (size_t i = 0; i < p.count[k]; i++) {
				struct host_record x;

				hl_ok(hitlist_lookup(h, p.hosts.a[sum + i], &x, &d), &d);
				assert_int_equal(due_classify(&x, &c), k);
			}
			sum += p.count[k];
			want[k] = p.count[k];
		}
		assert_int_equal(sum, p.hosts.n);
		assert_true(want[DUE_DROPPED] <= c.retest_max);
		due_plan_fini(&p);
		due_plan_fini(&q);
	}
	hitlist_close(h);
	hl_rmdir(dir);
	free(rec);
}

/* One day of the service: plan, ask the world, journal, merge. */
static size_t one_day(struct hitlist *h, uint32_t now, bool alive)
{
	struct due_config c = config(now);
	struct due_plan p;
	struct diag d = { "" };
	struct journal *j = NULL;
	size_t n;

	hl_ok(hitlist_due(&p, h, &c, &d), &d);
	hl_ok(journal_open(&j, h, SOURCE_SCAN, &d), &d);
	for (size_t i = 0; i < p.hosts.n; i++) {
		struct observation o = { .target = p.hosts.a[i],
			                 .from = p.hosts.a[i],
			                 .when_us = now * UINT64_C(1000000),
			                 .proto = OBS_ICMP6,
			                 .outcome = OBS_OPEN };
		struct host_record r;

		hl_ok(hitlist_lookup(h, p.hosts.a[i], &r, &d), &d);
		if (!alive)
			observation_of_silence(&o, &r, o.when_us);
		hl_ok(journal_append(j, &o, 1), &d);
	}
	journal_close(j);
	hl_ok(hitlist_merge(h, NULL, &d), &d);
	n = p.hosts.n;
	due_plan_fini(&p);
	return n;
}

/* Ten days up, gone for 200, then back: probed daily, then on days 1, 2, 4, 8 and
 * 8 later, then not at all, then once 90 days after; back it is probed daily. */
static void life_of_a_host(void **state)
{
	static const unsigned probed_at[] = { 10, 11, 13, 17, 25, 33, 123, 213 };
	struct host_record r = { .addr = { UINT64_C(0x2a00000100000000), 1 },
		                 .first_seen = T0,
		                 .sources = 1 };
	struct diag d = { "" };
	struct hitlist *h = NULL;
	char dir[HL_PATH];
	size_t k = 0;

	(void)state;
	hl_ok(hitlist_open(&h, hl_mkdir(dir), HITLIST_CREATE, &d), &d);
	hl_ok(hitlist_add(h, &r, 1, NULL, &d), &d);
	for (unsigned day = 0; day < 230; day++) {
		bool up = day < 10 || day >= 210;
		size_t n = one_day(h, T0 + day * DAY, up);

		if (day < 10 || day > 213) {
			assert_int_equal(n, 1);
			continue;
		}
		if (n != (k < 8 && probed_at[k] == day))
			fail_msg("day %u: %zu probes", day, n);
		k += n;
	}
	assert_int_equal(k, 8);
	assert_int_equal(hitlist_lookup(h, r.addr, &r, &d), 1);
	assert_int_equal(r.first_seen, T0);
	assert_int_equal(r.fail_streak, 0);
	hitlist_close(h);
	hl_rmdir(dir);
}

/* Silence makes no host: not of one that nobody knows, nor of one purged since. */
static void silence_makes_no_host(void **state)
{
	struct host_record r = { .addr = { UINT64_C(0x2a00000100000000), 1 } };
	struct diag d = { "" };
	struct hitlist_info info;
	struct hitlist *h = NULL;
	struct observation o;
	struct journal *j = NULL;
	char dir[HL_PATH];

	(void)state;
	hl_ok(hitlist_open(&h, hl_mkdir(dir), HITLIST_CREATE, &d), &d);
	hl_ok(journal_open(&j, h, SOURCE_SCAN, &d), &d);
	observation_of_silence(&o, &r, T0 * UINT64_C(1000000));
	hl_ok(journal_append(j, &o, 1), &d);
	journal_close(j);
	hl_ok(hitlist_merge(h, NULL, &d), &d);
	hitlist_info(h, &info);
	assert_int_equal(info.hosts, 0);
	hl_ok(hitlist_check(h, &d), &d);
	hitlist_close(h);
	hl_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes),
		cmocka_unit_test(plan_adds_up),
		cmocka_unit_test(life_of_a_host),
		cmocka_unit_test(silence_makes_no_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
