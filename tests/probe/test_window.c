#include "tests/test.h"

#include "common/rng.h"
#include "probe/window.h"

/* Whatever the order, the base is the first piece that is not done; over 2^32, too. */
static void the_base_is_the_first_that_is_not_done(void **state)
{
	static const uint64_t starts[] = { 0, UINT32_MAX - 500 };
	enum { N = 2000, CAP = 128 };
	struct rng rng;

	(void)state;
	rng_init(&rng, 7);
	for (size_t k = 0; k < ARRAY_LEN(starts); k++) {
		bool done[N + 1] = { false };
		uint64_t begun = 0, first = 0;
		struct window w;

		assert_int_equal(window_init(&w, CAP), 0);
		w.base = starts[k];
		while (first < N) {
			uint64_t i;

			while (begun < N &&
			       window_has_room(&w, (uint32_t)(starts[k] + begun)))
				begun++;
			i = first + rng_below(&rng, begun - first);
			if (done[i])
				continue;
			done[i] = true;
			window_done(&w, (uint32_t)(starts[k] + i));
			while (done[first])
				first++;
			assert_int_equal(w.base, starts[k] + first);
			assert_true(begun - first <= CAP);
		}
		window_fini(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_base_is_the_first_that_is_not_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
