#include "tests/test.h"

#include "tests/common/failing.h"

#include "common/rng.h"
#include "probe/ports.c"

static void lists_are_sorted_and_unique(void **state)
{
	static const uint32_t want[] = { 22, 80, 81, 82, 443, 65535 };
	struct ports p = { 0 };

	(void)state;
	assert_int_equal(ports_add(&p, "443,80-82,81,22,80-80,65535", NULL), 0);
	assert_int_equal(p.n, ARRAY_LEN(want));
	assert_memory_equal(p.v, want, sizeof(want));
	assert_int_equal(ports_add(&p, "21", NULL), 0);
	assert_int_equal(p.n, ARRAY_LEN(want) + 1);
	assert_int_equal(p.v[0], 21);
	assert_int_equal(ports_add_none(&p), 0);
	assert_int_equal(p.v[0], 0);
	ports_fini(&p);
}

/* What masscan's users type for all of them. */
static void zero_and_dashes(void **state)
{
	struct ports p = { 0 };

	(void)state;
	assert_int_equal(ports_add(&p, "0-65535", NULL), 0);
	assert_int_equal(p.n, 65535);
	assert_int_equal(p.v[0], 1);
	ports_fini(&p);
	assert_int_equal(ports_add(&p, "U:0-3", NULL), 0);
	assert_int_equal(p.n, 3);
	assert_int_equal(p.v[0], PROBE_UDP + 1);
	ports_fini(&p);
	assert_int_equal(ports_add(&p, "udp/-,80", NULL), 0);
	assert_int_equal(p.n, 65536);
	ports_fini(&p);
}

static void ports_are_taken_away(void **state)
{
	struct ports p = { 0 };

	(void)state;
	assert_int_equal(ports_add(&p, "79-82,udp/80-81,tcp/80,icmp", NULL), 0);
	assert_int_equal(ports_remove(&p, "80,udp/81", NULL), 0);
	assert_int_equal(p.n, 4);
	assert_int_equal(p.v[0], 0);
	assert_int_equal(p.v[1], 79);
	assert_int_equal(p.v[2], 81);
	assert_int_equal(p.v[3], 82);
	assert_int_equal(ports_remove(&p, "81-", NULL), ERR_PARSE);
	assert_int_equal(p.n, 4);
	assert_int_equal(ports_remove(&p, "icmp,-", NULL), 0);
	assert_int_equal(p.n, 0);
	ports_fini(&p);
}

static void bad_lists_change_nothing(void **state)
{
	static const char *const bad[] = {
		"",      "0",         "65536",  "80-",    "-80",
		"80-79", "80,",       ",80",    "80,,8",  "1-0",
		"0-0",   "1-65536",   " 80",    "80 ",    "+80",
		"0x50",  "80-90-100", "a",      "80;81",  "99999999999999999999",
		"80\n",  "udp/",      "udp",    "sctp/5", "udp/tcp/5",
		"U:",    "X:5",       "icmp/1", "icmp7",  "tcp/0",
		"U:0",   "53/udp",    "443-80", "8\xff",
	};
	struct ports p = { 0 };
	struct diag d;

	(void)state;
	assert_int_equal(ports_add(&p, "7", NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		d.text[0] = 0;
		if (ports_add(&p, bad[i], &d) != ERR_PARSE)
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(d.text, "port '"));
		assert_int_equal(p.n, 1);
	}
	ports_fini(&p);
}

static void protocols_are_told_apart(void **state)
{
	static const uint32_t want[] = { 0,
		                         80,
		                         PROBE_TCP + 7,
		                         PROBE_TCP + 8,
		                         PROBE_TCP + 9,
		                         PROBE_UDP + 53,
		                         PROBE_UDP + 161 };
	static const uint32_t resolved[] = { 0,
		                             PROBE_TCP + 7,
		                             PROBE_TCP + 8,
		                             PROBE_TCP + 9,
		                             PROBE_TCP + 80,
		                             PROBE_UDP + 53,
		                             PROBE_UDP + 161 };
	struct ports p = { 0 };

	(void)state;
	assert_int_equal(ports_add(&p, "udp/53,80,icmp,U:161,T:7-8,tcp/9", NULL), 0);
	assert_int_equal(p.n, ARRAY_LEN(want));
	assert_memory_equal(p.v, want, sizeof(want));
	assert_true(ports_have(&p, 0) && ports_have(&p, PROBE_TCP) &&
	            ports_have(&p, PROBE_UDP) && ports_have_bare(&p));
	assert_int_equal(ports_resolve(&p, PROBE_TCP), 0);
	assert_int_equal(p.n, ARRAY_LEN(resolved));
	assert_memory_equal(p.v, resolved, sizeof(resolved));
	assert_false(ports_have_bare(&p));
	ports_fini(&p);
	assert_int_equal(ports_add(&p, "5-6", NULL), 0);
	assert_false(ports_have(&p, 0) || ports_have(&p, PROBE_TCP) ||
	             ports_have(&p, PROBE_UDP));
	assert_int_equal(ports_resolve(&p, PROBE_TCP | PROBE_UDP), 0);
	assert_int_equal(p.n, 4);
	ports_fini(&p);
}

static void everything_fits(void **state)
{
	struct ports p = { 0 };

	(void)state;
	assert_int_equal(ports_add(&p, "1-65535", NULL), 0);
	assert_int_equal(p.n, 65535);
	for (size_t i = 0; i < p.n; i++)
		assert_int_equal(p.v[i], i + 1);
	ports_fini(&p);
}

/* What is printed is read back. */
static void random_lists_round_trip(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 6);
	for (int round = 0; round < 30; round++) {
		uint8_t set[65536] = { 0 };
		struct ports p = { 0 };
		char text[2000];
		size_t n = 0, count = 0;

		for (int i = 0; i < 40; i++) {
			unsigned a = 1 + (unsigned)rng_below(&r, 65535), b = a;

			if (rng_below(&r, 2))
				b = a + (unsigned)rng_below(&r, 65536 - a);
			memset(set + a, 1, b - a + 1);
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			                      a == b ? "%s%u" : "%s%u-%u", i ? "," : "",
			                      a, b);
		}
		assert_int_equal(ports_add(&p, text, NULL), 0);
		for (unsigned i = 0; i < 65536; i++)
			if (set[i])
				assert_int_equal(p.v[count++], i);
		assert_int_equal(p.n, count);
		ports_fini(&p);
	}
}

static void a_failed_allocation_changes_nothing(void **state)
{
	struct ports p = { 0 };
	int rc;
	long n = 0;

	(void)state;
	assert_int_equal(ports_add(&p, "7", NULL), 0);
	for (; fail_nth(n), rc = ports_add(&p, "80,443", NULL), fail_done(); n++) {
		assert_int_equal(rc, -ENOMEM);
		assert_int_equal(p.n, 1);
	}
	assert_true(n > 0);
	assert_int_equal(rc, 0);
	assert_int_equal(p.n, 3);
	ports_fini(&p);
}

static void hops_multiply_ports(void **state)
{
	struct ports p = { 0 };

	(void)state;
	assert_int_equal(ports_add(&p, "icmp,80,udp/53", NULL), 0);
	assert_int_equal(ports_add_hops(&p, 2, 4), 0);
	assert_int_equal(p.n, 9);
	for (unsigned hop = 2; hop <= 4; hop++)
		for (unsigned i = 0; i < 3; i++) {
			static const uint32_t ports[] = { 0, 80, PROBE_UDP | 53 };

			assert_int_equal(p.v[3 * (hop - 2) + i], ports[i] | hop << 24);
		}
	ports_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hops_multiply_ports),
		cmocka_unit_test(a_failed_allocation_changes_nothing),
		cmocka_unit_test(lists_are_sorted_and_unique),
		cmocka_unit_test(zero_and_dashes),
		cmocka_unit_test(ports_are_taken_away),
		cmocka_unit_test(bad_lists_change_nothing),
		cmocka_unit_test(protocols_are_told_apart),
		cmocka_unit_test(everything_fits),
		cmocka_unit_test(random_lists_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
