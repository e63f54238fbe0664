/* probe/scan_grab.h - `probe scan --banner` and `--tls`: what a scan finds open is
 * grabbed while it goes on, by a thread of its own behind a bounded queue. */
#ifndef PROBE_SCAN_GRAB_H
#define PROBE_SCAN_GRAB_H

#include "common/opt.h"
#include "common/writer.h"
#include "probe/probe.h"

struct scan_grab;

struct scan_grab_options {
	bool banner, tls, early_abort;
	const char *file; /* where results go; NULL: standard output */
	bool append;      /* behind what the file has */
	double rate;      /* connections a second; 0: as `probe grab` by itself */
	const char *contact;
	struct opt_list source_ips;
};

/* Rows for the option table of a command whose config holds such options in f. */
#define SCAN_GRAB_OPTS(cfg, f)                                                        \
	OPT_FLAG("banner", 0, cfg, f.banner,                                          \
	         "connect to the TCP ports found open, and note what they say"),      \
		OPT_FLAG("tls", 0, cfg, f.tls, "the same, for TLS and certificates"), \
		OPT_FLAG("tls-early-abort", 0, cfg, f.early_abort,                    \
	                 "end handshakes when the certificates are there"),           \
		OPT_STR("grab-file", 0, cfg, f.file, "FILE",                          \
	                "where that goes, as JSON lines; - is stdout (the default)"), \
		OPT_DOUBLE("grab-rate", 0, cfg, f.rate, "N", "connections per second")

/* Whether such results are wanted at all. */
static inline bool scan_grab_wanted(const struct scan_grab_options *o)
{
	return o->banner || o->tls || o->early_abort;
}

/* After the drop of privileges.  stop: as in grab_config. */
int scan_grab_open(struct scan_grab **out, const struct scan_grab_options *o,
                   const struct scope *scope, const atomic_bool *stop, struct diag *d);
void scan_grab_set_scope(struct scan_grab *g, const struct scope *scope);

/* An answer of the scan; never waits.  What finds no room is counted. */
void scan_grab_offer(struct scan_grab *g, const struct observation *o);

/* No more will be offered: waits for the last ones, makes the file appear, and says
 * what came of it. */
int scan_grab_finish(struct scan_grab *g, struct diag *d);

/* The counts as members of a JSON object, after others. */
void scan_grab_report(const struct scan_grab *g, struct writer *w);
void scan_grab_close(struct scan_grab *g);

#endif
