#include "common/priv.h"

#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Capabilities are set by system calls of our own: libcap would be one more
 * library in every program for three calls. */
static int cap_get(struct __user_cap_data_struct data[static 2])
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &h, data) < 0 ? -errno : 0;
}

static int cap_clear(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	return syscall(SYS_capset, &h, none) < 0 ? -errno : 0;
}

/* Only a process with CAP_SETPCAP may shrink its bounding set.  For others the
 * set does not matter: it limits what execve(2) can add, and no_new_privs, which
 * is set before, already lets it add nothing. */
static int drop_bounding(struct diag *d)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EPERM)
				return 0;
			return diag_set(d, -errno, "cannot drop capability %lu: %s", cap,
			                strerror(errno));
		}
	return 0;
}

static bool is_already(uid_t uid, gid_t gid)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
		return false;
	for (unsigned i = 0; i < 3; i++)
		if (u[i] != uid || g[i] != gid)
			return false;
	return true;
}

/* A user namespace may deny setgroups(2) (user_namespaces(7)); the groups that
 * are kept then are the ones the user who made it has anyway.  In one without
 * an id map no id can be set, not even to what it is.  EINVAL means that the
 * owner has no id in this namespace (stat(2) shows it as nobody): nobody here
 * can become that user, so *uid becomes what we are. */
static int become(const char *path, uid_t *uid, gid_t gid, struct diag *d)
{
	const char *what = "setgroups";

	if (is_already(*uid, gid))
		return 0;
	if (*uid != getuid() && setgroups(0, NULL) < 0 && errno != EPERM)
		goto fail;
	what = "setresgid";
	if (setresgid(gid, gid, gid) < 0 && errno != EINVAL)
		goto fail;
	what = "setresuid";
	if (setresuid(*uid, *uid, *uid) == 0)
		return 0;
	if (errno != EINVAL)
		goto fail;
	*uid = getuid();
	return 0;
fail:
	return diag_set(d, -errno, "cannot become user %u%s%s: %s: %s", (unsigned)*uid,
	                path ? ", the owner of " : "", path ? path : "", what,
	                strerror(errno));
}

/* Leave the ids alone where there is no owner, or root owns the path anyway. */
static int owner_of(const char *path, uid_t *uid, gid_t *gid, struct diag *d)
{
	struct stat st;

	if (!path)
		return 0;
	if (stat(path, &st) < 0)
		return errno == ENOENT
		               ? 0
		               : diag_set(d, -errno, "%s: %s", path, strerror(errno));
	if (st.st_uid != 0) {
		*uid = st.st_uid;
		*gid = st.st_gid;
	}
	return 0;
}

/* Look at what the kernel says now, not at what was asked for. */
static int verify(uid_t uid, struct diag *d)
{
	struct __user_cap_data_struct c[2];
	uid_t r, e, s;
	int rc = cap_get(c);

	if (rc < 0)
		return diag_set(d, rc, "capget: %s", strerror(-rc));
	for (unsigned i = 0; i < 2; i++)
		if (c[i].effective || c[i].permitted || c[i].inheritable)
			return diag_set(d, -EPERM,
			                "capabilities are left after the drop");
	if (getresuid(&r, &e, &s) < 0 || r != uid || e != uid || s != uid)
		return diag_set(d, -EPERM, "user ids are not %u after the change",
		                (unsigned)uid);
	if (uid != 0 && setresuid(-1, 0, -1) == 0)
		return diag_set(d, -EPERM, "root could be regained after the drop");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return diag_set(d, -EPERM, "no_new_privs is not set after the drop");
	return 0;
}

int priv_drop(const char *become_owner_of, struct diag *d)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return diag_set(d, -errno, "cannot set no_new_privs: %s",
		                strerror(errno));
	rc = drop_bounding(d);
	if (rc < 0)
		return rc;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return diag_set(d, -errno, "cannot clear the ambient capabilities: %s",
		                strerror(errno));
	rc = owner_of(uid == 0 ? become_owner_of : NULL, &uid, &gid, d);
	if (rc == 0)
		rc = become(become_owner_of, &uid, gid, d);
	if (rc < 0)
		return rc;
	rc = cap_clear();
	if (rc < 0)
		return diag_set(d, rc, "cannot drop the capabilities: %s", strerror(-rc));
	return verify(uid, d);
}

bool priv_has_net_raw(void)
{
	struct __user_cap_data_struct c[2] = { 0 };

	return cap_get(c) == 0 && c[0].effective & (1u << CAP_NET_RAW);
}
