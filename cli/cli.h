/* cli/cli.h - the commands that compose components. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "common/opt.h"

extern const struct cmd discover_cmd;

/* Verbs of `sextant hitlist` that need other components too. */
extern const struct cmd hitlist_more_cmds[];

/* Verbs of `sextant tgen` that need other components too. */
extern const struct cmd tgen_more_cmds[];

#endif
