#include <inttypes.h>

#include "analysis/analysis.h"
#include "analysis/cmds.h"
#include "common/log.h"
#include "common/writer.h"

const struct summary_opts summary_defaults = {
	.output = "-",
};

const struct opt summary_options[] = {
	OPT_FLAG("json", 'j', struct summary_opts, json, "print JSON instead of a table"),
	OPT_FLAG("csv", 0, struct summary_opts, csv, "print CSV"),
	OPT_STR("output-file", 'o', struct summary_opts, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_STR("where", 'w', struct summary_opts, where, "COLUMN=VALUE",
	        "of CSV and JSON lines only those with that value, such as success=1"),
	OPT_FLAG("strict", 0, struct summary_opts, strict,
	         "fail at the first line that is no address"),
	OPT_COUNT(
		"memory", 'M', struct summary_opts, memory, "BYTES",
		"sort at most so much in memory, the rest through a temporary file (1G)"),
	OPT_FLAG("quiet", 'q', struct summary_opts, quiet, "report errors only"),
	OPT_END,
};

static uint64_t identifiers(const struct analysis_summary *s)
{
	uint64_t n = 0;

	for (unsigned c = 0; c < IID_CLASSES; c++)
		n += s->iid[c];
	return n;
}

static void write_table(struct writer *w, const struct analysis_summary *s,
                        uint64_t duplicates)
{
	static const uint8_t lens[] = { 16, 24, 32, 40, 48, 56, 64, 96, 112, 120 };
	uint64_t total = identifiers(s);

	writer_printf(w, "addresses %26" PRIu64 "\n", s->addresses);
	writer_printf(w, "  duplicates left out %14" PRIu64 "\n", duplicates);
	writer_printf(w, "  IPv4, not counted below %10" PRIu64 "\n", s->v4);
	writer_printf(w, "\nprefixes touched\n");
	for (size_t i = 0; i < sizeof(lens); i++)
		writer_printf(w, "  /%-4u %28" PRIu64 "\n", lens[i],
		              s->prefixes[lens[i]]);
	writer_printf(w, "  most addresses in one /64 %8" PRIu64 "\n", s->largest_64);
	writer_printf(w, "\ninterface identifiers %14" PRIu64 "\n", total);
	for (unsigned c = 0; c < IID_CLASSES; c++)
		writer_printf(w, "  %-23s %10" PRIu64 "  %6.2f %%\n", iid_class_str(c),
		              s->iid[c],
		              total ? 100.0 * (double)s->iid[c] / (double)total : 0.0);
}

static void write_json(struct writer *w, const struct analysis_summary *s,
                       uint64_t duplicates)
{
	writer_printf(w,
	              "{\n  \"addresses\": %" PRIu64 ",\n  \"duplicates\": %" PRIu64
	              ",\n  \"ipv4\": %" PRIu64 ",\n  \"largest_64\": %" PRIu64
	              ",\n  \"prefixes\": {",
	              s->addresses, duplicates, s->v4, s->largest_64);
	for (unsigned p = 0; p <= 128; p++)
		writer_printf(w, "%s\"%u\": %" PRIu64, p ? ", " : " ", p, s->prefixes[p]);
	writer_printf(w, " },\n  \"iid\": {");
	for (unsigned c = 0; c < IID_CLASSES; c++)
		writer_printf(w, "%s\n    \"%s\": %" PRIu64, c ? "," : "",
		              iid_class_str(c), s->iid[c]);
	writer_printf(w, "\n  }\n}\n");
}

static void write_csv(struct writer *w, const struct analysis_summary *s,
                      uint64_t duplicates)
{
	writer_printf(w,
	              "name,value\naddresses,%" PRIu64 "\nduplicates,%" PRIu64
	              "\nipv4,%" PRIu64 "\nlargest_64,%" PRIu64 "\n",
	              s->addresses, duplicates, s->v4, s->largest_64);
	for (unsigned p = 0; p <= 128; p++)
		writer_printf(w, "/%u,%" PRIu64 "\n", p, s->prefixes[p]);
	for (unsigned c = 0; c < IID_CLASSES; c++)
		writer_printf(w, "%s,%" PRIu64 "\n", iid_class_str(c), s->iid[c]);
}

static int feed(struct analysis_summarizer *z, struct source *s, struct diag *d)
{
	const struct addr128 *a;
	size_t n;
	int rc;

	while ((rc = source_next(s, &a, &n, d)) > 0)
		analysis_summarizer_feed(z, a, n);
	analysis_summarizer_finish(z);
	return rc;
}

static int summarize(const struct summary_opts *o, int argc, char *argv[], struct diag *d)
{
	const struct source_config cfg = { .memory = o->memory,
		                           .where = o->where,
		                           .strict = o->strict,
		                           .keep_v4 = true };
	struct analysis_summarizer z = { .n6 = 0 };
	struct writer *w = NULL;
	struct source *s;
	uint64_t duplicates;
	int rc = source_open(&s, (const char *const *)argv, argc, &cfg, d);

	if (rc < 0)
		return rc;
	rc = feed(&z, s, d);
	duplicates = source_stats(s).read - z.s.addresses;
	source_close(s);
	if (rc >= 0)
		rc = writer_open(&w, o->output, d);
	if (rc < 0)
		return rc;
	if (o->json)
		write_json(w, &z.s, duplicates);
	else if (o->csv)
		write_csv(w, &z.s, duplicates);
	else
		write_table(w, &z.s, duplicates);
	rc = writer_commit(w, d);
	writer_close(w);
	return rc;
}

int summary_run(const void *cfg, int argc, char *argv[])
{
	const struct summary_opts *o = cfg;
	struct diag d = { "" };
	int rc;

	if (o->quiet)
		log_set_level(LOG_ERROR);
	if (o->json && o->csv) {
		log_error("--json and --csv exclude each other");
		return CMD_USAGE;
	}
	rc = summarize(o, argc, argv, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	return cmd_status(rc);
}

const char summary_details[] =
	"Counts unique addresses, the prefixes of some lengths that hold any, and classes of "
	"interface identifiers as addr6 (SI6 toolkit, v2.2) defines them. Several lists "
	"and hitlists are counted as one set. Lists may be compressed; - is standard "
	"input, and the default.";
