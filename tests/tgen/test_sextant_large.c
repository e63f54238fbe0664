/* Many seeds: the weights are learned from some of the networks only. */
#include "tests/test.h"

#include "common/addrset.h"
#include "common/rng.h"
#include "tgen/algorithm.h"
#include "tgen/sx_model.h"

enum { NETWORKS = 480, HOSTS = 1600, SHOWN = 20000 };

/* Half of each network's hosts, which are four in five of a range, as seeds; the
 * others in rest. */
static void make_world(struct addrvec *seeds, struct addrvec *rest)
{
	struct rng r;

	rng_init(&r, 9);
	for (uint64_t net = 0; net < NETWORKS; net++)
		for (uint64_t host = 0; host < HOSTS; host++) {
			struct addr128 a = { UINT64_C(0x20010000) << 32 | net << 32,
				             host };
			uint64_t x = rng_below(&r, 10);

			if (x < 8)
				assert_int_equal(addrvec_push(x < 4 ? seeds : rest, a),
				                 0);
		}
}

/* From 300,000 seeds on: what it learned finds nearly as much as there is. */
static void many_seeds(void **state)
{
	struct addrvec seeds = { 0 }, rest = { 0 };
	static struct tgen_candidate c[SHOWN];
	struct addrset *set = addrset_new(SHOWN);
	unsigned found = 0;
	void *s;

	(void)state;
	assert_non_null(set);
	make_world(&seeds, &rest);
	assert_true(seeds.n >= 303000);
	assert_int_equal(tgen_sextant.train(&s, &seeds, 5, NULL), 0);
	assert_int_equal(tgen_sextant.next(s, c, SHOWN), SHOWN);
	tgen_sextant.free(s);
	for (unsigned i = 0; i < SHOWN; i++) {
		assert_int_equal(addrset_add(set, c[i].addr), 1);
		assert_false(addrvec_contains(&seeds, c[i].addr));
		found += addrvec_contains(&rest, c[i].addr);
	}
	/* Of what is no seed, two in three are alive. */
	assert_true(found > SHOWN * 6 / 10);
	addrset_free(set);
	addrvec_fini(&seeds);
	addrvec_fini(&rest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
