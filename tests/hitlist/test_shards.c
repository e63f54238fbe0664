/* The same content gives the same bytes, however it arrives: shards in any order,
 * one stream in order or in none, journals in any order, one thread or many.
 * Limits are so small that spills and chains of runs are the rule. */
#define RUN_MAX_RECORDS   300
#define BATCH_RECORDS_MAX 64
#define BATCH_KEYS_MAX    48
#define RUN_CUT_BITS      7
#define MERGE_THREADED    200
#define MERGE_PROCESSORS  processors_of_test
#define BATCH_WINDOW      8

static unsigned processors_of_test = 1;

#include "hitlist/batch.c"
#include "hitlist/merge.c"
#include "hitlist/run.c"
#include "hitlist/run_writer.c"
#include "hitlist/txn.c"

#include "tests/hitlist/hl.h"

enum { SHARDS = 6, SHARD = 500, ORDERS = 12 };

static void shuffle(struct rng *r, unsigned *v, unsigned n)
{
	for (unsigned i = n; i > 1; i--) {
		unsigned k = (unsigned)rng_below(r, i), x = v[k];

		v[k] = v[i - 1];
		v[i - 1] = x;
	}
}

/* The checksums of all runs in order: each stands for the whole of its file.  Not
 * of history, which tells what each commit saw. */
static size_t fingerprint(const struct hitlist *h, uint64_t *sum, size_t max)
{
	size_t n = 0;

	for (unsigned t = 0; t < TIER_HISTORY; t++)
		for (size_t i = 0; i < h->tier[t].n; i++)
			for (size_t k = 0; k < h->tier[t].g[i].n; k++) {
				assert_true(n < max);
				sum[n++] = run_summary(h->tier[t].g[i].runs[k])->checksum;
			}
	return n;
}

struct want {
	uint64_t sum[512];
	size_t n;
};

static void is_like_the_first(struct want *w, struct hitlist *h, size_t least)
{
	uint64_t sum[512];
	struct diag d = { "" };
	size_t n = fingerprint(h, sum, ARRAY_LEN(sum));

	hl_ok(hitlist_check(h, &d), &d);
	if (!w->n) {
		memcpy(w->sum, sum, sizeof(sum));
		w->n = n;
	}
	assert_true(n >= least);
	assert_int_equal(n, w->n);
	assert_memory_equal(sum, w->sum, n * sizeof(*sum));
}

static struct hitlist *new_hitlist(char dir[HL_PATH])
{
	struct hitlist *h = NULL;
	struct diag d = { "" };

	hl_ok(hitlist_open(&h, hl_mkdir(dir), HITLIST_CREATE, &d), &d);
	return h;
}

static void shards_in_any_order(void **state)
{
	struct host_record *shard[SHARDS], *copy = calloc(SHARD, sizeof(*copy));
	unsigned order[SHARDS];
	struct want w = { .n = 0 };
	struct diag d = { "" };
	char dir[HL_PATH];
	struct rng r;

	(void)state;
	rng_init(&r, 61);
	assert_non_null(copy);
	for (unsigned s = 0; s < SHARDS; s++) {
		shard[s] = calloc(SHARD, sizeof(**shard));
		assert_non_null(shard[s]);
		order[s] = s;
		for (unsigned i = 0; i < SHARD; i++)
			shard[s][i] = hl_record(&r, hl_addr(&r));
	}
	for (unsigned k = 0; k < ORDERS; k++) {
		struct hitlist *h = new_hitlist(dir);

		for (unsigned s = 0; s < SHARDS; s++) {
			memcpy(copy, shard[order[s]], SHARD * sizeof(*copy));
			hl_ok(hitlist_add(h, copy, SHARD, NULL, &d), &d);
		}
		is_like_the_first(&w, h, 4);
		hitlist_close(h);
		hl_rmdir(dir);
		shuffle(&r, order, SHARDS);
		processors_of_test = 1 + k % PARTS_MAX;
	}
	for (unsigned s = 0; s < SHARDS; s++)
		free(shard[s]);
	free(copy);
}

static void journals_in_any_order(void **state)
{
	struct observation o[SHARDS][40] = { 0 };
	struct addr128 tried[SHARDS][60];
	unsigned order[SHARDS];
	struct want w = { .n = 0 };
	struct diag d = { "" };
	char dir[HL_PATH];
	struct rng r;

	(void)state;
	rng_init(&r, 62);
	for (unsigned s = 0; s < SHARDS; s++) {
		order[s] = s;
		for (unsigned i = 0; i < 60; i++)
			tried[s][i] = hl_addr(&r);
		for (unsigned i = 0; i < 40; i++) {
			o[s][i].target = o[s][i].from = hl_addr(&r);
			o[s][i].outcome = OBS_OPEN;
			o[s][i].proto = OBS_ICMP6;
			o[s][i].when_us = (1780000000 + rng_below(&r, 9)) * 1000000;
		}
	}
	for (unsigned k = 0; k < ORDERS; k++) {
		struct hitlist *h = new_hitlist(dir);

		for (unsigned s = 0; s < SHARDS; s++) {
			struct journal *j;

			hl_ok(journal_open(&j, h, SOURCE_SCAN, &d), &d);
			hl_ok(journal_append(j, o[order[s]], 40), &d);
			hl_ok(journal_tried(j, tried[order[s]], 60), &d);
			journal_close(j);
		}
		hl_ok(hitlist_merge(h, NULL, &d), &d);
		is_like_the_first(&w, h, 2);
		hitlist_close(h);
		hl_rmdir(dir);
		shuffle(&r, order, SHARDS);
		processors_of_test = 1 + k % PARTS_MAX;
	}
}

/* How one stream may arrive. */
enum arrival {
	SORTED,
	SORTED_TWICE,
	REPEATED,
	SORTED_PARTS,
	BACKWARDS,
	RANDOM,
	ARRIVALS
};

static size_t place(enum arrival how, size_t i, size_t n, struct rng *r)
{
	switch (how) {
	case SORTED: return i % n;
	case SORTED_TWICE: return i % n; /* 2n of them */
	case REPEATED: return i / 2 % n;
	case SORTED_PARTS: return (i + n / 3) % n;
	case BACKWARDS: return n - 1 - i % n;
	default: return rng_below(r, n);
	}
}

/* A load in order becomes runs without a merge; the others do not. */
static void one_stream_in_any_order(void **state)
{
	struct want w = { .n = 0 };
	struct diag d = { "" };
	size_t n = 3000;
	struct host_record *rec;
	char dir[HL_PATH];
	struct rng r;

	(void)state;
	rng_init(&r, 63);
	rec = hl_records(&r, &n);
	for (unsigned how = 0; how < ARRIVALS; how++) {
		size_t count = how == SORTED_TWICE || how == REPEATED ? 2 * n : n;
		struct hitlist *h = new_hitlist(dir);
		struct hitlist_merge_stats st;
		struct hitlist_batch *b = NULL;

		hl_ok(hitlist_batch_open(&b, h, &d), &d);
		for (size_t i = 0; i < count || (how == RANDOM && i < count + n); i++) {
			/* The random one ends with everything once. */
			size_t k = i < count ? place((enum arrival)how, i, n, &r)
			                     : i - count;

			hl_ok(hitlist_batch_add(b, &rec[k], 1, &d), &d);
			hl_ok(hitlist_batch_tried(b, &rec[k].addr, 1, SOURCE_SCAN, 7, &d),
			      &d);
		}
		hl_ok(hitlist_batch_commit(b, &st, &d), &d);
		assert_int_equal(st.added, n);
		assert_int_equal(st.tried, n);
		assert_int_equal(st.updated, 0);
		hitlist_batch_close(b);
		is_like_the_first(&w, h, 20);
		hitlist_close(h);
		/* Nothing is left of what was only on its way. */
		hl_ok(hitlist_open(&h, dir, HITLIST_READ, &d), &d);
		is_like_the_first(&w, h, 20);
		hitlist_close(h);
		hl_rmdir(dir);
	}
	free(rec);
}

/* A load that is given up leaves no file. */
static int any_file(void *ctx, const char *name)
{
	(void)ctx;
	fail_msg("left: %s", name);
	return 0;
}

static void a_load_given_up_leaves_nothing(void **state)
{
	char dir[HL_PATH], runs[HL_PATH + 8];
	struct diag d = { "" };
	struct hitlist_batch *b = NULL;
	struct hitlist *h;
	size_t n = 2000;
	struct host_record *rec;
	struct rng r;

	(void)state;
	rng_init(&r, 64);
	rec = hl_records(&r, &n);
	h = new_hitlist(dir);
	hl_ok(hitlist_batch_open(&b, h, &d), &d);
	hl_ok(hitlist_batch_add(b, rec, n, &d), &d);
	hitlist_batch_close(b);
	snprintf(runs, sizeof(runs), "%s/runs", dir);
	hl_ok(fs_each(runs, any_file, NULL, &d), &d);
	hitlist_close(h);
	hl_rmdir(dir);
	free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shards_in_any_order),
		cmocka_unit_test(journals_in_any_order),
		cmocka_unit_test(one_stream_in_any_order),
		cmocka_unit_test(a_load_given_up_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
