/* common/mac.h - SipHash-2-4: keyed hash for what comes back from the network.
 *
 * Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012); libsodium's
 * crypto_shorthash.  The key is secret and fresh for each scan. */
#ifndef COMMON_MAC_H
#define COMMON_MAC_H

#include <stddef.h>
#include <stdint.h>

struct mac_key {
	uint8_t k[16];
};

void mac_key_random(struct mac_key *key);
uint64_t mac64(const struct mac_key *key, const void *msg, size_t len);

#endif
