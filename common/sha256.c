#include "common/sha256.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

int sha256_file(char hex[static SHA256_HEX], const char *path, struct diag *d)
{
	unsigned char buf[65536], out[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state s;
	FILE *f = fopen(path, "rbe");
	size_t n;
	int rc = 0;

	if (!f)
		return diag_set(d, -errno, "%s: %s", path, strerror(errno));
	crypto_hash_sha256_init(&s);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		crypto_hash_sha256_update(&s, buf, n);
	if (ferror(f))
		rc = diag_set(d, -EIO, "%s: cannot read", path);
	fclose(f);
	crypto_hash_sha256_final(&s, out);
	sodium_bin2hex(hex, SHA256_HEX, out, sizeof(out));
	return rc;
}
