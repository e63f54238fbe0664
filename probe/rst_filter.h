/* probe/rst_filter.h - a rule of nftables that drops the resets which the kernel sends for
 * connections that a scan opens by halves.
 *
 * The table is made by an nft(8) that runs as long as the scan, with "flags owner": the
 * kernel removes it with the process that made it, however that ends, and a scan that was
 * killed leaves none behind. */
#ifndef PROBE_RST_FILTER_H
#define PROBE_RST_FILTER_H

#include <stdint.h>

#include "common/err.h"

struct rst_filter;

/* Resets from these ports of ours are dropped from now on.  Before privileges are given up:
 * it takes CAP_NET_ADMIN.  -ENOENT: there is no nft; or what it said. */
int rst_filter_open(struct rst_filter **out, uint16_t first, uint16_t last,
                    struct diag *d);
void rst_filter_close(struct rst_filter *f); /* no rule any more; NULL is fine */

#endif
