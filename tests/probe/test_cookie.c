#include "tests/test.h"

#include <endian.h>

#include "common/rng.h"
#include "probe/cookie.h"

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
		words[4] = htole64(le64toh(words[4]) | 1);
		words[5] = htole64(tag);
		words[6] = htole64(now);
		assert_true(cookie_data(&key, &f, tag, now) == mac64(&key, words, 56));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_are_siphash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
