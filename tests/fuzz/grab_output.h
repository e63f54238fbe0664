/* tests/fuzz/grab_output.h - a result as JSON and CSV, and whether they are such. */
#ifndef TESTS_FUZZ_GRAB_OUTPUT_H
#define TESTS_FUZZ_GRAB_OUTPUT_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/grab_output.h"

/* One line of printable ASCII and UTF-8: no control character but the last byte. */
static inline void fuzz_check_line(const uint8_t *s, size_t n)
{
	if (n == 0 || s[n - 1] != '\n')
		abort();
	for (size_t i = 0; i + 1 < n; i++) {
		if (s[i] < 0x20 || s[i] == 0x7f || s[i] == 0xc0 || s[i] == 0xc1 ||
		    s[i] > 0xf4)
			abort();
		/* A lead byte, and a byte that continues it. */
		if (s[i] >= 0xc2 && (s[i + 1] & 0xc0) != 0x80)
			abort();
		if ((s[i] & 0xc0) == 0x80 && (i == 0 || s[i - 1] < 0x80))
			abort();
	}
}

/* Quotes, braces and brackets in balance, and nothing but that at the end. */
static inline void fuzz_check_json(const uint8_t *s, size_t n)
{
	bool string = false;
	int depth = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		if (string && s[i] == '\\') {
			if (!strchr("\"\\/bfnrtu", s[++i]))
				abort();
			continue;
		}
		if (s[i] == '"')
			string = !string;
		if (!string && (s[i] == '{' || s[i] == '['))
			depth++;
		if (!string && (s[i] == '}' || s[i] == ']') && --depth == 0 && i + 2 != n)
			abort();
	}
	if (string || depth)
		abort();
}

/* Through a pipe that holds it all. */
static inline size_t fuzz_write(uint8_t *out, size_t cap, bool csv,
                                const struct grab_result *r)
{
	char path[32];
	struct grab_fields f;
	struct writer *w;
	size_t n = 0;
	ssize_t k;
	int ends[2];

	if (pipe(ends) < 0 || fcntl(ends[1], F_SETPIPE_SZ, (int)cap) < 0)
		abort();
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[1]);
	if (grab_fields_parse(&f, "*", csv, NULL) < 0 ||
	    writer_open(&w, path, NULL) < 0 || grab_write(w, &f, csv, r) < 0 ||
	    writer_commit(w, NULL) < 0)
		abort();
	writer_close(w);
	close(ends[1]);
	while ((k = read(ends[0], out + n, cap - n)) > 0)
		n += (size_t)k;
	close(ends[0]);
	return n;
}

static inline void fuzz_check_output(const struct grab_result *r)
{
	size_t cap = 1 << 20, n;
	uint8_t *out = malloc(cap);

	if (!out)
		abort();
	n = fuzz_write(out, cap, false, r);
	fuzz_check_line(out, n);
	fuzz_check_json(out, n);
	n = fuzz_write(out, cap, true, r);
	fuzz_check_line(out, n);
	free(out);
}

#endif
