/* Any bytes as a file of vendors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analysis/oui.h"
#include "common/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag d = { .text = "" };
	struct oui_table *t;
	char path[64];
	int fd = memfd_create("oui", 0);

	log_set_level(LOG_QUIET);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (oui_load(&t, path, &d) == 0) {
		if (!oui_count(t))
			abort();
		for (uint32_t oui = 0; oui < 1 << 24; oui += 0x1121) {
			const char *name = oui_vendor(t, oui);

			if (name && (!*name || strlen(name) > 63))
				abort();
		}
		oui_free(t);
	} else if (!d.text[0]) {
		abort();
	}
	close(fd);
	return 0;
}
