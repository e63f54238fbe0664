#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "analysis/analysis.h"
#include "cli/cli.h"
#include "common/log.h"
#include "common/opt.h"
#include "common/priv.h"
#include "hitlist/hitlist.h"
#include "probe/probe.h"
#include "seeds/seeds.h"
#include "tgen/tgen.h"

static const struct cmd_group groups[] = {
	{ "discover", "the main job: learn from seeds, probe, and grow a hitlist", NULL,
	  &discover_cmd },
	{ "seeds", "where addresses come from", seeds_cmds, NULL },
	{ "tgen", "target generation: candidates from seeds, best first", tgen_more_cmds,
	  NULL },
	{ "tgen", NULL, tgen_cmds, NULL },
	{ "probe", "send probes and validate the replies", probe_cmds, NULL },
	{ "hitlist", "the store of what is alive", hitlist_cmds, NULL },
	{ "hitlist", NULL, hitlist_more_cmds, NULL },
	{ "analysis", "statistics of address sets, offline", analysis_cmds, NULL },
	{ NULL, NULL, NULL, NULL },
};

/* `sextant ... | head`: when the reader of our standard output has had enough, a
 * filter ends in silence.  A closed socket or standard error does not end it. */
static void on_pipe(int sig)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (poll(&out, 1, 0) == 1 && (out.revents & POLLERR))
		_exit(128 + sig);
}

/* What needs no raw socket runs without any privilege.  What does goes on
 * without its output, because it has answers to write down: there a closed pipe
 * is an error of write(2). */
static int before(const struct cmd *c)
{
	struct diag d = { "" };
	int rc;

	signal(SIGPIPE, c->flags & CMD_RAW ? SIG_IGN : on_pipe);
	if (c->flags & CMD_RAW)
		return 0;
	rc = priv_drop(NULL, &d);
	if (rc < 0)
		log_error("cannot give up privileges: %s", diag_str(&d, rc));
	return rc;
}

/* Where standard files are closed, the first sockets and files opened would get
 * their numbers, and messages would go out on the wire.  What takes their place
 * cannot be used, so that output to a closed file stays an error. */
static int hold_standard_files(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			return -errno;
	return 0;
}

int main(int argc, char *argv[])
{
	int rc = hold_standard_files();

	if (rc < 0) {
		log_error("/dev/null: %s", strerror(-rc));
		return CMD_FAILED;
	}
	return cmd_main(groups, "sextant", SEXTANT_VERSION, before, argc, argv);
}
