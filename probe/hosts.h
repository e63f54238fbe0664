/* probe/hosts.h - answers by host, in bounded memory.
 *
 *     {"ip": "2001:db8::1", "ports": [{"proto": "tcp", "port": 80, ..., "service":
 *     "http"}, ...]}
 *
 * Answers come in any order and are written in that of their targets, a line for
 * each.  So many are kept in memory and sorted; full, they are spilled as a sorted
 * run into a file without a name, and at the end the runs are merged.  Memory is
 * about 7 MB, and grows by no more than 1.2 kB for each 32768 answers. */
#ifndef PROBE_HOSTS_H
#define PROBE_HOSTS_H

#include "common/observation.h"

struct hosts;

/* dir: where runs are spilled, "." or the like; copied.  NULL: out of memory. */
struct hosts *hosts_new(const char *dir);
void hosts_free(struct hosts *h);
int hosts_put(struct hosts *h, const struct observation *o);

/* All of them, each with the fields but the target, those it has, and the name of the
 * service that the port is registered for; then none is left. */
int hosts_write(struct hosts *h, const struct obs_fields *f, struct writer *w,
                struct diag *d);

/* The same answers in the same order, by target, protocol, port and time, to fn; then
 * none is left. */
int hosts_each(struct hosts *h, void (*fn)(void *ctx, const struct observation *o),
               void *ctx, struct diag *d);

#endif
