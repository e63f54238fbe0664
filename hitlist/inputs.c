#include "hitlist/inputs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hitlist/fs.h"
#include "hitlist/lines.h"

static const struct lines_kind kind = { "# sextant inputs 1\n", "inputs" };

enum { FIELDS = 8 };

void inputs_fini(struct inputs *x)
{
	for (size_t i = 0; i < x->n; i++)
		free((char *)x->e[i].name);
	free(x->e);
	*x = (struct inputs){ 0 };
}

int inputs_add(struct inputs *x, const struct hitlist_input *e)
{
	struct hitlist_input *p = realloc(x->e, (x->n + 1) * sizeof(*p));
	char *name = strdup(e->name);

	if (p)
		x->e = p;
	if (!p || !name) {
		free(name);
		return -ENOMEM;
	}
	for (char *s = name; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 127)
			*s = '?';
	p[x->n] = *e;
	p[x->n++].name = name;
	return 0;
}

int inputs_copy(struct inputs *to, const struct inputs *from)
{
	int rc = 0;

	*to = (struct inputs){ 0 };
	for (size_t i = 0; rc == 0 && i < from->n; i++)
		rc = inputs_add(to, &from->e[i]);
	if (rc < 0)
		inputs_fini(to);
	return rc;
}

static bool parse_number(uint64_t *out, const char *s)
{
	char again[24];

	*out = strtoull(s, NULL, 10);
	snprintf(again, sizeof(again), "%" PRIu64, *out);
	return strcmp(again, s) == 0;
}

static bool parse_source(enum hitlist_source *out, const char *s)
{
	for (unsigned i = 0; i < SOURCES; i++) {
		*out = (enum hitlist_source)i;
		if (strcmp(hitlist_source_str(*out), s) == 0)
			return true;
	}
	return false;
}

static bool parse_digest(char out[static SHA256_HEX], const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	if (s[n] || (n != SHA256_HEX - 1 && n))
		return false;
	memcpy(out, s, n + 1);
	return true;
}

static int parse_line(void *ctx, char *line)
{
	struct hitlist_input e = { .when = 0 };
	char *f[FIELDS], *rest = line;
	uint64_t when;
	unsigned n = 0;

	while (n < FIELDS && rest)
		f[n++] = strsep(&rest, "\t");
	if (n < FIELDS || rest || !parse_number(&when, f[0]) || when > UINT32_MAX ||
	    !parse_source(&e.source, f[1]) || !parse_digest(e.sha256, f[4]) ||
	    !parse_number(&e.read, f[5]) || !parse_number(&e.bad, f[6]) ||
	    !parse_number(&e.refused, f[7]))
		return ERR_PARSE;
	e.when = (uint32_t)when;
	e.tried = strcmp(f[2], "tried") == 0;
	if (!e.tried && strcmp(f[2], "hosts") != 0)
		return ERR_PARSE;
	e.name = f[3];
	return inputs_add(ctx, &e);
}

int inputs_parse(struct inputs *x, char *text, size_t n, const char *name, struct diag *d)
{
	int rc;

	*x = (struct inputs){ 0 };
	rc = lines_parse(&kind, text, n, name, parse_line, x, &x->checksum, d);
	if (rc < 0)
		inputs_fini(x);
	return rc;
}

int inputs_load(struct inputs *x, const char *path, struct diag *d)
{
	uint8_t *text;
	size_t n;
	int rc = fs_read(&text, &n, path, d);

	if (rc < 0)
		return rc;
	rc = inputs_parse(x, (char *)text, n, path, d);
	free(text);
	return rc;
}

static void put_lines(FILE *f, const void *ctx)
{
	const struct inputs *x = ctx;

	for (size_t i = 0; i < x->n; i++) {
		const struct hitlist_input *e = &x->e[i];

		fprintf(f,
		        "%" PRIu32 "\t%s\t%s\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
		        "\n",
		        e->when, hitlist_source_str(e->source),
		        e->tried ? "tried" : "hosts", e->name, e->sha256, e->read, e->bad,
		        e->refused);
	}
}

int inputs_save(struct inputs *x, const char *path, uint64_t *bytes, struct diag *d)
{
	return lines_save(&kind, path, put_lines, x, bytes, &x->checksum, d);
}
