#include "hitlist/aliased.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hitlist/fs.h"
#include "hitlist/lines.h"

static const struct lines_kind kind = { "# sextant aliased prefixes 1\n",
	                                "aliased prefixes" };

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

static int parse_line(void *ctx, char *line)
{
	struct aliased *a = ctx;
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

int aliased_parse(struct aliased *a, char *text, size_t n, const char *name,
                  struct diag *d)
{
	int rc;

	*a = (struct aliased){ 0 };
	a->p = calloc(n / 4 + 1, sizeof(*a->p)); /* the shortest line is "::/0" */
	if (!a->p)
		return -ENOMEM;
	rc = lines_parse(&kind, text, n, name, parse_line, a, &a->checksum, d);
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

static void put_lines(FILE *f, const void *ctx)
{
	const struct aliased *a = ctx;
	char line[PREFIX_STRLEN];

	for (size_t i = 0; i < a->n; i++) {
		prefix_format(line, a->p[i]);
		fprintf(f, "%s\n", line);
	}
}

int aliased_save(const struct aliased *a, const char *path, uint64_t *bytes,
                 uint64_t *checksum, struct diag *d)
{
	return lines_save(&kind, path, put_lines, a, bytes, checksum, d);
}
