#include "probe/rst_filter.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

#define WAIT_MS 5000

struct rst_filter {
	pid_t pid;
	int in, out; /* its standard input; its output and errors */
};

extern char **environ;

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* nft -i with pipes; both of ours are closed in it. */
static int start(struct rst_filter *f, struct diag *d)
{
	static char *const argv[] = { (char *)"nft", (char *)"-i", NULL };
	int to[2] = { -1, -1 }, from[2] = { -1, -1 }, rc;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0) {
		rc = -errno;
		close_fd(to[0]);
		close_fd(to[1]);
		return rc;
	}
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, from[1], STDERR_FILENO);
	posix_spawnattr_init(&attr);
	/* A ^C at the terminal is for the scan: the rule is to last through its cooldown. */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	rc = posix_spawnp(&f->pid, "nft", &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	close(to[0]);
	close(from[1]);
	f->in = to[1];
	f->out = from[0];
	if (rc == 0)
		return 0;
	f->pid = 0;
	return diag_set(d, -rc, "--install-rst-filter needs nft (Debian: nftables): %s",
	                strerror(rc));
}

/* Read what it says until `word` is in it. */
static int await(struct rst_filter *f, const char *word, struct diag *d)
{
	uint64_t until = clock_mono_ns() + WAIT_MS * NS_PER_MS, now;
	char text[2048] = "";
	size_t n = 0;

	while (n < sizeof(text) - 1 && (now = clock_mono_ns()) < until) {
		struct pollfd p = { .fd = f->out, .events = POLLIN };
		ssize_t k;

		if (poll(&p, 1, (int)((until - now) / NS_PER_MS) + 1) <= 0)
			continue;
		k = read(f->out, text + n, sizeof(text) - 1 - n);
		if (k <= 0)
			break;
		n += (size_t)k;
		text[n] = '\0';
		if (strstr(text, "Error"))
			break;
		if (strstr(text, word))
			return 0;
	}
	text[strcspn(text, "\n")] = '\0';
	return diag_set(d, -EPERM, "--install-rst-filter: nft says '%.200s'", text);
}

int rst_filter_open(struct rst_filter **out, uint16_t first, uint16_t last,
                    struct diag *d)
{
	struct rst_filter *f = calloc(1, sizeof(*f));
	char text[512];
	int n, rc;

	if (!f)
		return -ENOMEM;
	f->in = f->out = -1;
	rc = start(f, d);
	/* One line: the rule is there when its table is listed. */
	n = snprintf(
		text, sizeof(text),
		"add table inet sextant-%d { flags owner; chain out { type filter hook "
		"output priority 0; tcp sport %u-%u tcp flags & rst == rst drop; }; }\n"
		"list tables\n",
		(int)getpid(), first, last);
	if (rc == 0 && write(f->in, text, (size_t)n) != n)
		rc = diag_set(d, -EPIPE, "--install-rst-filter: nft has ended");
	snprintf(text, sizeof(text), "table inet sextant-%d\n", (int)getpid());
	if (rc == 0)
		rc = await(f, text, d);
	if (rc < 0) {
		rst_filter_close(f);
		return rc;
	}
	*out = f;
	return 0;
}

void rst_filter_close(struct rst_filter *f)
{
	if (!f)
		return;
	close_fd(f->in); /* which ends it */
	close_fd(f->out);
	if (f->pid > 0)
		waitpid(f->pid, NULL, 0);
	free(f);
}
