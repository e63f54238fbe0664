#include "tests/test.h"

#include "tests/common/failing.h"

/* The order matters: both are to allocate through the failing functions. */
#include "analysis/tally.c"

#include "analysis/density.c"

/* Sixty prefixes with distinct, large counts: the tallies have to grow. */
static int measure(struct density *d)
{
	static const uint8_t lengths[] = { 48, 64, 120 };
	struct addr128 a[64];
	int rc = density_init(d, lengths, 3, 10);

	if (rc < 0)
		return rc;
	for (uint64_t net = 0; net < 120; net++) {
		for (uint64_t i = 0; i < 256 + net; i += 64) {
			size_t n = 256 + net - i < 64 ? 256 + net - i : 64;

			for (size_t k = 0; k < n; k++)
				a[k] = (struct addr128){ 0x2001000000000000 | net,
					                 (i + k) << 16 };
			density_feed(d, a, n);
		}
	}
	rc = density_finish(d);
	if (rc < 0)
		density_fini(d);
	return rc;
}

static void lack_of_memory_is_told(void **state)
{
	struct density d;
	int rc;

	(void)state;
	for (long n = 0; fail_nth(n), rc = measure(&d), fail_done(); n++) {
		assert_int_equal(rc, -ENOMEM);
		assert_true(n < 100);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(density_level(&d, 64)->tally.groups, 120);
	assert_int_equal(tally_max(&density_level(&d, 64)->tally), 256 + 119);
	density_fini(&d);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lack_of_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
