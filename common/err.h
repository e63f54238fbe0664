/* common/err.h - error codes shared by every component, and their context.
 *
 * Functions that can fail return 0 (or a count) on success and a negative
 * code on failure: either -errno, or one of these.  The level that knows the
 * file, the line and the offending text writes them into the caller's diag;
 * the level that talks to people prints it, once. */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#include <errno.h>

enum err {
	ERR_PARSE = -1000, /* text is not what the format allows */
	ERR_FORMAT,        /* binary file: not of the expected format */
	ERR_VERSION,       /* our format, but of a version we cannot read */
	ERR_CHECKSUM,      /* our format, but bytes have changed */
	ERR_TRUNC,         /* input ends inside a record */
	ERR_NOT_TEXT,      /* binary bytes, or a line too long, in a text file */
	ERR_FAMILY,        /* IPv4 where IPv6 is wanted, or the reverse */
	ERR_EMPTY,         /* there is nothing usable in the input */
	ERR_POLICY,        /* refused by scan policy */
	ERR_BUSY,          /* in use by another process */
	ERR_STOPPED,       /* asked to stop before the end */
	ERR_USAGE,         /* the value of an option is wrong: exit status 2 */
};

const char *err_str(int rc);

/* One message for people: what, where, why.  Empty when text[0] is 0. */
struct diag {
	char text[512];
};

/* Write a message and return rc.  d may be NULL; a message that is already
 * there stays, because the lowest level knows most. */
int diag_set(struct diag *d, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The message, or err_str(rc) when nobody wrote one. */
const char *diag_str(const struct diag *d, int rc);

#endif
