#include "tests/test.h"

#include <unistd.h>

#include "tests/common/failing.h"

#include "common/bgp.c"

#define by_number by_number_of_map
#include "analysis/treemap.c"

#include "analysis/clusters.c"

static char path[] = "/tmp/sextant-test.XXXXXX";

static int make_list(void **state)
{
	FILE *f = fdopen(mkstemp(path), "w");

	(void)state;
	for (unsigned i = 0; i < 1500; i++)
		fprintf(f, "2001:%x::/%u %u\n", i / 2, 32 + i % 2 * 8, 64496 + i % 7);
	fclose(f);
	return 0;
}

static int remove_list(void **state)
{
	(void)state;
	return unlink(path);
}

static int load_and_map(void)
{
	const struct treemap_config cfg = { .limit = 100, .most = 500 };
	struct diag d = { "" };
	struct treemap t;
	struct bgp *b;
	uint64_t *hits = NULL;
	int rc = bgp_load(&b, path, true, &d);

	if (rc < 0) {
		assert_true(d.text[0]);
		return rc;
	}
	assert_int_equal(bgp_count(b), 1500);
	assert_int_equal(bgp_as_count(b), 7);
	hits = calloc(bgp_count(b), sizeof(*hits));
	for (size_t i = 0; hits && i < bgp_count(b); i++)
		hits[i] = i;
	rc = hits ? treemap_make(&t, b, hits, NULL, &cfg) : -ENOMEM;
	if (rc == 0)
		treemap_fini(&t);
	free(hits);
	bgp_free(b);
	return rc;
}

static int cluster(struct profiles *p)
{
	struct clusters c;

	return profiles_cluster(&c, p, 8, 31, 3, 1);
}

static void lack_of_memory_is_told(void **state)
{
	struct profile some[20] = { { .n = 100 } };
	struct profiles p = { some, 20 };
	int rc;

	(void)state;
	for (long i = 0; fail_nth(i), rc = load_and_map(), fail_done(); i++) {
		assert_int_equal(rc, -ENOMEM);
		assert_true(i < 200);
	}
	assert_int_equal(rc, 0);
	for (unsigned i = 0; i < 20; i++)
		some[i].h[i % PROFILE_NIBBLES] = 1;
	for (long i = 0; fail_nth(i), rc = cluster(&p), fail_done(); i++) {
		assert_int_equal(rc, -ENOMEM);
		assert_true(i < 200);
	}
	assert_int_equal(rc, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lack_of_memory_is_told),
	};

	return cmocka_run_group_tests(tests, make_list, remove_list);
}
