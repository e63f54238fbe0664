/* Any text as JSON: values are copied within their bounds, and only out of an
 * object. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), buf[16];
	enum json_kind kind;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	(void)json_valid(text);
	kind = json_get(text, "ip", buf, sizeof(buf));
	if ((kind == JSON_STRING || kind == JSON_NUMBER) && strlen(buf) >= sizeof(buf))
		abort();
	if (kind != JSON_NONE && !strchr(text, '{'))
		abort();
	free(text);
	return 0;
}
