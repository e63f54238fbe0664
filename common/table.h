/* common/table.h - results as tables: filled once, printed as aligned text,
 * JSON or CSV.
 *
 * A doc holds single figures (facts) and tables.  Text: the facts, then each
 * table under its title.  JSON: one object; facts are its members, tables are
 * arrays of objects.  CSV: the tables chosen; when they are several (facts are
 * a table of name and value, too), each is preceded by a line "# name".
 *
 * Cells are added in the order of the columns; a row is complete when it has
 * them all.  Strings are copied.  Lack of memory sticks and is told by
 * doc_write(). */
#ifndef COMMON_TABLE_H
#define COMMON_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"
#include "common/opt.h"
#include "common/writer.h"

struct doc;
struct table;

enum { DECIMALS_FLOAT = 255 };

struct column {
	const char *name;  /* JSON member and CSV header: a-z, 0-9 and _ */
	unsigned decimals; /* of real numbers; DECIMALS_FLOAT: 4 digits, any size */
};

struct doc *doc_new(void); /* NULL: out of memory */
void doc_free(struct doc *d);

/* Names and titles are borrowed for the life of the doc.  Never NULL: after
 * -ENOMEM a table that drops its cells. */
struct table *doc_table(struct doc *d, const char *name, const char *title,
                        const struct column *columns, size_t n);
#define DOC_TABLE(d, name, title, columns) \
	doc_table(d, name, title, columns, sizeof(columns) / sizeof((columns)[0]))

void doc_count(struct doc *d, const char *name, uint64_t v);
void doc_real(struct doc *d, const char *name, double v, unsigned decimals);
void doc_string(struct doc *d, const char *name, const char *v);

void table_count(struct table *t, uint64_t v);
void table_real(struct table *t, double v);
void table_string(struct table *t, const char *v);
void table_prefix(struct table *t, struct prefix p);
void table_addr(struct table *t, struct addr128 a);
void table_none(struct table *t); /* no value: "-", null, empty */
size_t table_rows(const struct table *t);

enum doc_format { DOC_TEXT, DOC_JSON, DOC_CSV };

/* only: names of tables ("facts" for those), n 0: all.  An unknown name is
 * -EINVAL, told with the names there are. */
int doc_write(const struct doc *d, struct writer *w, enum doc_format format,
              const struct opt_list *only, struct diag *diag);

/* Where a doc goes, as rows of an option table: text unless json or csv is set
 * (both: -EINVAL).  path is a file or "-". */
struct doc_output {
	const char *path;
	bool json, csv;
	struct opt_list tables;
};
#define DOC_OUTPUT_OPTS(cfg, f)                                  \
	OPT_FLAG("json", 'j', cfg, f.json, "print JSON"),        \
		OPT_FLAG("csv", 0, cfg, f.csv, "print CSV"),     \
		OPT_LIST("table", 't', cfg, f.tables, "NAME",    \
	                 "print this table only (repeatable)"),  \
		OPT_STR("output-file", 'o', cfg, f.path, "FILE", \
	                "write to FILE instead of standard output")
int doc_save(const struct doc *d, const struct doc_output *o, struct diag *diag);

/* For those who print tables in their own way: the table at index i (NULL past the
 * end; 0 has the facts), and the text of a cell. */
const struct table *doc_at(const struct doc *d, size_t i);
const char *table_name(const struct table *t);
const char *table_title(const struct table *t);
size_t table_columns(const struct table *t);
const char *table_column(const struct table *t, size_t column);
enum { CELL_TEXT_MAX = 256 };
void table_cell(const struct table *t, size_t row, size_t column,
                char buf[static CELL_TEXT_MAX]);
bool table_is_numeric(const struct table *t, size_t column);

#endif
