/* Any text as a payload with fields: refused with a message, or what it makes fits,
 * and is the same again. */
#include <stdlib.h>
#include <string.h>

#include "probe/fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct probe_flow flow = { { 1, 2 }, { UINT64_C(0x20010db800000000), 3 }, 53, 3 };
	uint8_t out[PAYLOAD_MAX], again[PAYLOAD_MAX];
	struct payload_fields f = { 0 };
	struct diag d = { "" };
	size_t n;

	if (fields_parse(&f, (const char *)data, size, &d) < 0) {
		if (!d.text[0])
			abort();
		return 0;
	}
	n = fields_expand(out, &f, &flow, 40000, UINT64_C(0x0123456789abcdef));
	if (n > f.most || f.most > PAYLOAD_MAX ||
	    fields_expand(again, &f, &flow, 40000, UINT64_C(0x0123456789abcdef)) != n ||
	    memcmp(out, again, n) != 0 ||
	    !fields_echoed(&f, out, n, UINT64_C(0x0123456789abcdef)))
		abort();
	return 0;
}
