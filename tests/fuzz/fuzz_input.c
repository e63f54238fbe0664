/* Compressed bytes of any kind; bounded, for a few bytes can stand for
 * gigabytes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/input.h"

enum { OUTPUT_MAX = 1 << 18 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Sizes that no format has blocks of. */
	size_t cap = 1 + size * 7 % 4093, total = 0;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct diag d = { .text = "" };
	struct input *in;
	char path[64], *buf = malloc(cap);
	ssize_t n;

	if (!buf || fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (input_open(&in, path, &d) < 0)
		abort();
	while ((n = input_read(in, buf, cap, &d)) > 0) {
		if ((size_t)n > cap)
			abort();
		total += (size_t)n;
		if (total > OUTPUT_MAX)
			break;
	}
	if (n <= 0 && input_read(in, buf, cap, &d) != n)
		abort();
	if (n < 0 && !d.text[0])
		abort();
	input_close(in);
	free(buf);
	close(fd);
	return 0;
}
