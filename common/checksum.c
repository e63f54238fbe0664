#include "common/checksum.h"

#include <xxhash.h>

uint64_t checksum64(const void *buf, size_t n, uint64_t seed)
{
	return XXH3_64bits_withSeed(buf, n, seed);
}
