/* Any bytes as CSV; the first byte chooses column and strictness. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analysis/csvcol.h"
#include "common/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int take(void *ctx, struct addr128 a, double value)
{
	(void)ctx;
	(void)a;
	if (!isfinite(value))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const columns[] = { "1", "3", "ttl", "900", "" };
	struct diag d = { .text = "" };
	unsigned choice = size ? data[0] : 0;
	char path[64];
	int fd = memfd_create("csv", 0);

	log_set_level(LOG_QUIET);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (csvcol_read(path, columns[choice / 2 % 5], choice & 1, take, NULL, &d) < 0 &&
	    !d.text[0])
		abort();
	close(fd);
	return 0;
}
