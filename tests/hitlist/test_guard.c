#include "tests/test.h"

#include <inttypes.h>

static long alloc_budget = -1; /* how many more succeed; negative: all */

static void *scarce_calloc(size_t n, size_t size)
{
	if (alloc_budget == 0)
		return NULL;
	alloc_budget -= alloc_budget > 0;
	return calloc(n, size);
}

static void *scarce_realloc(void *p, size_t size)
{
	if (alloc_budget == 0)
		return NULL;
	alloc_budget -= alloc_budget > 0;
	return realloc(p, size);
}

#define calloc  scarce_calloc
#define realloc scarce_realloc
#include "common/pfxmap.c"
#include "hitlist/guard.c"
#include "hitlist/guard_run.c"
#undef calloc
#undef realloc

#include "common/addrvec.h"
#include "common/reader.h"

/* --- a simulated network --- */

enum { MAX_VERDICTS = 400000 };

struct world {
	bool (*alive)(const struct world *w, struct addr128 a);
	struct prefix aliased; /* for some of the rules */
	const struct addrset *hosts;
	double loss;
	struct rng rng;

	struct guard *g;
	uint64_t now_ns, probes;
	struct guard_verdict *verdicts;
	size_t n_verdicts, n_aliased;
	const struct addrset *forbidden; /* no probe may go there */
};

static bool in_prefix(const struct world *w, struct addr128 a)
{
	return prefix_covers(w->aliased, a);
}

static bool everywhere(const struct world *w, struct addr128 a)
{
	(void)w;
	(void)a;
	return true;
}

static bool nowhere(const struct world *w, struct addr128 a)
{
	(void)w;
	(void)a;
	return false;
}

/* Half of all addresses, each for good. */
static bool every_other(const struct world *w, struct addr128 a)
{
	(void)w;
	return addr_hash(a, 99) & 1;
}

static bool low_16_bits(const struct world *w, struct addr128 a)
{
	(void)w;
	return a.lo >= 1 && a.lo <= 0xffff;
}

static bool half_of_low_16_bits(const struct world *w, struct addr128 a)
{
	return low_16_bits(w, a) && every_other(w, a);
}

static bool listed(const struct world *w, struct addr128 a)
{
	return addrset_has(w->hosts, a);
}

static void world_init(struct world *w,
                       bool (*alive)(const struct world *, struct addr128), double loss,
                       uint64_t seed)
{
	struct guard_config cfg = { .seed = seed };

	*w = (struct world){ .alive = alive, .loss = loss };
	rng_init(&w->rng, seed + 1);
	w->g = guard_new(&cfg);
	assert_non_null(w->g);
	w->verdicts = calloc(MAX_VERDICTS, sizeof(*w->verdicts));
	assert_non_null(w->verdicts);
}

static void world_fini(struct world *w)
{
	guard_free(w->g);
	free(w->verdicts);
}

static void fetch_verdicts(struct world *w)
{
	struct guard_verdict v;

	while (guard_verdicts(w->g, w->now_ns, &v, 1)) {
		assert_true(w->n_verdicts < MAX_VERDICTS);
		w->verdicts[w->n_verdicts++] = v;
		w->n_aliased += v.aliased;
	}
}

/* Probe until no test is under way; answers come before the next batch. */
static void run(struct world *w)
{
	struct guard_probe p[64];

	for (unsigned idle = 0; guard_pending(w->g); idle++) {
		size_t n = guard_next(w->g, w->now_ns, p, ARRAY_LEN(p));

		assert_true(idle < 1000);
		for (size_t i = 0; i < n; i++) {
			idle = 0;
			w->probes++;
			if (w->forbidden && addrset_has(w->forbidden, p[i].addr))
				fail_msg("probe to an address known to be alive");
			if (w->alive(w, p[i].addr) && rng_double(&w->rng) >= w->loss)
				assert_true(guard_answer(w->g, p[i].addr));
		}
		w->now_ns += n ? 1000000 : UINT64_C(500000000);
		fetch_verdicts(w);
	}
	fetch_verdicts(w);
	assert_int_equal(guard_next(w->g, w->now_ns, p, ARRAY_LEN(p)), 0);
}

/* The shortest aliased prefix told that covers a; 129: none. */
static unsigned shortest(const struct world *w, struct addr128 a)
{
	unsigned len = 129;

	for (size_t i = 0; i < w->n_verdicts; i++) {
		const struct guard_verdict *v = &w->verdicts[i];

		if (v->aliased && v->prefix.len < len && prefix_covers(v->prefix, a))
			len = v->prefix.len;
	}
	return len;
}

static struct addr128 addr(const char *text)
{
	struct addr128 a;

	assert_true(addr_parse(&a, text));
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(&p, text));
	return p;
}

static void hit(struct world *w, struct addr128 a)
{
	assert_int_equal(guard_probed(w->g, a), 0);
	assert_int_equal(guard_hit(w->g, a), 0);
}

/* The /64 number i, each in a /48 of its own. */
static struct addr128 site_addr(uint64_t i, uint64_t iid)
{
	return (struct addr128){ UINT64_C(0x2400000000000000) + (i << 16), iid };
}

/* --- tests --- */

/* One probe before, one in each child, none at the hit: 17, and the verdict. */
static void aliased_64_takes_17_probes(void **state)
{
	struct addr128 h = addr("2400:1:2:3::1");
	struct guard_probe p[64];
	unsigned children = 0, total = 0;
	struct world w;
	size_t n;

	(void)state;
	world_init(&w, everywhere, 0, 1);
	hit(&w, h);
	assert_int_equal(guard_pending(w.g), 1);
	while ((n = guard_next(w.g, 0, p, ARRAY_LEN(p))) > 0) {
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(p[i].addr.hi, h.hi);
			assert_false(addr_eq(p[i].addr, h));
			if (total++ == 0)
				assert_int_equal(addr_common_bits(p[i].addr, h) >= 112,
				                 1);
			else
				children |= 1u << addr_nibble(p[i].addr, 16);
			assert_true(guard_answer(w.g, p[i].addr));
		}
	}
	assert_int_equal(total, 17);
	assert_int_equal(children, 0xffff);
	fetch_verdicts(&w);
	assert_int_equal(w.n_verdicts, 1);
	assert_true(w.verdicts[0].aliased);
	assert_int_equal(w.verdicts[0].prefix.len, 64);
	assert_int_equal(guard_pending(w.g), 0);

	/* Inside an aliased prefix nothing is tested any more. */
	for (unsigned i = 0; i < 100; i++)
		hit(&w, (struct addr128){ h.hi, rng_next(&w.rng) });
	assert_int_equal(guard_pending(w.g), 0);
	world_fini(&w);
}

/* A /64 with one host costs the pre-test only: one address, three tries. */
static void silent_pretest_settles_it(void **state)
{
	struct addr128 h = addr("2400:1:2:3::1"), first = { 0 };
	struct guard_probe p[64];
	struct world w;

	(void)state;
	world_init(&w, nowhere, 0, 1);
	hit(&w, h);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(guard_next(w.g, w.now_ns, p, ARRAY_LEN(p)), 1);
		if (i == 0)
			first = p[0].addr;
		assert_true(addr_eq(first, p[0].addr));
		/* One nanosecond before the timeout there is nothing to do. */
		w.now_ns += UINT64_C(1999999999);
		assert_int_equal(guard_next(w.g, w.now_ns, p, ARRAY_LEN(p)), 0);
		fetch_verdicts(&w);
		assert_int_equal(w.n_verdicts, 0);
		w.now_ns++;
	}
	fetch_verdicts(&w);
	assert_int_equal(w.n_verdicts, 1);
	assert_false(w.verdicts[0].aliased);
	assert_int_equal(guard_pending(w.g), 0);
	world_fini(&w);
}

/* How many of n aliased /64s are found at this loss. */
static unsigned found_of(unsigned n, double loss)
{
	struct world w;
	unsigned found = 0;

	world_init(&w, everywhere, loss, 7);
	for (unsigned i = 0; i < n; i++)
		hit(&w, site_addr(i, 1 + i));
	run(&w);
	for (size_t i = 0; i < w.n_verdicts; i++)
		found += w.verdicts[i].aliased && w.verdicts[i].prefix.len == 64;
	world_fini(&w);
	return found;
}

/* Expected: about 2 p^3 missed (the pre-test, and the first child), that is 3
 * of 10,000 at 5 %; 16 children with 3 tries each would miss 20. */
static void loss_is_repaired(void **state)
{
	unsigned n = 10000, five = found_of(n, 0.05), twenty = found_of(n, 0.2),
		 most = found_of(n, 0.6);

	(void)state;
	assert_int_equal(found_of(1000, 0), 1000);
	if (five < n * 0.999)
		fail_msg("5 %% loss: %u of %u found", five, n);
	if (twenty < n * 0.98)
		fail_msg("20 %% loss: %u of %u found", twenty, n);
	if (twenty == n)
		fail_msg("20 %% loss had no effect: the simulation is wrong");
	/* Where a site answers few of all that comes, the first children may be
	 * missed, but no longer one of sixteen. */
	if (100 * most < 40 * n)
		fail_msg("60 %% loss: %u of %u found", most, n);
}

/* At density 0.5, 16 of 16 happens once in 65,536; with loss, less often.  Were
 * retries sent to fresh addresses, 11.8 % would be found aliased. */
static void dense_networks_are_not_aliased(void **state)
{
	static const double losses[] = { 0, 0.2 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(losses); k++) {
		unsigned n = 22000;
		struct world w;
		size_t tests = 0;

		world_init(&w, every_other, losses[k], 11);
		for (unsigned i = 0; i < n; i++)
			hit(&w, site_addr(i, 1));
		run(&w);
		/* All /64s, half of them in full, and then the /112 of these. */
		for (size_t i = 0; i < w.n_verdicts; i++)
			tests +=
				w.verdicts[i].prefix.len > 64 ||
				w.g->nodes[guard_find(w.g, w.verdicts[i].prefix)].state ==
					NODE_NOT_ALIASED;
		if (tests < n / 2)
			fail_msg("loss %.1f: only %zu full tests", losses[k], tests);
		if ((double)w.n_aliased > 1e-4 * (double)tests)
			fail_msg("loss %.1f: %zu of %zu aliased", losses[k], w.n_aliased,
			         tests);
		world_fini(&w);
	}
}

/* Feed every address of ::1 .. ::n of one /64, as a generator would. */
static void feed_low(struct world *w, unsigned n)
{
	uint64_t hi = addr("2400:1:2:3::").hi;

	for (unsigned i = 1; i <= n; i++) {
		struct addr128 a = { hi, i };

		assert_int_equal(guard_probed(w->g, a), 0);
		if (w->alive(w, a))
			assert_int_equal(guard_hit(w->g, a), 0);
		if (i % 16 == 0)
			run(w);
	}
	run(w);
}

/* 65,535 hosts in the lowest /112: the /64 is not aliased, nor anything else
 * that reaches beyond them. */
static void low_byte_hosts_do_not_alias_the_64(void **state)
{
	struct world w;
	bool seen = false;

	(void)state;
	world_init(&w, low_16_bits, 0.05, 3);
	feed_low(&w, 0x2fff);
	for (size_t i = 0; i < w.n_verdicts; i++) {
		const struct guard_verdict *v = &w.verdicts[i];

		if (v->aliased && v->prefix.len < 112)
			fail_msg("a /%u is told aliased", v->prefix.len);
		seen |= !v->aliased && v->prefix.len == 64;
	}
	assert_true(seen);
	world_fini(&w);

	world_init(&w, half_of_low_16_bits, 0.05, 3);
	feed_low(&w, 0x2fff);
	assert_int_equal(w.n_aliased, 0);
	/* The search for dense regions has found some, at modest cost. */
	assert_true(w.n_verdicts > 40);
	assert_true(w.probes < 0x2fff);
	world_fini(&w);
}

/* Whatever the length of an aliased prefix, it is found, and nothing shorter.
 * /48 and beyond need hits in two of its /64s; /116 and /120 need 8 hits. */
static void every_length_is_found(void **state)
{
	(void)state;
	for (unsigned len = 44; len <= 120; len++) {
		unsigned told = len < 48 ? 48 : (len + 3) / 4 * 4, got;
		struct world w;

		world_init(&w, in_prefix, 0.01, len);
		w.aliased =
			prefix_make(addr("2400:1234:5678:9abc:def1:2345:6789:abcd"), len);
		for (unsigned i = 0; i < 200; i++) {
			struct addr128 a = rng_addr_in(&w.rng, w.aliased);

			hit(&w, a);
			run(&w);
			/* A stray real host beside it changes nothing. */
			hit(&w, addr("2400:1234:5678:9abc::1"));
			hit(&w, addr("2400:1234:5677::1"));
		}
		got = shortest(&w, w.aliased.addr);
		if (len % 4 == 0 && got != told)
			fail_msg("/%u: told /%u", len, got);
		for (size_t i = 0; i < w.n_verdicts; i++)
			if (w.verdicts[i].aliased && w.verdicts[i].prefix.len < told)
				fail_msg("/%u: told /%u", len, w.verdicts[i].prefix.len);
		if (w.n_aliased == 0)
			fail_msg("/%u: not found", len);
		world_fini(&w);
	}
}

/* One hit is enough from /64 to /112. */
static void one_hit_is_enough(void **state)
{
	(void)state;
	for (unsigned len = 64; len <= 112; len += 4) {
		struct world w;
		struct addr128 a = addr("2400:1234:5678:9abc:def1:2345:6789:abcd");

		world_init(&w, in_prefix, 0, len);
		w.aliased = prefix_make(a, len);
		hit(&w, a);
		run(&w);
		if (shortest(&w, a) != len)
			fail_msg("/%u: told /%u", len, shortest(&w, a));
		/* The first one found, and the shortest one. */
		assert_true(w.n_aliased <= 2);
		world_fini(&w);
	}
}

/* Hits in 2,000 /64s of an aliased /48 at once: one verdict for all of them,
 * long before each has been tested. */
static void aliased_48_is_found_early(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, in_prefix, 0.05, 5);
	w.aliased = prefix("2400:1:2::/48");
	for (unsigned i = 0; i < 2000; i++)
		hit(&w, rng_addr_in(&w.rng, w.aliased));
	run(&w);
	assert_int_equal(shortest(&w, w.aliased.addr), 48);
	if (w.probes > 2000)
		fail_msg("%" PRIu64 " probes", w.probes);
	world_fini(&w);
}

/* Many aliased /112s in one /64, a few hits in each: all are found. */
static void all_regions_of_a_net_are_found(void **state)
{
	struct world w;
	unsigned missed = 0;

	(void)state;
	world_init(&w, in_prefix, 0, 9);
	w.aliased = prefix("2400:ffff::/112");
	hit(&w, addr("2400:1:2:3:ffff::1"));
	run(&w);
	for (unsigned i = 0; i < 200; i++) {
		w.aliased = prefix_make((struct addr128){ addr("2400:1:2:3::").hi,
		                                          (uint64_t)i * 0x10001 << 16 },
		                        112);
		/* The 2nd and 4th hit of the /64, and all after a find. */
		hit(&w, rng_addr_in(&w.rng, w.aliased));
		run(&w);
		missed += shortest(&w, w.aliased.addr) != 112;
	}
	assert_int_equal(missed, 0);
	world_fini(&w);
}

/* Hits say nothing about the test addresses: 16 hits, one in each child, and
 * silence otherwise, is no alias. */
static void hits_are_not_answers(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, nowhere, 0, 13);
	for (unsigned c = 0; c < 16; c++)
		for (unsigned k = 0; k < 4; k++)
			hit(&w, (struct addr128){ addr("2400:1:2:3::").hi,
			                          (uint64_t)c << 60 |
			                                  rng_next(&w.rng) >> 4 });
	run(&w);
	assert_true(w.n_verdicts > 0);
	assert_int_equal(w.n_aliased, 0);
	world_fini(&w);
}

/* No test address is one that is known to be alive, not even in a /120; where
 * a child has no other address left, the verdict is negative. */
static void known_hosts_are_never_probed(void **state)
{
	uint64_t hi = addr("2400:1:2:3::").hi;
	struct addrset *known = addrset_new(0);
	struct world w;
	uint32_t n;

	(void)state;
	assert_non_null(known);
	world_init(&w, low_16_bits, 0, 17);
	w.forbidden = known;
	/* All of ::1 .. ::ff but one address per /124; then those too. */
	for (unsigned i = 1; i < 256; i++)
		if (i % 16 != 5) {
			assert_int_equal(addrset_add(known, (struct addr128){ hi, i }),
			                 1);
			hit(&w, (struct addr128){ hi, i });
		}
	run(&w);
	world_fini(&w);

	world_init(&w, everywhere, 0, 18);
	n = guard_node(w.g, prefix("2400:1:2:3::/64"));
	w.g->nodes[n].state = NODE_NOT_ALIASED;
	n = guard_node(w.g, prefix("2400:1:2:3::/120"));
	w.g->nodes[n].state = NODE_WAITING;
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(guard_hit(w.g, (struct addr128){ hi, i }), 0);
	guard_schedule(w.g, n, NONE);
	run(&w);
	assert_int_equal(shortest(&w, (struct addr128){ hi, 1 }), 129);
	world_fini(&w);
	addrset_free(known);
}

/* With 100 sites waiting, a batch of 100 goes to 100 different sites. */
static void probes_are_spread_over_sites(void **state)
{
	struct guard_probe p[100];
	struct world w;

	(void)state;
	world_init(&w, nowhere, 0, 19);
	for (unsigned i = 0; i < 100; i++)
		for (unsigned k = 0; k < 20; k++) {
			struct addr128 a = site_addr(i, 1);

			a.hi += k;
			hit(&w, a);
		}
	for (unsigned round = 0; round < 5; round++) {
		struct addrset *seen = addrset_new(0);

		assert_int_equal(guard_next(w.g, 0, p, 100), 100);
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(
				addrset_add(seen, prefix_make(p[i].addr, 48).addr), 1);
		addrset_free(seen);
	}
	/* No site has all of its 20 tests under way. */
	for (unsigned i = 0; i < 100; i++)
		guard_next(w.g, 0, p, 100);
	for (unsigned i = 0; i < w.g->n_sites; i++)
		assert_int_equal(w.g->sites[i].active, SITE_TESTS);
	run(&w);
	assert_int_equal(w.n_verdicts, 2000);
	world_fini(&w);
}

/* Only what was sent is ours; it stays so for a while after the verdict, which
 * a late answer does not change. */
static void answers_are_recognised(void **state)
{
	struct addr128 h = addr("2400:1:2:3::1");
	struct guard_probe p[64];
	struct world w;

	(void)state;
	world_init(&w, nowhere, 0, 23);
	hit(&w, h);
	assert_false(guard_answer(w.g, h));
	assert_false(guard_answer(w.g, addr("2400:1:2:3::2")));
	assert_false(guard_answer(w.g, addr("192.0.2.1")));
	assert_int_equal(guard_next(w.g, 0, p, 64), 1);
	run(&w);
	assert_int_equal(w.n_verdicts, 1);
	assert_true(guard_answer(w.g, p[0].addr));
	fetch_verdicts(&w);
	assert_int_equal(w.n_verdicts, 1);
	w.now_ns += UINT64_C(60000000000);
	fetch_verdicts(&w);
	assert_false(guard_answer(w.g, p[0].addr));
	/* The next test takes the place of the one forgotten. */
	hit(&w, addr("2400:1:2:4::1"));
	run(&w);
	assert_int_equal(w.g->n_tests, 1);
	world_fini(&w);
}

/* The same seed and events give the same probes; another seed others. */
static void probes_follow_from_the_seed(void **state)
{
	uint64_t sums[3];

	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		struct guard_probe p[7];
		struct world w;
		size_t n;

		world_init(&w, every_other, 0, k == 2);
		for (unsigned i = 0; i < 50; i++)
			hit(&w, site_addr(i % 10, 1 + i));
		sums[k] = 0;
		while (guard_pending(w.g)) {
			n = guard_next(w.g, w.now_ns, p, ARRAY_LEN(p));
			for (size_t i = 0; i < n; i++) {
				sums[k] = addr_hash(p[i].addr, sums[k]);
				if (every_other(&w, p[i].addr))
					guard_answer(w.g, p[i].addr);
			}
			w.now_ns += UINT64_C(300000000);
		}
		world_fini(&w);
	}
	assert_int_equal(sums[0], sums[1]);
	assert_int_not_equal(sums[0], sums[2]);
}

/* 8 hits that were a small share of what was probed are watched, not tested,
 * until half of what follows is answered. */
static void share_of_answers_triggers(void **state)
{
	uint64_t hi = addr("2400:1:2:3::").hi;
	struct world w;
	uint32_t region;

	(void)state;
	world_init(&w, nowhere, 0, 29);
	for (uint64_t i = 0; i < 8; i++) {
		assert_int_equal(guard_hit(w.g, (struct addr128){ hi, i << 16 }), 0);
		run(&w);
		for (unsigned k = 0; k < 100; k++)
			guard_probed(w.g, (struct addr128){ hi, 0xffff0000 });
	}
	region = guard_find(w.g, prefix("2400:1:2:3::/108"));
	assert_true(region != NONE);
	assert_int_equal(w.g->nodes[region].state, NODE_NEW);

	for (unsigned i = 0; i < 100; i++)
		guard_probed(w.g, (struct addr128){ hi, 0x100 + i });
	for (uint64_t i = 0; i < 100; i++) {
		hit(&w, (struct addr128){ hi, (i % 8) << 16 | (i + 1) << 8 });
		if (i < 95 && w.g->nodes[region].state != NODE_NEW)
			fail_msg("tested after %u answers of %u", (unsigned)i + 1,
			         (unsigned)i + 101);
	}
	assert_int_equal(w.g->nodes[region].state, NODE_WAITING);
	run(&w);
	assert_int_equal(w.g->nodes[region].state, NODE_NOT_ALIASED);
	assert_int_equal(w.n_aliased, 0);
	world_fini(&w);
}

static void known_prefixes_and_ipv4_are_left_alone(void **state)
{
	struct ivtab_builder *b = ivtab_builder_new();
	struct guard_config cfg = { .seed = 1 };
	struct ivtab *t;
	struct guard *g;

	(void)state;
	assert_non_null(b);
	assert_int_equal(ivtab_add(b, prefix("2400:1::/32"), 1), 0);
	assert_int_equal(ivtab_build(&t, b), 0);
	cfg.aliased = t;
	g = guard_new(&cfg);
	assert_non_null(g);
	assert_int_equal(guard_hit(g, addr("2400:1:2:3::1")), 0);
	assert_int_equal(guard_hit(g, addr("192.0.2.1")), 0);
	assert_int_equal(guard_pending(g), 0);
	assert_int_equal(guard_hit(g, addr("2400:2:2:3::1")), 0);
	assert_int_equal(guard_hit(g, addr("2400:2:2:3::1")), 0); /* a repeat */
	assert_int_equal(guard_pending(g), 1);
	guard_free(g);
	guard_free(NULL);
	ivtab_free(t);
	ivtab_builder_free(b);
}

/* Out of memory at any point: told, and nothing breaks. */
static void allocation_failures_are_told(void **state)
{
	bool failed = true;

	(void)state;
	for (long n = 0; failed; n++) {
		struct guard_config cfg = { .seed = 1 };
		struct guard_probe p[64];
		struct guard_verdict v[64];
		struct guard *g;

		assert_true(n < 200);
		alloc_budget = n;
		failed = false;
		g = guard_new(&cfg);
		if (!g) {
			failed = true;
			continue;
		}
		for (unsigned i = 0; i < 600; i++) {
			struct addr128 a = { UINT64_C(0x2400000000000000) + i % 3, i };
			size_t m;

			failed |= guard_probed(g, a) < 0;
			failed |= guard_hit(g, a) < 0;
			m = guard_next(g, (uint64_t)i * 1000000000, p, 64);
			for (size_t k = 0; k < m; k++)
				if (low_16_bits(NULL, p[k].addr))
					guard_answer(g, p[k].addr);
			guard_verdicts(g, (uint64_t)i * 1000000000, v, 64);
		}
		guard_free(g);
	}
	alloc_budget = -1;
}

/* Real hosts, all of them hits: hardly anything is told aliased, at a cost of
 * a few probes per /64. */
static void real_hosts_are_kept(void **state)
{
	const char *shared = getenv("SEXTANT_SHARED");
	struct addrset *hosts = addrset_new(0);
	struct addrvec v = { 0 };
	char path[4096];
	struct world w;
	size_t lost = 0;

	(void)state;
	snprintf(path, sizeof(path), "%s/data/splits/dense2019.50.seeds.bz2",
	         shared ? shared : "");
	if (!shared || reader_load(&v, path, NULL, NULL) < 0) {
		addrset_free(hosts);
		addrvec_fini(&v);
		skip();
	}
	world_init(&w, listed, 0, 31);
	w.hosts = hosts;
	for (size_t i = 0; i < v.n; i++)
		assert_true(addrset_add(hosts, v.a[i]) >= 0);
	for (size_t i = 0; i < v.n; i++) {
		hit(&w, v.a[i]);
		if (i % 100 == 0)
			run(&w);
	}
	run(&w);
	for (size_t i = 0; i < w.n_verdicts; i++)
		for (size_t k = 0; w.verdicts[i].aliased && k < v.n; k++)
			lost += prefix_covers(w.verdicts[i].prefix, v.a[k]);
	print_message("%zu hosts, %zu verdicts, %" PRIu64
	              " probes, %zu aliased, %zu hosts lost\n",
	              v.n, w.n_verdicts, w.probes, w.n_aliased, lost);
	if (lost * 1000 > v.n)
		fail_msg("%zu of %zu hosts lost", lost, v.n);
	world_fini(&w);
	addrset_free(hosts);
	addrvec_fini(&v);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(aliased_64_takes_17_probes),
		cmocka_unit_test(silent_pretest_settles_it),
		cmocka_unit_test(loss_is_repaired),
		cmocka_unit_test(dense_networks_are_not_aliased),
		cmocka_unit_test(low_byte_hosts_do_not_alias_the_64),
		cmocka_unit_test(every_length_is_found),
		cmocka_unit_test(one_hit_is_enough),
		cmocka_unit_test(aliased_48_is_found_early),
		cmocka_unit_test(all_regions_of_a_net_are_found),
		cmocka_unit_test(hits_are_not_answers),
		cmocka_unit_test(known_hosts_are_never_probed),
		cmocka_unit_test(probes_are_spread_over_sites),
		cmocka_unit_test(answers_are_recognised),
		cmocka_unit_test(probes_follow_from_the_seed),
		cmocka_unit_test(share_of_answers_triggers),
		cmocka_unit_test(known_prefixes_and_ipv4_are_left_alone),
		cmocka_unit_test(allocation_failures_are_told),
		cmocka_unit_test(real_hosts_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
