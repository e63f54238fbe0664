#include "analysis/oui.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/reader.h"

enum { NAME_MAX_BYTES = 64 };

struct vendor {
	uint32_t oui;
	char name[NAME_MAX_BYTES];
};

struct oui_table {
	struct vendor *v;
	size_t n, cap;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Six digits, with - or : between the pairs or without; NULL: not that. */
static const char *parse_oui(const char *s, uint32_t *out)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 6; i++, s++) {
		int digit;

		if (i && i % 2 == 0 && (*s == '-' || *s == ':'))
			s++;
		digit = hex_digit(*s);
		if (digit < 0)
			return NULL;
		v = v << 4 | (uint32_t)digit;
	}
	*out = v;
	/* Longer ones are of smaller blocks, which share the first 24 bits. */
	return hex_digit(*s) >= 0 || *s == ':' || *s == '-' ? NULL : s;
}

static const char *skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

static void copy_name(char *out, const char *s, const char *stop)
{
	size_t n = strcspn(s, stop);

	if (n >= NAME_MAX_BYTES)
		n = NAME_MAX_BYTES - 1;
	memcpy(out, s, n);
	while (n && isspace((unsigned char)out[n - 1]))
		n--;
	out[n] = '\0';
}

static bool parse_line(const char *s, struct vendor *v)
{
	const char *tab;
	bool is_csv = strncmp(s, "MA-L,", 5) == 0;

	s = parse_oui(is_csv ? s + 5 : skip_blanks(s), &v->oui);
	if (!s)
		return false;
	if (is_csv) {
		if (*s++ != ',')
			return false;
		copy_name(v->name, s + (*s == '"'), *s == '"' ? "\"" : ",");
		return v->name[0];
	}
	s = skip_blanks(s);
	if (strncmp(s, "(hex)", 5) == 0) {
		copy_name(v->name, skip_blanks(s + 5), "");
		return v->name[0];
	}
	if (strncmp(s, "(base 16)", 9) == 0)
		return false;
	tab = strchr(s, '\t');
	copy_name(v->name, tab ? skip_blanks(tab) : s, "\t#");
	return v->name[0];
}

static int by_oui(const void *a, const void *b)
{
	const struct vendor *x = a, *y = b;

	return (x->oui > y->oui) - (x->oui < y->oui);
}

static int push(struct oui_table *t, const struct vendor *v)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 1024;
		struct vendor *more = realloc(t->v, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->v = more;
		t->cap = cap;
	}
	t->v[t->n++] = *v;
	return 0;
}

int oui_load(struct oui_table **out, const char *path, struct diag *d)
{
	struct oui_table *t = calloc(1, sizeof(*t));
	struct reader *r = NULL;
	const char *line;
	int rc = t ? reader_open(&r, path, NULL, d) : -ENOMEM;

	while (rc >= 0 && (rc = reader_line(r, &line, d)) > 0) {
		struct vendor v;

		if (parse_line(line, &v))
			rc = push(t, &v);
	}
	if (rc == 0 && !t->n)
		rc = diag_set(d, ERR_EMPTY, "%s: no vendor of hardware addresses in it",
		              path);
	reader_close(r);
	if (rc < 0) {
		oui_free(t);
		return diag_set(d, rc, "%s: %s", path, err_str(rc));
	}
	qsort(t->v, t->n, sizeof(*t->v), by_oui);
	*out = t;
	return 0;
}

void oui_free(struct oui_table *t)
{
	if (!t)
		return;
	free(t->v);
	free(t);
}

size_t oui_count(const struct oui_table *t)
{
	return t->n;
}

const char *oui_vendor(const struct oui_table *t, uint32_t oui)
{
	struct vendor key = { .oui = oui }, *v;

	if (!t)
		return NULL;
	v = bsearch(&key, t->v, t->n, sizeof(key), by_oui);
	return v ? v->name : NULL;
}

/* ---- counts ------------------------------------------------------------ */

static struct oui_entry *find(struct oui_entry *slots, size_t cap, uint32_t oui)
{
	size_t i = oui * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (cap - 1);

	while (slots[i].n && slots[i].oui != oui)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static int grow(struct oui_counts *c)
{
	size_t cap = c->cap ? 2 * c->cap : 1024;
	struct oui_entry *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < c->cap; i++)
		if (c->slots[i].n)
			*find(slots, cap, c->slots[i].oui) = c->slots[i];
	free(c->slots);
	c->slots = slots;
	c->cap = cap;
	return 0;
}

void oui_counts_add(struct oui_counts *c, uint32_t oui)
{
	struct oui_entry *e;

	if (c->rc < 0)
		return;
	if (2 * c->used >= c->cap && (c->rc = grow(c)) < 0)
		return;
	e = find(c->slots, c->cap, oui);
	c->used += e->n == 0;
	e->oui = oui;
	e->n++;
}

static int by_count(const void *a, const void *b)
{
	const struct oui_entry *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return (x->oui > y->oui) - (x->oui < y->oui);
}

void oui_counts_finish(struct oui_counts *c)
{
	if (c->cap)
		qsort(c->slots, c->cap, sizeof(*c->slots), by_count);
}

void oui_counts_fini(struct oui_counts *c)
{
	free(c->slots);
	*c = (struct oui_counts){ 0 };
}
