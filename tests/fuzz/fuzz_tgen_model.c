/* A model file from elsewhere.  The first byte says whether the rest is the
 * file as it is, or the contents of its blocks, which then get valid headers
 * and checksums: else nothing would ever reach the parser behind them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/checksum.h"
#include "tgen/model_file.h"
#include "tgen/tgen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_block(int fd, const uint8_t *data, size_t n, uint64_t block, uint8_t last)
{
	static const uint8_t magic[7] = { 'S', 'X', 'T', 'G', 'E', 'N', MODEL_VERSION };
	uint8_t *buf = calloc(1, MODEL_HEADER + n + 8);
	uint64_t sum;

	if (!buf)
		abort();
	memcpy(buf, magic, sizeof(magic));
	buf[7] = last;
	for (unsigned i = 0; i < 4; i++)
		buf[8 + i] = (uint8_t)(n >> 8 * i);
	memcpy(buf + MODEL_HEADER, data, n);
	sum = checksum64(buf, MODEL_HEADER + n, block);
	for (unsigned i = 0; i < 8; i++)
		buf[MODEL_HEADER + n + i] = (uint8_t)(sum >> 8 * i);
	if (write(fd, buf, MODEL_HEADER + n + 8) < 0)
		abort();
	free(buf);
}

static void try_model(const char *path)
{
	struct tgen_config cfg = { 0 };
	struct tgen_candidate c[50];
	struct tgen_result r[50];
	struct tgen *g;
	int n;

	if (tgen_load(&g, path, &cfg, NULL) < 0)
		return;
	n = tgen_next(g, c, 50);
	for (int i = 0; i < n; i++)
		r[i] = (struct tgen_result){ c[i].addr, c[i].region, i & 1 };
	if (n > 0) {
		tgen_feedback(g, r, (size_t)n);
		tgen_prune(g, prefix_make(c[0].addr, 64));
		tgen_save(g, "/dev/null", NULL);
	}
	tgen_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	uint64_t block = 0;
	int fd = memfd_create("model", MFD_CLOEXEC);

	if (fd < 0 || size == 0)
		goto out;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (data[0] & 1) {
		for (data++, size--; size >= MODEL_BLOCK; size -= MODEL_BLOCK) {
			put_block(fd, data, MODEL_BLOCK, block++, 0);
			data += MODEL_BLOCK;
		}
		put_block(fd, data, size, block, 1);
	} else if (write(fd, data + 1, size - 1) < 0) {
		abort();
	}
	try_model(path);
out:
	if (fd >= 0)
		close(fd);
	return 0;
}
