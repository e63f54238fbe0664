#include <inttypes.h>
#include <stdio.h>

#include "analysis/cmds.h"
#include "analysis/decode.h"
#include "analysis/kind.h"
#include "analysis/oui.h"
#include "common/log.h"

const struct decode_opts decode_defaults = {
	.output = "-",
};

const struct opt decode_options[] = {
	OPT_FLAG("json", 'j', struct decode_opts, json, "print a JSON object a line"),
	OPT_FLAG("csv", 0, struct decode_opts, csv, "print CSV"),
	OPT_STR("oui", 0, struct decode_opts, oui, "FILE",
	        "vendors of hardware addresses (IEEE oui.csv or oui.txt, or manuf)"),
	OPT_STR("output-file", 'o', struct decode_opts, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_STR("where", 'w', struct decode_opts, where, "COLUMN=VALUE",
	        "of CSV and JSON lines only those with that value, such as success=1"),
	OPT_FLAG("strict", 0, struct decode_opts, strict,
	         "fail at the first line that is no address"),
	OPT_FLAG("quiet", 'q', struct decode_opts, quiet, "report errors only"),
	OPT_END,
};

const char decode_details[] =
	"A line for each address, in the order they come: what addr6 -i -d (SI6 toolkit "
	"2.2) prints, type=subtype=scope=class=subclass. JSON and CSV also have the address, "
	"the kind of its interface identifier, and what that holds: vendor, IPv4 address, "
	"port. IPv4 addresses are taken as IPv4-mapped ones.";

struct decoder {
	const struct decode_opts *o;
	const struct oui_table *vendors;
	struct addr6_lines *lines;
	struct writer *w;
	struct diag *d;
};

/* What an address holds, as texts; empty: nothing of the kind. */
struct held {
	char address[ADDR_STRLEN], v4[ADDR_STRLEN], oui[12], port[8];
	const char *kind, *class, *vendor;
	struct addr_decoded d;
};

static void find_held(struct held *h, struct addr128 a, const struct oui_table *vendors)
{
	enum iid_kind kind = iid_kind_of(a);
	bool unicast = a.hi >> 56 != 0xff && (a.hi | a.lo);
	uint16_t port = unicast ? addr_embedded_port(a) : 0;
	uint32_t v4;

	*h = (struct held){ .kind = "", .class = "", .vendor = "" };
	addr_format(h->address, a);
	h->d = addr_decode(a);
	if (!unicast)
		return;
	h->kind = iid_kind_str(kind);
	h->class = iid_class_str(iid_classify(a));
	if (addr_embedded_v4(a, &v4))
		addr_format(h->v4, addr_from_v4(v4));
	if (port)
		snprintf(h->port, sizeof(h->port), "%u", port);
	if (kind == KIND_EUI64 || kind == KIND_EUI64_LOCAL) {
		uint32_t oui = addr_oui(a);
		const char *name = oui_vendor(vendors, oui);

		snprintf(h->oui, sizeof(h->oui), "%02x-%02x-%02x", oui >> 16 & 255,
		         oui >> 8 & 255, oui & 255);
		h->vendor = name ? name : "";
	}
}

/* Vendors' names come from a file: they may hold anything. */
static void write_quoted(struct writer *w, const char *s, bool json)
{
	writer_write(w, "\"", 1);
	for (; *s; s++) {
		if (*s == '"')
			writer_write(w, json ? "\\\"" : "\"\"", 2);
		else if (json && *s == '\\')
			writer_write(w, "\\\\", 2);
		else if ((unsigned char)*s >= ' ')
			writer_write(w, s, 1);
	}
	writer_write(w, "\"", 1);
}

static void write_csv(struct writer *w, const struct held *h)
{
	writer_printf(w, "%s,%s,%s,%s,%s,%s,%s,%s,%s,", h->address, h->d.type,
	              h->d.subtype, h->d.scope, h->kind, h->class, h->v4, h->port,
	              h->oui);
	if (h->vendor[0])
		write_quoted(w, h->vendor, false);
	writer_write(w, "\n", 1);
}

static void write_json(struct writer *w, const struct held *h)
{
	writer_printf(w,
	              "{\"address\": \"%s\", \"type\": \"%s\", \"subtype\": \"%s\", "
	              "\"scope\": \"%s\"",
	              h->address, h->d.type, h->d.subtype, h->d.scope);
	if (h->kind[0])
		writer_printf(w, ", \"kind\": \"%s\", \"addr6_class\": \"%s\"", h->kind,
		              h->class);
	if (h->v4[0])
		writer_printf(w, ", \"ipv4\": \"%s\"", h->v4);
	if (h->port[0])
		writer_printf(w, ", \"port\": %s", h->port);
	if (h->oui[0])
		writer_printf(w, ", \"oui\": \"%s\"", h->oui);
	if (h->vendor[0]) {
		writer_printf(w, ", \"vendor\": ");
		write_quoted(w, h->vendor, true);
	}
	writer_write(w, "}\n", 2);
}

/* 0, or why the output takes no more: said here, as the reader of a list would name
 * the list. */
static int write_error(const struct decoder *dec)
{
	return writer_took(dec->w, 0) < 0 ? writer_commit(dec->w, dec->d) : 0;
}

/* Lines of addr6, as many at a time as the writer has room for. */
static void write_lines(const struct decoder *dec, const struct addr128 *a, size_t n)
{
	enum { MOST = WRITER_ROOM_MAX / ADDR6_LINE_MAX - 1 };
	int rc = 0;

	for (size_t k; n && rc >= 0; a += k, n -= k) {
		char *room;

		k = n < MOST ? n : MOST;
		room = writer_room(dec->w, (k + 1) * ADDR6_LINE_MAX);
		rc = writer_took(dec->w, addr6_lines_format(dec->lines, room, a, k));
	}
}

static int decode(void *ctx, const struct addr128 *a, size_t n)
{
	const struct decoder *dec = ctx;
	struct held h;

	if (!dec->o->json && !dec->o->csv) {
		write_lines(dec, a, n);
		return write_error(dec);
	}
	for (size_t i = 0; i < n; i++) {
		find_held(&h, a[i], dec->vendors);
		if (dec->o->json)
			write_json(dec->w, &h);
		else
			write_csv(dec->w, &h);
	}
	return write_error(dec);
}

static int decode_all(const struct decode_opts *o, int argc, char *argv[], struct diag *d)
{
	const struct source_config cfg = { .where = o->where, .strict = o->strict };
	struct oui_table *vendors = NULL;
	struct decoder dec = { .o = o, .lines = addr6_lines_new(), .d = d };
	int rc = o->oui ? oui_load(&vendors, o->oui, d) : 0;

	if (rc == 0 && !dec.lines)
		rc = diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));
	if (rc == 0)
		rc = writer_open(&dec.w, o->output, d);
	if (rc < 0)
		goto out;
	dec.vendors = vendors;
	if (o->csv)
		writer_printf(dec.w, "address,type,subtype,scope,kind,addr6_class,ipv4,"
		                     "port,oui,vendor\n");
	if (argc == 0)
		rc = source_visit("-", &cfg, decode, &dec, d);
	for (int i = 0; i < argc && rc >= 0; i++)
		rc = source_visit(argv[i], &cfg, decode, &dec, d);
	if (rc >= 0)
		rc = writer_commit(dec.w, d);
out:
	writer_close(dec.w);
	addr6_lines_free(dec.lines);
	oui_free(vendors);
	return rc;
}

int decode_run(const void *cfg, int argc, char *argv[])
{
	const struct decode_opts *o = cfg;
	struct diag d = { "" };
	int rc;

	if (o->quiet)
		log_set_level(LOG_ERROR);
	if (o->json && o->csv) {
		log_error("--json and --csv exclude each other");
		return CMD_USAGE;
	}
	rc = decode_all(o, argc, argv, &d);
	if (rc < 0)
		log_error("%s", diag_str(&d, rc));
	return cmd_status(rc);
}
