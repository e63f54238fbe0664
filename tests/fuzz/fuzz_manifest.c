/* The manifest and the aliased prefixes on any bytes: as they are, and with a
 * right checksum.  What is accepted must come out as it went in. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "hitlist/aliased.h"
#include "hitlist/manifest.h"

/* The bytes, and behind them the last line that makes them valid. */
static char *signed_copy(const uint8_t *data, size_t size, const char *word, size_t *n)
{
	char *p = malloc(size + 64);

	if (!p)
		abort();
	if (size)
		memcpy(p, data, size);
	*n = size + (size_t)sprintf(p + size, "%s%016" PRIx64 "\n", word,
	                            checksum64(p, size, 0));
	return p;
}

static void manifest(char *text, size_t n)
{
	struct manifest m, back;
	char *again;

	if (manifest_parse(&m, text, n, "fuzz", NULL) < 0)
		return;
	if (manifest_format(&m, &again, &n) < 0 ||
	    manifest_parse(&back, again, n, "fuzz", NULL) < 0 ||
	    back.generation != m.generation || back.nruns != m.nruns ||
	    back.nmerged != m.nmerged || strcmp(back.side[0].name, m.side[0].name) != 0 ||
	    strcmp(back.side[SIDE_INPUTS].name, m.side[SIDE_INPUTS].name) != 0)
		abort();
	free(again);
	manifest_fini(&back);
	manifest_fini(&m);
}

static void aliased(char *text, size_t n)
{
	struct aliased a;

	if (aliased_parse(&a, text, n, "fuzz", NULL) == 0)
		aliased_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = { "checksum ", "# checksum " };
	void (*const parse[])(char *, size_t) = { manifest, aliased };

	for (unsigned i = 0; i < 2; i++) {
		size_t n, body = size;
		char *p = malloc(size + 1);

		if (!p)
			abort();
		if (size)
			memcpy(p, data, size);
		p[size] = 0;
		parse[i](p, size);
		free(p);
		/* The same without its own last line, and with a right one. */
		while (body && (body == size || data[body - 1] != '\n'))
			body--;
		p = signed_copy(data, body, words[i], &n);
		parse[i](p, n);
		free(p);
	}
	return 0;
}
