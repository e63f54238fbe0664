#include "hitlist/optouts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "hitlist/fs.h"

#define TITLE    "# sextant opt-outs 1\n"
#define SUM_WORD "# checksum "

enum { SUM_LINE = sizeof(SUM_WORD "0123456789abcdef\n") - 1, FIELDS = 7 };

static void entry_fini(struct hitlist_optout *e)
{
	free((char *)e->requester);
	free((char *)e->reason);
	free((char *)e->evidence);
}

void optouts_fini(struct optouts *o)
{
	for (size_t i = 0; i < o->n; i++)
		entry_fini(&o->e[i]);
	free(o->e);
	ivtab_free(o->table);
	*o = (struct optouts){ 0 };
}

int optouts_init(struct optouts *o)
{
	*o = (struct optouts){ 0 };
	return optouts_build(o, 0);
}

static bool text_ok(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 127)
			return false;
	return true;
}

int optouts_add(struct optouts *o, const struct hitlist_optout *e, struct diag *d)
{
	const char *const in[] = { e->requester ? e->requester : "",
		                   e->reason ? e->reason : "",
		                   e->evidence ? e->evidence : "" };
	char *copy[3] = { NULL, NULL, NULL };
	struct hitlist_optout *p;

	for (unsigned i = 0; i < 3; i++)
		if (!text_ok(in[i]))
			return diag_set(d, ERR_PARSE,
			                "a control character in the text of an opt-out");
	p = realloc(o->e, (o->n + 1) * sizeof(*p));
	if (!p)
		return -ENOMEM;
	o->e = p;
	for (unsigned i = 0; i < 3; i++)
		copy[i] = strdup(in[i]);
	p[o->n] = *e;
	p[o->n].prefix = prefix_make(e->prefix.addr, e->prefix.len);
	p[o->n].requester = copy[0];
	p[o->n].reason = copy[1];
	p[o->n].evidence = copy[2];
	if (!copy[0] || !copy[1] || !copy[2]) {
		entry_fini(&p[o->n]);
		return -ENOMEM;
	}
	o->n++;
	return 0;
}

int optouts_copy(struct optouts *to, const struct optouts *from)
{
	int rc = optouts_init(to);

	for (size_t i = 0; rc == 0 && i < from->n; i++)
		rc = optouts_add(to, &from->e[i], NULL);
	if (rc < 0)
		optouts_fini(to);
	return rc;
}

int optouts_build(struct optouts *o, uint32_t now)
{
	struct ivtab_builder *b = ivtab_builder_new();
	struct ivtab *t;
	int rc = b ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < o->n; i++)
		if (hitlist_optout_in_force(&o->e[i], now))
			rc = ivtab_add(b, o->e[i].prefix, 1);
	if (rc == 0)
		rc = ivtab_build(&t, b);
	ivtab_builder_free(b);
	if (rc < 0)
		return rc;
	ivtab_free(o->table);
	o->table = t;
	return 0;
}

static bool parse_time(uint32_t *out, const char *s)
{
	char again[16];
	unsigned long v = strtoul(s, NULL, 10);

	snprintf(again, sizeof(again), "%lu", v);
	*out = (uint32_t)v;
	return v <= UINT32_MAX && strcmp(again, s) == 0;
}

/* Our own output, so every field must be exactly as it would be written. */
static int parse_line(struct optouts *o, char *line)
{
	struct hitlist_optout e = { 0 };
	char *f[FIELDS], again[PREFIX_STRLEN], *rest = line;
	unsigned n = 0;

	while (n < FIELDS && rest)
		f[n++] = strsep(&rest, "\t");
	if (n < FIELDS || rest || !prefix_parse(&e.prefix, f[0]))
		return ERR_PARSE;
	prefix_format(again, e.prefix);
	if (strcmp(again, f[0]) != 0 || !parse_time(&e.added, f[1]) ||
	    !parse_time(&e.expires, f[2]) || !parse_time(&e.removed, f[3]))
		return ERR_PARSE;
	e.requester = f[4];
	e.reason = f[5];
	e.evidence = f[6];
	return optouts_add(o, &e, NULL);
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
		                "%s: offset 0: not a list of opt-outs that this program "
		                "reads",
		                name);
	return 0;
}

int optouts_parse(struct optouts *o, char *text, size_t n, const char *name, uint32_t now,
                  struct diag *d)
{
	char *p, *eol, *end;
	int rc = verify(text, n, name, d);

	*o = (struct optouts){ 0 };
	if (rc < 0)
		return rc;
	end = text + n - SUM_LINE;
	o->checksum = checksum64(text, n - SUM_LINE, 0);
	for (p = text + strlen(TITLE); rc == 0 && p < end; p = eol + 1) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if (!eol)
			eol = end;
		*eol = 0;
		rc = memchr(p, 0, (size_t)(eol - p)) ? ERR_PARSE : parse_line(o, p);
		if (rc < 0)
			diag_set(d, rc, "%s: offset %td: cannot read '%.60s'", name,
			         p - text, p);
	}
	if (rc == 0)
		rc = optouts_build(o, now);
	if (rc < 0)
		optouts_fini(o);
	return rc;
}

int optouts_load(struct optouts *o, const char *path, uint32_t now, struct diag *d)
{
	uint8_t *text;
	size_t n;
	int rc = fs_read(&text, &n, path, d);

	if (rc < 0)
		return rc;
	rc = optouts_parse(o, (char *)text, n, path, now, d);
	free(text);
	return rc;
}

int optouts_save(struct optouts *o, const char *path, uint64_t *bytes, struct diag *d)
{
	char *text = NULL, prefix[PREFIX_STRLEN];
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	int rc = -ENOMEM;

	if (!f)
		return rc;
	fputs(TITLE, f);
	for (size_t i = 0; i < o->n; i++) {
		const struct hitlist_optout *e = &o->e[i];

		prefix_format(prefix, e->prefix);
		fprintf(f, "%s\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%s\t%s\t%s\n",
		        prefix, e->added, e->expires, e->removed, e->requester, e->reason,
		        e->evidence);
	}
	if (fflush(f) == 0 && text) {
		o->checksum = checksum64(text, n, 0);
		fprintf(f, SUM_WORD "%016" PRIx64 "\n", o->checksum);
	}
	if (!(ferror(f) | fclose(f))) {
		*bytes = n;
		rc = fs_replace(path, text, n, d);
	}
	free(text);
	return rc;
}

bool hitlist_optout_in_force(const struct hitlist_optout *o, uint32_t now)
{
	return !o->removed && (!o->expires || o->expires > now);
}
