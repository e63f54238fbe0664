/* common/stop.h - SIGINT and SIGTERM as a flag that loops look at.
 *
 * The first signal sets the flag; the second one ends the process at once
 * (status 130), which by design loses nothing that was acknowledged. */
#ifndef COMMON_STOP_H
#define COMMON_STOP_H

#include <stdatomic.h>

/* Install the handlers; the flag lives as long as the process. */
const atomic_bool *stop_on_signals(void);

#endif
