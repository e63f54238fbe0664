/* Replays a corpus folder through a fuzz target without libFuzzer: every file
 * as it is, cut at every length up to a limit, and in seeded mutations.  The
 * same on every run.  FUZZ_RUNS in the environment sets mutations per file. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An exact-size heap copy, so that a sanitizer sees every overrun. */
static void feed(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void mutate(struct rng *r, uint8_t *buf, size_t *size)
{
	for (uint64_t k = 1 + rng_below(r, 6); k && *size; k--) {
		size_t at = rng_below(r, *size);

		switch (rng_below(r, 5)) {
		case 0: buf[at] ^= (uint8_t)(1 << rng_below(r, 8)); break;
		case 1: buf[at] = (uint8_t)rng_next(r); break;
		case 2: buf[at] = (uint8_t)(rng_below(r, 2) ? 0xff : 0); break;
		case 3: *size = at; break;
		case 4: memmove(buf + at, buf + at / 2, *size - at); break;
		}
	}
}

static void replay(const char *path, unsigned runs)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL, *work = NULL;
	struct rng r;
	size_t n = 0;

	if (!f || fseek(f, 0, SEEK_END) || (long)(n = (size_t)ftell(f)) < 0)
		goto out;
	rewind(f);
	data = malloc(n + 1);
	work = malloc(n + 1);
	if (!data || !work || fread(data, 1, n, f) != n)
		goto out;
	feed(data, n);
	for (size_t cut = 0; cut < n && cut < 512; cut++)
		feed(data, cut);
	rng_init(&r, n);
	for (unsigned i = 0; i < runs; i++) {
		size_t m = n;

		memcpy(work, data, n);
		mutate(&r, work, &m);
		feed(work, m);
	}
out:
	free(data);
	free(work);
	if (f)
		fclose(f);
}

int main(int argc, char *argv[])
{
	const char *env = getenv("FUZZ_RUNS");
	unsigned runs = env ? (unsigned)strtoul(env, NULL, 10) : 2000, files = 0;
	char path[4096];

	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		struct dirent *e;

		while (d && (e = readdir(d))) {
			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
			replay(path, runs);
			files++;
		}
		if (d)
			closedir(d);
	}
	printf("%u corpus files, %u mutations each\n", files, runs);
	return files ? 0 : 1; /* an empty corpus tests nothing */
}
