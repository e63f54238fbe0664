/* Any text as a port list: refused with a message, or ascending values. */
#include <stdlib.h>
#include <string.h>

#include "probe/ports.h"
#include "probe/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct ports p = { 0 };
	struct diag d = { "" };
	int rc;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	rc = ports_add(&p, text, &d);
	if (rc == 0 && p.n == 0)
		abort();
	if (rc < 0 && (p.n != 0 || (rc == ERR_PARSE && !d.text[0])))
		abort();
	for (size_t i = 0; i < p.n; i++)
		if ((i && p.v[i] <= p.v[i - 1]) || p.v[i] > (PROBE_UDP | 65535) ||
		    (p.v[i] && p.v[i] % 65536 == 0))
			abort();
	ports_fini(&p);
	free(text);
	return 0;
}
