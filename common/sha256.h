/* common/sha256.h - SHA-256 (FIPS 180-4) of what others are to verify. */
#ifndef COMMON_SHA256_H
#define COMMON_SHA256_H

#include "common/err.h"

enum { SHA256_HEX = 65 }; /* digits and NUL */

/* Of a file's bytes as they are, compressed or not. */
int sha256_file(char hex[static SHA256_HEX], const char *path, struct diag *d);

#endif
