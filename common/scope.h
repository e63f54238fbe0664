/* common/scope.h - which addresses may be touched at all.
 *
 * One object answers it for seeds, candidates, targets and publications:
 * IPv6 only inside 2000::/3, nothing of the IANA special-purpose registries
 * (data/iana-special-*.txt), nothing on a blocklist, and, where an allowlist is
 * given, only what is on it.  A blocklist always beats an allowlist.
 *
 * Immutable once built: any number of threads may ask. */
#ifndef COMMON_SCOPE_H
#define COMMON_SCOPE_H

#include "common/addr.h"
#include "common/err.h"
#include "common/ivtab.h"
#include "common/opt.h"

struct scope;

enum scope_verdict {
	SCOPE_OK,
	SCOPE_NOT_GLOBAL,  /* IPv6 outside 2000::/3 */
	SCOPE_SPECIAL,     /* in a special-purpose registry */
	SCOPE_BLOCKED,     /* on a blocklist */
	SCOPE_NOT_ALLOWED, /* not on the allowlist */
	SCOPE_VERDICTS
};

struct scope_config {
	struct opt_list blocklists, allowlists; /* files */
	bool allow_special; /* own networks: no 2000::/3 rule, no registries */
	/* Further blocked prefixes (opt-outs); may be NULL, borrowed for the call. */
	const struct ivtab *blocked;
};

/* Rows for the option table of a command whose config holds a scope_config. */
#define SCOPE_OPTS(cfg, f)                                                           \
	OPT_LIST("blocklist-file", 'b', cfg, f.blocklists, "FILE",                   \
	         "never touch the prefixes and ranges in FILE (repeatable)"),        \
		OPT_LIST("allowlist-file", 'w', cfg, f.allowlists, "FILE",           \
	                 "touch only the prefixes and ranges in FILE (repeatable)"), \
		OPT_FLAG("allow-special", 0, cfg, f.allow_special,                   \
	                 "accept special-purpose addresses (own networks, tests)")

int scope_new(struct scope **out, const struct scope_config *cfg, struct diag *d);
void scope_free(struct scope *s);
enum scope_verdict scope_check(const struct scope *s, struct addr128 a);

/* Whether every address of p gets a verdict other than SCOPE_OK. */
bool scope_excludes_all(const struct scope *s, struct prefix p);

const char *scope_verdict_str(enum scope_verdict v);

#endif
