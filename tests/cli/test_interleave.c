#include "tests/test.h"

#include "cli/interleave.h"
#include "common/addrvec.h"
#include "common/rng.h"

enum { N = 3000 };

static uint64_t site(const struct tgen_candidate *c)
{
	return c->addr.hi >> 16;
}

/* Random batches, a few sites holding most of it. */
static void fill(struct rng *r, struct tgen_candidate *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t s = rng_below(r, 3) ? rng_below(r, 4) : rng_below(r, 200);

		c[i] = (struct tgen_candidate){
			.addr = { UINT64_C(0x2001) << 48 | s << 16, rng_next(r) },
			.p = 1.0f / (float)(i + 1),
			.region = (uint32_t)i,
		};
	}
}

/* The same candidates come out, each site's in the order they went in. */
static void keeps_everything_and_order_within_sites(void **state)
{
	static struct tgen_candidate c[N];
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (size_t n = 0; n <= N; n = n * 2 + 1) {
		bool seen[N] = { false };

		fill(&r, c, n);
		assert_int_equal(interleave(c, n), 0);
		for (size_t i = 0; i < n; i++) {
			assert_false(seen[c[i].region]);
			seen[c[i].region] = true;
			for (size_t j = i + 1; j < n && j < i + 300; j++)
				if (site(&c[i]) == site(&c[j]))
					assert_true(c[i].region < c[j].region);
		}
	}
}

/* A site comes again only after every other one that still has candidates:
 * between two of its candidates of rank r and r + 1 lie all other sites' rank
 * r + 1 ones before it, or rank r ones after it. */
static void rounds_visit_every_site_once(void **state)
{
	static struct tgen_candidate c[N];
	size_t left[256] = { 0 }, done[256] = { 0 };
	struct rng r;

	(void)state;
	rng_init(&r, 2);
	fill(&r, c, N);
	for (size_t i = 0; i < N; i++)
		left[site(&c[i]) & 255]++;
	assert_int_equal(interleave(c, N), 0);
	for (size_t i = 0; i < N; i++) {
		size_t s = site(&c[i]) & 255;

		for (size_t t = 0; t < 256; t++)
			if (done[t] < done[s])
				assert_true(done[t] == left[t]); /* exhausted */
		done[s]++;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_everything_and_order_within_sites),
		cmocka_unit_test(rounds_visit_every_site_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
