#include "tests/test.h"

#include <unistd.h>

#include "tests/common/failing.h"

#include "common/addrset.h"
#include "probe/targets.c"

static struct ivtab_builder *builder(const char *const *texts, size_t n)
{
	struct ivtab_builder *b = ivtab_builder_new();
	struct addr128 first, last;

	assert_non_null(b);
	for (size_t i = 0; i < n; i++) {
		assert_true(targets_parse(&first, &last, texts[i]));
		assert_int_equal(ivtab_add_range(b, first, last, 1), 0);
	}
	return b;
}

/* (address, port) as one key; the tests' addresses use few of the low bits. */
static struct addr128 key(struct probe_target t)
{
	t.addr.hi ^= (uint64_t)t.port << 40;
	return t.addr;
}

/* Each target into the set; returns how many came, all of them new and, where
 * a space is given, inside of it. */
static size_t drain_within(struct targets *t, struct addrset *seen,
                           const struct ivtab_builder *b)
{
	struct ivtab *table = NULL;
	struct probe_target out[100];
	size_t total = 0;
	int n;

	if (b)
		assert_int_equal(ivtab_build(&table, b), 0);
	while ((n = targets_next(t, out, ARRAY_LEN(out))) != PROBE_SOURCE_END) {
		if (n == 0)
			clock_sleep_until(clock_mono_ns() + NS_PER_MS);
		for (int i = 0; i < n; i++) {
			assert_int_equal(addrset_add(seen, key(out[i])), 1);
			if (table && !ivtab_covers(table, out[i].addr))
				fail_msg("a target outside of the space");
		}
		total += (size_t)n;
	}
	ivtab_free(table);
	return total;
}

static size_t drain(struct targets *t, struct addrset *seen)
{
	return drain_within(t, seen, NULL);
}

static const char *const space[] = {
	"2001:db8::/120", "2001:db8::80-2001:db8::17f", /* overlap: 384 addresses */
	"192.0.2.0/24",   "192.0.2.7",                  /* 256 */
	"2001:db8:1::5",                                /* 1 */
};
enum { ADDRESSES = 384 + 256 + 1 };

static void a_space_is_covered_exactly(void **state)
{
	static const char *const lists[] = { "80", "80,443", "1-7",
		                             "22,80,443,8080-8090" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct ivtab_builder *b = builder(space, ARRAY_LEN(space));
		struct addrset *seen = addrset_new(16);
		struct ports ports = { 0 };
		struct targets_config cfg = { .ports = &ports,
			                      .seed = 42 + i,
			                      .shard = { 0, 1 },
			                      .limit = { 0, 0 } };
		struct targets *t;

		assert_int_equal(ports_add(&ports, lists[i], NULL), 0);
		assert_int_equal(targets_open_space(&t, b, &cfg, NULL), 0);
		assert_true(targets_total(t) == ADDRESSES * ports.n);
		assert_int_equal(drain_within(t, seen, b), ADDRESSES * ports.n);
		targets_close(t);
		addrset_free(seen);
		ports_fini(&ports);
		ivtab_builder_free(b);
	}
}

/* Shards share nothing and miss nothing; with a limit they are its cut. */
static void shards_partition(void **state)
{
	struct ivtab_builder *b = builder(space, ARRAY_LEN(space));
	struct ports ports = { 0 };

	(void)state;
	assert_int_equal(ports_add(&ports, "80,443,1000", NULL), 0);
	for (uint32_t k = 1; k <= 9; k++)
		for (unsigned limit = 0; limit < 3; limit++) {
			struct targets_config cfg = { .ports = &ports,
				                      .seed = 7,
				                      .shard = { 0, k },
				                      .limit = { 0, 0 } };
			struct addrset *seen = addrset_new(16);
			size_t total = 0, want = ADDRESSES * 3;

			if (limit == 1) {
				cfg.limit.count = 100;
				want = 100;
			} else if (limit == 2) {
				cfg.limit.fraction = 0.25;
				want = (want + 3) / 4;
			}
			for (uint32_t i = 0; i < k; i++) {
				struct targets *t;
				size_t n;

				cfg.shard.index = i;
				assert_int_equal(targets_open_space(&t, b, &cfg, NULL),
				                 0);
				n = drain(t, seen);
				assert_true(targets_total(t) == n);
				total += n;
				targets_close(t);
			}
			assert_int_equal(total, want);
			addrset_free(seen);
		}
	ports_fini(&ports);
	ivtab_builder_free(b);
}

static void seeds_decide_the_order(void **state)
{
	struct ivtab_builder *b = builder(space, ARRAY_LEN(space));
	struct ports ports = { 0 };
	struct probe_target first[3][64];
	unsigned differ = 0;

	(void)state;
	assert_int_equal(ports_add(&ports, "80", NULL), 0);
	for (int i = 0; i < 3; i++) {
		struct targets_config cfg = { .ports = &ports,
			                      .seed = i < 2 ? 1 : 2,
			                      .shard = { 0, 1 },
			                      .limit = { 0, 0 } };
		struct targets *t;

		assert_int_equal(targets_open_space(&t, b, &cfg, NULL), 0);
		assert_int_equal(targets_next(t, first[i], 64), 64);
		targets_close(t);
	}
	for (int i = 0; i < 64; i++) {
		assert_true(addr_eq(first[0][i].addr, first[1][i].addr));
		differ += !addr_eq(first[0][i].addr, first[2][i].addr);
	}
	assert_true(differ > 32);
	ports_fini(&ports);
	ivtab_builder_free(b);
}

/* Far beyond 2^64, and at the very top. */
static void large_spaces_work(void **state)
{
	static const char *const large[] = { "2001:db8::/32" };
	static const char *const whole[] = { "::/0" };
	static const char *const top[] = {
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120"
	};
	struct ivtab_builder *b = builder(large, 1);
	struct addrset *seen = addrset_new(16);
	struct ports ports = { 0 };
	struct targets_config cfg = {
		.ports = &ports, .seed = 3, .shard = { 0, 1 }, .limit = { 5000, 0 }
	};
	struct probe_target out[100];
	struct targets *t;
	int n;

	(void)state;
	assert_int_equal(ports_add(&ports, "80,443,8000-8002", NULL), 0);
	assert_int_equal(targets_open_space(&t, b, &cfg, NULL), 0);
	while ((n = targets_next(t, out, 100)) != PROBE_SOURCE_END)
		for (int i = 0; i < n; i++)
			assert_int_equal(out[i].addr.hi >> 32, 0x20010db8);
	targets_close(t);
	ivtab_builder_free(b);

	b = builder(whole, 1);
	assert_int_equal(targets_open_space(&t, b, &cfg, NULL), -EOVERFLOW);
	ivtab_builder_free(b);

	b = builder(top, 1);
	cfg.limit.count = 0;
	assert_int_equal(targets_open_space(&t, b, &cfg, NULL), 0);
	assert_int_equal(drain(t, seen), 256 * 5);
	targets_close(t);
	ivtab_builder_free(b);
	addrset_free(seen);
	ports_fini(&ports);
}

static void texts_are_parsed(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "2001:db8::/32", true },
		{ "192.0.2.1-192.0.2.9", true },
		{ "::1", true },
		{ "192.0.2.9-192.0.2.1", false },
		{ "::1-192.0.2.1", false },
		{ "::1-", false },
		{ "-::1", false },
		{ "::1/129", false },
		{ "example.org", false },
		{ "", false },
		{ "::1-::2/64", false },
		{ "::1 - ::2", false },
	};
	struct targets_limit l;
	struct addr128 a, b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (targets_parse(&a, &b, cases[i].text) != cases[i].ok)
			fail_msg("'%s'", cases[i].text);
	assert_true(targets_parse_limit(&l, "1M") && l.count == 1000000);
	assert_true(targets_parse_limit(&l, "2.5%") && l.fraction == 0.025);
	assert_false(targets_parse_limit(&l, "0"));
	assert_false(targets_parse_limit(&l, "0%"));
	assert_false(targets_parse_limit(&l, "101%"));
	assert_false(targets_parse_limit(&l, "%"));
	assert_false(targets_parse_limit(&l, ""));
	assert_false(targets_parse_limit(&l, "-5"));
}

static void write_list(char *path, size_t lines, const char *extra)
{
	int fd = mkstemp(path);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	assert_non_null(f);
	for (size_t i = 0; i < lines; i++)
		fprintf(f, "2001:db8::%zx\n", i + 1);
	fputs(extra, f);
	assert_int_equal(fclose(f), 0);
}

static void streams_are_read_whole(void **state)
{
	enum { LINES = 50000 };
	char path[] = "/tmp/sextant-test-XXXXXX";
	struct ports ports = { 0 };
	struct reader_policy policy = { .reported = 1 };
	struct addrset *seen;
	struct targets *t;
	uint64_t bad;

	(void)state;
	write_list(path, LINES, "# comment\n\n2001:db8:1::1 , x\n");
	assert_int_equal(ports_add(&ports, "80,443", NULL), 0);
	for (uint32_t k = 1; k <= 3; k++) {
		size_t total = 0;

		seen = addrset_new(16);
		for (uint32_t i = 0; i < k; i++) {
			struct targets_config cfg = { .ports = &ports,
				                      .seed = 1,
				                      .shard = { i, k },
				                      .limit = { 0, 0 } };

			assert_int_equal(
				targets_open_stream(&t, path, &policy, &cfg, NULL), 0);
			total += drain(t, seen);
			assert_int_equal(targets_result(t, &bad, NULL), 0);
			assert_int_equal(bad, 0);
			targets_close(t);
		}
		assert_int_equal(total, 2 * (LINES + 1));
		addrset_free(seen);
	}
	struct targets_config limited = {
		.ports = &ports, .seed = 1, .shard = { 0, 1 }, .limit = { 777, 0 }
	};

	seen = addrset_new(16);
	assert_int_equal(targets_open_stream(&t, path, &policy, &limited, NULL), 0);
	assert_int_equal(drain(t, seen), 777);
	targets_close(t);
	addrset_free(seen);
	ports_fini(&ports);
	unlink(path);
}

/* Ports are not outermost, and neighbours in a sorted list are not probed one after the
 * other, as a network's owner would notice: among 64 targets in a row there are all ports,
 * and of no /112 of 256 more than a few. */
static void check_mixture(struct targets *t, size_t skip)
{
	enum { ROW = 64, NETS = 256 };
	struct probe_target out[ROW];
	unsigned worst = 0, few = 0, rows = 0;
	int n;

	while ((n = targets_next(t, out, ROW)) != PROBE_SOURCE_END) {
		unsigned in_net[NETS] = { 0 }, ports = 0;

		if (n == 0)
			clock_sleep_until(clock_mono_ns() + NS_PER_MS);
		if (n < ROW || rows++ < skip)
			continue;
		for (int i = 0; i < n; i++) {
			unsigned *net = &in_net[out[i].addr.lo >> 16 & 255];

			ports |= 1U << (out[i].port - 80);
			if (++*net > worst)
				worst = *net;
		}
		few += ports != 15;
	}
	assert_true(rows > 1000);
	/* Either happens by chance less than once in ten million rows. */
	assert_int_equal(few, 0);
	assert_true(worst <= 8);
}

static void neighbours_are_kept_apart(void **state)
{
	const char *const net[] = { "2001:db8::/104" };
	struct ports ports = { 0 };
	struct targets_config cfg = { .ports = &ports, .seed = 3, .shard = { 0, 1 } };
	struct ivtab_builder *b = builder(net, 1);
	char path[] = "/tmp/sextant-test-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	struct targets *t;

	(void)state;
	assert_non_null(f);
	assert_int_equal(ports_add(&ports, "80-83", NULL), 0);
	cfg.limit.count = 200000;
	assert_int_equal(targets_open_space(&t, b, &cfg, NULL), 0);
	check_mixture(t, 0);
	targets_close(t);
	/* Sorted, four ports each: the window of 16384 targets holds 4096 hosts, of 256
	 * networks with 16 each. */
	for (unsigned i = 0; i < 65536; i++)
		fprintf(f, "2001:db8::%x:%x\n", i >> 4 & 255, (i >> 12) << 4 | (i & 15));
	assert_int_equal(fclose(f), 0);
	cfg.repeatable = true; /* the window is full before the first one comes out */
	cfg.limit.count = 0;
	assert_int_equal(targets_open_stream(&t, path, NULL, &cfg, NULL), 0);
	check_mixture(t, 0);
	targets_close(t);
	ports_fini(&ports);
	ivtab_builder_free(b);
	unlink(path);
}

static void faults_in_streams_are_told(void **state)
{
	char path[] = "/tmp/sextant-test-XXXXXX", empty[] = "/tmp/sextant-test-XXXXXX";
	struct reader_policy lenient = { .reported = 1 }, strict = { .strict = true };
	struct ports ports = { 0 };
	struct targets_config cfg = {
		.ports = &ports, .seed = 1, .shard = { 0, 1 }, .limit = { 0, 0 }
	};
	struct addrset *seen = addrset_new(16);
	struct diag d = { "" };
	struct targets *t;
	uint64_t bad;

	(void)state;
	assert_int_equal(ports_add_none(&ports), 0);
	write_list(path, 10, "no address\n2001:db8:2::1\n");
	assert_int_equal(targets_open_stream(&t, path, &lenient, &cfg, &d), 0);
	assert_int_equal(drain(t, seen), 11);
	assert_int_equal(targets_result(t, &bad, &d), 0);
	assert_int_equal(bad, 1);
	targets_close(t);

	addrset_free(seen);
	seen = addrset_new(16);
	assert_int_equal(targets_open_stream(&t, path, &strict, &cfg, &d), 0);
	assert_int_equal(drain(t, seen), 10);
	assert_true(targets_result(t, &bad, &d) < 0);
	assert_non_null(strstr(d.text, ":11"));
	targets_close(t);
	unlink(path);

	write_list(empty, 0, "# nothing\n");
	d.text[0] = 0;
	assert_int_equal(targets_open_stream(&t, empty, &lenient, &cfg, &d), ERR_EMPTY);
	assert_true(targets_open_stream(&t, "/nonexistent/list", &lenient, &cfg, &d) < 0);
	assert_true(targets_open_stream(&t, "/tmp", &lenient, &cfg, &d) < 0);
	unlink(empty);
	addrset_free(seen);
	ports_fini(&ports);
}

/* Sub-prefixes: each exactly once per identifier, none outside, IPv4 as ever. */
static void sub_prefixes_are_walked(void **state)
{
	static const char *const texts[] = { "2001:db8::/56", "2001:db8:0:100::/58",
		                             "192.0.2.0/28" };
	static const char *const iids[] = { "low", "rand", "zero", "::dead:beef" };
	struct ports ports = { 0 };
	struct ivtab_builder *b = builder(texts, ARRAY_LEN(texts));
	struct targets *t;

	(void)state;
	assert_int_equal(ports_add_none(&ports), 0);
	for (size_t i = 0; i < ARRAY_LEN(iids); i++) {
		struct targets_config cfg = { .ports = &ports,
			                      .seed = 9,
			                      .shard = { 0, 1 },
			                      .probe_length = 64,
			                      .iid = { .number = 3 } };
		struct addrset *seen = addrset_new(16), *nets = addrset_new(16);
		struct probe_target out[64];
		int n;

		assert_true(targets_parse_iid(&cfg.iid, iids[i]));
		assert_int_equal(targets_open_space(&t, b, &cfg, NULL), 0);
		assert_true(targets_total(t) == 3 * (256 + 64) + 16);
		while ((n = targets_next(t, out, 64)) != PROBE_SOURCE_END)
			for (int k = 0; k < n; k++) {
				struct addr128 a = out[k].addr;

				assert_int_equal(addrset_add(seen, a), 1);
				if (addr_is_v4(a))
					continue;
				if (i == 0)
					assert_true(a.lo >= 1 && a.lo <= 3);
				if (i == 3)
					assert_true(a.lo >= 0xdeadbeef &&
					            a.lo <= 0xdeadbeef + 2);
				a.lo = 0;
				addrset_add(nets, a);
			}
		assert_int_equal(addrset_count(seen), 3 * (256 + 64) + 16);
		assert_int_equal(addrset_count(nets), 256 + 64);
		targets_close(t);
		addrset_free(seen);
		addrset_free(nets);
		cfg.probe_length = 60;
		cfg.iid.number = 0;
		assert_int_equal(targets_open_space(&t, b, &cfg, NULL), 0);
		targets_close(t);
		cfg.probe_length = 50; /* half of a /50 was named */
		assert_int_equal(targets_open_space(&t, b, &cfg, NULL), -EINVAL);
		cfg.probe_length = 127;
		cfg.iid.number = 3;
		assert_int_equal(targets_open_space(&t, b, &cfg, NULL), -EINVAL);
	}
	assert_false(targets_parse_iid(&(struct targets_iid){ 0 }, "high"));
	assert_false(targets_parse_iid(&(struct targets_iid){ 0 }, "192.0.2.1"));
	ivtab_builder_free(b);
	ports_fini(&ports);
}

/* What comes before the skipped position and after it is the whole, in order. */
static void check_skip(struct targets *(*open)(const struct targets_config *, void *),
                       void *arg, struct targets_config cfg)
{
	enum { MAX = 40000 };
	struct probe_target *all = calloc(MAX, sizeof(*all)), out[77];
	size_t total = 0;
	struct targets *t = open(&cfg, arg);
	int n;

	assert_non_null(all);
	while ((n = targets_next(t, all + total, 64)) != PROBE_SOURCE_END) {
		total += (size_t)n;
		assert_true(total + 64 < MAX);
	}
	targets_close(t);
	for (size_t skip = 0; skip <= total; skip += total / 3 + 1) {
		size_t at = skip;

		cfg.skip = skip;
		t = open(&cfg, arg);
		while ((n = targets_next(t, out, ARRAY_LEN(out))) != PROBE_SOURCE_END)
			for (int i = 0; i < n; i++, at++) {
				assert_true(addr_eq(all[at].addr, out[i].addr));
				assert_int_equal(all[at].port, out[i].port);
			}
		assert_int_equal(at, total);
		targets_close(t);
	}
	free(all);
}

static struct targets *open_stream(const struct targets_config *cfg, void *path)
{
	struct targets *t = NULL;

	assert_int_equal(targets_open_stream(&t, path, NULL, cfg, NULL), 0);
	return t;
}

static struct targets *open_space(const struct targets_config *cfg, void *builder)
{
	struct targets *t = NULL;

	assert_int_equal(targets_open_space(&t, builder, cfg, NULL), 0);
	return t;
}

static void a_part_can_be_skipped(void **state)
{
	static const char *const texts[] = { "2001:db8::/117" };
	char path[] = "/tmp/sextant-test-XXXXXX";
	struct ivtab_builder *b = builder(texts, 1);
	struct ports ports = { 0 };
	struct targets_config cfg = {
		.ports = &ports, .seed = 5, .shard = { 1, 2 }, .repeatable = true
	};

	(void)state;
	assert_int_equal(ports_add(&ports, "80,udp/53", NULL), 0);
	check_skip(open_space, b, cfg);
	write_list(path, 30000, "[2001:db8::5]:8080\n");
	check_skip(open_stream, path, cfg);
	unlink(path);
	ivtab_builder_free(b);
	ports_fini(&ports);
}

static void lines_may_name_a_port(void **state)
{
	char path[] = "/tmp/sextant-test-XXXXXX";
	struct reader_policy policy = { .reported = 1 };
	struct ports none = { 0 };
	struct targets_config cfg = { .ports = &none,
		                      .shard = { 0, 1 },
		                      .pairs = PROBE_TCP };
	struct probe_target out[64];
	struct targets *t;
	uint64_t bad, sum = 0;
	int n, total = 0;

	(void)state;
	write_list(path, 2,
	           "[2001:db8::7]:443 # c\n192.0.2.1:8080\n[::1]:0\n[::1]:65536\n"
	           "2001:db8::1:80:\n192.0.2.2:\n");
	assert_int_equal(targets_open_stream(&t, path, &policy, &cfg, NULL), 0);
	while ((n = targets_next(t, out, 64)) != PROBE_SOURCE_END)
		for (int i = 0; i < n; i++, total++)
			sum += out[i].port;
	assert_int_equal(total, 2);
	assert_int_equal(sum, 443 + 8080 + 2 * PROBE_TCP);
	assert_int_equal(targets_result(t, &bad, NULL), 0);
	assert_int_equal(bad, 6);
	targets_close(t);
	unlink(path);
}

static void failed_allocations_are_told(void **state)
{
	char path[] = "/tmp/sextant-test-XXXXXX";
	struct ivtab_builder *b = builder(space, ARRAY_LEN(space));
	struct ports ports = { 0 };
	struct targets_config cfg = {
		.ports = &ports, .seed = 1, .shard = { 0, 1 }, .limit = { 0, 0 }
	};
	struct targets *t;
	long n = 0;
	int rc;

	(void)state;
	assert_int_equal(ports_add_none(&ports), 0);
	for (; fail_nth(n), rc = targets_open_space(&t, b, &cfg, NULL), fail_done(); n++)
		assert_int_equal(rc, -ENOMEM);
	assert_true(n >= 3);
	assert_int_equal(rc, 0);
	targets_close(t);
	write_list(path, 3, "");
	for (n = 0; fail_nth(n), rc = targets_open_stream(&t, path, NULL, &cfg, NULL),
	    fail_done();
	     n++)
		assert_int_equal(rc, -ENOMEM);
	assert_true(n >= 3);
	assert_int_equal(rc, 0);
	targets_close(t);
	unlink(path);
	ports_fini(&ports);
	ivtab_builder_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_allocations_are_told),
		cmocka_unit_test(a_space_is_covered_exactly),
		cmocka_unit_test(shards_partition),
		cmocka_unit_test(seeds_decide_the_order),
		cmocka_unit_test(large_spaces_work),
		cmocka_unit_test(texts_are_parsed),
		cmocka_unit_test(sub_prefixes_are_walked),
		cmocka_unit_test(a_part_can_be_skipped),
		cmocka_unit_test(lines_may_name_a_port),
		cmocka_unit_test(streams_are_read_whole),
		cmocka_unit_test(neighbours_are_kept_apart),
		cmocka_unit_test(faults_in_streams_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
