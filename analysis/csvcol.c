#include "analysis/csvcol.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/opt.h"
#include "common/reader.h"

enum { FIELD_MAX = 128, NO_COLUMN = -1, NOT_LOOKED_FOR = -2 };

struct work {
	struct reader *r;
	const char *const *names;
	size_t n, required;
	int column[CSVCOL_MAX]; /* from 0 */
	bool none;              /* the list has none of them */
	char text[CSVCOL_MAX][FIELD_MAX];
	const char *texts[CSVCOL_MAX];
};

/* The field at *s into out, without quotes and blanks around it (what is too long is
 * empty); *s: the next one, NULL: there is none. */
static void next_field(const char **s, char out[static FIELD_MAX])
{
	const char *p = *s + strspn(*s, " \t"), *end;
	size_t n;

	if (*p == '"') {
		end = strchr(++p, '"');
		n = end ? (size_t)(end - p) : strlen(p);
		end = strchr(p + n, ',');
	} else {
		n = strcspn(p, ",");
		end = p[n] ? p + n : NULL;
		while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
			n--;
	}
	if (n >= FIELD_MAX)
		n = 0;
	memcpy(out, p, n);
	out[n] = '\0';
	*s = end ? end + 1 : NULL;
}

static int find_name(const char *header, const char *name)
{
	char text[FIELD_MAX];

	for (int i = 0; header; i++) {
		next_field(&header, text);
		if (strcmp(text, name) == 0)
			return i;
	}
	return NO_COLUMN;
}

/* Which column is which; 0, or -EINVAL: one that is required is missing. */
static int find_columns(struct work *w, struct diag *d)
{
	const char *header = reader_header(w->r);

	w->none = true;
	for (size_t i = 0; i < w->n; i++) {
		uint64_t number;

		if (opt_parse_count(&number, w->names[i]) && number >= 1 &&
		    number <= 1000)
			w->column[i] = (int)number - 1;
		else
			w->column[i] = find_name(header, w->names[i]);
		w->none &= w->column[i] == NO_COLUMN;
		if (w->column[i] == NO_COLUMN && i < w->required)
			return diag_set(d, -EINVAL,
			                "%s: no column '%.40s' in its first line",
			                reader_name(w->r), w->names[i]);
	}
	return 0;
}

static void split(struct work *w, const char *line)
{
	char text[FIELD_MAX];

	if (w->none)
		line = NULL;
	for (size_t k = 0; k < w->n; k++) {
		w->text[k][0] = '\0';
		w->texts[k] = w->column[k] == NO_COLUMN ? NULL : w->text[k];
	}
	for (int i = 0; line; i++) {
		next_field(&line, text);
		for (size_t k = 0; k < w->n; k++)
			if (w->column[k] == i)
				memcpy(w->text[k], text, FIELD_MAX);
	}
}

static int take_json(struct work *w, const char *line, struct diag *d)
{
	for (size_t k = 0; k < w->n; k++) {
		enum json_kind kind = json_get(line, w->names[k], w->text[k], FIELD_MAX);

		w->texts[k] =
			kind == JSON_STRING || kind == JSON_NUMBER ? w->text[k] : NULL;
		if (!w->texts[k] && k < w->required) {
			diag_set(d, ERR_PARSE, "has no \"%.40s\"", w->names[k]);
			return reader_reject(w->r, ERR_PARSE, d);
		}
	}
	return 1;
}

/* 1: the texts of the line last read are there, 0: not, negative: error. */
static int take_line(struct work *w, struct diag *d)
{
	const char *line = reader_text(w->r);
	int rc = 0;

	if (line[strspn(line, " \t")] == '{')
		return take_json(w, line, d);
	if (w->n && w->column[0] == NOT_LOOKED_FOR)
		rc = find_columns(w, d);
	if (rc == 0)
		split(w, line);
	return rc < 0 ? rc : 1;
}

/* The rules of one line's numbers. */
static int take_number(struct work *w, double *value, struct diag *d)
{
	const char *text = w->texts[0];
	char *end;

	if (!text || !*text)
		return 0;
	*value = strtod(text, &end);
	if (!*end && isfinite(*value))
		return 1;
	diag_set(d, ERR_PARSE, "'%.40s' is not a number", text);
	return reader_reject(w->r, ERR_PARSE, d);
}

static int work_open(struct work *w, const char *path, const char *const *names, size_t n,
                     size_t required, bool strict, struct diag *d)
{
	struct reader_policy policy = { .strict = strict, .ports = true };

	*w = (struct work){ .names = names, .n = n, .required = required };
	for (size_t i = 0; i < n; i++)
		w->column[i] = NOT_LOOKED_FOR;
	return reader_open(&w->r, path, &policy, d);
}

/* rc: how the reading ended. */
static int work_close(struct work *w, int rc, struct diag *d)
{
	/* A list of a header alone can lack a column, too. */
	if (rc == 0 && w->n && w->column[0] == NOT_LOOKED_FOR && reader_header(w->r))
		rc = find_columns(w, d);
	if (rc < 0)
		diag_set(d, rc, "%s: %s", reader_name(w->r), err_str(rc));
	reader_close(w->r);
	return rc;
}

int csvcol_rows(const char *path, const char *const *names, size_t n, size_t required,
                bool strict, csvcol_row fn, void *ctx, struct diag *d)
{
	struct addr128 a;
	struct work w;
	int rc = work_open(&w, path, names, n, required, strict, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_addr(w.r, &a, d)) > 0) {
		rc = take_line(&w, d);
		if (rc > 0)
			rc = fn(ctx, a, w.texts);
		if (rc < 0)
			break;
	}
	return work_close(&w, rc, d);
}

int csvcol_read(const char *path, const char *column, bool strict,
                int (*fn)(void *ctx, struct addr128 a, double value), void *ctx,
                struct diag *d)
{
	struct addr128 a;
	struct work w;
	int rc = work_open(&w, path, &column, 1, 1, strict, d);

	if (rc < 0)
		return rc;
	while ((rc = reader_addr(w.r, &a, d)) > 0) {
		double value;

		rc = take_line(&w, d);
		if (rc > 0)
			rc = take_number(&w, &value, d);
		if (rc > 0)
			rc = fn(ctx, a, value);
		if (rc < 0)
			break;
	}
	return work_close(&w, rc, d);
}
