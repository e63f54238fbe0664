#include "hitlist/lines.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "hitlist/fs.h"

#define SUM_WORD "# checksum "

enum { SUM_LINE = sizeof(SUM_WORD "0123456789abcdef\n") - 1 };

static int verify(const struct lines_kind *k, const char *text, size_t n,
                  const char *name, struct diag *d)
{
	char line[SUM_LINE + 1];
	size_t body = n - SUM_LINE;

	if (n < SUM_LINE || memcmp(text + body, SUM_WORD, strlen(SUM_WORD)) != 0)
		return diag_set(d, ERR_TRUNC,
		                "%s: offset %zu: no checksum line: cut short or damaged",
		                name, n < SUM_LINE ? n : body);
	snprintf(line, sizeof(line), SUM_WORD "%016" PRIx64 "\n",
	         checksum64(text, body, 0));
	if (memcmp(text + body, line, SUM_LINE) != 0)
		return diag_set(d, ERR_CHECKSUM,
		                "%s: offset 0: the first %zu bytes are damaged, or the "
		                "checksum at offset %zu is",
		                name, body, body);
	if (body < strlen(k->title) || memcmp(text, k->title, strlen(k->title)) != 0)
		return diag_set(d, ERR_FORMAT,
		                "%s: offset 0: not a list of %s that this program reads",
		                name, k->what);
	return 0;
}

int lines_parse(const struct lines_kind *k, char *text, size_t n, const char *name,
                int (*fn)(void *ctx, char *line), void *ctx, uint64_t *checksum,
                struct diag *d)
{
	char *p, *eol, *end;
	int rc = verify(k, text, n, name, d);

	if (rc < 0)
		return rc;
	end = text + n - SUM_LINE;
	*checksum = checksum64(text, n - SUM_LINE, 0);
	for (p = text + strlen(k->title); rc == 0 && p < end; p = eol + 1) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if (!eol)
			eol = end;
		*eol = 0;
		rc = memchr(p, 0, (size_t)(eol - p)) ? ERR_PARSE : fn(ctx, p);
		if (rc < 0)
			diag_set(d, rc, "%s: offset %td: cannot read '%.60s'", name,
			         p - text, p);
	}
	return rc;
}

int lines_save(const struct lines_kind *k, const char *path,
               void (*put)(FILE *f, const void *ctx), const void *ctx, uint64_t *bytes,
               uint64_t *checksum, struct diag *d)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	int rc = -ENOMEM;

	if (!f)
		return rc;
	fputs(k->title, f);
	put(f, ctx);
	if (fflush(f) == 0 && text) {
		*checksum = checksum64(text, n, 0);
		fprintf(f, SUM_WORD "%016" PRIx64 "\n", *checksum);
	}
	if (!(ferror(f) | fclose(f))) {
		*bytes = n;
		rc = fs_replace(path, text, n, d);
	}
	free(text);
	return rc;
}
