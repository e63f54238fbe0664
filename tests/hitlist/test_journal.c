#include "tests/hitlist/hl.h"

#include <signal.h>
#include <sys/resource.h>

#include "hitlist/journal.h"

/* What was written, in order, and what a reader has found. */
enum { EVENTS_MAX = 4000 };
struct log {
	struct {
		int kind;
		struct addr128 a;
		uint64_t x;
	} e[EVENTS_MAX];
	size_t n;
};

static int note(struct log *l, int kind, struct addr128 a, uint64_t x)
{
	assert_true(l->n < EVENTS_MAX);
	l->e[l->n].kind = kind;
	l->e[l->n].a = a;
	l->e[l->n++].x = x;
	return 0;
}

static int on_observed(void *ctx, const struct observation *o)
{
	return note(ctx, 0, o->target, o->when_us ^ o->port);
}

static int on_tried(void *ctx, struct addr128 a)
{
	return note(ctx, 1, a, 0);
}

static int on_aliased(void *ctx, struct prefix p)
{
	return note(ctx, 2, p.addr, p.len);
}

/* A prefix of what was written, at a boundary of a call. */
static void is_prefix(const struct log *found, const struct log *all)
{
	assert_true(found->n <= all->n);
	for (size_t i = 0; i < found->n; i++) {
		assert_int_equal(found->e[i].kind, all->e[i].kind);
		assert_true(addr_eq(found->e[i].a, all->e[i].a));
		assert_int_equal(found->e[i].x, all->e[i].x);
	}
}

static void write_some(struct journal *j, struct log *l, struct rng *r, unsigned calls)
{
	for (unsigned k = 0; k < calls; k++) {
		struct observation o[5] = { 0 };
		struct addr128 a[9];
		size_t n = 1 + rng_below(r, 5), m = 1 + rng_below(r, 9);
		struct prefix p = prefix_make(hl_addr(r), (unsigned)rng_below(r, 129));

		switch (rng_below(r, 3)) {
		case 0:
			for (size_t i = 0; i < n; i++) {
				o[i].target = o[i].from = hl_addr(r);
				o[i].when_us = rng_next(r);
				o[i].port = (uint16_t)rng_next(r);
				on_observed(l, &o[i]);
			}
			hl_ok(journal_append(j, o, n), NULL);
			break;
		case 1:
			for (size_t i = 0; i < m; i++)
				on_tried(l, a[i] = hl_addr(r));
			hl_ok(journal_tried(j, a, m), NULL);
			break;
		default: on_aliased(l, p); hl_ok(journal_aliased(j, p), NULL);
		}
	}
}

static int read_back(const uint8_t *p, size_t n, struct log *l, uint64_t *torn,
                     struct diag *d)
{
	struct journal_visitor v = { on_observed, on_tried, on_aliased, l };
	struct journal_reader *r;
	int rc = journal_reader_open_bytes(&r, p, n, "the-journal", d);

	l->n = 0;
	if (rc < 0)
		return rc;
	rc = journal_visit(r, &v, d);
	*torn = journal_reader_torn(r);
	journal_reader_close(r);
	return rc;
}

/* A journal file of some calls; closed: ended in order.  free() it. */
static uint8_t *make(struct log *l, struct rng *r, unsigned calls, bool closed, size_t *n)
{
	char dir[HL_PATH], path[HL_PATH + 16];
	struct diag d = { "" };
	struct journal *j;
	unsigned count = 0;
	uint8_t *bytes;

	hl_mkdir(dir);
	snprintf(path, sizeof(path), "%s/x.obs", dir);
	hl_ok(journal_create(&j, path, SOURCE_DNS, &count, &d), &d);
	assert_int_equal(count, 1);
	assert_string_equal(journal_path(j), path);
	l->n = 0;
	write_some(j, l, r, calls);
	if (!closed)
		bytes = hl_read(path, n); /* as kill -9 would leave it */
	journal_close(j);
	assert_int_equal(count, 0);
	if (closed)
		bytes = hl_read(path, n);
	hl_rmdir(dir);
	return bytes;
}

static struct log all, found;

static void round_trip(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 31);
	for (unsigned i = 0; i < 40; i++) {
		struct diag d = { "" };
		uint64_t torn = 1;
		uint8_t *p;
		size_t n;

		p = make(&all, &r, i * 5, i % 2, &n);
		hl_ok(read_back(p, n, &found, &torn, &d), &d);
		assert_int_equal(torn, 0);
		assert_int_equal(found.n, all.n);
		is_prefix(&found, &all);
		free(p);
	}
}

/* However much of the end is missing, the rest is found, and nothing else. */
static void torn_tails_are_cut(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 32);
	for (unsigned round = 0; round < 2; round++) {
		size_t n, last = 0;
		uint8_t *p = make(&all, &r, 30, round, &n);

		for (size_t size = 0; size <= n; size++) {
			uint8_t *copy = malloc(size ? size : 1);
			struct diag d = { "" };
			uint64_t torn;

			assert_non_null(copy);
			memcpy(copy, p, size);
			hl_ok(read_back(copy, size, &found, &torn, &d), &d);
			is_prefix(&found, &all);
			assert_true(found.n >= last); /* never less than before */
			assert_true(torn <= size);
			last = found.n;
			free(copy);
		}
		assert_int_equal(last, all.n);
		free(p);
	}
}

/* Pages that a dying machine did not write read as zeros. */
static void zero_tails_are_cut(void **state)
{
	struct diag d = { "" };
	struct rng r;
	uint64_t torn;
	uint8_t *p, *longer;
	size_t n;

	(void)state;
	rng_init(&r, 33);
	p = make(&all, &r, 20, false, &n);
	longer = calloc(1, n + 5000);
	assert_non_null(longer);
	memcpy(longer, p, n);
	hl_ok(read_back(longer, n + 5000, &found, &torn, &d), &d);
	assert_int_equal(found.n, all.n);
	assert_int_equal(torn, 5000);
	longer[n + 3000] = 1; /* but this is damage */
	assert_int_equal(read_back(longer, n + 5000, &found, &torn, &d), ERR_CHECKSUM);
	free(longer);
	free(p);
}

/* Every flipped bit is found and its place named, in a journal that was closed;
 * in one that was not, only the last frame can pass for a torn one. */
static void damage_is_named(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 34);
	for (unsigned round = 0; round < 2; round++) {
		bool closed = round == 1;
		size_t n;
		uint8_t *p = make(&all, &r, 20, closed, &n);

		for (size_t i = 0; i < 8 * n; i++) {
			struct diag d = { "" };
			uint64_t torn = 0;
			int rc;

			p[i / 8] ^= (uint8_t)(1 << i % 8);
			rc = read_back(p, n, &found, &torn, &d);
			p[i / 8] ^= (uint8_t)(1 << i % 8);
			is_prefix(&found, &all);
			if (rc < 0 && !strstr(d.text, "the-journal: offset "))
				fail_msg("'%s' does not name the place", d.text);
			if (rc == 0 && (closed || torn == 0))
				fail_msg("a flipped bit in byte %zu went unnoticed",
				         i / 8);
			if (rc == 0)
				assert_true(i / 8 >= n - torn);
		}
		free(p);
	}
}

/* A write that fails leaves the journal as it was, and usable: the frames
 * before and after are all found. */
static void full_disk(void **state)
{
	struct rlimit old, small;
	char dir[HL_PATH], path[HL_PATH + 16];
	struct addr128 many[1000] = { { 0, 0 } };
	struct journal_reader *reader;
	struct journal_visitor v = { on_observed, on_tried, on_aliased, &found };
	struct diag d = { "" };
	struct journal *j;
	unsigned count = 0;
	struct rng r;

	(void)state;
	rng_init(&r, 35);
	hl_mkdir(dir);
	snprintf(path, sizeof(path), "%s/x.obs", dir);
	hl_ok(journal_create(&j, path, SOURCE_DNS, &count, &d), &d);
	all.n = found.n = 0;
	write_some(j, &all, &r, 10);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 12000;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(journal_tried(j, many, ARRAY_LEN(many)), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	write_some(j, &all, &r, 10);
	journal_close(j);
	hl_ok(journal_reader_open(&reader, path, &d), &d);
	assert_int_equal(journal_reader_source(reader), SOURCE_DNS);
	hl_ok(journal_visit(reader, &v, &d), &d);
	journal_reader_close(reader);
	assert_int_equal(found.n, all.n);
	is_prefix(&found, &all);
	hl_rmdir(dir);
}

/* Calls of any size, the largest ones split over frames. */
static void large_calls(void **state)
{
	enum { N = 200000 };
	struct addr128 *a = calloc(N, sizeof(*a));
	struct host_record rec;
	struct hitlist_merge_stats st;
	struct observation *o = calloc(N / 4, sizeof(*o));
	char dir[HL_PATH];
	struct diag d = { "" };
	struct hitlist *h;
	struct journal *j;

	(void)state;
	for (size_t i = 0; i < N; i++)
		a[i] = (struct addr128){ UINT64_C(0x20010db8) << 32, N - i };
	for (size_t i = 0; i < N / 4; i++)
		o[i] = (struct observation){ .target = a[i],
			                     .from = a[i],
			                     .when_us = 5000000,
			                     .proto = OBS_ICMP6,
			                     .outcome = OBS_OPEN };
	hl_mkdir(dir);
	hl_ok(hitlist_open(&h, dir, HITLIST_CREATE, &d), &d);
	hl_ok(journal_open(&j, h, SOURCE_DISCOVER, &d), &d);
	hl_ok(journal_tried(j, a, N), NULL);
	hl_ok(journal_append(j, o, N / 4), NULL);
	hl_ok(journal_append(j, o, 0), NULL);
	hl_ok(journal_tried(j, a, 0), NULL);
	journal_close(j);
	hl_ok(hitlist_merge(h, &st, &d), &d);
	assert_int_equal(st.read, N / 4);
	assert_int_equal(st.answers, N / 4);
	assert_int_equal(st.added, N / 4);
	assert_int_equal(st.tried, N);
	assert_int_equal(hitlist_lookup(h, a[7], &rec, &d), 1);
	assert_int_equal(rec.last_seen, 5);
	assert_int_equal(rec.sources, 1 << SOURCE_DISCOVER);
	hl_ok(hitlist_check(h, &d), &d);
	hitlist_close(h);
	hl_rmdir(dir);
	free(a);
	free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(torn_tails_are_cut),
		cmocka_unit_test(zero_tails_are_cut),
		cmocka_unit_test(damage_is_named),
		cmocka_unit_test(full_disk),
		cmocka_unit_test(large_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
