#include "tests/test.h"

#include <stdbool.h>

#include "common/addrset.h"
#include "common/log.h"
#include "common/rng.h"
#include "seeds/seeds.h"
#include "tests/common/files.h"

static struct scope *open_scope(bool allow_special)
{
	struct scope_config cfg = { .allow_special = allow_special };
	struct scope *s;

	assert_int_equal(scope_new(&s, &cfg, NULL), 0);
	return s;
}

static int read_text(struct files *f, const char *text, const struct seeds_config *cfg,
                     struct addrvec *v, struct seeds_counts *c, struct diag *d)
{
	const char *path = files_put(f, "list", text, strlen(text));

	log_set_level(LOG_QUIET);
	return seeds_read(v, path, cfg, c, d);
}

static bool has(const struct addrvec *v, const char *text)
{
	struct addr128 a;

	assert_true(addr_parse(&a, text));
	return addrvec_contains(v, a);
}

/* Whatever was read is accounted for. */
static void check_sums(const struct seeds_counts *c)
{
	uint64_t n = c->prefixes + c->v4;

	for (unsigned i = 0; i < SCOPE_VERDICTS; i++)
		n += c->scope[i];
	assert_int_equal(c->items, n);
	assert_int_equal(c->scope[SCOPE_OK], c->unique + c->duplicates);
}

static const char mixed[] = "\xef\xbb\xbf"
			    "address,count\r\n"
			    "# comment\r\n"
			    "\r\n"
			    "2400:1::1\r\n"
			    "  2400:0001:0:0:0:0:0:1  # again\n"
			    "24000001000000000000000000000002\n" /* 32 digits */
			    "2400:1::3,17,x\n"
			    "2400:1:0:0:0:0:192.0.2.4\n"
			    "2400:1:2::/48\n"
			    "2400:1::10-2400:1::12\n"
			    "2400:1::5/128\n"
			    "198.41.0.4\n"
			    "10.0.0.0/8\n"
			    "2001:db8::1\n"
			    "fe80::1\n"
			    "1234::1\n"
			    "2400:1::g\n"
			    "what is this, 7\n"
			    "2400:1::3";

static void every_reject_is_counted(void **state)
{
	struct scope *scope = open_scope(false);
	struct seeds_config cfg = { .scope = scope };
	struct seeds_counts c = { 0 };
	struct addrvec v = { 0 };

	assert_int_equal(read_text(*state, mixed, &cfg, &v, &c, NULL), 0);
	assert_int_equal(seeds_finish(&v, &c), 0);
	assert_int_equal(c.items, 14);
	assert_int_equal(c.bad, 2);
	assert_int_equal(c.prefixes, 2);
	assert_int_equal(c.v4, 2);
	assert_int_equal(c.scope[SCOPE_OK], 7);
	assert_int_equal(c.scope[SCOPE_SPECIAL] + c.scope[SCOPE_NOT_GLOBAL], 3);
	assert_int_equal(c.duplicates, 2);
	assert_int_equal(c.unique, 5);
	assert_int_equal(v.n, 5);
	check_sums(&c);
	assert_true(has(&v, "2400:1::1") && has(&v, "2400:1::2") &&
	            has(&v, "2400:1::3") && has(&v, "2400:1::c000:204") &&
	            has(&v, "2400:1::5"));
	for (size_t i = 1; i < v.n; i++)
		assert_true(addr_cmp(v.a[i - 1], v.a[i]) < 0);
	addrvec_fini(&v);
	scope_free(scope);
}

static void options_take_more(void **state)
{
	struct scope *scope = open_scope(true);
	struct seeds_config cfg = { .scope = scope, .v4 = true, .prefix_first = true };
	struct seeds_counts c = { 0 };
	struct addrvec v = { 0 };

	assert_int_equal(read_text(*state, mixed, &cfg, &v, &c, NULL), 0);
	assert_int_equal(seeds_finish(&v, &c), 0);
	assert_int_equal(c.v4, 0);
	assert_int_equal(c.prefixes, 1); /* the range */
	assert_int_equal(c.scope[SCOPE_OK], 14 - 1);
	assert_true(has(&v, "2400:1:2::") && has(&v, "198.41.0.4") &&
	            has(&v, "10.0.0.0") && has(&v, "2001:db8::1"));
	check_sums(&c);
	addrvec_fini(&v);
	scope_free(scope);
}

/* The first of a special prefix is as special as any other address. */
static void prefixes_obey_the_scope(void **state)
{
	struct scope *scope = open_scope(false);
	struct seeds_config cfg = { .scope = scope, .prefix_first = true };
	struct seeds_counts c = { 0 };
	struct addrvec v = { 0 };

	assert_int_equal(read_text(*state, "2001:db8::/32\n2400:1::/32\n::/0\n", &cfg, &v,
	                           &c, NULL),
	                 0);
	assert_int_equal(seeds_finish(&v, &c), 0);
	assert_int_equal(v.n, 1);
	check_sums(&c);
	addrvec_fini(&v);
	scope_free(scope);
}

static void strict_names_the_line(void **state)
{
	struct scope *scope = open_scope(false);
	struct seeds_config cfg = { .scope = scope, .strict = true };
	struct seeds_counts c = { 0 };
	struct addrvec v = { 0 };
	struct diag d = { "" };

	assert_true(read_text(*state, "2400:1::1\n\n2400:::2\n", &cfg, &v, &c, &d) < 0);
	assert_non_null(strstr(d.text, "list:3: "));
	assert_non_null(strstr(d.text, "2400:::2"));

	/* IPv4 is a fault only where it is said to be. */
	assert_int_equal(read_text(*state, "192.0.2.1\n", &cfg, &v, &c, &d), 0);
	d = (struct diag){ "" };
	cfg.v6_only = true;
	assert_int_equal(read_text(*state, "192.0.2.1\n", &cfg, &v, &c, &d), ERR_FAMILY);
	assert_non_null(strstr(d.text, "list:1: "));

	d = (struct diag){ "" };
	assert_int_equal(seeds_read(&v, "/nonexistent/list", &cfg, &c, &d), -ENOENT);
	assert_non_null(strstr(d.text, "/nonexistent/list"));
	addrvec_fini(&v);
	scope_free(scope);
}

/* Random lists in two files against a set. */
static void agrees_with_a_set(void **state)
{
	struct scope *scope = open_scope(false);
	struct seeds_config cfg = { .scope = scope };
	struct rng r;

	rng_init(&r, 3);
	for (unsigned round = 0; round < 30; round++) {
		struct addrset *want = addrset_new(0);
		struct seeds_counts c = { 0 };
		struct addrvec v = { 0 };
		uint64_t kept = 0;

		for (unsigned file = 0; file < 2; file++) {
			char text[200 * (ADDR_STRLEN + 2)], *p = text;

			for (unsigned i = 0; i < 200; i++) {
				struct addr128 a = { rng_next(&r) >> 1,
					             rng_below(&r, 3) };

				if (i % 2)
					a.hi = UINT64_C(0x2a00) << 48 | rng_below(&r, 30);
				p += addr_format(p, a);
				p += sprintf(p, i % 3 ? "\n" : "\r\n");
				if (scope_check(scope, a) == SCOPE_OK) {
					kept++;
					addrset_add(want, a);
				}
			}
			assert_int_equal(read_text(*state, text, &cfg, &v, &c, NULL), 0);
		}
		assert_int_equal(seeds_finish(&v, &c), 0);
		assert_int_equal(c.items, 400);
		assert_int_equal(c.scope[SCOPE_OK], kept);
		assert_int_equal(c.unique, addrset_count(want));
		for (size_t i = 0; i < v.n; i++)
			assert_true(addrset_has(want, v.a[i]));
		check_sums(&c);
		addrvec_fini(&v);
		addrset_free(want);
	}
	scope_free(scope);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reject_is_counted),
		cmocka_unit_test(options_take_more),
		cmocka_unit_test(prefixes_obey_the_scope),
		cmocka_unit_test(strict_names_the_line),
		cmocka_unit_test(agrees_with_a_set),
	};

	return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
