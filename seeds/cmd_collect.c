#include <inttypes.h>

#include "common/log.h"
#include "common/writer.h"
#include "seeds/cmds.h"

enum prefix_use { PREFIX_SKIP, PREFIX_FIRST };
static const char *const prefix_uses[] = { "skip", "first", NULL };

const struct collect_opts collect_defaults = {
	.output = "-",
	.prefixes = PREFIX_SKIP,
};

const struct opt collect_options[] = {
	OPT_STR("output-file", 'o', struct collect_opts, output, "FILE",
	        "write to FILE instead of standard output"),
	SCOPE_OPTS(struct collect_opts, scope),
	OPT_FLAG("ipv4", '4', struct collect_opts, v4, "take IPv4 addresses too"),
	OPT_ENUM("prefixes", 'p', struct collect_opts, prefixes, prefix_uses, "USE",
	         "prefixes in a list: skip (default), or first: take the first address"),
	OPT_FLAG("strict", 0, struct collect_opts, strict, "fail at the first bad line"),
	OPT_STR("metadata-file", 'm', struct collect_opts, metadata, "FILE",
	        "write the counts as JSON to FILE"),
	OPT_FLAG("quiet", 'q', struct collect_opts, quiet, "report errors only"),
	OPT_END,
};

static void write_counts(struct writer *w, const struct seeds_counts *c)
{
	const struct {
		const char *name;
		uint64_t n;
	} rows[] = {
		{ "items", c->items },
		{ "bad_lines", c->bad },
		{ "prefixes", c->prefixes },
		{ "ipv4", c->v4 },
		{ "not_global", c->scope[SCOPE_NOT_GLOBAL] },
		{ "special_purpose", c->scope[SCOPE_SPECIAL] },
		{ "blocklisted", c->scope[SCOPE_BLOCKED] },
		{ "not_allowlisted", c->scope[SCOPE_NOT_ALLOWED] },
		{ "duplicates", c->duplicates },
		{ "unique", c->unique },
	};
	size_t n = sizeof(rows) / sizeof(rows[0]);

	writer_printf(w, "{\n");
	for (size_t i = 0; i < n; i++)
		writer_printf(w, "  \"%s\": %" PRIu64 "%s\n", rows[i].name, rows[i].n,
		              i + 1 < n ? "," : "");
	writer_printf(w, "}\n");
}

static int collect(const struct collect_opts *o, const struct scope *scope,
                   struct addrvec *v, struct seeds_counts *c, int argc, char *argv[],
                   struct diag *d)
{
	const struct seeds_config cfg = {
		.scope = scope,
		.strict = o->strict,
		.v4 = o->v4,
		.prefix_first = o->prefixes == PREFIX_FIRST,
	};
	int rc = 0;

	for (int i = 0; i < argc && rc >= 0; i++)
		rc = seeds_read(v, argv[i], &cfg, c, d);
	if (rc >= 0)
		rc = seeds_finish(v, c);
	if (rc < 0)
		return rc;
	if (!o->quiet)
		seeds_report(c);
	return v->n ? 0 : diag_set(d, ERR_EMPTY, "no address is left to write");
}

/* Outputs are opened before anything is read, to fail early, and appear at the
 * end, together. */
static int run(const struct collect_opts *o, int argc, char *argv[], struct diag *d)
{
	struct writer *out = NULL, *meta = NULL;
	struct seeds_counts c = { 0 };
	struct scope *scope = NULL;
	struct addrvec v = { 0 };
	int rc = scope_new(&scope, &o->scope, d);

	if (rc >= 0)
		rc = writer_open(&out, o->output, d);
	if (rc >= 0 && o->metadata)
		rc = writer_open(&meta, o->metadata, d);
	if (rc >= 0)
		rc = collect(o, scope, &v, &c, argc, argv, d);
	if (rc < 0)
		goto out;
	for (size_t i = 0; i < v.n; i++)
		if (writer_addr(out, v.a[i]) < 0)
			break; /* the commit says why */
	rc = writer_commit(out, d);
	if (rc < 0 || !meta)
		goto out;
	write_counts(meta, &c);
	rc = writer_commit(meta, d);
out:
	writer_close(meta);
	writer_close(out);
	addrvec_fini(&v);
	scope_free(scope);
	return rc;
}

int collect_run(const void *cfg, int argc, char *argv[])
{
	const struct collect_opts *o = cfg;
	struct diag d = { "" };
	int rc;

	if (argc == 0) {
		log_error("no FILE given ('-' is standard input)");
		return CMD_USAGE;
	}
	if (o->quiet)
		log_set_level(LOG_ERROR);
	rc = run(o, argc, argv, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	return rc < 0 ? CMD_FAILED : CMD_OK;
}

const char collect_details[] =
	"Reads lists of addresses, plain or compressed, leaves out what may not be probed, "
	"and writes the rest, each once, in numeric order. Why anything was left out is "
	"counted on standard error. Example:\n"
	"\n"
	"sextant seeds collect tum.txt.xz ntp.csv.gz -b blocklist.txt -o seeds.txt.bz2";
