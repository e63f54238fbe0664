#include "tests/test.h"

#include <unistd.h>

#include "analysis/profiles.h"
#include "common/rng.h"

/* A list of networks made in three ways: everything random, identifiers random,
 * low identifiers in few subnets. */
enum { PER_KIND = 12, HOSTS = 150, SMALL_HOSTS = 99 };

static char path[] = "/tmp/sextant-test.XXXXXX";

static void write_net(FILE *f, uint64_t net, unsigned kind, unsigned n, struct rng *r)
{
	for (unsigned i = 0; i < n; i++) {
		struct addr128 a = { net << 32, 0 };
		char text[ADDR_STRLEN];

		a.hi |= kind == 0 ? rng_next(r) & 0xffffffff : rng_below(r, 3);
		a.lo = kind == 2 ? i + 1 : rng_next(r);
		addr_format(text, a);
		fprintf(f, "%s\n", text);
	}
}

static int make_list(void **state)
{
	FILE *f = fdopen(mkstemp(path), "w");
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (unsigned i = 0; i < 3 * PER_KIND; i++)
		write_net(f, 0x20010000 + i, i % 3, HOSTS, &r);
	write_net(f, 0x30010000, 0, SMALL_HOSTS, &r);
	return fclose(f);
}

static int remove_list(void **state)
{
	(void)state;
	return unlink(path);
}

static struct source *open_list(void)
{
	const struct source_config cfg = { .memory = 0 };
	const char *paths[] = { path };
	struct diag d = { "" };
	struct source *s;

	assert_int_equal(source_open(&s, paths, 1, &cfg, &d), 0);
	return s;
}

static void kinds_are_found_again(void **state)
{
	struct source *s = open_list();
	struct clusters c, again;
	struct profiles p;
	struct diag d = { "" };

	(void)state;
	assert_int_equal(profiles_make(&p, s, PROFILE_BY_32, NULL, 100, &d), 0);
	assert_int_equal(p.n, 3 * PER_KIND); /* the small one is left out */
	assert_int_equal(profiles_cluster(&c, &p, 8, 31, 0, 1), 0);
	assert_int_equal(c.k, 3);
	for (size_t i = 0; i < p.n; i++) {
		assert_int_equal(p.p[i].prefix.addr.hi >> 32, 0x20010000 + i);
		assert_int_equal(p.p[i].prefix.len, 32);
		assert_int_equal(p.p[i].n, HOSTS);
		assert_int_equal(p.p[i].cluster, p.p[i % 3].cluster);
	}
	for (unsigned k = 0; k < 3; k++) {
		assert_int_equal(c.c[k].n, PER_KIND);
		assert_int_equal(c.c[k].addresses, PER_KIND * HOSTS);
	}
	/* The middle kind's network part is constant, its identifier is not. */
	assert_true(c.c[p.p[1].cluster].median[3] < .01);
	assert_true(c.c[p.p[1].cluster].median[20] > .9);
	/* By the identifiers alone the first two kinds are one. */
	assert_int_equal(profiles_cluster(&c, &p, 16, 31, 0, 1), 0);
	assert_int_equal(p.p[0].cluster, p.p[1].cluster);
	assert_int_not_equal(p.p[0].cluster, p.p[2].cluster);
	assert_int_equal(profiles_cluster(&again, &p, 16, 31, 0, 1), 0);
	assert_memory_equal(&c, &again, sizeof(c));
	profiles_fini(&p);
	source_close(s);
}

/* Announced as their /32s, each in an AS of its own, they are the same. */
static void announced_networks_are_profiled_alike(void **state)
{
	struct bgp_entry e[3 * PER_KIND];
	struct source *s = open_list();
	struct profiles by32, by_bgp, by_as;
	struct diag d = { "" };
	struct bgp *bgp;

	(void)state;
	for (unsigned i = 0; i < 3 * PER_KIND; i++)
		e[i] = (struct bgp_entry){
			{ { (uint64_t)(0x20010000 + i) << 32, 0 }, 32 }, 100 + i, 0
		};
	assert_int_equal(bgp_make(&bgp, e, 3 * PER_KIND), 0);
	assert_int_equal(profiles_make(&by32, s, PROFILE_BY_32, NULL, 100, &d), 0);
	assert_int_equal(profiles_make(&by_bgp, s, PROFILE_BY_BGP, bgp, 100, &d), 0);
	assert_int_equal(profiles_make(&by_as, s, PROFILE_BY_AS, bgp, 100, &d), 0);
	assert_int_equal(by_bgp.n, by32.n);
	assert_int_equal(by_as.n, by32.n);
	for (size_t i = 0; i < by32.n; i++) {
		assert_memory_equal(by_bgp.p[i].h, by32.p[i].h, sizeof(by32.p[i].h));
		assert_memory_equal(by_as.p[i].h, by32.p[i].h, sizeof(by32.p[i].h));
		assert_int_equal(by_as.p[i].asn, 100 + i);
	}
	profiles_fini(&by32);
	profiles_fini(&by_bgp);
	profiles_fini(&by_as);
	bgp_free(bgp);
	source_close(s);
}

static void nothing_has_no_clusters(void **state)
{
	struct profiles none = { 0 };
	struct clusters c;

	(void)state;
	assert_int_equal(profiles_cluster(&c, &none, 8, 31, 0, 1), 0);
	assert_int_equal(c.k, 0);
	assert_int_equal(profiles_cluster(&c, &none, 8, 31, 5, 1), 0);
	assert_int_equal(c.k, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_found_again),
		cmocka_unit_test(announced_networks_are_profiled_alike),
		cmocka_unit_test(nothing_has_no_clusters),
	};

	return cmocka_run_group_tests(tests, make_list, remove_list);
}
