/* hitlist/cmds.h - the subcommands: what each one's option table fills. */
#ifndef HITLIST_CMDS_H
#define HITLIST_CMDS_H

#include "common/opt.h"
#include "common/scope.h"
#include "common/writer.h"
#include "hitlist/hitlist.h"

struct import_cfg {
	struct scope_config scope;
	unsigned source; /* enum hitlist_source */
	const char *routed;
	bool tried, skip_bad, quiet;
};

enum output_format { OUTPUT_TEXT, OUTPUT_CSV, OUTPUT_JSONL };

struct export_cfg {
	const char *output, *prefix, *since;
	unsigned format;
	unsigned service, source; /* enum hitlist_service or _source + 1, 0: any */
	uint64_t sample, seed;    /* sample UINT64_MAX: all */
	bool responsive, not_aliased, seen;
};

struct publish_cfg {
	const char *site, *title, *contact, *url, *operator_text, *date;
	struct opt_list events;
	unsigned privacy; /* enum privacy */
	uint64_t k, keep, window_ns;
	bool bz2;
};

struct diff_cfg {
	const char *output;
};

struct history_cfg {
	const char *since, *output;
};

struct lookup_cfg {
	const char *output;
	unsigned format;
};

struct info_cfg {
	bool json, inputs;
};

struct alias_cfg {
	struct opt_list files;
	bool force;
};

struct due_command {
	struct due_cfg due;
	const char *now, *output;
	bool classes;
};

struct alias_plan_command {
	struct alias_plan_cfg plan;
	const char *output;
	bool targets;
};

struct alias_judge_cfg {
	const char *plan;
	struct opt_list icmp, tcp;
};

struct alias_list_cfg {
	const char *output;
	unsigned verdict; /* enum alias_verdict + 1; 0: any */
	bool representative;
};

struct block_cfg {
	struct opt_list files;
	const char *requester, *reason, *evidence, *date, *expires;
	bool force;
};

struct block_list_cfg {
	const char *output;
	bool log;
};

int block_add_run(const void *cfg, int argc, char *argv[]);
int block_remove_run(const void *cfg, int argc, char *argv[]);
int block_list_run(const void *cfg, int argc, char *argv[]);
int block_check_run(const void *cfg, int argc, char *argv[]);
int alias_plan_run(const void *cfg, int argc, char *argv[]);
int alias_judge_run(const void *cfg, int argc, char *argv[]);
int alias_list_run(const void *cfg, int argc, char *argv[]);
int alias_lookup_run(const void *cfg, int argc, char *argv[]);
int compact_run(const void *cfg, int argc, char *argv[]);
int diff_run(const void *cfg, int argc, char *argv[]);
int history_run(const void *cfg, int argc, char *argv[]);
int publish_run(const void *cfg, int argc, char *argv[]);
int due_run(const void *cfg, int argc, char *argv[]);
int import_run(const void *cfg, int argc, char *argv[]);
int export_run(const void *cfg, int argc, char *argv[]);
int lookup_run(const void *cfg, int argc, char *argv[]);
int info_run(const void *cfg, int argc, char *argv[]);
int check_run(const void *cfg, int argc, char *argv[]);
int merge_run(const void *cfg, int argc, char *argv[]);
int aliased_run(const void *cfg, int argc, char *argv[]);
int alias_add_run(const void *cfg, int argc, char *argv[]);

/* "2026-06-02" or "2026-06-02T12:00:00Z"; since: "30d" ago too. */
bool time_parse_date(uint32_t *out, const char *text);
bool time_parse_since(uint32_t *out, const char *text);

/* Whether a prefix takes in so much of what hosts are in that one would not name it by
 * intent: of 2000::/3 more than a /16, of IPv4 more than a /3. */
bool cmd_is_wide(struct prefix p);

/* 0, or the error that refuses to act on a wide one among p. */
int cmd_check_wide(const struct prefix *p, size_t n, struct diag *d);

uint32_t cmd_now(void); /* seconds since 1970 */

/* The IPv6 prefixes of a routing table, which the caller frees; see due_load_routed(). */
int routes_announced(struct prefix **out, size_t *n, const char *path, struct diag *d);

/* Open the hitlist dir to read and the file output to write, let fn fill it, and make it
 * whole; the exit status.  A negative return of fn, told in *d, leaves no file. */
int cmd_print(const char *dir, const char *output,
              int (*fn)(const struct hitlist *h, struct writer *w, void *ctx,
                        struct diag *d),
              void *ctx);

/* The same for commands that answer about addresses: those in args, of which - stands
 * for what standard input lists.  begin may be NULL. */
struct cmd_answer {
	const struct hitlist *h;
	struct writer *w;
	unsigned format; /* enum output_format */
};
int cmd_answer_all(const char *dir, const char *output, unsigned format, int n,
                   char *args[], void (*begin)(const struct cmd_answer *x),
                   int (*fn)(const struct cmd_answer *x, struct addr128 a,
                             struct diag *d));

/* The exit status for rc, after saying what went wrong. */
int cmd_result(int rc, const struct diag *d);

/* "12 added, 3 updated, ..." to the log. */
void cmd_report(const char *what, const struct hitlist_merge_stats *st);

/* As one JSON object. */
void output_input(struct writer *w, const struct hitlist_input *i);

/* One record, in the columns that output_header() names; status is a column of
 * its own, NULL: there is none. */
void output_header(struct writer *w, enum output_format f, bool status);
void output_record(struct writer *w, enum output_format f, const struct host_record *r,
                   const char *status);

#endif
