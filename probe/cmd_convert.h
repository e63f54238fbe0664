/* probe/cmd_convert.h - `probe convert`, and what `probe scan --readscan` calls. */
#ifndef PROBE_CMD_CONVERT_H
#define PROBE_CMD_CONVERT_H

#include "common/opt.h"
#include "probe/results.h"

struct convert_options {
	const char *output, *fields, *filter;
	unsigned format;
	bool no_header;
};

/* The exit status; errors were told. */
int convert_run(const struct convert_options *o, size_t n, const char *const files[]);

/* The answers in one binary file, each of the same target, port and class once: of IPv4
 * exactly, of IPv6 among the last so many; window 0: all of them. */
int convert_answers(const struct results_config *cfg, const char *path, size_t window,
                    struct diag *d);

int convert_main(const void *cfg, int argc, char *argv[]);
extern const struct opt convert_opts[];
extern const struct convert_options convert_defaults;

#endif
