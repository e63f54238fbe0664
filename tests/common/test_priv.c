#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/priv.h"

/* Dropping is for good, so each case is a child process that reports by its
 * exit status; raw sockets are opened in a network namespace of its own. */
enum { GOOD = 0, BAD = 1, SKIPPED = 77 };

static int in_child(int (*fn)(const char *path), const char *path)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void check(int status)
{
	if (status == SKIPPED)
		skip();
	assert_int_equal(status, GOOD);
}

static bool raw_socket(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool own_network(void)
{
	return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

/* Set-up failures say which step it was. */
static int say(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return BAD;
}

static int lose_raw_sockets(const char *path)
{
	struct diag d = { "" };

	if (!own_network() || !raw_socket())
		return SKIPPED;
	if (priv_drop(path, &d) < 0)
		return say(d.text);
	if (raw_socket() || errno != EPERM)
		return say("raw socket after the drop");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return say("no_new_privs");
	return GOOD;
}

static void no_raw_socket_after_the_drop(void **state)
{
	(void)state;
	check(in_child(lose_raw_sockets, NULL));
}

/* What an ordinary user's process does: nothing to lose, and no error. */
static int drop_twice(const char *path)
{
	struct diag d = { "" };

	if (priv_drop(path, &d) < 0 || priv_drop(path, &d) < 0)
		return say(d.text);
	return GOOD;
}

static void dropping_twice_is_fine(void **state)
{
	(void)state;
	check(in_child(drop_twice, NULL));
}

static int drop_for_good(const char *path)
{
	struct diag d = { "" };

	if (priv_drop(path, &d) < 0)
		return say(d.text);
	execl("/bin/sh", "sh", "-c",
	      "grep -q '^CapEff:[[:blank:]]*0*$' /proc/self/status", NULL);
	return say("execl");
}

/* Not even executing another program as root brings capabilities back. */
static void exec_gives_nothing_back(void **state)
{
	(void)state;
	check(in_child(drop_for_good, NULL));
}

enum { OWNER = 12345, GROUP = 54321 };

static int become_owner(const char *path)
{
	const uid_t uid = OWNER;
	const gid_t extra = GROUP + 1;
	struct diag d = { "" };
	gid_t groups[8];

	if (getuid() != 0 || chown(path, OWNER, GROUP) < 0)
		return SKIPPED; /* not root, or alone in a user namespace */
	if (setgroups(1, &extra) < 0)
		return say("setgroups");
	if (priv_drop(path, &d) < 0)
		return say(d.text);
	if (getuid() != uid || geteuid() != uid || getgid() != GROUP)
		return say("ids");
	if (getgroups(8, groups) > 0)
		return say("groups are left");
	if (setuid(0) == 0 || setgid(0) == 0)
		return say("root came back");
	return GOOD;
}

static void root_becomes_the_owner(void **state)
{
	char path[] = "/tmp/sextant-priv-XXXXXX";
	int status;

	(void)state;
	assert_non_null(mkdtemp(path));
	status = in_child(become_owner, path);
	rmdir(path);
	check(status);
}

static int stay_for_missing_path(const char *path)
{
	uid_t before = getuid();
	struct diag d = { "" };

	if (priv_drop(path, &d) < 0)
		return say(d.text);
	return getuid() == before ? GOOD : say("uid");
}

static void a_missing_path_has_no_owner(void **state)
{
	(void)state;
	check(in_child(stay_for_missing_path, "/nonexistent/hitlist"));
}

/* Under /dev/null nothing can be: an error other than "does not exist". */
static int fail_for_bad_path(const char *path)
{
	struct diag d = { "" };

	if (getuid() != 0)
		return SKIPPED;
	if (priv_drop(path, &d) != -ENOTDIR)
		return say("accepted");
	return strstr(d.text, path) ? GOOD : say(d.text);
}

static void an_unreadable_owner_is_an_error(void **state)
{
	(void)state;
	check(in_child(fail_for_bad_path, "/dev/null/x"));
}

static bool put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Root of a new user namespace that has no other id (user_namespaces(7)). */
static bool become_lone_root(void)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "0 %u 1", (unsigned)getuid());
	snprintf(gids, sizeof(gids), "0 %u 1", (unsigned)getgid());
	return unshare(CLONE_NEWUSER) == 0 && put("/proc/self/setgroups", "deny") &&
	       put("/proc/self/uid_map", uids) && put("/proc/self/gid_map", gids);
}

static int stay_root_of_the_namespace(const char *path)
{
	struct diag d = { "" };

	if (chown(path, OWNER, GROUP) < 0 || !become_lone_root())
		return SKIPPED;
	if (priv_drop(path, &d) < 0)
		return say(d.text);
	if (getuid() != 0 || raw_socket())
		return say("not the namespace's root, or privileged");
	return GOOD;
}

/* Where the owner has no id in this user namespace, there is nobody to become. */
static void an_unmapped_owner_is_nobody(void **state)
{
	char dir[] = "/tmp/sextant-priv-XXXXXX";
	int status;

	(void)state;
	assert_non_null(mkdtemp(dir));
	status = in_child(stay_root_of_the_namespace, dir);
	rmdir(dir);
	check(status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_raw_socket_after_the_drop),
		cmocka_unit_test(dropping_twice_is_fine),
		cmocka_unit_test(exec_gives_nothing_back),
		cmocka_unit_test(root_becomes_the_owner),
		cmocka_unit_test(an_unmapped_owner_is_nobody),
		cmocka_unit_test(a_missing_path_has_no_owner),
		cmocka_unit_test(an_unreadable_owner_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
