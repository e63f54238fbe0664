/* probe/paths.h - answers to probes with hop limits, as paths.
 *
 *     2001:db8::1 icmp6
 *       1  2a00:1:1::2  0.213 ms
 *       2  *
 *       3  2a00:1:3::2  0.388 ms  2a00:1:3::3  0.401 ms
 *       4  2001:db8::1  0.412 ms  open
 *
 * A block for each target and port, a line for each hop up to the one at which the
 * target itself answers, or the last one of which there is an answer.  Who answers for
 * a hop comes in the order of time, at most four of them.  An answer that is not "time
 * exceeded" says what it is. */
#ifndef PROBE_PATHS_H
#define PROBE_PATHS_H

#include "probe/hosts.h"

/* All that was put into h and tells its hop; then none is left. */
int paths_write(struct hosts *h, struct writer *w, struct diag *d);

#endif
