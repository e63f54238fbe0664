#include "analysis/cmds.h"

#include "analysis/analysis.h"

#define REST(verb) \
	verb##_options, &verb##_defaults, sizeof(struct verb##_opts), 0, verb##_details

const struct cmd analysis_cmds[] = {
	{ "summary", summary_run, "[FILE|HITLIST]...",
	  "count addresses, prefixes and kinds of interface identifiers", REST(summary) },
	{ "density", density_run, "[FILE|HITLIST]...",
	  "how densely prefixes of every length are populated", REST(density) },
	{ "entropy", entropy_run, "[FILE|HITLIST]...",
	  "entropy of each digit, segments, and profiles of networks", REST(entropy) },
	{ "iid", iid_run, "[FILE|HITLIST]...",
	  "kinds of interface identifiers, their vendors and set bits", REST(iid) },
	{ "decode", decode_run, "[FILE|HITLIST]...",
	  "say of each address what it is, like addr6 -d", REST(decode) },
	{ "runs", runs_run, "[FILE|HITLIST]...",
	  "consecutive addresses, chains of near ones, dense and anonymous prefixes",
	  REST(runs) },
	{ "treemap", treemap_run, "[FILE|HITLIST]...",
	  "draw announced prefixes as nested rectangles", REST(treemap) },
	{ "hilbert", hilbert_run, "PREFIX [FILE|HITLIST]...",
	  "draw the sub-prefixes of a prefix along a Hilbert curve", REST(hilbert) },
	{ "overlap", overlap_run, "FILE|HITLIST FILE|HITLIST...",
	  "what several lists have in common", REST(overlap) },
	{ "stability", stability_run, "HITLIST",
	  "for how long hosts have answered, and which services go together",
	  REST(stability) },
	{ "report", report_run, "[FILE|HITLIST]...", "one HTML page with all of it",
	  REST(report) },
	{ 0 },
};
