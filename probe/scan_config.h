/* probe/scan_config.h - configuration files of `probe scan`, and --echo.
 *
 * Lines "name = value", as masscan has them, or "name value" and "name", as ZMap
 * has them; values may be quoted, # begins a comment.  Names are those of our long
 * options, with masscan's beside them; what masscan can do and we do not is an
 * error when it changes what is sent, and else a warning.  The command line goes
 * before the file: only options that have their default are set. */
#ifndef PROBE_SCAN_CONFIG_H
#define PROBE_SCAN_CONFIG_H

#include "common/opt.h"
#include "common/writer.h"

struct scan_options;

enum { CONFIG_ITEMS = 512 };

/* What belongs to no option, and the memory of all values. */
struct scan_config {
	const char *targets[CONFIG_ITEMS], *excludes[CONFIG_ITEMS];
	size_t n_targets, n_excludes;
	char *memory[2 * CONFIG_ITEMS]; /* owned */
	size_t n_memory;
	const char **lists[32]; /* owned */
	size_t n_lists;
};

/* ERR_PARSE with file:line and the name. */
int scan_config_read(struct scan_config *c, struct scan_options *o, const char *path,
                     struct diag *d);

/* One setting, as a line of a file would make it. */
int scan_config_set(struct scan_config *c, struct scan_options *o, const char *name,
                    const char *value, struct diag *d);
/* Takes malloc'd text. */
int scan_config_keep(struct scan_config *c, char *text);
int scan_config_add(struct scan_config *c, struct opt_list *list, const char *value);
void scan_config_fini(struct scan_config *c);

/* The options in effect, as a file that can be read again. */
void scan_config_echo(struct writer *w, const struct scan_options *o, size_t n_targets,
                      char *const targets[]);

#endif
