#include "common/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { NONE, COUNT, REAL, STRING, PREFIX };

struct cell {
	uint8_t kind, decimals;
	uint8_t len; /* of a prefix; 255: bare address */
	union {
		uint64_t count;
		double real;
		char *string;
		size_t addr; /* index into the table's addresses */
	} v;
};

struct table {
	struct doc *doc;
	const char *name, *title;
	const struct column *columns;
	size_t n_columns;
	struct cell *cells;
	size_t n, cap;
	struct addr128 *addrs;
	size_t n_addrs, cap_addrs;
};

struct doc {
	struct table **tables; /* the first one holds the facts */
	size_t n;
	struct table dead; /* takes what comes after -ENOMEM */
	int rc;
};

enum { BARE = 255 };

static const struct column fact_columns[] = { { "name", 0 }, { "value", 0 } };

struct doc *doc_new(void)
{
	struct doc *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->dead = (struct table){ .doc = d, .columns = fact_columns, .n_columns = 2 };
	DOC_TABLE(d, "facts", "", fact_columns);
	return d;
}

static void table_free(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->cells[i].kind == STRING)
			free(t->cells[i].v.string);
	free(t->cells);
	free(t->addrs);
	free(t);
}

void doc_free(struct doc *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++)
		table_free(d->tables[i]);
	free(d->tables);
	free(d);
}

struct table *doc_table(struct doc *d, const char *name, const char *title,
                        const struct column *columns, size_t n)
{
	struct table **tables = realloc(d->tables, (d->n + 1) * sizeof(*tables));
	struct table *t = calloc(1, sizeof(*t));

	if (tables)
		d->tables = tables;
	if (!tables || !t) {
		free(t);
		d->rc = -ENOMEM;
		return &d->dead;
	}
	*t = (struct table){
		.doc = d, .name = name, .title = title, .columns = columns, .n_columns = n
	};
	return tables[d->n++] = t;
}

/* ---- filling ----------------------------------------------------------- */

static struct cell *new_cell(struct table *t, enum kind kind)
{
	if (t->doc->rc < 0)
		return NULL;
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct cell *cells = realloc(t->cells, cap * sizeof(*cells));

		if (!cells) {
			t->doc->rc = -ENOMEM;
			return NULL;
		}
		t->cells = cells;
		t->cap = cap;
	}
	t->cells[t->n] = (struct cell){
		.kind = (uint8_t)kind,
		.decimals = (uint8_t)t->columns[t->n % t->n_columns].decimals,
	};
	return &t->cells[t->n++];
}

void table_count(struct table *t, uint64_t v)
{
	struct cell *c = new_cell(t, COUNT);

	if (c)
		c->v.count = v;
}

void table_real(struct table *t, double v)
{
	struct cell *c = new_cell(t, isfinite(v) ? REAL : NONE);

	if (c)
		c->v.real = v + 0.0; /* no minus zero */
}

void table_string(struct table *t, const char *v)
{
	char *copy = strdup(v);
	struct cell *c = copy ? new_cell(t, STRING) : NULL;

	if (!c) {
		free(copy);
		t->doc->rc = -ENOMEM;
		return;
	}
	c->v.string = copy;
}

static void add_addr(struct table *t, struct addr128 a, uint8_t len)
{
	struct cell *c;

	if (t->doc->rc < 0)
		return;
	if (t->n_addrs == t->cap_addrs) {
		size_t cap = t->cap_addrs ? 2 * t->cap_addrs : 64;
		struct addr128 *addrs = realloc(t->addrs, cap * sizeof(*addrs));

		if (!addrs) {
			t->doc->rc = -ENOMEM;
			return;
		}
		t->addrs = addrs;
		t->cap_addrs = cap;
	}
	c = new_cell(t, PREFIX);
	if (!c)
		return;
	c->len = len;
	c->v.addr = t->n_addrs;
	t->addrs[t->n_addrs++] = a;
}

void table_prefix(struct table *t, struct prefix p)
{
	add_addr(t, p.addr, p.len);
}

void table_addr(struct table *t, struct addr128 a)
{
	add_addr(t, a, BARE);
}

void table_none(struct table *t)
{
	new_cell(t, NONE);
}

size_t table_rows(const struct table *t)
{
	return t->n / t->n_columns;
}

void doc_count(struct doc *d, const char *name, uint64_t v)
{
	table_string(d->tables ? d->tables[0] : &d->dead, name);
	table_count(d->tables ? d->tables[0] : &d->dead, v);
}

void doc_real(struct doc *d, const char *name, double v, unsigned decimals)
{
	struct table *t = d->tables ? d->tables[0] : &d->dead;

	table_string(t, name);
	table_real(t, v);
	if (d->rc == 0)
		t->cells[t->n - 1].decimals = (uint8_t)decimals;
}

void doc_string(struct doc *d, const char *name, const char *v)
{
	table_string(d->tables ? d->tables[0] : &d->dead, name);
	table_string(d->tables ? d->tables[0] : &d->dead, v);
}

/* ---- printing ---------------------------------------------------------- */

static void cell_text(const struct table *t, const struct cell *c,
                      char buf[static CELL_TEXT_MAX])
{
	struct prefix p;

	switch ((enum kind)c->kind) {
	case NONE: buf[0] = '\0'; return;
	case COUNT: snprintf(buf, CELL_TEXT_MAX, "%" PRIu64, c->v.count); return;
	case REAL:
		if (c->decimals == DECIMALS_FLOAT)
			snprintf(buf, CELL_TEXT_MAX, "%.4g", c->v.real);
		else
			snprintf(buf, CELL_TEXT_MAX, "%.*f", c->decimals, c->v.real);
		return;
	case STRING: snprintf(buf, CELL_TEXT_MAX, "%s", c->v.string); return;
	case PREFIX:
		p = (struct prefix){ t->addrs[c->v.addr], c->len };
		if (c->len == BARE)
			addr_format(buf, p.addr);
		else
			prefix_format(buf, p);
		return;
	}
}

void table_cell(const struct table *t, size_t row, size_t column,
                char buf[static CELL_TEXT_MAX])
{
	cell_text(t, &t->cells[row * t->n_columns + column], buf);
}

bool table_is_numeric(const struct table *t, size_t column)
{
	for (size_t i = column; i < t->n; i += t->n_columns)
		if (t->cells[i].kind == STRING || t->cells[i].kind == PREFIX)
			return false;
	return true;
}

static void write_json_string(struct writer *w, const char *s)
{
	writer_write(w, "\"", 1);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			writer_printf(w, "\\%c", *s);
		else if ((unsigned char)*s < ' ')
			writer_printf(w, "\\u%04x", (unsigned)*s);
		else
			writer_write(w, s, 1);
	}
	writer_write(w, "\"", 1);
}

static void write_json_cell(struct writer *w, const struct table *t, const struct cell *c)
{
	char buf[CELL_TEXT_MAX];

	cell_text(t, c, buf);
	if (c->kind == NONE)
		writer_printf(w, "null");
	else if (c->kind == STRING || c->kind == PREFIX)
		write_json_string(w, buf);
	else
		writer_printf(w, "%s", buf);
}

static void write_json_row(struct writer *w, const struct table *t, size_t row)
{
	writer_printf(w, "%s\n    {", row ? "," : "");
	for (size_t i = 0; i < t->n_columns; i++) {
		writer_printf(w, "%s\"%s\": ", i ? ", " : "", t->columns[i].name);
		write_json_cell(w, t, &t->cells[row * t->n_columns + i]);
	}
	writer_printf(w, "}");
}

static void write_json_facts(struct writer *w, const struct table *t)
{
	for (size_t r = 0; r < table_rows(t); r++) {
		writer_printf(w, "%s\n  \"%s\": ", r ? "," : "",
		              t->cells[2 * r].v.string);
		write_json_cell(w, t, &t->cells[2 * r + 1]);
	}
}

static void write_json(struct writer *w, const struct doc *d, const bool *chosen)
{
	bool first = true;

	writer_printf(w, "{");
	for (size_t i = 0; i < d->n; i++) {
		const struct table *t = d->tables[i];

		if (!chosen[i] || (i == 0 && !t->n))
			continue;
		writer_printf(w, "%s", first ? "" : ",");
		first = false;
		if (i == 0) {
			write_json_facts(w, t);
			continue;
		}
		writer_printf(w, "\n  \"%s\": [", t->name);
		for (size_t r = 0; r < table_rows(t); r++)
			write_json_row(w, t, r);
		writer_printf(w, "%s]", t->n ? "\n  " : "");
	}
	writer_printf(w, "\n}\n");
}

static void write_csv_cell(struct writer *w, const char *s)
{
	if (!s[strcspn(s, ",\"\r\n")]) {
		writer_printf(w, "%s", s);
		return;
	}
	writer_write(w, "\"", 1);
	for (; *s; s++)
		writer_write(w, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
	writer_write(w, "\"", 1);
}

static void write_csv(struct writer *w, const struct table *t)
{
	char buf[CELL_TEXT_MAX];

	for (size_t i = 0; i < t->n_columns; i++)
		writer_printf(w, "%s%s", i ? "," : "", t->columns[i].name);
	writer_printf(w, "\n");
	for (size_t i = 0; i < t->n; i++) {
		cell_text(t, &t->cells[i], buf);
		write_csv_cell(w, buf);
		writer_printf(w, "%s", (i + 1) % t->n_columns ? "," : "\n");
	}
}

/* "largest_64" is "largest 64" to people. */
static void plain_name(char buf[static CELL_TEXT_MAX], const char *name)
{
	snprintf(buf, CELL_TEXT_MAX, "%s", name);
	for (char *p = buf; *p; p++)
		if (*p == '_')
			*p = ' ';
}

static size_t column_width(const struct table *t, size_t column)
{
	/* Facts are printed without a heading. */
	size_t width = t->columns == fact_columns ? 0 : strlen(t->columns[column].name);
	char buf[CELL_TEXT_MAX];

	for (size_t i = column; i < t->n; i += t->n_columns) {
		size_t n;

		cell_text(t, &t->cells[i], buf);
		n = strlen(buf);
		width = n > width ? n : width;
	}
	return width;
}

/* Numbers to the right, the rest to the left; nothing trails. */
static void write_text_cell(struct writer *w, const char *s, size_t width, bool right,
                            bool last)
{
	if (right)
		writer_printf(w, "%*s", (int)width, s);
	else
		writer_printf(w, "%-*s", last ? 0 : (int)width, s);
	writer_printf(w, last ? "\n" : "  ");
}

static int write_text(struct writer *w, const struct table *t)
{
	size_t *width = calloc(t->n_columns, sizeof(*width));
	bool *right = calloc(t->n_columns, sizeof(*right));
	bool facts = t->columns == fact_columns;
	char buf[CELL_TEXT_MAX];
	int rc = -ENOMEM;

	if (!width || !right)
		goto out;
	for (size_t i = 0; i < t->n_columns; i++) {
		width[i] = column_width(t, i);
		right[i] = facts ? i == 1 : table_is_numeric(t, i);
	}
	if (!facts)
		writer_printf(w, "%s\n", t->title);
	for (size_t i = 0; i < t->n_columns && !facts; i++) {
		plain_name(buf, t->columns[i].name);
		write_text_cell(w, buf, width[i], right[i], i + 1 == t->n_columns);
	}
	for (size_t i = 0; i < t->n; i++) {
		size_t k = i % t->n_columns;

		cell_text(t, &t->cells[i], buf);
		if (facts && k == 0)
			plain_name(buf, t->cells[i].v.string);
		if (t->cells[i].kind == NONE)
			strcpy(buf, "-");
		write_text_cell(w, buf, width[k], right[k], k + 1 == t->n_columns);
	}
	rc = 0;
out:
	free(width);
	free(right);
	return rc;
}

static int unknown_table(const struct doc *d, const char *name, struct diag *diag)
{
	char names[400] = "";
	size_t n = 0;

	for (size_t i = 0; i < d->n && n < sizeof(names) - 1; i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, " %s",
		                      d->tables[i]->name);
	return diag_set(diag, ERR_USAGE, "there is no table '%.40s'; there are:%s", name,
	                names);
}

static int choose(const struct doc *d, const struct opt_list *only, bool *chosen,
                  struct diag *diag)
{
	for (size_t i = 0; i < d->n; i++)
		chosen[i] = !only || !only->n;
	for (size_t k = 0; only && k < only->n; k++) {
		size_t i = 0;

		while (i < d->n && strcmp(d->tables[i]->name, only->v[k]) != 0)
			i++;
		if (i == d->n)
			return unknown_table(d, only->v[k], diag);
		chosen[i] = true;
	}
	return 0;
}

static int write_chosen(const struct doc *d, struct writer *w, enum doc_format format,
                        const bool *chosen)
{
	size_t n = 0, done = 0;
	int rc = 0;

	for (size_t i = 0; i < d->n; i++)
		n += chosen[i];
	for (size_t i = 0; i < d->n && rc == 0; i++) {
		const struct table *t = d->tables[i];

		if (!chosen[i] || (i == 0 && !t->n))
			continue;
		if (done++)
			writer_printf(w, "\n");
		if (format == DOC_CSV && n > 1)
			writer_printf(w, "# %s\n", t->name);
		if (format == DOC_CSV)
			write_csv(w, t);
		else
			rc = write_text(w, t);
	}
	return rc;
}

int doc_write(const struct doc *d, struct writer *w, enum doc_format format,
              const struct opt_list *only, struct diag *diag)
{
	bool *chosen = calloc(d->n + 1, sizeof(*chosen));
	int rc = chosen ? d->rc : -ENOMEM;

	if (rc < 0)
		goto out;
	rc = choose(d, only, chosen, diag);
	if (rc < 0)
		goto out;
	if (format == DOC_JSON)
		write_json(w, d, chosen);
	else
		rc = write_chosen(d, w, format, chosen);
out:
	free(chosen);
	return rc < 0 ? diag_set(diag, rc, "%s", err_str(rc)) : 0;
}

const struct table *doc_at(const struct doc *d, size_t i)
{
	return i < d->n ? d->tables[i] : NULL;
}

const char *table_name(const struct table *t)
{
	return t->name;
}

const char *table_title(const struct table *t)
{
	return t->title;
}

size_t table_columns(const struct table *t)
{
	return t->n_columns;
}

const char *table_column(const struct table *t, size_t column)
{
	return t->columns[column].name;
}

int doc_save(const struct doc *d, const struct doc_output *o, struct diag *diag)
{
	enum doc_format format = o->json ? DOC_JSON : o->csv ? DOC_CSV : DOC_TEXT;
	struct writer *w;
	int rc;

	if (o->json && o->csv)
		return diag_set(diag, ERR_USAGE, "--json and --csv exclude each other");
	rc = writer_open(&w, o->path, diag);
	if (rc < 0)
		return rc;
	rc = doc_write(d, w, format, &o->tables, diag);
	if (rc >= 0)
		rc = writer_commit(w, diag);
	writer_close(w);
	return rc;
}
