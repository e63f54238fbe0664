/* Any text as an output filter: refused with a message, or it can be asked. */
#include <stdlib.h>
#include <string.h>

#include "probe/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct observation o = { .outcome = OBS_OPEN, .proto = OBS_UDP };
	struct diag d = { "" };
	struct expr *e;
	int rc;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	rc = expr_parse(&e, text, &d);
	if (rc < 0 && !d.text[0])
		abort();
	if (rc == 0) {
		(void)expr_holds(e, &o);
		expr_free(e);
	}
	free(text);
	return 0;
}
