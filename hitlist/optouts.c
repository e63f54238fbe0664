#include "hitlist/optouts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hitlist/fs.h"
#include "hitlist/lines.h"

static const struct lines_kind kind = { "# sextant opt-outs 1\n", "opt-outs" };

enum { FIELDS = 7 };

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

static int parse_line(void *ctx, char *line)
{
	struct optouts *o = ctx;
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

int optouts_parse(struct optouts *o, char *text, size_t n, const char *name, uint32_t now,
                  struct diag *d)
{
	int rc;

	*o = (struct optouts){ 0 };
	rc = lines_parse(&kind, text, n, name, parse_line, o, &o->checksum, d);
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

static void put_lines(FILE *f, const void *ctx)
{
	const struct optouts *o = ctx;
	char prefix[PREFIX_STRLEN];

	for (size_t i = 0; i < o->n; i++) {
		const struct hitlist_optout *e = &o->e[i];

		prefix_format(prefix, e->prefix);
		fprintf(f, "%s\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%s\t%s\t%s\n",
		        prefix, e->added, e->expires, e->removed, e->requester, e->reason,
		        e->evidence);
	}
}

int optouts_save(struct optouts *o, const char *path, uint64_t *bytes, struct diag *d)
{
	return lines_save(&kind, path, put_lines, o, bytes, &o->checksum, d);
}

bool hitlist_optout_in_force(const struct hitlist_optout *o, uint32_t now)
{
	return !o->removed && (!o->expires || o->expires > now);
}
