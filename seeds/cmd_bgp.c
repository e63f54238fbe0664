#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/routed.h"
#include "common/writer.h"
#include "seeds/cmds.h"

enum bgp_output { OUT_PFX2AS, OUT_CSV, OUT_PREFIXES, OUT_ADDRESSES };
static const char *const bgp_outputs[] = { "pfx2as", "csv", "prefixes", "addresses",
	                                   NULL };
enum bgp_per { PER_PREFIX, PER_48, PER_64 };
static const char *const bgp_pers[] = { "prefix", "48", "64", NULL };
/* In the order of enum rib_format. */
static const char *const bgp_formats[] = { "auto",      "mrt",    "pfx2as",
	                                   "delegated", "ranges", NULL };

const struct bgp_opts bgp_defaults = {
	.output = "-",
	.min_peers = 2,
	.max_per_prefix = 256,
	.interface_id = 1,
};

const struct opt bgp_options[] = {
	OPT_STR("output-file", 'o', struct bgp_opts, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_ENUM("output-format", 'O', struct bgp_opts, out_format, bgp_outputs, "FORMAT",
	         "pfx2as (default), csv (with peers), prefixes, or addresses"),
	OPT_ENUM("format", 'f', struct bgp_opts, format, bgp_formats, "FORMAT",
	         "of the FILEs: auto (default), mrt, pfx2as, delegated or ranges"),
	OPT_COUNT("min-peers", 0, struct bgp_opts, min_peers, "N",
	          "origins that N peers see at least (2); lists have no peers and pass"),
	SCOPE_OPTS(struct bgp_opts, scope),
	OPT_FLAG("ipv4", '4', struct bgp_opts, v4, "take IPv4 prefixes too"),
	OPT_ENUM("per", 0, struct bgp_opts, per, bgp_pers, "UNIT",
	         "addresses: one per prefix (default), or per 48 or 64 inside it"),
	OPT_COUNT("max-per-prefix", 0, struct bgp_opts, max_per_prefix, "N",
	          "addresses: at most N for one prefix (256), evenly spread"),
	OPT_COUNT("interface-id", 0, struct bgp_opts, interface_id, "N",
	          "addresses: lower 64 bits (1); for IPv4, the host's number"),
	OPT_COUNT("threads", 't', struct bgp_opts, threads, "N",
	          "decompress bzip2 on N cores (default: all)"),
	OPT_FLAG("strict", 0, struct bgp_opts, strict, "fail at the first bad line"),
	OPT_STR("metadata-file", 'm', struct bgp_opts, metadata, "FILE",
	        "write the counts as JSON to FILE"),
	OPT_FLAG("quiet", 'q', struct bgp_opts, quiet, "report errors only"),
	OPT_END,
};

struct bgp_counts {
	struct routed_counts in;
	uint64_t prefixes, peers, v4, default_route, few_peers, no_origin;
	uint64_t scope[SCOPE_VERDICTS];
	uint64_t written, addresses, capped;
};

struct bgp {
	const struct bgp_opts *o;
	struct rib *rib;
	struct mrt_peers *peers;
	struct scope *scope;
	struct writer *out, *meta;
	struct bgp_counts c;
};

/* ---- output ------------------------------------------------------------------- */

static unsigned family_len(struct prefix p)
{
	return prefix_is_v4(p) ? p.len - 96u : p.len;
}

static void write_origins(struct writer *w, const struct rib_route *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct rib_origin *o = &r->origins[i];

		writer_printf(w, "%s", i ? "_" : "");
		if (!o->set_n)
			writer_printf(w, "%" PRIu32, o->as);
		for (uint32_t k = 0; k < o->set_n; k++)
			writer_printf(w, "%s%" PRIu32, k ? "," : "", o->set[k]);
	}
}

/* Seeds inside a prefix: the first address of it, or of each subnet of the unit's
 * length; when there are too many, every k-th subnet. */
static void write_addresses(struct bgp *b, struct prefix p)
{
	unsigned unit = b->o->per == PER_48 ? 48 : b->o->per == PER_64 ? 64 : p.len;
	uint64_t n = 1, step = 1, max = b->o->max_per_prefix;

	if (unit > p.len && !prefix_is_v4(p))
		n = unit - p.len < 64 ? UINT64_C(1) << (unit - p.len) : UINT64_MAX;
	if (n > max) {
		step = n / max;
		n = max;
		b->c.capped++;
	}
	for (uint64_t i = 0; i < n; i++) {
		struct addr128 a = p.addr;

		/* A unit is at most 64 unless n is 1. */
		if (n > 1)
			a.hi += (i * step) << (64 - unit);
		a.lo += b->o->interface_id;
		if (!prefix_covers(p, a) || scope_check(b->scope, a) != SCOPE_OK)
			continue;
		writer_addr(b->out, a);
		b->c.addresses++;
	}
}

static void write_route(struct bgp *b, const struct rib_route *r)
{
	char text[PREFIX_STRLEN];

	switch (b->o->out_format) {
	case OUT_PFX2AS:
		addr_format(text, r->prefix.addr);
		writer_printf(b->out, "%s\t%u\t", text, family_len(r->prefix));
		write_origins(b->out, r);
		writer_write(b->out, "\n", 1);
		break;
	case OUT_CSV:
		prefix_format(text, r->prefix);
		/* An AS_SET has commas, so the field is quoted. */
		writer_printf(b->out, "%s,\"", text);
		write_origins(b->out, r);
		writer_printf(b->out, "\",%" PRIu32 ",", r->peers);
		for (size_t i = 0; i < r->n; i++)
			writer_printf(b->out, "%s%" PRIu32, i ? "_" : "",
			              r->origins[i].peers);
		writer_write(b->out, "\n", 1);
		break;
	case OUT_PREFIXES:
		prefix_format(text, r->prefix);
		writer_printf(b->out, "%s\n", text);
		break;
	default: write_addresses(b, r->prefix);
	}
}

/* ---- what is kept --------------------------------------------------------------- */

/* A prefix is left out when nothing in it may be touched; the verdict of its
 * first address says why. */
static bool is_out_of_scope(struct bgp *b, struct prefix p)
{
	enum scope_verdict v;

	if (!scope_excludes_all(b->scope, p))
		return false;
	v = scope_check(b->scope, p.addr);
	b->c.scope[v == SCOPE_OK ? SCOPE_BLOCKED : v]++;
	return true;
}

static bool is_wanted(struct bgp *b, const struct rib_route *r, uint32_t min_peers)
{
	if (prefix_is_v4(r->prefix) && !b->o->v4) {
		b->c.v4++;
		return false;
	}
	if (family_len(r->prefix) == 0) {
		b->c.default_route++;
		return false;
	}
	if (is_out_of_scope(b, r->prefix))
		return false;
	if (!r->listed && (r->peers < min_peers)) {
		b->c.few_peers++;
		return false;
	}
	if (r->n == 0 && b->o->out_format == OUT_PFX2AS) {
		b->c.no_origin++;
		return false;
	}
	return true;
}

static int write_routes(struct bgp *b, struct diag *d)
{
	uint64_t min = b->o->min_peers;
	int rc = rib_sort(b->rib);

	b->c.prefixes = rib_count(b->rib);
	b->c.peers = mrt_peers_count(b->peers);
	/* A table of one router alone has no second peer to ask. */
	if (min > b->c.peers)
		min = b->c.peers;
	if (b->o->out_format == OUT_CSV)
		writer_printf(b->out, "prefix,origins,peers,origin_peers\n");
	for (size_t i = 0; rc >= 0 && i < b->c.prefixes; i++) {
		struct rib_route r;

		rc = rib_route(b->rib, i, (uint32_t)min, &r);
		if (rc < 0 || !is_wanted(b, &r, (uint32_t)min))
			continue;
		write_route(b, &r);
		b->c.written++;
	}
	if (rc < 0)
		return diag_set(d, rc, "%s", err_str(rc));
	if (!b->c.written)
		return diag_set(d, ERR_EMPTY, "no prefix is left to write");
	return writer_commit(b->out, d);
}

/* ---- counts ---------------------------------------------------------------------- */

struct bgp_row {
	const char *name, *text;
	uint64_t n;
	bool always;
};

enum { ROWS = 22 };

static size_t make_rows(const struct bgp_counts *c, struct bgp_row r[static ROWS])
{
	const struct mrt_stats *m = &c->in.mrt;
	const struct bgp_row rows[] = {
		{ "mrt_records", "MRT records", m->records, false },
		{ "mrt_routes", "of them with routes", m->routes, false },
		{ "mrt_other", "of them no routing table: skipped", m->other, false },
		{ "paths", "paths", m->entries, false },
		{ "bad_paths", "paths malformed: without origin", m->bad_paths, false },
		{ "malformed_records", "MRT records malformed: skipped", m->malformed,
		  false },
		{ "resyncs", "places where no MRT record began", m->resyncs, false },
		{ "lost_bytes", "bytes lost there", m->lost_bytes, false },
		{ "trailing_bytes", "bytes of incomplete last records", m->trailing,
		  false },
		{ "damaged_files", "damaged files", c->in.damaged, false },
		{ "lines", "lines of text", c->in.lines, false },
		{ "bad_lines", "bad lines skipped", c->in.bad_lines, false },
		{ "peers", "peers", c->peers, false },
		{ "prefixes", "different prefixes", c->prefixes, true },
		{ "ipv4", "IPv4 left out", c->v4, false },
		{ "default_routes", "default routes left out", c->default_route, false },
		{ "not_global", scope_verdict_str(SCOPE_NOT_GLOBAL),
		  c->scope[SCOPE_NOT_GLOBAL], false },
		{ "special_purpose", scope_verdict_str(SCOPE_SPECIAL),
		  c->scope[SCOPE_SPECIAL], false },
		{ "blocklisted", scope_verdict_str(SCOPE_BLOCKED),
		  c->scope[SCOPE_BLOCKED], false },
		{ "not_allowlisted", scope_verdict_str(SCOPE_NOT_ALLOWED),
		  c->scope[SCOPE_NOT_ALLOWED], false },
		{ "few_peers", "seen by too few peers", c->few_peers, false },
		{ "no_origin",
		  "left out for want of an origin (csv and prefixes have them)",
		  c->no_origin, false },
	};

	_Static_assert(sizeof(rows) / sizeof(rows[0]) == ROWS, "ROWS");
	for (size_t i = 0; i < ROWS; i++)
		r[i] = rows[i];
	return ROWS;
}

static void report(const struct bgp *b)
{
	struct bgp_row r[ROWS];
	size_t n = make_rows(&b->c, r);

	for (size_t i = 0; i < n; i++)
		if (r[i].n || r[i].always)
			log_info("%12" PRIu64 "  %s", r[i].n, r[i].text);
	log_info("%12" PRIu64 "  prefixes used", b->c.written);
	if (b->o->out_format != OUT_ADDRESSES)
		return;
	log_info("%12" PRIu64 "  addresses written", b->c.addresses);
	if (b->c.capped)
		log_info("%12" PRIu64
		         "  prefixes with more subnets than --max-per-prefix",
		         b->c.capped);
}

static int write_meta(const struct bgp *b, struct diag *d)
{
	struct bgp_row r[ROWS];
	size_t n = make_rows(&b->c, r);

	writer_printf(b->meta, "{\n");
	for (size_t i = 0; i < n; i++)
		writer_printf(b->meta, "  \"%s\": %" PRIu64 ",\n", r[i].name, r[i].n);
	writer_printf(b->meta,
	              "  \"addresses\": %" PRIu64 ",\n  \"written\": %" PRIu64 "\n}\n",
	              b->c.addresses, b->c.written);
	return writer_commit(b->meta, d);
}

/* ---- the command ------------------------------------------------------------------- */

static unsigned thread_count(const struct bgp_opts *o)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (o->threads)
		return o->threads < 64 ? (unsigned)o->threads : 64;
	return n < 1 ? 1 : n < 64 ? (unsigned)n : 64;
}

static int read_files(struct bgp *b, int argc, char *argv[], struct diag *d)
{
	struct routed_config cfg = {
		.format = b->o->format,
		.threads = thread_count(b->o),
		.strict = b->o->strict,
	};
	int rc = 0;

	for (int i = 0; i < argc && rc >= 0; i++)
		rc = routed_read(b->rib, b->peers, argv[i], &cfg, &b->c.in, d);
	return rc;
}

static int run(struct bgp *b, int argc, char *argv[], struct diag *d)
{
	int rc = scope_new(&b->scope, &b->o->scope, d);

	b->rib = rib_new();
	b->peers = mrt_peers_new();
	if (rc >= 0 && (!b->rib || !b->peers))
		rc = diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));
	if (rc >= 0)
		rc = writer_open(&b->out, b->o->output, d);
	if (rc >= 0 && b->o->metadata)
		rc = writer_open(&b->meta, b->o->metadata, d);
	if (rc >= 0)
		rc = read_files(b, argc, argv, d);
	if (rc >= 0)
		rc = write_routes(b, d);
	if (rc >= 0 || rc == ERR_EMPTY)
		report(b);
	if (rc >= 0 && b->meta)
		rc = write_meta(b, d);
	return rc;
}

int bgp_run(const void *cfg, int argc, char *argv[])
{
	struct bgp b = { .o = cfg };
	struct diag d = { "" };
	int rc;

	if (argc == 0) {
		log_error("no FILE given ('-' is standard input)");
		return CMD_USAGE;
	}
	if (b.o->max_per_prefix == 0) {
		log_error("--max-per-prefix: must be 1 or more");
		return CMD_USAGE;
	}
	if (b.o->quiet)
		log_set_level(LOG_ERROR);
	rc = run(&b, argc, argv, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	writer_close(b.meta);
	writer_close(b.out);
	rib_free(b.rib);
	mrt_peers_free(b.peers);
	scope_free(b.scope);
	return rc < 0 || b.c.in.damaged ? CMD_FAILED : CMD_OK;
}

const char bgp_details[] =
	"Reads routing tables (MRT dumps of RIPE RIS, RouteViews, own routers), pfx2as lists, "
	"the registries' delegated-extended files and CSV files of address ranges, plain or "
	"compressed, told apart by content. Writes each prefix once with its origin ASes, "
	"those with most peers first: 'AS_AS' when there are several, 'AS,AS' for an AS_SET. "
	"What a damaged file still holds is used, and the exit status is then 1. Examples:\n"
	"\n"
	"sextant seeds bgp bview.gz rib.bz2 -o pfx2as.txt\n"
	"\n"
	"sextant seeds bgp bview.gz -O addresses --per 48 -o seeds.txt";
