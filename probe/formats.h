/* probe/formats.h - how results are written: one table of formats. */
#ifndef PROBE_FORMATS_H
#define PROBE_FORMATS_H

#include "common/observation.h"

enum { /* in the order of the option's choices, format_names */
       FORMAT_CSV,
       FORMAT_JSONL,
       FORMAT_LINES,  /* "json", as ZMap has it: the same as jsonl */
       FORMAT_NDJSON, /* as masscan calls it */
       FORMAT_LIST,
       FORMAT_GREPABLE,
       FORMAT_XML,
       FORMAT_JSON,  /* masscan's array */
       FORMAT_HOSTS, /* JSON lines, one a host: see probe/hosts.h */
       FORMAT_BINARY,
       FORMAT_PATHS, /* the hops to each target: see probe/paths.h */
       FORMATS
};

extern const char *const format_names[]; /* NULL at the end */
extern const char *const format_help[];

struct format {
	bool open_only; /* masscan's: holds what is open */
	bool lines;     /* another run may add to it */
	/* What makes the file whole whenever the process ends; NULL: lines do. */
	const char *tail;
	void (*begin)(struct writer *w, uint64_t now_us);
	void (*put)(struct writer *w, const struct obs_fields *f,
	            const struct observation *o, uint64_t number); /* from 0 */
	void (*end)(struct writer *w, uint64_t now_us, uint64_t n);
};

extern const struct format format_table[FORMATS];

/* Whether answers can be added to such a file as they come. */
static inline bool format_can_append(unsigned format)
{
	return format_table[format].lines || format == FORMAT_BINARY;
}

/* Text in quotes, with its control characters and what is no ASCII escaped. */
void format_json_string(struct writer *w, const char *s);

/* Field i of an answer as JSON, "name": value; false: it has none, and nothing was
 * written.  comma: one before it. */
bool format_json_field(struct writer *w, unsigned i, const struct observation *o,
                       bool comma);

/* FORMAT_BINARY: this header, then for each answer two records, as obs_encode() and
 * obs_encode_more() make them. */
enum { FORMAT_BINARY_HEADER = 16 };
void format_binary_header(uint8_t out[static FORMAT_BINARY_HEADER]);

#endif
