/* bzip2 on several threads gives what one gives, damaged or not. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/input.h"

enum { OUTPUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ssize_t read_all(const char *path, unsigned threads, uint8_t *out, int *rc)
{
	struct diag d = { .text = "" };
	struct input *in;
	ssize_t n, total = 0;

	if (input_open(&in, path, &d) < 0)
		abort();
	input_set_threads(in, threads);
	while ((n = input_read(in, out + total, (size_t)(OUTPUT_MAX - total), &d)) > 0) {
		total += n;
		if (total == OUTPUT_MAX)
			break;
	}
	*rc = n > 0 ? 0 : (int)n;
	input_close(in);
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t one[OUTPUT_MAX], two[OUTPUT_MAX];
	int fd = memfd_create("fuzz", MFD_CLOEXEC), rc1, rc2;
	ssize_t n1, n2;
	char path[64];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n1 = read_all(path, 1, one, &rc1);
	n2 = read_all(path, 2, two, &rc2);
	/* A fault may be found earlier by one of them: several threads check a whole
	 * block before they give out any of it.  What both give is the same, and what
	 * is good for one is good for the other, if it was read to its end. */
	if (memcmp(one, two, (size_t)(n1 < n2 ? n1 : n2)))
		abort();
	if (n1 < OUTPUT_MAX && n2 < OUTPUT_MAX && (rc1 == 0) != (rc2 == 0))
		abort();
	if (rc1 == 0 && rc2 == 0 && n1 != n2)
		abort();
	close(fd);
	return 0;
}
