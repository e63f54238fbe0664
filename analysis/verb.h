/* analysis/verb.h - what the verbs of this folder have in common: options,
 * reading, writing, and how errors are told. */
#ifndef ANALYSIS_VERB_H
#define ANALYSIS_VERB_H

#include "analysis/source.h"
#include "common/markup.h"
#include "common/opt.h"
#include "common/table.h"

struct verb_opts {
	struct doc_output out;
	const char *svg, *where;
	bool strict, quiet;
	uint64_t memory;
};

#define VERB_DEFAULTS                                \
	{                                            \
		.out = { .path = "-" }, .memory = 0, \
	}

#define VERB_OUTPUT_OPTS(cfg, f)                                                \
	DOC_OUTPUT_OPTS(cfg, f.out),                                            \
		OPT_STR("where", 'w', cfg, f.where, "COLUMN=VALUE",             \
	                "of CSV and JSON lines only those with that value, "    \
	                "such as success=1"),                                   \
		OPT_FLAG("strict", 0, cfg, f.strict,                            \
	                 "fail at the first line that is no address, and at a " \
	                 "damaged routing table"),                              \
		OPT_COUNT("memory", 'M', cfg, f.memory, "BYTES",                \
	                  "sort at most so much in memory, the rest through a " \
	                  "temporary file (1G)"),                               \
		OPT_FLAG("quiet", 'q', cfg, f.quiet, "report errors only")
#define VERB_SVG_OPT(cfg, f) \
	OPT_STR("svg", 0, cfg, f.svg, "FILE", "draw a picture into FILE")

/* Fills the doc, and the drawing when one is wanted (m is not NULL).  0, or
 * negative with *d. */
typedef int (*verb_fill)(const void *cfg, struct source *s, struct doc *doc,
                         struct markup *m, struct diag *d);

/* Reads argv (standard input when empty) as one set, lets fill work on it and
 * writes what it made.  Returns the exit status. */
int verb_run(const struct verb_opts *o, verb_fill fill, const void *cfg, int argc,
             char *argv[]);

/* The same for verbs that read in their own way: work makes the doc. */
typedef int (*verb_work)(const void *cfg, int argc, char *argv[], struct doc *doc,
                         struct markup *m, struct diag *d);
int verb_run_own(const struct verb_opts *o, verb_work work, const void *cfg, int argc,
                 char *argv[]);

#endif
