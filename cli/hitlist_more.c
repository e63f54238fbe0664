#include "cli/hitlist_more.h"

#include "cli/cli.h"

const struct cmd hitlist_more_cmds[] = {
	{ "refresh", refresh_run_cmd, "DIR",
	  "probe who is due, and note who answered and who did not", refresh_table,
	  &refresh_defaults, sizeof(struct refresh_opts), CMD_RAW,
	  "A refresh that was killed loses nothing: start it again, and it goes on with "
	  "those that are still due. Example:\n"
	  "\n"
	  "sextant hitlist refresh hl -i eth0 -r 10k" },
	{ "alias-run", alias_run_run, "DIR",
	  "test prefixes for aliasing: one round over the wire, and its verdicts",
	  alias_run_table, &alias_run_defaults, sizeof(struct alias_run_opts), CMD_RAW,
	  "A prefix is judged by its last three rounds: run it once a day." },
	{ NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL },
};
