/* Memory and disk that run out at any moment of a commit: it fails, it leaks
 * nothing, and the hitlist is as it was. */
#define RUN_MAX_RECORDS   64
#define BATCH_RECORDS_MAX 32
#define BATCH_KEYS_MAX    48
#define RUN_CUT_BITS      6
#define MERGE_THREADED    200
#define MERGE_PROCESSORS  3
#define BATCH_WINDOW      8

#include "tests/hitlist/hl.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

/* The n-th allocation from now on fails, and those after it; 0: none does. */
static unsigned long fail_at, allocations;

static bool denied(void)
{
	return ++allocations >= fail_at && fail_at;
}

static void *test_malloc_n(size_t n)
{
	return denied() ? NULL : malloc(n);
}

static void *test_calloc_n(size_t n, size_t size)
{
	return denied() ? NULL : calloc(n, size);
}

static void *test_realloc_n(void *p, size_t n)
{
	return denied() ? NULL : realloc(p, n);
}

#define malloc(n)     test_malloc_n(n)
#define calloc(n, s)  test_calloc_n(n, s)
#define realloc(p, n) test_realloc_n(p, n)
#include "hitlist/alias.c"
#include "hitlist/batch.c"
#include "hitlist/level.c"
#include "hitlist/merge.c"
#include "hitlist/optout.c"
#include "hitlist/run.c"
#include "hitlist/run_writer.c"
#include "hitlist/sort.c"
#include "hitlist/stream.c"
#include "hitlist/txn.c"
#undef malloc
#undef calloc
#undef realloc

struct world {
	char dir[HL_PATH];
	struct host_record *rec;
	struct addr128 tried[200];
	struct prefix aliased;
	size_t n;
};

static void make(struct world *w)
{
	struct diag d = { "" };
	struct hitlist *h;
	struct rng r;

	rng_init(&r, 41);
	w->n = 150;
	w->rec = hl_records(&r, &w->n);
	for (size_t i = 0; i < ARRAY_LEN(w->tried); i++)
		w->tried[i] = hl_addr(&r);
	w->aliased = prefix_make(w->rec[w->n / 3].addr, 64);
	hl_mkdir(w->dir);
	hl_ok(hitlist_open(&h, w->dir, HITLIST_CREATE, &d), &d);
	hl_ok(hitlist_add(h, w->rec, w->n / 2, NULL, &d), &d);
	hitlist_close(h);
}

static void unmake(struct world *w)
{
	hl_rmdir(w->dir);
	free(w->rec);
}

/* All kinds of content in one step. */
static int commit_all(const struct world *w, struct hitlist *h, struct diag *d)
{
	struct hitlist_batch *b = NULL;
	int rc = hitlist_batch_open(&b, h, d);

	for (size_t i = w->n; rc == 0 && i-- > 0;)
		rc = hitlist_batch_add(b, &w->rec[i], 1, d);
	if (rc == 0)
		rc = hitlist_batch_tried(b, w->tried, ARRAY_LEN(w->tried), SOURCE_SCAN, 7,
		                         d);
	if (rc == 0)
		rc = hitlist_batch_aliased(b, &w->aliased, 1);
	if (rc == 0)
		rc = hitlist_batch_input(
			b, &(struct hitlist_input){ .when = 7, .name = "a list" });
	if (rc == 0)
		rc = hitlist_batch_commit(b, NULL, d);
	hitlist_batch_close(b);
	return rc;
}

/* An opt-out that takes a third of all hosts with it. */
static int block_some(const struct world *w, struct hitlist *h, struct diag *d)
{
	const struct hitlist_optout o[] = {
		{ .prefix = w->aliased, .added = 1, .reason = "asked" },
		{ .prefix = prefix_make(w->rec[0].addr, 64), .added = 1 },
	};

	return hitlist_block(h, o, 2, NULL, d);
}

static int judge_some(const struct world *w, struct hitlist *h, struct diag *d)
{
	struct alias_state s = { .prefix = w->aliased };

	alias_judge(&s, UINT16_MAX, 0, 1);
	return hitlist_alias_commit(h, &s, 1, NULL, d);
}

static int (*const commits[])(const struct world *w, struct hitlist *h,
                              struct diag *d) = { commit_all, block_some, judge_some };

static void is_untouched(const struct world *w, struct hitlist *h)
{
	struct hitlist_info info;
	struct diag d = { "" };

	hitlist_info(h, &info);
	assert_int_equal(info.generation, 1);
	assert_int_equal(info.hosts, w->n / 2);
	assert_int_equal(info.aliased, 0);
	assert_int_equal(info.optouts, 0);
	assert_true(hitlist_alias_states(h, &(const struct alias_state *){ NULL }) == 0);
	hl_ok(hitlist_check(h, &d), &d);
	hitlist_info(h, &info);
}

static void memory_runs_out(unsigned kind)
{
	struct world w;
	struct diag d = { "" };
	unsigned long n = 0;
	struct hitlist *h;
	int rc = -ENOMEM;

	make(&w);
	hl_ok(hitlist_open(&h, w.dir, HITLIST_WRITE, &d), &d);
	while (rc < 0) {
		d.text[0] = 0;
		allocations = 0;
		fail_at = ++n;
		rc = commits[kind](&w, h, &d);
		fail_at = 0;
		if (rc >= 0)
			break;
		assert_int_equal(rc, -ENOMEM);
		if (n % 16 == 0)
			is_untouched(&w, h);
	}
	assert_true(n > 20);
	d.text[0] = 0;
	hl_ok(hitlist_check(h, &d), &d);
	hitlist_close(h);
	hl_ok(hitlist_open(&h, w.dir, HITLIST_WRITE, &d), &d);
	hl_ok(hitlist_check(h, &d), &d);
	hitlist_close(h);
	unmake(&w);
}

static void memory_runs_out_at_any_time(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < ARRAY_LEN(commits); kind++)
		memory_runs_out(kind);
}

/* Every limit on the size of a file from nothing to enough. */
static void disk_runs_out(unsigned kind)
{
	struct rlimit old, small;
	struct world w;
	struct diag d = { "" };
	struct hitlist *h;
	int rc = -EFBIG;

	make(&w);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	hl_ok(hitlist_open(&h, w.dir, HITLIST_WRITE, &d), &d);
	for (rlim_t size = 0; rc < 0; size += 50) {
		d.text[0] = 0;
		small = old;
		small.rlim_cur = size;
		setrlimit(RLIMIT_FSIZE, &small);
		rc = commits[kind](&w, h, &d);
		setrlimit(RLIMIT_FSIZE, &old);
		if (rc >= 0)
			break;
		assert_int_equal(rc, -EFBIG);
		assert_non_null(strstr(d.text, w.dir)); /* says where */
		is_untouched(&w, h);
	}
	hl_ok(hitlist_check(h, &d), &d);
	hitlist_close(h);
	unmake(&w);
}

static void disk_runs_out_at_any_size(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < ARRAY_LEN(commits); kind++)
		disk_runs_out(kind);
}

/* Many threads may ask at once, also for the first time. */
struct asking {
	const struct hitlist *h;
	const struct world *w;
	unsigned seed, wrong;
};

static void *ask(void *arg)
{
	struct asking *a = arg;
	struct host_record rec;
	struct rng r;

	rng_init(&r, a->seed);
	for (unsigned i = 0; i < 20000; i++) {
		const struct host_record *want = &a->w->rec[rng_below(&r, a->w->n)];
		struct addr128 other = { rng_next(&r), 0 };

		a->wrong += hitlist_seen(a->h, want->addr, NULL) != 1;
		a->wrong += hitlist_seen(a->h, other, NULL) != 0;
		a->wrong += hitlist_lookup(a->h, want->addr, &rec, NULL) != 1 ||
		            !hl_same(&rec, want);
	}
	return NULL;
}

static void threads_ask_at_once(void **state)
{
	struct asking a[4];
	pthread_t t[4];
	struct world w;
	struct diag d = { "" };
	struct hitlist *h;

	(void)state;
	make(&w);
	hl_ok(hitlist_open(&h, w.dir, HITLIST_WRITE, &d), &d);
	hl_ok(hitlist_add(h, w.rec + w.n / 2, w.n - w.n / 2, NULL, &d), &d);
	for (unsigned i = 0; i < 4; i++) {
		a[i] = (struct asking){ h, &w, i, 0 };
		assert_int_equal(pthread_create(&t[i], NULL, ask, &a[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(a[i].wrong, 0);
	}
	hitlist_close(h);
	unmake(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_runs_out_at_any_time),
		cmocka_unit_test(disk_runs_out_at_any_size),
		cmocka_unit_test(threads_ask_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
