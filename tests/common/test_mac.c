#include "tests/test.h"

#include "common/mac.h"

static struct mac_key counting_key(void)
{
	struct mac_key key;

	for (unsigned i = 0; i < sizeof(key.k); i++)
		key.k[i] = (uint8_t)i;
	return key;
}

/* Vectors of the SipHash paper and its reference code: the key is 00..0f and
 * the message 00 01 02 ... */
static void vectors_hold(void **state)
{
	static const struct {
		size_t len;
		uint64_t mac;
	} cases[] = {
		{ 0, UINT64_C(0x726fdb47dd0e0e31) },
		{ 1, UINT64_C(0x74f839c593dc67fd) },
		{ 8, UINT64_C(0x93f5f5799a932462) },
		{ 15, UINT64_C(0xa129ca6149be45e5) }, /* the paper, appendix A */
	};
	struct mac_key key = counting_key();
	uint8_t msg[16];

	(void)state;
	for (unsigned i = 0; i < sizeof(msg); i++)
		msg[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (mac64(&key, msg, cases[i].len) != cases[i].mac)
			fail_msg("length %zu", cases[i].len);
}

/* Any flipped bit of message or key gives another tag. */
static void every_bit_counts(void **state)
{
	struct mac_key key = counting_key();
	uint8_t msg[40] = { 0 };
	uint64_t mac = mac64(&key, msg, sizeof(msg));

	(void)state;
	for (unsigned i = 0; i < sizeof(msg) * 8; i++) {
		msg[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_true(mac64(&key, msg, sizeof(msg)) != mac);
		msg[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (unsigned i = 0; i < sizeof(key.k) * 8; i++) {
		key.k[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_true(mac64(&key, msg, sizeof(msg)) != mac);
		key.k[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void random_keys_differ(void **state)
{
	struct mac_key a = { { 0 } }, b = { { 0 } };

	(void)state;
	mac_key_random(&a);
	mac_key_random(&b);
	assert_memory_not_equal(&a, &b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_hold),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(random_keys_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
