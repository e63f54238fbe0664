#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/stop.h"
#include "common/writer.h"
#include "seeds/cmds.h"
#include "seeds/sources.h"

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
	OPT_STR("config", 'c', struct collect_opts, config, "FILE",
	        "run the sources in FILE first (NAME: VERB ARGUMENTS...)"),
	OPT_STR("state-dir", 0, struct collect_opts, state, "DIR",
	        "where sources leave their addresses (default: FILE.state)"),
	OPT_FLAG("allow-axfr", 0, struct collect_opts, allow_axfr,
	         "let sources transfer zones"),
	OPT_STR("provenance-file", 0, struct collect_opts, provenance, "FILE",
	        "write each address with its sources to FILE"),
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
                   bool tell, struct diag *d)
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
	if (tell && !o->quiet)
		seeds_report(c);
	return v->n || !tell ? 0 : diag_set(d, ERR_EMPTY, "no address is left to write");
}

/* Where a list comes from, for people: its source's name, or the file's. */
struct origin {
	const char *name, *path;
};

/* Which of the lists has an address: they are read again, one at a time. */
static int write_provenance(const struct collect_opts *o, const struct scope *scope,
                            const struct addrvec *v, const struct origin *from, int n,
                            struct writer *w, struct diag *d)
{
	uint64_t *bits = calloc(v->n ? v->n : 1, sizeof(*bits));
	char text[ADDR_STRLEN];
	int rc = bits ? 0 : diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));

	for (int i = 0; i < n && rc >= 0; i++) {
		struct seeds_counts c = { 0 };
		struct addrvec one = { 0 };
		char *path = (char *)from[i].path;

		rc = collect(o, scope, &one, &c, 1, &path, false, d);
		for (size_t k = 0; rc >= 0 && k < one.n; k++)
			bits[addrvec_lower_bound(v, one.a[k])] |= UINT64_C(1) << i;
		addrvec_fini(&one);
	}
	if (rc >= 0)
		writer_printf(w, "address,sources\n");
	for (size_t k = 0; rc >= 0 && k < v->n; k++) {
		const char *sep = ",";

		addr_format(text, v->a[k]);
		writer_printf(w, "%s", text);
		for (int i = 0; i < n; i++) {
			if (!(bits[k] >> i & 1))
				continue;
			writer_printf(w, "%s%s", sep, from[i].name);
			sep = "+";
		}
		writer_printf(w, "\n");
	}
	free(bits);
	return rc < 0 ? rc : writer_commit(w, d);
}

/* Outputs are opened before anything is read, to fail early, and appear at the
 * end, together. */
static int run(const struct collect_opts *o, const struct origin *from, int n,
               struct diag *d)
{
	struct writer *out = NULL, *meta = NULL, *prov = NULL;
	char *paths[2 * SOURCES_MAX];
	struct seeds_counts c = { 0 };
	struct scope *scope = NULL;
	struct addrvec v = { 0 };
	int rc = scope_new(&scope, &o->scope, d);

	for (int i = 0; i < n; i++)
		paths[i] = (char *)from[i].path;
	if (rc >= 0)
		rc = writer_open(&out, o->output, d);
	if (rc >= 0 && o->metadata)
		rc = writer_open(&meta, o->metadata, d);
	if (rc >= 0 && o->provenance)
		rc = writer_open(&prov, o->provenance, d);
	if (rc >= 0)
		rc = collect(o, scope, &v, &c, n, paths, true, d);
	if (rc >= 0 && prov)
		rc = write_provenance(o, scope, &v, from, n, prov, d);
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
	writer_close(prov);
	writer_close(meta);
	writer_close(out);
	addrvec_fini(&v);
	scope_free(scope);
	return rc;
}

/* The lists of the arguments, and those that the sources leave. */
static int run_all(const struct collect_opts *o, struct sources *s, int argc,
                   char *argv[], unsigned *failed, struct diag *d)
{
	struct origin from[2 * SOURCES_MAX];
	char folder[4096];
	int n = 0, rc = 0;

	for (int i = 0; i < argc; i++)
		from[n++] = (struct origin){ argv[i], argv[i] };
	if (o->config) {
		snprintf(folder, sizeof(folder), "%s%s", o->state ? o->state : o->config,
		         o->state ? "" : ".state");
		rc = sources_load(s, o->config, folder, o->allow_axfr, d);
		if (rc >= 0)
			rc = sources_run(s, stop_on_signals(), failed, d);
		for (size_t i = 0; i < s->n && rc >= 0; i++)
			if (access(s->v[i].path, R_OK) == 0)
				from[n++] = (struct origin){ s->v[i].name, s->v[i].path };
		if (rc >= 0 && !n)
			rc = diag_set(d, ERR_EMPTY, "no source has left any address");
	}
	/* A bit for each. */
	if (rc >= 0 && o->provenance && n > SOURCES_MAX)
		rc = diag_set(d, -E2BIG, "--provenance-file: at most %d lists",
		              SOURCES_MAX);
	return rc < 0 ? rc : run(o, from, n, d);
}

static bool is_valid(const struct collect_opts *o, int argc, char *argv[])
{
	if (argc == 0 && !o->config) {
		log_error("no FILE given ('-' is standard input)");
		return false;
	}
	if (argc > SOURCES_MAX && (o->provenance || o->config)) {
		log_error("--config, --provenance-file: at most %d FILEs", SOURCES_MAX);
		return false;
	}
	for (int i = 0; i < argc && o->provenance; i++)
		if (!strcmp(argv[i], "-")) {
			log_error(
				"--provenance-file: standard input cannot be read twice");
			return false;
		}
	return true;
}

int collect_run(const void *cfg, int argc, char *argv[])
{
	const struct collect_opts *o = cfg;
	struct sources *s = calloc(1, sizeof(*s));
	struct diag d = { "" };
	unsigned failed = 0;
	int rc;

	if (!s || !is_valid(o, argc, argv)) {
		free(s);
		return s ? CMD_USAGE : CMD_FAILED;
	}
	if (o->quiet)
		log_set_level(LOG_ERROR);
	rc = run_all(o, s, argc, argv, &failed, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	sources_fini(s);
	free(s);
	return rc < 0 || failed ? CMD_FAILED : CMD_OK;
}

const char collect_details[] =
	"Reads lists of addresses, plain or compressed, leaves out what may not be probed, "
	"and writes the rest, each once, in numeric order. Why anything was left out is "
	"counted on standard error. Example:\n"
	"\n"
	"sextant seeds collect tum.txt.xz ntp.csv.gz -b blocklist.txt -o seeds.txt.bz2\n"
	"\n"
	"With --config, other verbs run first, and their addresses are merged in; one that has "
	"run to its end does not run again.";
