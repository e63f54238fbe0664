/* seeds/seeds.h - where addresses come from.
 *
 * A collection takes items from any number of sources, keeps those in scope,
 * and counts every other one by the reason it was left out. */
#ifndef SEEDS_SEEDS_H
#define SEEDS_SEEDS_H

#include <stdbool.h>

#include "common/addrvec.h"
#include "common/err.h"
#include "common/opt.h"
#include "common/scope.h"

struct seeds_config {
	const struct scope *scope; /* required; borrowed */
	bool strict;               /* a bad line is an error */
	bool v4;                   /* take IPv4 addresses too */
	bool v6_only;              /* an IPv4 address is a bad line, not a reject */
	bool prefix_first;         /* a prefix gives its first address (::1 above it
	                            * is not assumed); otherwise prefixes are left out */
};

struct seeds_counts {
	uint64_t items;                 /* addresses and prefixes read */
	uint64_t bad;                   /* lines that are neither */
	uint64_t prefixes;              /* prefixes and ranges left out */
	uint64_t v4;                    /* IPv4 left out */
	uint64_t scope[SCOPE_VERDICTS]; /* left out, by verdict; [SCOPE_OK]: kept */
	uint64_t duplicates;            /* of those kept */
	uint64_t unique;                /* what remains */
};

/* Append what a file gives to v (unsorted, not yet unique); counts add up. */
int seeds_read(struct addrvec *v, const char *path, const struct seeds_config *cfg,
               struct seeds_counts *c, struct diag *d);

/* Sort, make unique, and finish the counts. */
int seeds_finish(struct addrvec *v, struct seeds_counts *c);

/* The counts as text lines, through log_info(). */
void seeds_report(const struct seeds_counts *c);

extern const struct cmd seeds_cmds[];

#endif
