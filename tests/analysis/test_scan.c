#include "tests/test.h"

#include <math.h>

#include "analysis/scan.h"
#include "common/rng.h"

static struct addr128 addr(const char *text)
{
	struct addr128 a;

	if (!addr_parse(&a, text))
		fail_msg("%s", text);
	return a;
}

/* proto, port, sport, outcome, success, ttl, rtt_us */
static const char *const rows[][SCAN_COLUMNS] = {
	{ "tcp", "443", "40000", "open", "1", "57", "1000" },
	{ "tcp", "443", "40000", "closed", "0", "58", "" },
	{ "tcp", "443", "40000", "time_exceeded", "0", "", "" },
	{ "icmp6", "", NULL, "open", "1", "255", "4000" },
	{ "icmp6", "", NULL, "unreachable", "0", "300", "x" },
	/* of ZMap: the port that answered is its source port */
	{ NULL, NULL, "80", NULL, "1", "60", NULL },
	{ NULL, NULL, "80", NULL, "0", "60", NULL },
	/* no results */
	{ "tcp", "22", NULL, NULL, NULL, NULL, NULL },
	{ NULL, NULL, NULL, NULL, NULL, NULL, NULL },
	{ "", "", "", "", "", "", "" },
};

static const struct scan_service *service(const struct scan *s, unsigned proto,
                                          unsigned port)
{
	for (size_t i = 0; i < s->n_services; i++)
		if (s->services[i].proto == proto && s->services[i].port == port)
			return &s->services[i];
	fail_msg("no service %u/%u", proto, port);
	return NULL;
}

static void answers_are_counted_by_service(void **state)
{
	const struct scan_service *v;
	struct scan s;

	(void)state;
	assert_int_equal(scan_init(&s, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(scan_take(&s, addr("2001:db8::1"), rows[i]), 0);
	assert_int_equal(s.answers, 7);
	assert_int_equal(s.n_services, 3);
	v = service(&s, OBS_TCP, 443);
	assert_int_equal(v->n, 3);
	assert_int_equal(v->outcomes[OBS_OPEN], 1);
	assert_int_equal(v->outcomes[OBS_CLOSED], 1);
	assert_int_equal(v->outcomes[OBS_TIME_EXCEEDED], 1);
	v = service(&s, OBS_ICMP6, 0);
	assert_int_equal(v->n, 2);
	assert_int_equal(v->outcomes[OBS_UNREACHABLE], 1);
	v = service(&s, OBS_PROTOS, 80);
	assert_int_equal(v->n, 2);
	assert_int_equal(v->outcomes[OBS_OPEN], 1);
	assert_int_equal(s.hopped, 5);
	assert_int_equal(s.hops[60], 2);
	assert_int_equal(s.hops[255], 1);
	assert_int_equal(s.timed, 2);
	scan_fini(&s);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void round_trips_are_near_the_true_ones(void **state)
{
	enum { N = 5000 };
	static double all[N];
	struct scan s;
	struct rng r;

	(void)state;
	assert_int_equal(scan_init(&s, NULL), 0);
	assert_true(scan_rtt(&s, .5) == 0);
	rng_init(&r, 1);
	for (unsigned i = 0; i < N; i++) {
		const char *row[SCAN_COLUMNS] = { "tcp", "80", "", "open", "1", "60" };
		char text[24];

		all[i] = (double)(1 + (rng_next(&r) >> 32 >> rng_below(&r, 20)));
		snprintf(text, sizeof(text), "%.0f", all[i]);
		row[SCAN_COLUMNS - 1] = text;
		assert_int_equal(scan_take(&s, addr("2001:db8::1"), row), 0);
	}
	qsort(all, N, sizeof(all[0]), by_value);
	for (double q = .1; q < 1; q += .1) {
		double exact = all[(unsigned)(q * N)];

		assert_true(fabs(scan_rtt(&s, q) / exact - 1) < .06);
	}
	scan_fini(&s);
}

static void hop_limits_are_averaged_by_prefix(void **state)
{
	struct bgp_entry e[] = {
		{ { addr("2001:db8::"), 32 }, 64496, 0 },
		{ { addr("2001:db8:1::"), 48 }, 64497, 0 },
		{ { addr("2400::"), 32 }, 64498, 0 },
	};
	static const struct {
		const char *addr, *ttl;
	} seen[] = { { "2001:db8::1", "50" },
		     { "2001:db8::2", "60" },
		     { "2001:db8:1::1", "100" },
		     { "2a00::1", "7" } };
	struct bgp *bgp;
	struct scan s;
	double *means;

	(void)state;
	assert_int_equal(bgp_make(&bgp, e, ARRAY_LEN(e)), 0);
	assert_int_equal(scan_init(&s, bgp), 0);
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		const char *row[SCAN_COLUMNS] = { "tcp", "80", "", "open", "1" };

		row[SCAN_COLUMNS - 2] = seen[i].ttl;
		assert_int_equal(scan_take(&s, addr(seen[i].addr), row), 0);
	}
	assert_int_equal(scan_hop_means(&s, &means), 0);
	for (size_t i = 0; i < bgp_count(bgp); i++) {
		uint32_t asn = bgp_at(bgp, i)->asn;

		if (asn == 64498)
			assert_true(isnan(means[i]));
		else
			assert_float_equal(means[i], asn == 64496 ? 55 : 100, 1e-9);
	}
	free(means);
	scan_fini(&s);
	bgp_free(bgp);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_counted_by_service),
		cmocka_unit_test(round_trips_are_near_the_true_ones),
		cmocka_unit_test(hop_limits_are_averaged_by_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
