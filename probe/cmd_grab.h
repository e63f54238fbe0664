/* probe/cmd_grab.h - `probe grab`, and what it shares with `probe scan --banner`. */
#ifndef PROBE_CMD_GRAB_H
#define PROBE_CMD_GRAB_H

#include <pthread.h>

#include "common/opt.h"
#include "probe/grab.h"
#include "probe/grab_output.h"

struct grab_options {
	struct opt_list ports;
	struct scope_config scope;
	const char *list, *output, *fields, *metadata, *cert_dir, *resume;
	const char *contact, *sni, *alpn, *tls_min, *tls_max, *ca_file;
	struct opt_list source_ips;
	uint64_t concurrency, per_host, per_net, max_bytes;
	uint64_t connect_ns, read_ns, banner_ns, checkpoint_ns;
	double rate;
	unsigned format;
	bool banner, tls, early_abort, strict, no_header, quiet, verbose, list_fields;
};

extern const struct opt grab_opts[];
extern const struct grab_options grab_option_defaults;

enum { GRAB_CSV, GRAB_JSONL }; /* in the order of the option's choices */

int grab_cmd_run(const void *cfg, int argc, char *argv[]);

/* Where results go: a sink for the loop.  Lines are passed on at once where
 * somebody may be waiting for them: at pipes and terminals, not at files. */
struct grab_out {
	struct writer *w;
	pthread_mutex_t lock; /* of w: a watcher may flush */
	struct grab_fields fields;
	bool csv, flush;
	const char *cert_dir; /* NULL: certificates are not kept */
	atomic_bool failed;
	struct diag why;
};

/* append: directly behind what a file has. */
int grab_out_open(struct grab_out *out, const char *path, bool header, bool append,
                  struct diag *d);
int grab_out_flush(struct grab_out *out); /* from any thread */
void grab_out_close(struct grab_out *out);
void grab_out_result(void *ctx, const struct grab_result *r);

/* The configuration from options: ERR_PARSE is wrong usage. */
int grab_plan(struct grab_config *cfg, const struct grab_options *o, struct diag *d);

void grab_status_line(char *buf, size_t cap, const struct grab_stats *now,
                      const struct grab_stats *before);
void grab_tell_summary(const struct grab_stats *s);

/* The counts as members of a JSON object, each with prefix before its name. */
void grab_write_counts(struct writer *w, const char *prefix, const struct grab_stats *s);

#endif
