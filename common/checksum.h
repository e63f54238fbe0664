/* common/checksum.h - 64-bit checksum for our own files.
 *
 * XXH3-64: finds accidents, not forgeries. */
#ifndef COMMON_CHECKSUM_H
#define COMMON_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t checksum64(const void *buf, size_t n, uint64_t seed); /* XXH3-64 */

#endif
