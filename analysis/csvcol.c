#include "analysis/csvcol.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/opt.h"
#include "common/reader.h"

enum { FIELD_MAX = 128 };

/* Field i (from 0) of a line, without quotes and blanks; false: there is none. */
static bool field(const char *line, unsigned i, char out[static FIELD_MAX])
{
	size_t n;

	for (; i; i--) {
		line = strchr(line, ',');
		if (!line)
			return false;
		line++;
	}
	line += strspn(line, " \t\"");
	n = strcspn(line, ",\"\t ");
	if (n >= FIELD_MAX)
		return false;
	memcpy(out, line, n);
	out[n] = '\0';
	return true;
}

/* As in reader.h: a first line whose first field holds no digit. */
static bool is_header(const char *line)
{
	char text[FIELD_MAX];

	return field(line, 0, text) && !text[strcspn(text, "0123456789")] &&
	       !strchr(text, ':');
}

static int find_column(const char *header, const char *name, unsigned *column)
{
	char text[FIELD_MAX];

	for (unsigned i = 0; field(header, i, text); i++) {
		if (strcmp(text, name) == 0) {
			*column = i;
			return 0;
		}
	}
	return -ENOENT;
}

static bool parse_value(const char *text, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return end != text && !*end && isfinite(*value);
}

struct work {
	struct reader *r;
	unsigned column;
	bool known; /* which column it is */
	int (*each)(void *ctx, struct addr128 a, const char *text);
	int (*number)(void *ctx, struct addr128 a, double value);
	void *ctx;
};

static int take_number(struct work *w, struct addr128 a, const char *text, struct diag *d)
{
	double value;

	if (!*text)
		return 0;
	if (!parse_value(text, &value)) {
		diag_set(d, ERR_PARSE, "'%.40s' is not a number", text);
		return reader_reject(w->r, ERR_PARSE, d);
	}
	return w->number(w->ctx, a, value);
}

static int take_line(struct work *w, const char *line, struct diag *d)
{
	char address[FIELD_MAX], text[FIELD_MAX];
	struct addr128 a;

	if (!*line || *line == '#')
		return 0;
	if (!field(line, 0, address) || !addr_parse(&a, address)) {
		diag_set(d, ERR_PARSE, "does not begin with an address");
		return reader_reject(w->r, ERR_PARSE, d);
	}
	if (!field(line, w->column, text))
		text[0] = '\0';
	return w->each ? w->each(w->ctx, a, text) : take_number(w, a, text, d);
}

static int read_lines(struct work *w, const char *column, struct diag *d)
{
	bool first = true;
	const char *line;
	int rc;

	while ((rc = reader_line(w->r, &line, d)) > 0) {
		bool header = first && is_header(line);

		if (header && !w->known)
			w->known = find_column(line, column, &w->column) == 0;
		first = false;
		if (!w->known)
			return diag_set(d, -EINVAL,
			                "%s: no column '%.40s' in its first "
			                "line",
			                reader_name(w->r), column);
		if (!header)
			rc = take_line(w, line, d);
		if (rc < 0)
			return diag_set(d, rc, "%s: %s", reader_name(w->r), err_str(rc));
	}
	return rc;
}

static int read_file(struct work *w, const char *path, const char *column, bool strict,
                     struct diag *d)
{
	struct reader_policy policy = { .strict = strict };
	uint64_t number;
	int rc;

	if (opt_parse_count(&number, column) && number >= 1 && number <= 1000) {
		w->column = (unsigned)number - 1;
		w->known = true;
	}
	rc = reader_open(&w->r, path, &policy, d);
	if (rc < 0)
		return rc;
	rc = read_lines(w, column, d);
	reader_close(w->r);
	return rc;
}

int csvcol_each(const char *path, const char *column, bool strict,
                int (*fn)(void *ctx, struct addr128 a, const char *text), void *ctx,
                struct diag *d)
{
	struct work w = { .each = fn, .ctx = ctx };

	return read_file(&w, path, column, strict, d);
}

int csvcol_read(const char *path, const char *column, bool strict,
                int (*fn)(void *ctx, struct addr128 a, double value), void *ctx,
                struct diag *d)
{
	struct work w = { .number = fn, .ctx = ctx };

	return read_file(&w, path, column, strict, d);
}
