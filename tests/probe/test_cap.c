#include "tests/test.h"

#include <stdatomic.h>

#include "common/addrset.h"
#include "common/rng.h"
#include "probe/cap.h"

#define S UINT64_C(1000000000)

/* A source of n targets; the address of number i is at(i). */
struct list {
	uint64_t i, n;
	struct addr128 (*at)(uint64_t i);
};

static int next(void *ctx, struct probe_target *out, size_t max)
{
	struct list *l = ctx;
	size_t n = 0;

	while (n < max && l->i < l->n) {
		out[n] = (struct probe_target){ .addr = l->at(l->i),
			                        .tag = (uint32_t)l->i };
		n++;
		l->i++;
	}
	return n ? (int)n : PROBE_SOURCE_END;
}

/* Four /48s with two /64s each. */
static struct addr128 few_sites(uint64_t i)
{
	return (struct addr128){
		UINT64_C(0x2a00000100000000) | (i % 4) << 16 | (i / 4) % 2, i + 1
	};
}

static struct addr128 many_sites(uint64_t i)
{
	return (struct addr128){ UINT64_C(0x2a00000000000000) | i << 16, 1 };
}

/* A hot /48 first, then others. */
static struct addr128 hot_first(uint64_t i)
{
	return i < 3000 ? few_sites(4 * i) : many_sites(i);
}

static struct addr128 v4_sites(uint64_t i)
{
	return (struct addr128){ 0, UINT64_C(0xffff0a000000) | (i % 3) << 8 |
		                            (i / 3) % 256 };
}

struct trace {
	uint64_t *at;
	struct addr128 *addr;
	uint32_t *tag;
	size_t n;
};

static struct trace trace_new(size_t n)
{
	return (struct trace){ calloc(n, sizeof(uint64_t)),
		               calloc(n, sizeof(struct addr128)),
		               calloc(n, sizeof(uint32_t)), 0 };
}

static void trace_free(struct trace *t)
{
	free(t->at);
	free(t->addr);
	free(t->tag);
}

/* A sender that asks for `batch` targets each half millisecond. */
static void run(struct trace *t, const struct probe_config *cfg, struct list *l,
                unsigned batch)
{
	struct probe_source source = { next, l };
	struct cap *c = cap_new(cfg);
	struct probe_target out[64];
	uint64_t now = 5 * S, done = 0;
	int n;

	assert_non_null(c);
	cap_begin(c, &source);
	while ((n = cap_next_at(c, out, batch, now)) != PROBE_SOURCE_END) {
		assert_true(n >= 0 && n <= (int)batch);
		for (int i = 0; i < n; i++) {
			t->at[t->n] = now;
			t->tag[t->n] = out[i].tag;
			t->addr[t->n++] = out[i].addr;
		}
		done = cap_done(c, t->n);
		/* Whatever is below was given out. */
		for (uint64_t k = 0; t->n % 97 == 0 && k < done; k++) {
			size_t j = 0;

			while (j < t->n && t->tag[j] != k)
				j++;
			assert_true(j < t->n);
		}
		now += 500000;
	}
	assert_int_equal(cap_done(c, t->n), l->n);
	cap_free(c);
}

/* The most that one prefix got within any window. */
static size_t most(const struct trace *t, unsigned len, uint64_t window)
{
	size_t worst = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct prefix p = prefix_make(t->addr[i], len);
		size_t n = 0;

		for (size_t j = i; j < t->n && t->at[j] < t->at[i] + window; j++)
			n += addr_eq(prefix_make(t->addr[j], len).addr, p.addr);
		worst = n > worst ? n : worst;
	}
	return worst;
}

static void all_come_once(const struct trace *t, size_t n)
{
	struct addrset *set = addrset_new(n);

	assert_int_equal(t->n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(addrset_add(set, t->addr[i]), 1);
	addrset_free(set);
}

static void no_site_gets_more(void **state)
{
	struct probe_config cfg = { .rate_pps = 10000, .probes = 1, .cap_48_pps = 100 };
	struct list l = { 0, 800, few_sites };
	struct trace t = trace_new(800);

	(void)state;
	run(&t, &cfg, &l, 5);
	all_come_once(&t, 800);
	assert_in_range(most(&t, 48, S), 97, 100);
	assert_in_range(most(&t, 48, S / 10), 9, 11);
	/* Four sites at once: 200 each take two seconds. */
	assert_in_range(t.at[799] - t.at[0], 19 * S / 10, 21 * S / 10);
	trace_free(&t);
}

static void the_smaller_prefix_counts_too(void **state)
{
	struct probe_config cfg = {
		.rate_pps = 10000, .probes = 1, .cap_48_pps = 150, .cap_64_pps = 50
	};
	struct list l = { 0, 400, few_sites };
	struct trace t = trace_new(400);

	(void)state;
	run(&t, &cfg, &l, 5);
	all_come_once(&t, 400);
	assert_true(most(&t, 64, S) <= 50);
	assert_in_range(most(&t, 48, S), 90, 100);
	trace_free(&t);
}

static void retries_are_charged(void **state)
{
	struct probe_config cfg = { .rate_pps = 10000, .probes = 4, .cap_24_pps = 100 };
	struct list l = { 0, 150, v4_sites };
	struct trace t = trace_new(150);

	(void)state;
	run(&t, &cfg, &l, 5);
	all_come_once(&t, 150);
	assert_in_range(most(&t, 120, S), 24, 25);
	trace_free(&t);
}

/* Above 1000 pps packets go in bursts of a millisecond, and the rate is kept. */
static void large_caps_are_reached(void **state)
{
	struct probe_config cfg = { .rate_pps = 100000, .probes = 1, .cap_48_pps = 5000 };
	struct list l = { 0, 24000, few_sites };
	struct trace t = trace_new(24000);

	(void)state;
	run(&t, &cfg, &l, 50);
	assert_int_equal(t.n, 24000);
	assert_in_range(t.at[t.n - 1] - t.at[0], 119 * S / 100, 123 * S / 100);
	trace_free(&t);
}

/* Without a hot prefix nothing is held back, and one does not hold others back. */
static void others_go_on(void **state)
{
	struct probe_config cfg = { .rate_pps = 100000, .probes = 1, .cap_48_pps = 10 };
	struct list many = { 0, 20000, many_sites }, hot = { 0, 23000, hot_first };
	struct trace t = trace_new(23000);
	size_t soon = 0;

	(void)state;
	run(&t, &cfg, &many, 50);
	assert_int_equal(t.n, 20000);
	assert_true(t.at[t.n - 1] - t.at[0] < S / 2);
	t.n = 0;
	cfg.cap_48_pps = 1000;
	run(&t, &cfg, &hot, 50);
	assert_int_equal(t.n, 23000);
	for (size_t i = 0; i < t.n; i++)
		soon += t.tag[i] >= 3000 && t.at[i] < t.at[0] + S / 2;
	assert_true(soon > 19000);
	assert_in_range(t.at[t.n - 1] - t.at[0], 29 * S / 10, 31 * S / 10);
	trace_free(&t);
}

/* More than can wait: the source does, and still all of them come. */
static void a_full_queue_makes_the_source_wait(void **state)
{
	struct probe_config cfg = { .rate_pps = 100000,
		                    .probes = 1,
		                    .cap_48_pps = 50000 };
	struct list l = { 0, 400000, few_sites };
	struct probe_source source = { next, &l };
	struct cap *c = cap_new(&cfg);
	struct probe_target out[64];
	uint64_t now = S, given = 0, most_waiting = 0;
	int n;

	(void)state;
	assert_non_null(c);
	cap_begin(c, &source);
	while ((n = cap_next_at(c, out, 64, now)) != PROBE_SOURCE_END) {
		given += (unsigned)n;
		if (l.i - given > most_waiting)
			most_waiting = l.i - given;
		assert_true(cap_done(c, given) <= given);
		now += 100000;
	}
	assert_int_equal(given, 400000);
	assert_in_range(most_waiting, 65000, 65536 + 64);
	assert_int_equal(cap_done(c, given), 400000);
	cap_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_site_gets_more),
		cmocka_unit_test(the_smaller_prefix_counts_too),
		cmocka_unit_test(retries_are_charged),
		cmocka_unit_test(large_caps_are_reached),
		cmocka_unit_test(others_go_on),
		cmocka_unit_test(a_full_queue_makes_the_source_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
