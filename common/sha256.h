/* common/sha256.h - SHA-256 (FIPS 180-4) of what others are to verify. */
#ifndef COMMON_SHA256_H
#define COMMON_SHA256_H

#include <stddef.h>

#include "common/err.h"

enum { SHA256_HEX = 65 }; /* digits and NUL */

/* Of bytes as they come: new, add any number of times, take the digest, which ends it. */
struct sha256;
struct sha256 *sha256_new(void); /* NULL: out of memory */
void sha256_add(struct sha256 *s, const void *bytes, size_t n);
void sha256_take(struct sha256 *s, char hex[static SHA256_HEX]);
void sha256_free(struct sha256 *s);

/* Of a file's bytes as they are, compressed or not. */
int sha256_file(char hex[static SHA256_HEX], const char *path, struct diag *d);

#endif
