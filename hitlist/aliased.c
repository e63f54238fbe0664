#include "hitlist/aliased.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "hitlist/fs.h"

#define TITLE    "# sextant aliased prefixes 1\n"
#define SUM_WORD "# checksum "

enum { SUM_LINE = sizeof(SUM_WORD "0123456789abcdef\n") - 1 };

void aliased_fini(struct aliased *a)
{
	free(a->p);
	ivtab_free(a->table);
	*a = (struct aliased){ 0 };
}

static int build(struct aliased *a)
{
	struct ivtab_builder *b = ivtab_builder_new();
	int rc = b ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < a->n; i++)
		rc = ivtab_add(b, a->p[i], 1);
	if (rc == 0)
		rc = ivtab_build(&a->table, b);
	ivtab_builder_free(b);
	return rc;
}

int aliased_init(struct aliased *a)
{
	*a = (struct aliased){ 0 };
	return build(a);
}

static int cmp_prefix(const void *x, const void *y)
{
	const struct prefix *a = x, *b = y;
	int c = addr_cmp(a->addr, b->addr);

	return c ? c : (int)a->len - (int)b->len;
}

/* The families are separate: ::/0 does not cover 192.0.2.0/24. */
static bool covers(struct prefix wide, struct prefix narrow)
{
	return wide.len <= narrow.len && prefix_covers(wide, narrow.addr) &&
	       prefix_is_v4(wide) == prefix_is_v4(narrow);
}

/* Sort, and drop what lies inside another.  A prefix sorts right after those
 * that cover it, but for the IPv4 ones inside ::/n: keep both families' last. */
static size_t normalise(struct prefix *p, size_t n)
{
	const struct prefix *last[2] = { NULL, NULL };
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		p[i] = prefix_make(p[i].addr, p[i].len);
	if (n)
		qsort(p, n, sizeof(*p), cmp_prefix);
	for (size_t i = 0; i < n; i++) {
		const struct prefix **l = &last[prefix_is_v4(p[i])];

		if (*l && covers(**l, p[i]))
			continue;
		p[m] = p[i];
		*l = &p[m++];
	}
	return m;
}

int aliased_union(struct aliased *out, const struct aliased *a, const struct prefix *more,
                  size_t n, bool *grew)
{
	int rc = 0;

	*out = (struct aliased){ .n = a->n + n };
	out->p = calloc(out->n + 1, sizeof(*out->p));
	if (!out->p)
		return -ENOMEM;
	if (a->n)
		memcpy(out->p, a->p, a->n * sizeof(*a->p));
	if (n)
		memcpy(out->p + a->n, more, n * sizeof(*more));
	out->n = normalise(out->p, out->n);
	*grew = out->n != a->n;
	for (size_t i = 0; !*grew && i < out->n; i++)
		*grew = cmp_prefix(&out->p[i], &a->p[i]) != 0;
	rc = build(out);
	if (rc < 0)
		aliased_fini(out);
	return rc;
}

/* Our own output, so every line must be exactly as it would be written. */
static int parse_line(struct aliased *a, const char *line)
{
	char text[PREFIX_STRLEN];
	struct prefix p;

	if (!prefix_parse(&p, line))
		return ERR_PARSE;
	prefix_format(text, p);
	if (strcmp(text, line) != 0 || (a->n && cmp_prefix(&a->p[a->n - 1], &p) >= 0))
		return ERR_PARSE;
	a->p[a->n++] = p;
	return 0;
}

static int verify(const char *text, size_t n, const char *name, struct diag *d)
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
	if (body < strlen(TITLE) || memcmp(text, TITLE, strlen(TITLE)) != 0)
		return diag_set(d, ERR_FORMAT,
		                "%s: offset 0: not a list of aliased prefixes that this "
		                "program reads",
		                name);
	return 0;
}

int aliased_parse(struct aliased *a, char *text, size_t n, const char *name,
                  struct diag *d)
{
	char *p, *eol, *end;
	int rc = verify(text, n, name, d);

	*a = (struct aliased){ 0 };
	if (rc < 0)
		return rc;
	end = text + n - SUM_LINE;
	a->checksum = checksum64(text, n - SUM_LINE, 0);
	a->p = calloc(n / 4 + 1, sizeof(*a->p)); /* the shortest line is "::/0" */
	if (!a->p)
		return -ENOMEM;
	for (p = text + strlen(TITLE); rc == 0 && p < end; p = eol + 1) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if (!eol)
			eol = end;
		*eol = 0;
		rc = memchr(p, 0, (size_t)(eol - p)) ? ERR_PARSE : parse_line(a, p);
		if (rc < 0)
			diag_set(d, rc, "%s: offset %td: cannot read '%.60s'", name,
			         p - text, p);
	}
	if (rc == 0)
		rc = build(a);
	if (rc < 0)
		aliased_fini(a);
	return rc;
}

int aliased_load(struct aliased *a, const char *path, struct diag *d)
{
	uint8_t *text;
	size_t n;
	int rc = fs_read(&text, &n, path, d);

	if (rc < 0)
		return rc;
	rc = aliased_parse(a, (char *)text, n, path, d);
	free(text);
	return rc;
}

int aliased_save(const struct aliased *a, const char *path, uint64_t *bytes,
                 uint64_t *checksum, struct diag *d)
{
	char *text = NULL, line[PREFIX_STRLEN];
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	int rc = -ENOMEM;

	if (!f)
		return rc;
	fputs(TITLE, f);
	for (size_t i = 0; i < a->n; i++) {
		prefix_format(line, a->p[i]);
		fprintf(f, "%s\n", line);
	}
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
