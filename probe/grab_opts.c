#include "probe/cmd_grab.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

static const char *const formats[] = { "csv", "jsonl", NULL };

const struct grab_options grab_option_defaults = {
	.output = "-",
	.format = GRAB_JSONL,
	.concurrency = 1000,
	.per_host = 2,
	.per_net = 32,
	.rate = 1000,
	.max_bytes = 8192,
	.connect_ns = 5 * NS_PER_S,
	.read_ns = 5 * NS_PER_S,
	.banner_ns = 1500 * NS_PER_MS,
	.checkpoint_ns = 5 * NS_PER_S,
};

#define CFG struct grab_options

const struct opt grab_opts[] = {
	OPT_STR("list-of-ips-file", 'I', CFG, list, "FILE",
	        "read targets from FILE while grabbing; - is standard input"),
	OPT_LIST("target-ports", 'p', CFG, ports, "PORTS",
	         "ports of targets that name none: 22,80,443,8000-8010 (repeatable)"),
	OPT_FLAG("banner", 0, CFG, banner,
	         "what servers say (the default, where there is no --tls)"),
	OPT_FLAG("tls", 0, CFG, tls,
	         "TLS at every port, with STARTTLS where there is such: certificates"),
	OPT_FLAG("tls-early-abort", 0, CFG, early_abort,
	         "end the handshake when the certificates are there"),
	OPT_STR("sni", 0, CFG, sni, "NAME", "the server name to ask for"),
	OPT_STR("alpn", 0, CFG, alpn, "NAMES", "protocols to offer, such as h2,http/1.1"),
	OPT_STR("tls-min", 0, CFG, tls_min, "VERSION", "1.0, 1.1, 1.2 or 1.3"),
	OPT_STR("tls-max", 0, CFG, tls_max, "VERSION", "the same, at most"),
	OPT_STR("ca-file", 0, CFG, ca_file, "FILE",
	        "trust the authorities in FILE instead of the system's"),
	OPT_STR("contact", 0, CFG, contact, "URI",
	        "say in each request who to ask about it"),
	SCOPE_OPTS(CFG, scope),
	OPT_DOUBLE("rate", 'r', CFG, rate, "N",
	           "new connections per second; 0: no limit"),
	OPT_COUNT("concurrency", 0, CFG, concurrency, "N", "connections at once"),
	OPT_COUNT("per-host", 0, CFG, per_host, "N", "of these, to one address"),
	OPT_COUNT("per-net", 0, CFG, per_net, "N",
	          "of these, to one /64, or /24 of IPv4; 0: no limit"),
	OPT_DURATION("connect-timeout", 0, CFG, connect_ns, "TIME",
	             "wait so long for a connection"),
	OPT_DURATION("read-timeout", 0, CFG, read_ns, "TIME",
	             "wait so long for an answer"),
	OPT_DURATION("banner-wait", 0, CFG, banner_ns, "TIME",
	             "let an unknown server speak first for TIME"),
	OPT_COUNT("max-bytes", 0, CFG, max_bytes, "N",
	          "keep N bytes of what a server says"),
	OPT_STR("output-file", 'o', CFG, output, "FILE", "where results go; - is stdout"),
	OPT_ENUM("output-module", 'O', CFG, format, formats, "FORMAT",
	         "jsonl: one JSON object a line; or csv"),
	OPT_STR("output-fields", 'f', CFG, fields, "FIELDS",
	        "fields to write, in that order; * is all of them"),
	OPT_FLAG("no-header-row", 0, CFG, no_header, "no field names in CSV"),
	OPT_STR("cert-dir", 0, CFG, cert_dir, "DIR",
	        "keep each certificate as DIR/SHA256.pem"),
	OPT_STR("metadata-file", 'm', CFG, metadata, "FILE",
	        "write a JSON summary when done; - is stdout"),
	OPT_LIST("source-ip", 'S', CFG, source_ips, "ADDR",
	         "connect from ADDR (one of each family)"),
	OPT_STR("resume", 0, CFG, resume, "FILE",
	        "keep FILE up to date, and go on from where it says"),
	OPT_DURATION("checkpoint-interval", 0, CFG, checkpoint_ns, "TIME",
	             "how often --resume writes its FILE"),
	OPT_FLAG("strict", 0, CFG, strict, "a bad line in the list ends it"),
	OPT_FLAG("quiet", 'q', CFG, quiet, "no status line"),
	OPT_FLAG("verbose", 'v', CFG, verbose, "say more on stderr"),
	OPT_FLAG("list-output-fields", 0, CFG, list_fields, "list the output fields"),
	OPT_ALIAS("ports", 0, OPT_TYPE_LIST, CFG, ports, struct opt_list),
	OPT_ALIAS("senders", 0, OPT_TYPE_COUNT, CFG, concurrency, uint64_t),
	OPT_END,
};

static int read_version(unsigned *out, const char *option, const char *text,
                        struct diag *d)
{
	if (!text)
		return 0;
	*out = tls_version_parse(text);
	return *out ? 0
	            : diag_set(d, ERR_PARSE, "%s '%.20s' is not 1.0, 1.1, 1.2 or 1.3",
	                       option, text);
}

/* RFC 6066 section 3: a host name, no address. */
static int check_sni(const char *name, struct diag *d)
{
	struct addr128 a;
	size_t n = name ? strlen(name) : 0;
	bool bad = name && (n == 0 || n > 253 || addr_parse(&a, name));

	for (size_t i = 0; i < n; i++)
		bad |= name[i] <= ' ' || name[i] > '~';
	return bad ? diag_set(d, ERR_PARSE, "--sni '%.80s' is no host name", name) : 0;
}

static int read_sources(struct grab_config *cfg, const struct grab_options *o,
                        struct diag *d)
{
	struct addr128 a;

	for (size_t i = 0; i < o->source_ips.n; i++) {
		if (!addr_parse(&a, o->source_ips.v[i]))
			return diag_set(d, ERR_PARSE, "source address '%.80s'",
			                o->source_ips.v[i]);
		cfg->source[!addr_is_v4(a)] = a;
	}
	return 0;
}

int grab_plan(struct grab_config *cfg, const struct grab_options *o, struct diag *d)
{
	int rc;

	if (o->concurrency < 1 || o->concurrency > 1000000)
		return diag_set(d, ERR_PARSE, "--concurrency must be 1 to 1000000");
	if (o->per_host > 1000000 || o->per_net > 1000000)
		return diag_set(d, ERR_PARSE,
		                "--per-host and --per-net must be at most 1000000");
	if (o->max_bytes < 1 || o->max_bytes > 1 << 24)
		return diag_set(d, ERR_PARSE, "--max-bytes must be 1 to 16777216");
	if (o->checkpoint_ns < 10 * NS_PER_MS)
		return diag_set(d, ERR_PARSE, "--checkpoint-interval below 10 ms");
	if (o->resume && o->list && !strcmp(o->list, "-"))
		return diag_set(d, ERR_PARSE,
		                "--resume reads the list again, which standard input "
		                "cannot: give a file (-I)");
	*cfg = grab_defaults;
	cfg->count_done = o->resume != NULL;
	cfg->banner = o->banner;
	cfg->tls = o->tls || (o->early_abort && !o->banner);
	cfg->concurrency = (unsigned)o->concurrency;
	cfg->per_host = (unsigned)o->per_host;
	cfg->per_net = (unsigned)o->per_net;
	cfg->rate = o->rate;
	cfg->connect_ns = o->connect_ns;
	cfg->read_ns = o->read_ns;
	cfg->banner_ns = o->banner_ns;
	cfg->max_bytes = (unsigned)o->max_bytes;
	cfg->contact = o->contact;
	cfg->name = o->sni;
	cfg->tls_config.alpn = o->alpn;
	cfg->tls_config.ca_file = o->ca_file;
	cfg->tls_config.early_abort = o->early_abort;
	rc = read_version(&cfg->tls_config.min, "--tls-min", o->tls_min, d);
	if (rc == 0)
		rc = read_version(&cfg->tls_config.max, "--tls-max", o->tls_max, d);
	if (rc == 0 && cfg->tls_config.max && cfg->tls_config.min > cfg->tls_config.max)
		rc = diag_set(d, ERR_PARSE, "--tls-min is above --tls-max");
	if (rc == 0)
		rc = check_sni(o->sni, d);
	return rc < 0 ? rc : read_sources(cfg, o, d);
}
