/* probe/metrics.h - a small HTTP responder with numbers for Prometheus.
 *
 * One thread answers one connection at a time; whoever is slow is cut off after two
 * seconds, and no more than METRICS_REQUEST_MAX bytes of a request are read.  Without
 * an address it listens on loopback. */
#ifndef PROBE_METRICS_H
#define PROBE_METRICS_H

#include <stdio.h>

#include "common/err.h"

enum { METRICS_REQUEST_MAX = 4096 };

struct metrics;

/* where: "ADDR:PORT", "[ADDR]:PORT", or "PORT" of 127.0.0.1.  ERR_PARSE. */
int metrics_open(struct metrics **out, const char *where, struct diag *d);

/* Answer: write() puts the text format 0.0.4 to f; called on a thread of ours. */
int metrics_start(struct metrics *m, void (*write)(void *ctx, FILE *f), void *ctx,
                  struct diag *d);
void metrics_close(struct metrics *m); /* NULL is fine */

/* What the request asks for: 200, 404 (another path), 405 (not GET), 400, or 0: the
 * head of the request is not whole yet. */
int metrics_status(const char *request);

#endif
