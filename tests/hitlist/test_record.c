/* The algebra of records against an oracle that knows the whole history. */
#include "tests/hitlist/hl.h"

enum { ROUNDS = 20000 };

/* The rules of hitlist.h, over all records at once instead of two by two. */
static struct host_record oracle(const struct host_record *h, size_t n)
{
	struct host_record r = { .addr = n ? h[0].addr : (struct addr128){ 0, 0 } };

	for (size_t i = 0; i < n; i++) {
		if (h[i].first_seen && (!r.first_seen || h[i].first_seen < r.first_seen))
			r.first_seen = h[i].first_seen;
		if (h[i].last_seen > r.last_seen)
			r.last_seen = h[i].last_seen;
		if (h[i].last_probed > r.last_probed)
			r.last_probed = h[i].last_probed;
		for (unsigned s = 0; s < SERVICES; s++) {
			if (h[i].service_seen[s] > r.service_seen[s])
				r.service_seen[s] = h[i].service_seen[s];
		}
		if (h[i].injected > r.injected)
			r.injected = h[i].injected;
		r.sources |= h[i].sources;
		r.policy |= h[i].policy;
	}
	for (size_t i = 0; i < n; i++)
		if (h[i].last_probed == r.last_probed && h[i].fail_streak > r.fail_streak)
			r.fail_streak = h[i].fail_streak;
	if (r.last_seen >= r.last_probed)
		r.fail_streak = 0;
	if (r.service_seen[SERVICE_UDP53] <= r.injected)
		r.service_seen[SERVICE_UDP53] = 0;
	for (unsigned s = 0; s < SERVICES; s++)
		if (r.service_seen[s])
			r.services |= (uint8_t)(1 << s);
	return r;
}

/* Times close together, so that every order and equality occurs. */
static struct host_record record(struct rng *r)
{
	struct host_record h = {
		.first_seen = (uint32_t)rng_below(r, 4),
		.last_seen = (uint32_t)rng_below(r, 5),
		.last_probed = (uint32_t)rng_below(r, 5),
		.fail_streak = (uint16_t)rng_below(r, 4),
		.sources = (uint16_t)(1U << rng_below(r, SOURCES)),
		.policy = (uint8_t)rng_below(r, 8),
		.injected = (uint32_t)rng_below(r, 5) * (uint32_t)rng_below(r, 2),
	};

	h.service_seen[rng_below(r, 2) ? SERVICE_UDP53 : rng_below(r, SERVICES)] =
		(uint32_t)rng_below(r, 5);
	host_record_normalise(&h);
	return h;
}

static void merge_in_any_order_is_the_oracle(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct host_record h[6], want, tree[6];
		size_t n = 1 + rng_below(&r, 6), left = n;

		for (size_t i = 0; i < n; i++)
			tree[i] = h[i] = record(&r);
		want = oracle(h, n);
		while (left > 1) { /* any two, until one is left: any bracketing */
			size_t i = rng_below(&r, left), k = rng_below(&r, left - 1);

			k += k >= i;
			host_record_merge(&tree[i], &tree[k]);
			tree[k] = tree[--left];
			if (i == left)
				tree[k] = tree[left];
		}
		assert_true(hl_same(&tree[0], &want));
	}
}

static void merge_is_idempotent(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 2);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct host_record a = record(&r), b = record(&r), twice = a, ab = a;

		host_record_merge(&twice, &a);
		assert_true(hl_same(&twice, &a));
		host_record_merge(&ab, &b);
		twice = ab;
		host_record_merge(&twice, &b);
		host_record_merge(&twice, &a);
		assert_true(hl_same(&twice, &ab));
	}
}

static void observations_become_records(void **state)
{
	static const struct {
		uint8_t proto, outcome;
		uint16_t port;
		int service; /* -1: none; -2: no record */
	} cases[] = {
		{ OBS_ICMP6, OBS_OPEN, 0, SERVICE_ICMP },
		{ OBS_ICMP, OBS_OPEN, 0, SERVICE_ICMP },
		{ OBS_TCP, OBS_OPEN, 80, SERVICE_TCP80 },
		{ OBS_TCP, OBS_OPEN, 443, SERVICE_TCP443 },
		{ OBS_TCP, OBS_OPEN, 22, SERVICE_TCP_OTHER },
		{ OBS_TCP, OBS_OPEN, 53, SERVICE_TCP_OTHER },
		{ OBS_UDP, OBS_OPEN, 53, SERVICE_UDP53 },
		{ OBS_UDP, OBS_OPEN, 443, SERVICE_UDP443 },
		{ OBS_UDP, OBS_OPEN, 80, SERVICE_UDP_OTHER },
		{ OBS_TCP, OBS_CLOSED, 80, -1 }, /* a RST: alive, no service */
		{ OBS_UDP, OBS_CLOSED, 53, -1 }, /* port unreachable */
		{ OBS_ICMP6, OBS_UNREACHABLE, 0, -2 },
		{ OBS_ICMP6, OBS_TIME_EXCEEDED, 0, -2 },
		{ OBS_ICMP6, OBS_SILENT, 0, -2 },
		{ OBS_PROTOS, OBS_OPEN, 0, -2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct observation o = {
			.target = { 1, 2 },
			.from = { 1, 2 },
			.when_us = UINT64_C(1780000000999999),
			.proto = cases[i].proto,
			.outcome = cases[i].outcome,
			.port = cases[i].port,
		};
		struct host_record h;

		if (host_record_from_observation(&h, &o, SOURCE_SCAN) !=
		    (cases[i].service != -2))
			fail_msg("case %zu", i);
		if (cases[i].service == -2)
			continue;
		assert_int_equal(h.first_seen, 1780000000);
		assert_int_equal(h.last_seen, 1780000000);
		assert_int_equal(h.last_probed, 1780000000);
		assert_int_equal(h.sources, 1 << SOURCE_SCAN);
		assert_int_equal(h.services,
		                 cases[i].service < 0 ? 0 : 1 << cases[i].service);
		if (cases[i].service >= 0)
			assert_int_equal(h.service_seen[cases[i].service], 1780000000);
		o.from.lo++; /* another one answered for it */
		assert_false(host_record_from_observation(&h, &o, SOURCE_SCAN));
		o.from.lo--;
		o.when_us = 0; /* a clock at 1970 must not mean "never" */
		assert_true(host_record_from_observation(&h, &o, SOURCE_SCAN));
		assert_int_equal(h.last_seen, 1);
		o.when_us = UINT64_MAX;
		assert_true(host_record_from_observation(&h, &o, SOURCE_SCAN));
		assert_int_equal(h.last_seen, UINT32_MAX);
	}
}

/* A forged answer makes nobody a name server, and takes back what one that came
 * before it has made; a clean answer later on counts again. */
static void injected_answers_are_no_service(void **state)
{
	struct observation o = {
		.target = { 1, 2 },
		.from = { 1, 2 },
		.when_us = UINT64_C(1780000000000000),
		.proto = OBS_UDP,
		.port = 53,
		.outcome = OBS_OPEN,
	};
	struct host_record host, forged, clean;

	(void)state;
	assert_true(host_record_from_observation(&host, &o, SOURCE_SCAN));
	o.signals = OBS_SIGNAL_TEREDO;
	o.when_us += 10000000;
	assert_true(host_record_from_observation(&forged, &o, SOURCE_SCAN));
	assert_int_equal(forged.injected, 1780000010);
	assert_int_equal(forged.first_seen, 0);
	assert_int_equal(forged.last_seen, 0);
	assert_int_equal(forged.sources, 0);
	host_record_merge(&host, &forged);
	assert_int_equal(host.services, 0);
	o.signals = 0;
	o.when_us += 10000000;
	assert_true(host_record_from_observation(&clean, &o, SOURCE_SCAN));
	host_record_merge(&host, &clean);
	assert_int_equal(host.services, 1 << SERVICE_UDP53);
	assert_int_equal(host.service_seen[SERVICE_UDP53], 1780000020);
	o.signals = OBS_SIGNAL_FAMILY;
	o.port = 443;
	assert_false(host_record_from_observation(&forged, &o, SOURCE_SCAN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merge_in_any_order_is_the_oracle),
		cmocka_unit_test(merge_is_idempotent),
		cmocka_unit_test(observations_become_records),
		cmocka_unit_test(injected_answers_are_no_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
