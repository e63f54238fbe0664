/* analysis/analysis.h - offline statistics of address sets, in one sorted pass. */
#ifndef ANALYSIS_ANALYSIS_H
#define ANALYSIS_ANALYSIS_H

#include "common/addrvec.h"
#include "common/err.h"
#include "common/opt.h"

/* Classes of the interface identifier: addr6 v2.2's, first match wins
 * (definitions: analysis/iid.c). */
enum iid_class {
	IID_EUI64,
	IID_ISATAP,
	IID_PORT,
	IID_PORT_REVERSED,
	IID_IPV4_32,
	IID_LOW_BYTE,
	IID_IPV4_64,
	IID_PATTERN_BYTES,
	IID_RANDOM,
	IID_CLASSES
};
enum iid_class iid_classify(struct addr128 a);
const char *iid_class_str(enum iid_class c);

struct analysis_summary {
	uint64_t addresses;     /* unique */
	uint64_t v4;            /* of these IPv4; left out of what follows */
	uint64_t prefixes[129]; /* n_p: distinct /p prefixes covering the set */
	uint64_t iid[IID_CLASSES];
	uint64_t largest_64; /* most addresses in one /64 */
};

/* v sorted and unique. */
void analysis_summarize(struct analysis_summary *s, const struct addrvec *v);

/* The same in pieces, for sets that come as a stream: start with { 0 }. */
struct analysis_summarizer {
	struct analysis_summary s;
	uint64_t shared[129], in_64, n6;
	struct addr128 before;
};
void analysis_summarizer_feed(struct analysis_summarizer *z, const struct addr128 *a,
                              size_t n);
void analysis_summarizer_finish(struct analysis_summarizer *z); /* z->s is complete */

extern const struct cmd analysis_cmds[];

#endif
