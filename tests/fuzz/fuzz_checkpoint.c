/* Any text as a checkpoint: refused with a message, or written as it was read. */
#include <stdlib.h>
#include <string.h>

#include "probe/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct checkpoint c;
	struct diag d = { "" };

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	if (checkpoint_parse(&c, text, "x", &d) < 0 && !d.text[0])
		abort();
	free(text);
	return 0;
}
