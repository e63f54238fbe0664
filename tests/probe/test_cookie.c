#include "tests/test.h"

#include <endian.h>

#include "common/rng.h"
#include "probe/cookie.c"

static uint64_t random_word(struct rng *r)
{
	return rng_next(r);
}

/* The same as libsodium's SipHash-2-4 of the words' bytes. */
static void cookies_are_siphash(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (int i = 0; i < 2000; i++) {
		struct probe_flow f = { { random_word(&r), random_word(&r) },
			                { random_word(&r), random_word(&r) },
			                (uint16_t)random_word(&r),
			                (uint8_t)random_word(&r) };
		uint32_t tag = (uint32_t)random_word(&r);
		uint64_t now = random_word(&r), words[7];
		struct mac_key key;

		for (int k = 0; k < 16; k++)
			key.k[k] = (uint8_t)random_word(&r);
		words[0] = htole64(f.src.hi);
		words[1] = htole64(f.src.lo);
		words[2] = htole64(f.dst.hi);
		words[3] = htole64(f.dst.lo);
		words[4] = htole64((uint64_t)f.port << 16 | (uint64_t)f.proto << 8);
		assert_true(cookie_flow(&key, &f) == mac64(&key, words, 40));
		words[0] = htole64(cookie_flow(&key, &f));
		words[1] = htole64(tag);
		words[2] = htole64(now);
		assert_true(cookie_data(&key, &f, tag, now) == mac64(&key, words, 24));
	}
}

static void fill_batch(struct cookie_batch *b, struct rng *r, struct probe_flow *flows)
{
	for (unsigned i = 0; i < COOKIE_BATCH; i++) {
		flows[i] = (struct probe_flow){ { random_word(r), random_word(r) },
			                        { random_word(r), random_word(r) },
			                        (uint16_t)random_word(r),
			                        (uint8_t)random_word(r) };
		cookie_batch_set(b, i, &flows[i]);
		b->data[0][i] = (uint32_t)random_word(r);
		b->data[1][i] = random_word(r);
	}
}

/* A batch of any size is the same as one at a time, whatever this processor has. */
static void batches_are_the_same(void **state)
{
	struct probe_flow flows[COOKIE_BATCH];
	struct mac_key key = { "0123456789abcde" };
	struct cookie_batch b;
	struct rng r;

	(void)state;
	rng_init(&r, 2);
	for (unsigned n = 0; n <= COOKIE_BATCH; n++) {
		fill_batch(&b, &r, flows);
		cookie_batch_flows(&b, &key, n);
		cookie_batch_data(&b, &key, n);
		for (unsigned i = 0; i < n; i++) {
			assert_true(b.flow_cookie[i] == cookie_flow(&key, &flows[i]));
			assert_true(b.data_cookie[i] ==
			            cookie_data(&key, &flows[i], (uint32_t)b.data[0][i],
			                        b.data[1][i]));
		}
	}
}

/* Those for other processors too, where this one can run them. */
static void every_version_is_the_same(void **state)
{
	struct probe_flow flows[COOKIE_BATCH];
	struct mac_key key = { "0123456789abcde" };
	struct cookie_batch a, b;
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	fill_batch(&a, &r, flows);
	b = a;
	flows_plain(&a, &key, COOKIE_BATCH);
	data_plain(&a, &key, COOKIE_BATCH);
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2")) {
		flows_avx2(&b, &key, COOKIE_BATCH);
		data_avx2(&b, &key, COOKIE_BATCH);
		assert_memory_equal(a.flow_cookie, b.flow_cookie, sizeof(a.flow_cookie));
		assert_memory_equal(a.data_cookie, b.data_cookie, sizeof(a.data_cookie));
	}
#endif
	for (unsigned i = 0; i < COOKIE_BATCH; i++)
		assert_true(a.flow_cookie[i] == cookie_flow(&key, &flows[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_are_siphash),
		cmocka_unit_test(batches_are_the_same),
		cmocka_unit_test(every_version_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
