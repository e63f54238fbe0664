/* cli/cli.h - the commands that compose components. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "common/opt.h"

extern const struct cmd discover_cmd;

#endif
