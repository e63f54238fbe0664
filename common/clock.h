/* common/clock.h - time: monotonic for pacing, wall clock for records. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_US UINT64_C(1000)

uint64_t clock_mono_ns(void);
uint64_t clock_wall_us(void);             /* since 1970-01-01 UTC */
uint64_t clock_cpu_ns(void);              /* used by this process so far */
void clock_sleep_until(uint64_t mono_ns); /* returns early on a signal */

/* "2026-05-04T12:00:00Z"; buf is returned. */
char *clock_format_utc(char buf[static 32], uint64_t wall_us);

#endif
