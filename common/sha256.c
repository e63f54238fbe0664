#include "common/sha256.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sha256 {
	crypto_hash_sha256_state state;
};

struct sha256 *sha256_new(void)
{
	struct sha256 *s = malloc(sizeof(*s));

	if (s)
		crypto_hash_sha256_init(&s->state);
	return s;
}

void sha256_add(struct sha256 *s, const void *bytes, size_t n)
{
	crypto_hash_sha256_update(&s->state, bytes, n);
}

void sha256_take(struct sha256 *s, char hex[static SHA256_HEX])
{
	unsigned char out[crypto_hash_sha256_BYTES];

	crypto_hash_sha256_final(&s->state, out);
	sodium_bin2hex(hex, SHA256_HEX, out, sizeof(out));
}

void sha256_free(struct sha256 *s)
{
	free(s);
}

int sha256_file(char hex[static SHA256_HEX], const char *path, struct diag *d)
{
	unsigned char buf[65536];
	struct sha256 s;
	FILE *f = fopen(path, "rbe");
	size_t n;
	int rc = 0;

	if (!f)
		return diag_set(d, -errno, "%s: %s", path, strerror(errno));
	crypto_hash_sha256_init(&s.state);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		sha256_add(&s, buf, n);
	if (ferror(f))
		rc = diag_set(d, -EIO, "%s: cannot read", path);
	fclose(f);
	sha256_take(&s, hex);
	return rc;
}
