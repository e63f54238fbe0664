/* Who asked not to be asked. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/rng.h"
#include "seeds/dns_optout.h"
#include "tests/test.h"

static struct dns_optout *load(const char *text, int want)
{
	char path[] = "/tmp/test_dns_optout.XXXXXX";
	const char *files[] = { path };
	const struct opt_list list = { files, 1 };
	struct dns_optout *o = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(dns_optout_load(&o, &list, NULL), want);
	unlink(path);
	return o;
}

static struct dns_name name_of(const char *text)
{
	struct dns_name n;

	assert_true(dns_name_parse(&n, text));
	return n;
}

static bool has(const struct dns_optout *o, const char *text)
{
	struct dns_name n = name_of(text);

	return dns_optout_has_name(o, &n);
}

static void assert_top(const struct dns_optout *o, const char *text, const char *want)
{
	struct dns_name n = name_of(text), top, expected;

	assert_int_equal(dns_optout_top(o, &n, &top), want != NULL);
	if (!want)
		return;
	expected = name_of(want);
	assert_true(dns_name_eq(&top, &expected));
}

static const char list[] = "# asked by mail\n"
			   "example.org\n"
			   "Sub.Example.NET, since May\n"
			   "192.0.2.53\n"
			   "2001:db8:53::/48 # servers\n"
			   "2001:db8:77:10::/60\n";

static void zones_and_all_below(void **state)
{
	struct dns_optout *o = load(list, 0);

	(void)state;
	assert_true(has(o, "example.org"));
	assert_true(has(o, "a.b.EXAMPLE.org."));
	assert_false(has(o, "org"));
	assert_false(has(o, "notexample.org"));
	assert_true(has(o, "www.sub.example.net"));
	assert_false(has(o, "example.net"));
	assert_false(has(NULL, "example.org"));
	dns_optout_free(o);
}

static void prefixes_are_servers_and_reverse_names(void **state)
{
	struct dns_optout *o = load(list, 0);
	struct addr128 a;

	(void)state;
	assert_true(addr_parse(&a, "2001:db8:53::1"));
	assert_true(dns_optout_has_addr(o, a));
	assert_true(addr_parse(&a, "2001:db8:54::1"));
	assert_false(dns_optout_has_addr(o, a));
	assert_true(addr_parse(&a, "192.0.2.53"));
	assert_true(dns_optout_has_addr(o, a));
	assert_true(has(o, "1.0.0.7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa"));
	assert_true(has(o, "f.1.0.0.7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa"));
	assert_false(has(o, "0.0.7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa"));
	assert_false(has(o, "2.0.0.7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa"));
	dns_optout_free(o);
}

static void the_top_is_the_uppermost(void **state)
{
	struct dns_optout *o = load(list, 0);

	(void)state;
	assert_top(o, "a.b.example.org", "example.org");
	assert_top(o, "example.org", "example.org");
	assert_top(o, "org", NULL);
	assert_top(o, "x.sub.example.net", "sub.example.net");
	assert_top(o, "9.f.1.0.0.7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	           "1.0.0.7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
	dns_optout_free(o);
}

/* For any name below ip6.arpa: the top has opted out and covers the name, its parent
 * has not. */
static void the_top_and_its_parent(void **state)
{
	struct dns_optout *o = load(list, 0);
	unsigned covered = 0;
	struct rng r;

	(void)state;
	rng_init(&r, 5);
	for (unsigned i = 0; i < 20000; i++) {
		struct dns_name n, top, parent;
		struct addr128 a;

		assert_true(addr_parse(&a, "2001:db8:77::"));
		a.hi |= rng_below(&r, 0x40);
		a.lo = rng_next(&r);
		dns_name_reverse(&n, a, 12 + (unsigned)rng_below(&r, 21));
		assert_int_equal(dns_optout_top(o, &n, &top), dns_optout_has_name(o, &n));
		if (!dns_optout_has_name(o, &n))
			continue;
		covered++;
		assert_true(dns_name_is_in(&n, &top));
		assert_true(dns_optout_has_name(o, &top));
		assert_true(dns_name_parent(&parent, &top));
		assert_false(dns_optout_has_name(o, &parent));
	}
	assert_true(covered > 1000);
	dns_optout_free(o);
}

static void half_a_list_is_none(void **state)
{
	(void)state;
	assert_null(load("example.org\n2001:db8::/129\n", ERR_PARSE));
	assert_null(load("a..b\n", ERR_PARSE));
	assert_null(load("nonsense/x\n", ERR_PARSE));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones_and_all_below),
		cmocka_unit_test(prefixes_are_servers_and_reverse_names),
		cmocka_unit_test(the_top_is_the_uppermost),
		cmocka_unit_test(the_top_and_its_parent),
		cmocka_unit_test(half_a_list_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
