/* Zone files and certificate logs of any kind: the first byte chooses. */
#include <stdlib.h>
#include <string.h>

#include "common/addrset.h"
#include "seeds/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void lines(bool ct, struct zonefile *z, struct names *n, const char *p,
                  size_t size)
{
	while (size) {
		const char *nl = memchr(p, '\n', size);
		size_t len = nl ? (size_t)(nl - p) : size;
		char *copy = malloc(len ? len : 1);

		if (!copy)
			abort();
		memcpy(copy, p, len);
		if (ct)
			ct_line(n, copy, len);
		else
			zonefile_line(z, n, copy, len);
		free(copy);
		p += len + (nl != NULL);
		size -= len + (nl != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scope_config all = { .allow_special = true };
	struct names n = { .v4 = true, .seen = addrset_new(0) };
	struct scope *scope;
	struct zonefile *z;
	struct dns_name origin;

	dns_name_parse(&origin, "example.org");
	if (!n.seen || scope_new(&scope, &all, NULL) < 0 ||
	    zonefile_new(&z, size && data[0] & 4 ? &origin : NULL) < 0 ||
	    writer_open(&n.w, "/dev/null", NULL) < 0)
		abort();
	n.scope = scope;
	if (!size)
		goto out;
	n.format = data[0] & 2 ? NAMES_ADDRESSES : NAMES_NAMES;
	lines(data[0] & 1, z, &n, (const char *)data + 1, size - 1);
out:
	writer_close(n.w);
	zonefile_free(z);
	scope_free(scope);
	addrset_free(n.seen);
	return 0;
}
