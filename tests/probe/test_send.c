/* Several sending threads over memory links: what leaves does not depend on how many
 * there are. */
#include "tests/test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "common/clock.h"
#include "common/scope.h"
#include "probe/scan.h"
#include "tests/probe/forge.h"

enum { TARGETS = 20000, THREADS_MAX = 8 };

/* Targets 0, 1, 2, ... of a /64, and how often each was sent to. */
struct world {
	uint32_t next, end;
	uint32_t stop_after; /* sets stop when so many were taken; 0: never */
	atomic_bool stop;
	_Atomic unsigned sent[TARGETS];
	_Atomic uint64_t packets;
	_Atomic int inside; /* threads within the source */
};

static const struct addr128 net = { UINT64_C(0x20010db800000000), 0 };

static int next(void *ctx, struct probe_target *out, size_t max)
{
	struct world *w = ctx;
	int n = 0;

	assert_int_equal(atomic_fetch_add(&w->inside, 1), 0);
	while (n < (int)max && w->next < w->end)
		out[n++] = (struct probe_target){ .addr = { net.hi, w->next++ } };
	if (w->stop_after && w->next >= w->stop_after)
		atomic_store(&w->stop, true);
	atomic_fetch_sub(&w->inside, 1);
	return n ? n : PROBE_SOURCE_END;
}

static void on_sent(void *ctx, const uint8_t *frame, size_t len)
{
	struct world *w = ctx;
	struct packet p;

	assert_true(packet_parse(&p, wire_from(frame + ETH, len - ETH), PACKET_RECEIVED));
	assert_true(packet_checksum_ok(&p));
	assert_true(p.dst.hi == net.hi && p.dst.lo < TARGETS);
	w->sent[p.dst.lo]++;
	w->packets++;
}

static void observe(void *ctx, const struct observation *o)
{
	(void)ctx;
	(void)o;
}

static struct scope *scope_without(const char *blocked)
{
	struct scope_config cfg = { .allow_special = true };
	struct ivtab_builder *b = ivtab_builder_new();
	struct ivtab *t = NULL;
	struct scope *s = NULL;
	struct prefix p;

	assert_true(prefix_parse(&p, blocked));
	assert_int_equal(ivtab_add(b, p, 1), 0);
	assert_int_equal(ivtab_build(&t, b), 0);
	cfg.blocked = t;
	assert_int_equal(scope_new(&s, &cfg, NULL), 0);
	ivtab_free(t);
	ivtab_builder_free(b);
	return s;
}

static const char *const modules[] = { "icmp6-echo" };

/* Run it; the statistics afterwards. */
static struct probe_stats run(struct world *w, struct probe_config *cfg, unsigned threads,
                              int expected)
{
	struct probe_source source = { next, w };
	struct probe_sink sink = { observe, NULL };
	struct scan_way way = { .receiver = NULL };
	struct probe_scan *s = NULL;
	struct probe_stats st;
	struct diag d = { "" };

	cfg->modules = (struct opt_list){ (const char **)modules, 1 };
	cfg->senders = threads;
	cfg->stop = &w->stop;
	for (unsigned i = 0; i < threads; i++) {
		assert_int_equal(link_memory_open(&way.links[i][1], on_sent, w), 0);
		way.links[i][0] = way.links[i][1];
	}
	way.source[0] = forge_addr("192.0.2.1");
	way.source[1] = forge_addr("2001:db8:aaaa::1");
	if (scan_open(&s, cfg, &way, &d) < 0)
		fail_msg("%s", d.text);
	assert_int_equal(probe_run(s, &source, &sink, &d), expected);
	probe_stats(s, &st);
	probe_close(s);
	return st;
}

/* Each target that is in scope gets exactly its packets, from however many threads. */
static void targets_are_shared_out_exactly(void **state)
{
	static const struct {
		unsigned threads, probes;
	} cases[] = { { 1, 1 }, { 2, 1 }, { 3, 2 }, { 8, 1 }, { 8, 3 } };
	struct scope *scope = scope_without("2001:db8::1000/116");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_config cfg = { .rate_pps = 1e6,
			                    .probes = cases[i].probes,
			                    .probe_interval_ns = 2 * NS_PER_MS,
			                    .scope = scope };
		struct world *w = calloc(1, sizeof(*w));
		struct probe_stats st;

		w->end = TARGETS;
		st = run(w, &cfg, cases[i].threads, 0);
		for (unsigned k = 0; k < TARGETS; k++)
			if (w->sent[k] != (k >> 12 == 1 ? 0 : cases[i].probes))
				fail_msg("case %zu: target %u: %u", i, k, w->sent[k]);
		assert_int_equal(st.targets, TARGETS);
		assert_int_equal(st.done, TARGETS);
		assert_int_equal(st.refused_scope, 4096);
		assert_int_equal(st.sent, w->packets);
		free(w);
	}
	scope_free(scope);
}

/* A stop leaves targets, of which none counts as done that is not, and none is sent
 * to again when the rest is done from there on, but those that were under way. */
static void what_is_done_is_known_exactly(void **state)
{
	struct scope *scope = scope_without("2001:db8:ffff::/48");

	(void)state;
	for (unsigned probes = 1; probes <= 2; probes++) {
		struct probe_config cfg = { .rate_pps = 200000,
			                    .probes = probes,
			                    .probe_interval_ns = 5 * NS_PER_MS,
			                    .scope = scope };
		struct world *w = calloc(1, sizeof(*w));
		struct probe_stats st;
		unsigned again = 0;

		w->end = TARGETS;
		w->stop_after = TARGETS / 2;
		st = run(w, &cfg, 4, ERR_STOPPED);
		assert_true(st.targets >= TARGETS / 2 && st.targets < TARGETS);
		assert_true(st.done <= st.targets);
		for (uint64_t k = 0; k < st.done; k++)
			assert_int_equal(w->sent[k], probes);
		if (probes == 1)
			assert_int_equal(st.done, st.targets);
		w->next = (uint32_t)st.done;
		w->stop_after = 0;
		atomic_store(&w->stop, false);
		st = run(w, &cfg, 3, 0);
		for (unsigned k = 0; k < TARGETS; k++) {
			assert_true(w->sent[k] >= probes);
			again += w->sent[k] > probes;
		}
		assert_true(probes > 1 || again == 0);
		assert_int_equal(st.done, st.targets);
		free(w);
	}
	scope_free(scope);
}

/* The rate is that of all threads together. */
static void threads_keep_one_rate(void **state)
{
	struct scope *scope = scope_without("2001:db8:ffff::/48");
	struct probe_config cfg = { .rate_pps = 20000, .probes = 1, .scope = scope };
	struct world *w = calloc(1, sizeof(*w));
	uint64_t from = clock_mono_ns();

	(void)state;
	w->end = 4000;
	run(w, &cfg, 5, 0);
	assert_int_equal(w->packets, 4000);
	/* It cannot take less, however the machine is used. */
	assert_true(clock_mono_ns() - from >= 4000 / 20000.0 * 1e9 * 0.99);
	free(w);
	scope_free(scope);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_shared_out_exactly),
		cmocka_unit_test(what_is_done_is_known_exactly),
		cmocka_unit_test(threads_keep_one_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
