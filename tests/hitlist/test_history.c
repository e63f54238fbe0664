/* How hosts came and went, against an oracle; limits so small that the history is
 * many runs. */
#define RUN_MAX_RECORDS   100
#define BATCH_RECORDS_MAX 32
#define BATCH_KEYS_MAX    48
#define BATCH_WINDOW      8
#define RUN_CUT_BITS      7
#define MERGE_THREADED    100
#define MERGE_PROCESSORS  3

#include "hitlist/batch.c"
#include "hitlist/history.c"
#include "hitlist/merge.c"
#include "hitlist/run.c"
#include "hitlist/run_writer.c"
#include "hitlist/txn.c"

#include "tests/hitlist/hl.h"

enum { HOSTS = 300, DAYS = 40, T0 = 1780000000, DAY = 86400 };

struct model {
	struct addr128 addr[HOSTS];
	struct host_record rec[HOSTS]; /* first_seen 0: not there */
	struct {
		uint32_t when;
		bool up;
	} e[HOSTS][DAYS];
	unsigned n[HOSTS];
	bool blocked[HOSTS];
};

static struct host_record news(struct model *m, unsigned i, uint32_t now, struct rng *r)
{
	struct host_record h = { .addr = m->addr[i], .last_probed = now };

	switch (rng_below(r, 3)) {
	case 0: /* imported */
		h.first_seen = now;
		h.sources = 1;
		h.last_probed = 0;
		break;
	case 1: /* answers */
		h.first_seen = now;
		h.sources = 1;
		h.service_seen[SERVICE_ICMP] = now;
		break;
	default: h.fail_streak = (uint16_t)(m->rec[i].fail_streak + 1); /* silent */
	}
	host_record_normalise(&h);
	return h;
}

/* As the words of hitlist/history.h say. */
static void model_take(struct model *m, unsigned i, const struct host_record *h)
{
	bool known = m->rec[i].first_seen, was_up, up;

	if (m->blocked[i] || (!known && !h->first_seen))
		return;
	was_up = known && m->rec[i].last_seen && !m->rec[i].fail_streak;
	if (known)
		host_record_merge(&m->rec[i], h);
	else
		m->rec[i] = *h;
	up = m->rec[i].last_seen && !m->rec[i].fail_streak;
	if (!known || up == was_up)
		return;
	m->e[i][m->n[i]].when = up ? m->rec[i].last_seen : m->rec[i].last_probed;
	m->e[i][m->n[i]++].up = up;
}

struct found {
	struct host_history x[HOSTS];
	unsigned n;
};

static int keep(void *ctx, const struct host_history *x)
{
	struct found *f = ctx;

	assert_true(f->n < HOSTS);
	f->x[f->n++] = *x;
	return 0;
}

static void compare(const struct hitlist *h, const struct model *m)
{
	const struct prefix all = { { 0, 0 }, 0 };
	struct found f = { .n = 0 };
	struct diag d = { "" };
	unsigned k = 0;

	hl_ok(hitlist_history(h, all, keep, &f, &d), &d);
	for (unsigned i = 0; i < HOSTS; i++) {
		unsigned n = m->n[i] < HISTORY_MAX ? m->n[i] : HISTORY_MAX;

		if (!n)
			continue;
		assert_true(k < f.n && addr_eq(f.x[k].addr, m->addr[i]));
		assert_int_equal(f.x[k].n, n);
		for (unsigned j = 0; j < n; j++) {
			assert_int_equal(f.x[k].e[j].when, m->e[i][m->n[i] - 1 - j].when);
			assert_int_equal(f.x[k].e[j].up, m->e[i][m->n[i] - 1 - j].up);
		}
		k++;
	}
	assert_int_equal(k, f.n);
	assert_true(f.n > 10);
}

static void one_day(struct hitlist *h, struct model *m, uint32_t now, struct rng *r)
{
	struct host_record rec[HOSTS];
	struct diag d = { "" };
	size_t n = 0;

	for (unsigned i = 0; i < HOSTS; i++) {
		if (rng_below(r, 3) == 0)
			continue;
		rec[n] = news(m, i, now, r);
		model_take(m, i, &rec[n++]);
	}
	hl_ok(hitlist_add(h, rec, n, NULL, &d), &d);
}

/* What has opted out is forgotten here too. */
static void opt_out(struct hitlist *h, struct model *m, unsigned i)
{
	const struct hitlist_optout o = { .prefix = prefix_make(m->addr[i], 120),
		                          .added = 1 };
	struct diag d = { "" };

	for (unsigned k = 0; k < HOSTS; k++) {
		if (!prefix_covers(o.prefix, m->addr[k]))
			continue;
		m->blocked[k] = true;
		m->n[k] = 0;
		m->rec[k] = (struct host_record){ .sources = 0 };
	}
	hl_ok(hitlist_block(h, &o, 1, NULL, &d), &d);
}

static void forty_days(void **state)
{
	struct model *m = calloc(1, sizeof(*m));
	struct host_record *rec;
	struct hitlist *h = NULL;
	struct diag d = { "" };
	size_t n = HOSTS;
	char dir[HL_PATH];
	struct rng r;

	(void)state;
	rng_init(&r, 71);
	assert_non_null(m);
	for (n = HOSTS;; n++) { /* so many different addresses */
		size_t got = n;

		rec = hl_records(&r, &got);
		if (got >= HOSTS)
			break;
		free(rec);
	}
	for (unsigned i = 0; i < HOSTS; i++)
		m->addr[i] = rec[i].addr;
	free(rec);
	hl_ok(hitlist_open(&h, hl_mkdir(dir), HITLIST_CREATE, &d), &d);
	for (unsigned day = 0; day < DAYS; day++) {
		one_day(h, m, T0 + day * DAY, &r);
		if (day % 10 == 9)
			opt_out(h, m, (unsigned)rng_below(&r, HOSTS));
		if (day % 15 == 14)
			hl_ok(hitlist_compact(h, &d), &d);
		if (day > 3)
			compare(h, m);
	}
	hl_ok(hitlist_check(h, &d), &d);
	hitlist_close(h);
	hl_ok(hitlist_open(&h, dir, HITLIST_READ, &d), &d);
	hl_ok(hitlist_check(h, &d), &d);
	compare(h, m);
	hitlist_close(h);
	hl_rmdir(dir);
	free(m);
}

static struct host_record some(struct rng *r)
{
	struct host_record h = { .sources = 0 };
	unsigned n = 0;

	for (unsigned when = 12; when; when--)
		if (n < HISTORY_MAX && rng_below(r, 2))
			add(&h, &n, when, rng_below(r, 2));
	h.last_seen = h.service_seen[0];
	return h;
}

/* In any order, and twice, the same. */
static void folding_is_a_union(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 72);
	for (unsigned round = 0; round < 20000; round++) {
		struct host_record a = some(&r), b = some(&r), c = some(&r);
		struct host_record left = a, right = b, ba = b, twice;

		fold(&left, &b);
		fold(&ba, &a);
		assert_true(hl_same(&left, &ba));
		fold(&left, &c);
		fold(&right, &c);
		fold(&right, &a);
		assert_true(hl_same(&left, &right));
		twice = left;
		fold(&twice, &c);
		fold(&twice, &left);
		assert_true(hl_same(&twice, &left));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forty_days),
		cmocka_unit_test(folding_is_a_union),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
