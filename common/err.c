#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *err_str(int rc)
{
	switch (rc) {
	case ERR_PARSE: return "malformed input";
	case ERR_FORMAT: return "not a file of the expected format";
	case ERR_VERSION: return "written by a version that this one cannot read";
	case ERR_CHECKSUM: return "checksum mismatch: the file is damaged";
	case ERR_TRUNC: return "unexpected end of input";
	case ERR_NOT_TEXT: return "not a text file";
	case ERR_FAMILY: return "wrong address family";
	case ERR_EMPTY: return "nothing usable in the input";
	case ERR_POLICY: return "refused by scan policy";
	case ERR_BUSY: return "in use by another process";
	case ERR_STOPPED: return "stopped";
	case ERR_USAGE: return "wrong option";
	default: return rc < 0 ? strerror(-rc) : "no error";
	}
}

int diag_set(struct diag *d, int rc, const char *fmt, ...)
{
	va_list ap;

	if (!d || d->text[0])
		return rc;
	va_start(ap, fmt);
	vsnprintf(d->text, sizeof(d->text), fmt, ap);
	va_end(ap);
	return rc;
}

const char *diag_str(const struct diag *d, int rc)
{
	return d && d->text[0] ? d->text : err_str(rc);
}
