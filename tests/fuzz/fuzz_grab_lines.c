/* Any text as lists of open ports, line by line: refused with a message, or an
 * address and ports. */
#include <stdlib.h>
#include <string.h>

#include "probe/grab_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct grab_lines state = { .begun = false };
	char *text = malloc(size + 1), *save = NULL;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		struct grab_line out;
		struct diag d = { "" };
		int rc = grab_line_parse(&state, line, &out, &d);

		if (rc < 0 && !d.text[0])
			abort();
		if (rc > 0 && out.n_ports > GRAB_LINE_PORTS)
			abort();
		for (unsigned i = 0; rc > 0 && i < out.n_ports; i++)
			if (!out.ports[i])
				abort();
	}
	free(text);
	return 0;
}
