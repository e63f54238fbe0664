/* probe/lanes.h - the modules of a scan, by family: which one a target is for.
 *
 * Where several modules have one protocol, ports choose between them: "dns=53,5353" names
 * a module's, a module that is for one port (dns, quic) has that one, and one of them can
 * have the rest. */
#ifndef PROBE_LANES_H
#define PROBE_LANES_H

#include "probe/scan.h"

/* The lanes of s->cfg.modules; what was opened is freed with the scan, also on failure. */
int lanes_open(struct probe_scan *s, struct diag *d);
void lane_fini(struct scan_lane *l);

/* Whether a target with that port (as in probe_target) is for the lane. */
static inline bool lane_fits(const struct reply_lane *l, uint32_t port)
{
	const struct probe_module *m = l->module;

	port &= ~PROBE_HOP(PROBE_HOP_MASK);
	if (m->has_port != (port != 0))
		return false;
	if (port > UINT16_MAX && m->proto != (port & PROBE_UDP ? OBS_UDP : OBS_TCP))
		return false;
	return reply_lane_has(l, (uint16_t)port);
}

#endif
