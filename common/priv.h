/* common/priv.h - giving up privileges, for good. */
#ifndef COMMON_PRIV_H
#define COMMON_PRIV_H

#include <stdbool.h>

#include "common/err.h"

/* Drop every capability from every set (bounding and ambient included), set
 * no_new_privs, and, when running as root with an owner given, become that
 * user.  Checked: any failure is an error.  0 or -errno.
 *
 * A path that does not exist yet names no owner, nor does one whose owner has no
 * id in this user namespace: the user stays.  A set-user-id program becomes
 * its caller.  To be called before threads are started: capabilities belong to
 * threads, and only the calling one loses them. */
int priv_drop(const char *become_owner_of, struct diag *d);

/* Whether raw sockets may be opened (CAP_NET_RAW is in effect). */
bool priv_has_net_raw(void);

#endif
