/* Any text as a request to the responder of metrics: one of its verdicts, and none
 * before the head is whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probe/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	int status;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	status = metrics_status(text);
	if (status != 0 && status != 200 && status != 400 && status != 404 &&
	    status != 405)
		abort();
	if (status != 0 && !strchr(text, '\n'))
		abort();
	if (status == 200 && strncmp(text, "GET /", 5) != 0)
		abort();
	free(text);
	return 0;
}
