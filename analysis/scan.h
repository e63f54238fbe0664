/* analysis/scan.h - what the results of a scan tell besides addresses: which services gave
 * which answers, how many hops were left of the answers' hop limit, and how long they took.
 *
 * Fed with the lines of result files: ours, and those of ZMap, whose columns some of
 * ours are. */
#ifndef ANALYSIS_SCAN_H
#define ANALYSIS_SCAN_H

#include "analysis/csvcol.h"
#include "common/bgp.h"
#include "common/markup.h"
#include "common/observation.h"
#include "common/table.h"

enum { SCAN_HOPS = 256, SCAN_RTT = 512, SCAN_OUTCOMES = OBS_OUTCOMES };

struct scan_service {
	uint8_t proto; /* OBS_PROTOS: not told */
	uint16_t port; /* 0: none */
	uint64_t n, outcomes[SCAN_OUTCOMES];
};

struct scan {
	uint64_t answers; /* lines that tell anything but an address */
	struct scan_service *services;
	size_t n_services;
	uint32_t *index; /* by proto and port: 1 + place in services; 0: none */
	uint64_t hops[SCAN_HOPS], hopped;
	uint64_t rtt[SCAN_RTT], timed; /* by 16 times log2 of microseconds */
	/* The hop limits by entry of bgp, which may be NULL. */
	const struct bgp *bgp;
	double *hop_sum, *hop_n;
};

/* The columns of a line that scan_take() wants, in this order. */
enum { SCAN_COLUMNS = 7 };
extern const char *const scan_columns[SCAN_COLUMNS];

int scan_init(struct scan *s, const struct bgp *bgp); /* borrowed; 0 or -ENOMEM */
void scan_fini(struct scan *s);
/* A csvcol_row: ctx is the struct scan.  0 or -ENOMEM. */
int scan_take(void *ctx, struct addr128 a, const char *const *texts);

/* Microseconds that a share q of the answers took at most, to 4 %; 0: none is known. */
double scan_rtt(const struct scan *s, double q);
/* The mean hop limit of each entry of bgp, NAN where there is none; n as many as bgp
 * has.  *out is free()d by the caller. */
int scan_hop_means(const struct scan *s, double **out);

void fill_scan(struct doc *doc, const struct scan *s);
void chart_hops(struct markup *m, const struct scan *s, bool standalone);

#endif
