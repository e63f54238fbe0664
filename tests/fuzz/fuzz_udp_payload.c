/* Any text as a table of UDP payloads: refused with a message, or every payload
 * within its bounds. */
#include <stdlib.h>
#include <string.h>

#include "probe/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct payload_table *t = calloc(1, sizeof(*t));
	char *text = malloc(size + 1);
	struct diag d = { "" };
	int rc;

	if (!t || !text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	rc = payload_parse(t, text, &d);
	if (rc < 0 && !d.text[0])
		abort();
	for (unsigned i = 0; rc == 0 && i < t->n; i++)
		if (t->payload[i].fill_at + t->payload[i].fill_len > t->payload[i].len ||
		    t->payload[i].fill_len > (t->payload[i].digits ? 16 : 8) ||
		    t->payload[i].len > PAYLOAD_MAX)
			abort();
	for (unsigned i = 0; rc == 0 && i < 65536; i++)
		if (t->of_port[i] >= t->n)
			abort();
	free(text);
	free(t);
	return 0;
}
