/* Exclude files line by line, and the file of opt-outs, on any bytes. */
#include <stdlib.h>
#include <string.h>

#include "hitlist/exclude.h"
#include "hitlist/optouts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exclude x = { 0 };
	struct optouts o;
	char *text = malloc(size + 1), *line = text, *next;

	if (!text)
		abort();
	memcpy(text, size ? (const void *)data : "", size);
	text[size] = '\0';
	if (optouts_parse(&o, text, size, "fuzz", 1, NULL) == 0)
		optouts_fini(&o);
	memcpy(text, size ? (const void *)data : "", size);
	for (; line; line = next) {
		size_t n = x.n;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (exclude_add_line(&x, line, NULL) < 0)
			continue;
		for (; n < x.n; n++)
			if (!addr_eq(x.p[n].addr,
			             prefix_make(x.p[n].addr, x.p[n].len).addr))
				abort();
	}
	exclude_fini(&x);
	free(text);
	return 0;
}
