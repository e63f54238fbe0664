/* common/opt.h - one table declares a subcommand: parsing, defaults, --help.
 *
 * Each option names the field of a plain config struct that it fills, so a
 * subcommand's code sees a complete, typed, const config and no argv. */
#ifndef COMMON_OPT_H
#define COMMON_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_type {
	OPT_TYPE_FLAG,     /* bool: set by its presence */
	OPT_TYPE_STR,      /* const char * */
	OPT_TYPE_LIST,     /* struct opt_list: may be given several times */
	OPT_TYPE_COUNT,    /* uint64_t; k, M, G, T = powers of 1000 */
	OPT_TYPE_DOUBLE,   /* double; the same suffixes */
	OPT_TYPE_DURATION, /* uint64_t nanoseconds; ns us ms s m h d, bare = s */
	OPT_TYPE_ENUM,     /* unsigned: index into choices */
	OPT_TYPE_REFUSED,  /* no field: other tools' options that are wrong here, */
	OPT_TYPE_IGNORED, /* or make no difference; help says why, offset if it has a value */
};

/* Values in the order given; memory belongs to the option parser. */
struct opt_list {
	const char **v;
	size_t n;
};

struct opt {
	const char *name; /* long name; NULL ends the table */
	int letter;       /* 0: none */
	enum opt_type type;
	size_t offset;
	const char *metavar, *help;
	const char *const *choices; /* OPT_TYPE_ENUM: NULL-terminated */
	unsigned char alias; /* another tool's name for a row: 2 of one dash, -oX */
};

/* The conditional costs nothing and rejects a field of the wrong type. */
#define OPT_FIELD_(cfg, field, T) \
	(offsetof(cfg, field) + 0 * sizeof(&((cfg *)0)->field == (T *)0))
#define OPT_ROW_(n, c, t, cfg, f, T, m, h)                        \
	{                                                         \
		n, c, t, OPT_FIELD_(cfg, f, T), m, h, NULL, false \
	}
#define OPT_FLAG(n, c, cfg, f, h) OPT_ROW_(n, c, OPT_TYPE_FLAG, cfg, f, bool, NULL, h)
#define OPT_STR(n, c, cfg, f, m, h) \
	OPT_ROW_(n, c, OPT_TYPE_STR, cfg, f, const char *, m, h)
#define OPT_LIST(n, c, cfg, f, m, h) \
	OPT_ROW_(n, c, OPT_TYPE_LIST, cfg, f, struct opt_list, m, h)
#define OPT_COUNT(n, c, cfg, f, m, h) \
	OPT_ROW_(n, c, OPT_TYPE_COUNT, cfg, f, uint64_t, m, h)
#define OPT_DOUBLE(n, c, cfg, f, m, h) \
	OPT_ROW_(n, c, OPT_TYPE_DOUBLE, cfg, f, double, m, h)
#define OPT_DURATION(n, c, cfg, f, m, h) \
	OPT_ROW_(n, c, OPT_TYPE_DURATION, cfg, f, uint64_t, m, h)
#define OPT_ENUM(n, c, cfg, f, choices, m, h)                                           \
	{                                                                               \
		n, c, OPT_TYPE_ENUM, OPT_FIELD_(cfg, f, unsigned), m, h, choices, false \
	}
/* Another name for an option of the same type and field; not shown in --help. */
#define OPT_ALIAS(n, c, t, cfg, f, T)                                  \
	{                                                              \
		n, c, t, OPT_FIELD_(cfg, f, T), NULL, NULL, NULL, true \
	}
/* The same with several letters behind one dash, as "-oX"; spelt is "--oX". */
#define OPT_DASH(n, spelt, t, cfg, f, T)                             \
	{                                                            \
		n, 0, t, OPT_FIELD_(cfg, f, T), NULL, spelt, NULL, 2 \
	}
/* Another tool's option that is not offered, and what to do instead.  value: 1 if it
 * takes one. */
#define OPT_REFUSED(n, value, why)                                   \
	{                                                            \
		n, 0, OPT_TYPE_REFUSED, value, NULL, why, NULL, true \
	}
/* One that makes no difference here; why may be NULL. */
#define OPT_IGNORED(n, value, why)                                   \
	{                                                            \
		n, 0, OPT_TYPE_IGNORED, value, NULL, why, NULL, true \
	}
#define OPT_END                                                    \
	{                                                          \
		NULL, 0, OPT_TYPE_FLAG, 0, NULL, NULL, NULL, false \
	}

enum cmd_flags {
	CMD_RAW = 1 << 0, /* opens raw sockets; every other one loses privileges first */
};

struct cmd {
	const char *name; /* NULL ends the table */
	/* Exit status 0, 1 failed, 2 usage (return CMD_USAGE after saying why). */
	int (*run)(const void *cfg, int argc, char *argv[]);
	const char *args, *summary; /* "FILE..." and one line */
	const struct opt *opts;
	const void *defaults;
	size_t cfg_size;
	unsigned flags;
	const char *details; /* NULL or paragraphs shown at the end of --help */
};

enum { CMD_OK = 0, CMD_FAILED = 1, CMD_USAGE = 2 };

/* The exit status for a result: CMD_OK for 0 or more, CMD_USAGE for ERR_USAGE. */
int cmd_status(int rc);

/* A folder's commands, or (cmds NULL) one top-level command.  A row without a
 * summary adds commands to the group in the row above it: those that are made
 * elsewhere, of several components.  A command "a-b" can be called as "a b" too. */
struct cmd_group {
	const char *name, *summary; /* name NULL ends the table */
	const struct cmd *cmds;
	const struct cmd *self;
};

/* Called with the chosen command after parsing and before it runs; nonzero
 * ends the program with CMD_FAILED.  The privilege drop lives there. */
typedef int (*cmd_hook)(const struct cmd *c);

/* Run what argv names; returns main()'s exit status. */
int cmd_main(const struct cmd_group *groups, const char *prog, const char *version,
             cmd_hook before, int argc, char *argv[]);

/* The value parsers behind the types, for text that is not an option. */
bool opt_parse_count(uint64_t *out, const char *text);
bool opt_parse_double(double *out, const char *text);
bool opt_parse_duration(uint64_t *out_ns, const char *text);

#endif
