/* The verbs zonefile and ct: names and addresses out of files. */
#include <inttypes.h>
#include <string.h>

#include "common/addrset.h"
#include "common/bytes.h"
#include "common/log.h"
#include "seeds/cmds.h"
#include "seeds/names.h"

enum { LINE_LIMIT = 16 << 20, BAD_REPORTED = 3 };

static const char *const names_formats[] = { "names", "addresses", NULL };

const struct zonefile_opts zonefile_defaults = { .output = "-" };

const struct opt zonefile_options[] = {
	OPT_STR("output-file", 'o', struct zonefile_opts, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_ENUM("output-format", 'O', struct zonefile_opts, format, names_formats,
	         "FORMAT", "names (default), or addresses: of the AAAA records"),
	OPT_STR("origin", 0, struct zonefile_opts, origin, "ZONE",
	        "what names without a dot at the end are relative to"),
	OPT_FLAG("ipv4", '4', struct zonefile_opts, v4, "take A records too"),
	SCOPE_OPTS(struct zonefile_opts, scope),
	OPT_FLAG("quiet", 'q', struct zonefile_opts, quiet, "report errors only"),
	OPT_END,
};

const struct ct_opts ct_defaults = { .output = "-" };

const struct opt ct_options[] = {
	OPT_STR("output-file", 'o', struct ct_opts, output, "FILE",
	        "write to FILE instead of standard output"),
	OPT_FLAG("quiet", 'q', struct ct_opts, quiet, "report errors only"),
	OPT_END,
};

struct job {
	struct names names;
	const struct dns_name *origin;
	bool ct, damaged;
};

static void tell_bad(struct job *j, const char *path, uint64_t line, const char *p,
                     size_t n)
{
	char q[80];

	if (++j->names.bad <= BAD_REPORTED)
		log_warn("%s:%" PRIu64 ": '%s': %s", path, line,
		         log_quote(q, sizeof(q), p, n), err_str(ERR_PARSE));
}

static int read_file(struct job *j, const char *path, struct diag *d)
{
	uint64_t line = 0, bad = j->names.bad;
	struct zonefile *z = NULL;
	struct bytes b;
	const char *p;
	size_t n;
	int rc = bytes_open(&b, path, 1, d);

	if (rc >= 0)
		rc = zonefile_new(&z, j->origin);
	while (rc >= 0 && (rc = bytes_line(&b, LINE_LIMIT, &p, &n)) > 0) {
		line++;
		if (memchr(p, '\0', n))
			rc = ERR_NOT_TEXT;
		else
			rc = j->ct ? ct_line(&j->names, p, n)
			           : zonefile_line(z, &j->names, p, n);
		if (rc == ERR_PARSE) {
			tell_bad(j, path, line, p, n);
			rc = 0;
		}
	}
	j->names.lines += line;
	if (rc < 0)
		diag_set(d, rc, "%s:%" PRIu64 ": %s", path, line, err_str(rc));
	else if (line && j->names.bad - bad == line)
		rc = diag_set(d, ERR_FORMAT, "%s: no line of it can be understood", path);
	if (rc >= 0 && b.rc) {
		log_error("%s; what decodes is used", b.why.text);
		j->damaged = true;
	}
	zonefile_free(z);
	bytes_close(&b);
	return rc;
}

static int run(struct job *j, const char *output, int argc, char *argv[], struct diag *d)
{
	int rc = writer_open(&j->names.w, output, d);

	j->names.seen = addrset_new(0);
	if (!j->names.seen)
		rc = diag_set(d, -ENOMEM, "%s", err_str(-ENOMEM));
	for (int i = 0; i < argc && rc >= 0; i++)
		rc = read_file(j, argv[i], d);
	if (rc >= 0 && !j->names.names && !j->names.addresses)
		rc = diag_set(d, ERR_EMPTY, "nothing is left to write");
	if (rc >= 0)
		rc = writer_commit(j->names.w, d);
	log_info("%12" PRIu64 "  lines", j->names.lines);
	if (j->names.bad)
		log_info("%12" PRIu64 "  bad lines skipped", j->names.bad);
	if (j->names.out_of_scope)
		log_info("%12" PRIu64 "  addresses out of scope", j->names.out_of_scope);
	if (j->names.format == NAMES_ADDRESSES)
		log_info("%12" PRIu64 "  addresses written", j->names.addresses);
	else
		log_info("%12" PRIu64 "  different names written", j->names.names);
	writer_close(j->names.w);
	addrset_free(j->names.seen);
	return rc;
}

static int finish(const struct job *j, int rc, const struct diag *d)
{
	if (rc < 0)
		log_error("%s", diag_str(d, rc));
	return rc < 0 || j->damaged ? CMD_FAILED : CMD_OK;
}

int zonefile_run(const void *opts, int argc, char *argv[])
{
	const struct zonefile_opts *o = opts;
	struct job j = { .names = { .format = o->format, .v4 = o->v4 } };
	struct scope *scope = NULL;
	struct dns_name origin;
	struct diag d = { "" };
	int rc;

	if (argc == 0) {
		log_error("no FILE given ('-' is standard input)");
		return CMD_USAGE;
	}
	if (o->origin && !dns_name_parse(&origin, o->origin)) {
		log_error("--origin: '%s' is no name", o->origin);
		return CMD_USAGE;
	}
	if (o->origin)
		j.origin = &origin;
	if (o->quiet)
		log_set_level(LOG_ERROR);
	rc = scope_new(&scope, &o->scope, &d);
	j.names.scope = scope;
	if (rc >= 0)
		rc = run(&j, o->output, argc, argv, &d);
	scope_free(scope);
	return finish(&j, rc, &d);
}

int ct_run(const void *opts, int argc, char *argv[])
{
	const struct ct_opts *o = opts;
	struct job j = { .ct = true };
	struct diag d = { "" };

	if (argc == 0) {
		log_error("no FILE given ('-' is standard input)");
		return CMD_USAGE;
	}
	if (o->quiet)
		log_set_level(LOG_ERROR);
	return finish(&j, run(&j, o->output, argc, argv, &d), &d);
}

const char zonefile_details[] =
	"Reads zone files (master files, and those of ICANN's CZDS), plain or compressed, and "
	"writes each name once: owners, and the hosts that NS, MX, CNAME, SRV and so on lead "
	"to. Example:\n"
	"\n"
	"sextant seeds zonefile org.txt.gz | sextant seeds resolve -O addresses -o seeds.txt";

const char ct_details[] =
	"Reads dumps of certificate transparency logs, one JSON object a line, and writes each "
	"name once; of a wildcard, the zone. Example:\n"
	"\n"
	"sextant seeds ct dump.jsonl.zst | sextant seeds resolve -O addresses -o seeds.txt";
