#include "tests/test.h"

#include "tests/common/failing.h"

#include "analysis/source.c"

static char path[] = "/tmp/sextant-test.XXXXXX";

static int make_list(void **state)
{
	FILE *f = fdopen(mkstemp(path), "w");

	(void)state;
	for (unsigned i = 0; i < 5000; i++)
		fprintf(f, "2001:db8::%x\n", i * 7919 % 5000 + 1);
	fclose(f);
	return 0;
}

static int remove_list(void **state)
{
	(void)state;
	return unlink(path);
}

/* In parts: five of them. */
static int read_all(uint64_t *n)
{
	const struct source_config cfg = { .memory = 1 };
	const char *const paths[] = { path };
	const struct addr128 *a;
	struct diag d = { "" };
	struct source *s;
	size_t k;
	int rc = source_open(&s, paths, 1, &cfg, &d);

	*n = 0;
	if (rc < 0) {
		assert_true(d.text[0]);
		return rc;
	}
	while ((rc = source_next(s, &a, &k, &d)) > 0)
		*n += k;
	source_close(s);
	return rc;
}

static void lack_of_memory_is_told(void **state)
{
	uint64_t n;
	int rc;

	(void)state;
	for (long i = 0; fail_nth(i), rc = read_all(&n), fail_done(); i++) {
		assert_int_equal(rc, -ENOMEM);
		assert_true(i < 100);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(n, 5000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lack_of_memory_is_told),
	};

	return cmocka_run_group_tests(tests, make_list, remove_list);
}
