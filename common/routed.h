/* common/routed.h - files of routes of any format into a rib. */
#ifndef COMMON_ROUTED_H
#define COMMON_ROUTED_H

#include "common/err.h"
#include "common/mrt.h"
#include "common/rib.h"
#include "common/rib_text.h"

struct routed_counts {
	struct mrt_stats mrt;
	uint64_t lines, bad_lines; /* of text */
	uint64_t damaged;          /* files that are cut short or damaged */
};

/* What becomes of a file that is not whole: what can be read of it is used and the
 * damage told through log_error() or log_warn(), or it is refused. */
enum routed_damage { ROUTED_ERROR, ROUTED_WARN, ROUTED_REFUSE };

struct routed_config {
	enum rib_format format; /* RIB_AUTO: by content, file by file */
	unsigned threads;       /* that decompress bzip2 */
	bool strict;            /* a bad line is an error */
	enum routed_damage damage;
};

/* Read a file.  One that is cut short, damaged or malformed in places is told in one
 * line, as cfg->damage says, and counted in c->damaged.  Negative, told in *d: it was
 * refused, or nothing could be read at all. */
int routed_read(struct rib *r, struct mrt_peers *peers, const char *path,
                const struct routed_config *cfg, struct routed_counts *c, struct diag *d);

/* 1: a dump by its first bytes, in a file that can be read from its start again;
 * 0: not, or it cannot be read; -ENOMEM. */
int routed_is_dump(const char *path);

#endif
