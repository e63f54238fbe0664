#include "common/mac.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

#include "common/rng.h"

_Static_assert(sizeof(struct mac_key) == crypto_shorthash_KEYBYTES, "key size");
_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "tag size");

void mac_key_random(struct mac_key *key)
{
	rng_secret(key, sizeof(*key));
}

/* The paper's test vectors read the tag as a little-endian number. */
uint64_t mac64(const struct mac_key *key, const void *msg, size_t len)
{
	unsigned char tag[crypto_shorthash_BYTES];
	uint64_t v;

	crypto_shorthash(tag, msg, len, key->k);
	memcpy(&v, tag, sizeof(v));
	return le64toh(v);
}
